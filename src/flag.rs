//! Flags that are set once.

/// Sets a flag. Returns whether it was clear before.
pub(crate) fn newly_set(flag: &mut bool) -> bool {
    !std::mem::replace(flag, true)
}
