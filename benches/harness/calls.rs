//! How many system calls a process makes, where `perf` can tell: it counts in the kernel, so it disturbs little, but
//! enough that it is not used while anything else is measured.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long system calls are counted.
pub(crate) const CALLS: Duration = Duration::from_millis(400);

/// System calls of a process within a while.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    /// All of them.
    pub(crate) all: u64,
    /// Bytes taken from a socket.
    pub(crate) reads: u64,
    /// Bytes given to a socket.
    pub(crate) writes: u64,
    /// Waits for events.
    pub(crate) polls: u64,
    /// Event counters written to, to wake another thread. (Sockets are never written to by this call.)
    pub(crate) wakes: u64,
    /// Waits for a lock, or wakes of who waits for one.
    pub(crate) futexes: u64,
}

const ALL: &str = "raw_syscalls:sys_enter";
const READS: &str = "syscalls:sys_enter_recvfrom";
const WRITES: &str = "syscalls:sys_enter_sendto";
const POLLS: &str = "syscalls:sys_enter_epoll_wait";
const WAKES: &str = "syscalls:sys_enter_write";
const FUTEXES: &str = "syscalls:sys_enter_futex";

/// Counts for `time`. `None` where it cannot be had: no `perf`, no right to use it, no such system.
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
