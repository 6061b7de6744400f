//! How many system calls a process makes, if `perf` is available. It counts in the kernel and disturbs little, but enough
//! that it is not used while anything else is measured.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long system calls are counted.
pub(crate) const CALLS: Duration = Duration::from_millis(400);

/// The system calls of a process within [`CALLS`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    /// All of them.
    pub(crate) all: u64,
    /// Reads from sockets.
    pub(crate) reads: u64,
    /// Writes to sockets.
    pub(crate) writes: u64,
    /// Waits for events.
    pub(crate) polls: u64,
    /// Writes to event counters, which wake another thread. (Sockets are written to by another call.)
    pub(crate) wakes: u64,
    /// Waits for a lock, and wakes of such waiters.
    pub(crate) futexes: u64,
}

const ALL: &str = "raw_syscalls:sys_enter";
const READS: &str = "syscalls:sys_enter_recvfrom";
const WRITES: &str = "syscalls:sys_enter_sendto";
const POLLS: &str = "syscalls:sys_enter_epoll_wait";
const WAKES: &str = "syscalls:sys_enter_write";
const FUTEXES: &str = "syscalls:sys_enter_futex";

/// Counts for `time`. Returns `None` without `perf`, or without permission to use it.
pub(crate) fn count(process: u32, time: Duration) -> Option<Calls> {
    let events = [ALL, READS, WRITES, POLLS, WAKES, FUTEXES].join(",");
    let output = Command::new("perf")
        .args(["stat", "-x", ";", "-e", &events, "-p", &process.to_string()])
        .args(["--timeout", &time.as_millis().max(10).to_string()])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    // A line is: count; unit; event; ...
    let text = String::from_utf8(output.stderr).ok()?;
    let counts: HashMap<&str, u64> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.split(';');
            Some((cells.next()?.parse().ok()?, cells.nth(1)?))
        })
        .map(|(count, event)| (event, count))
        .collect();
    let of = |event| counts.get(event).copied();
    Some(Calls {
        all: of(ALL)?,
        reads: of(READS)?,
        writes: of(WRITES)?,
        polls: of(POLLS)?,
        wakes: of(WAKES)?,
        futexes: of(FUTEXES)?,
    })
}
