//! Caches bodies that are expensive to make. Each is made once per sample of the servers, and all connections that send
//! it share it.

use std::sync::{Arc, Weak};

use crate::limits::HTTP_BODIES_BYTES_MAX;

/// The last body of each kind, and how many bytes of earlier ones slow readers still need.
#[derive(Debug)]
pub(super) struct Bodies<const KINDS: usize> {
    last: [Option<Made>; KINDS],
    earlier: Vec<Weak<Vec<u8>>>,
}

/// A body, and the numbers of the samples that it was made from.
#[derive(Debug)]
struct Made {
    of: Vec<u64>,
    body: Arc<Vec<u8>>,
}

impl<const KINDS: usize> Bodies<KINDS> {
    pub(super) fn new() -> Self {
        Self { last: std::array::from_fn(|_| None), earlier: Vec::new() }
    }

    /// Returns the body of a kind that is made from these samples, and makes it if it is missing. While slow readers
    /// need too many bytes of earlier bodies, the last body is returned again. So memory stays bounded, and figures are
    /// late by at most the time that an answer may take.
    pub(super) fn get(&mut self, kind: usize, of: &[u64], make: impl FnOnce() -> Vec<u8>) -> Arc<Vec<u8>> {
        let may_make = self.earlier_bytes() <= HTTP_BODIES_BYTES_MAX;
        if let Some(made) = self.last[kind].as_ref().filter(|made| made.of == of || !may_make) {
            return Arc::clone(&made.body);
        }
        let body = Arc::new(make());
        let made = Made { of: of.to_owned(), body: Arc::clone(&body) };
        if let Some(earlier) = self.last[kind].replace(made) {
            self.earlier.push(Arc::downgrade(&earlier.body));
        }
        body
    }

    /// Returns how many bytes of earlier bodies some connection still sends.
    fn earlier_bytes(&mut self) -> usize {
        self.earlier.retain(|body| body.strong_count() > 0);
        self.earlier.iter().filter_map(Weak::upgrade).map(|body| body.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_made_once_per_sample() {
        let mut bodies = Bodies::<2>::new();
        let first = bodies.get(0, &[1], || vec![1]);
        assert!(Arc::ptr_eq(&first, &bodies.get(0, &[1], || unreachable!())));
        assert_eq!(*bodies.get(1, &[1], || vec![2]), [2]);
        assert_eq!(*bodies.get(0, &[2], || vec![3]), [3]);
        assert_eq!(*first, [1]);
    }

    #[test]
    fn slow_readers_cannot_hold_ever_more_memory() {
        let mut bodies = Bodies::<1>::new();
        let size = HTTP_BODIES_BYTES_MAX / 4;
        let mut held: Vec<_> = (0..100).map(|sample| bodies.get(0, &[sample], || vec![0; size])).collect();
        let mut distinct: Vec<_> = held.iter().map(Arc::as_ptr).collect();
        distinct.dedup();
        assert_eq!(distinct.len(), 6, "the last one, and four earlier ones and one more");
        held.clear();
        assert_eq!(*bodies.get(0, &[1_000], || vec![7]), [7], "when they are gone, there are new ones");
    }
}
