//! Writing to stderr past the lock that std puts around it.
//!
//! A writer that is stuck on a pipe which nobody reads would hold that lock for ever, and with it a panic hook that has
//! to say something before it ends the process.

use std::io;

/// Writes all of `text`. What cannot be written (stderr is closed, full or without reader) is dropped: there is nowhere
/// left to tell of it.
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
