//! The open objects and arrays, with one bit per container.

use crate::limits::DEPTH_MAX;

/// The open containers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Containers {
    depth: usize,
    /// A bit per container: whether it is an object. The outermost is the lowest bit of the first word.
    objects: Vec<u64>,
    /// Whether the innermost is an object.
    in_object: bool,
    was_too_deep: bool,
}

impl Containers {
    #[inline]
    pub(super) fn open(&mut self, is_object: bool) {
        self.was_too_deep |= self.depth == DEPTH_MAX;
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.objects.len() {
            self.objects.push(0);
        }
        self.objects[word] = self.objects[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
        self.in_object = is_object;
    }

    /// Closes the innermost container. One must be open.
    #[inline]
    pub(super) fn close(&mut self) {
        self.depth -= 1;
        if let Some(innermost) = self.depth.checked_sub(1) {
            self.in_object = self.objects[innermost / 64] >> (innermost % 64) & 1 == 1;
        }
    }

    /// Returns the number of open containers.
    #[inline]
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the innermost is an object.
    #[inline]
    pub(super) fn in_object(&self) -> bool {
        self.in_object
    }

    /// Whether more than [`DEPTH_MAX`] were open at once.
    pub(super) fn was_too_deep(&self) -> bool {
        self.was_too_deep
    }
}
