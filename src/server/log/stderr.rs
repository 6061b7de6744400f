//! Writes to stderr without the lock that std puts around it.
//!
//! A writer that is stuck on a full pipe would hold that lock for ever. The panic hook, which must write before it ends
//! the process, would then wait for it.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Writes all of `text`. Waits while stderr is full, even if another program that shares it has made it non-blocking.
/// If stderr is closed or has no reader, the text is dropped, because there is no other place to report it.
pub(in crate::server) fn write(text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        match rustix::io::write(io::stderr(), rest) {
            Ok(0) => return,
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if wait_for_room().is_ok() => {}
            Err(_) => return,
        }
    }
}

fn wait_for_room() -> Result<(), Errno> {
    match poll(&mut [PollFd::new(&io::stderr(), PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
