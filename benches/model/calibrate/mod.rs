//! What each operation costs on this machine, measured with the code and the system calls that the server uses.
//!
//! | file | what |
//! |---|---|
//! | `code` | our code on warm caches: lines, messages, turns |
//! | `mail` | between two cores: channel, messages, cache lines, figures |
//! | `wakes` | an eventfd, and who sleeps in the poller |
//! | `sockets` | reads, writes and polls on loopback TCP |
//!
//! A loopback write does the receiver's part of the kernel's work too: so the server pays for what it sends to be
//! received, and the load for what it sends to the server. Over a network each pays for its own receiving; the sums are
//! alike, as a job has as many lines in as out.

mod clock;
mod code;
mod mail;
mod sockets;
mod wakes;

use std::io;

use crate::costs::Costs;

/// Measures all costs. Takes a few seconds; needs two cores for itself.
pub(crate) fn measure() -> io::Result<Costs> {
    let mut costs = Costs::default();
    code::measure(&mut costs);
    mail::measure(&mut costs);
    sockets::measure(&mut costs)?;
    wakes::measure(&mut costs)?;
    Ok(costs)
}
