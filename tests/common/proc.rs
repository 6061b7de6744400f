//! What /proc says about a process, on systems that have it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs;
use std::time::Duration;

use rustix::process::Pid;

/// Returns how many descriptors it has open.
pub(crate) fn descriptors(process: u32) -> Option<usize> {
    fs::read_dir(format!("/proc/{process}/fd")).ok().map(Iterator::count)
}

/// Returns the bytes in a row of its status, such as `VmRSS`.
pub(crate) fn status_bytes(process: u32, row: &str) -> u64 {
    let value = status(process, row);
    value.strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1_024
}

/// Returns what a row of its status says.
pub(crate) fn status(process: u32, row: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(':')).unwrap();
    value.trim().to_owned()
}

/// Returns the processor time that it has used.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The program's name, in brackets, may hold anything; utime and stime are the 12th and 13th words behind it.
    let words = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = words.skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// Returns the first child of a process.
pub(crate) fn child_of(parent: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}
