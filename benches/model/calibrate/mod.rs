//! Measures what each operation costs on this machine, with the code and the system calls of the server.
//!
//! | file | what |
//! |---|---|
//! | `code` | the server's code with warm caches: lines, messages, turns |
//! | `mailbox` | between two cores: channel, messages, cache lines, metrics |
//! | `wakes` | an eventfd, and a thread that sleeps in its poller |
//! | `sockets` | reads, writes and polls on loopback TCP |
//!
//! A loopback write does the receiver's part of the kernel's work too. So the sender pays for receiving; over a network each
//! side pays for its own. The sums are equal, because a job has as many lines in as out.

mod clock;
mod code;
mod mailbox;
mod sockets;
mod wakes;

use std::io;

use crate::costs::Costs;

/// Measures all costs. It takes a few seconds and needs two otherwise idle cores.
pub(crate) fn measure() -> io::Result<Costs> {
    let mut costs = Costs::default();
    code::measure(&mut costs);
    mailbox::measure(&mut costs);
    sockets::measure(&mut costs)?;
    wakes::measure(&mut costs)?;
    Ok(costs)
}
