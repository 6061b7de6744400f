//! Writes to stderr without the lock that std puts around it.
//!
//! A writer that is stuck on a full pipe would hold that lock for ever. The panic hook, which must write before it ends
//! the process, would then wait for it.

use std::io;

/// Writes all of `text`. Drops what cannot be written because stderr is closed, full or has no reader: nothing is left
/// to report it to.
pub(in crate::server) fn write(text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        match rustix::io::write(io::stderr(), rest) {
            Ok(0) => return,
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
