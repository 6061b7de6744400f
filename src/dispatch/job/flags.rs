//! The properties of a job that are bits.

/// Properties of a job, one bit each, so that they take one byte of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u8);

impl Flags {
    pub(super) const HAS_ARG: u8 = 1;
    pub(super) const SUSPECT: u8 = 2;
    pub(super) const REVOCABLE: u8 = 4;
    pub(super) const PROGRESS: u8 = 8;
    pub(super) const NEEDS_WORKER: u8 = 16;
    pub(super) const CONDITIONAL: u8 = 32;
    pub(super) const HAS_FIGURES: u8 = 64;
    pub(super) const WAS_SENT: u8 = 128;

    pub(super) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// Sets flags if `on`, and otherwise leaves them as they are.
    pub(super) fn add(&mut self, flags: u8, on: bool) {
        self.0 |= u8::from(on) * flags;
    }

    pub(super) fn set(&mut self, flag: u8, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}
