//! The process groups of the running commands: signals for all of them, and a guard that ends them if the worker is killed.
//!
//! Each command is the first process of a session of its own, without a terminal, and so of a process group of its own.
//! A worker that is killed by SIGKILL cannot end its commands. So another process, the *guard*, keeps the list of the
//! running groups: it reads `+GROUP` and `-GROUP` lines from a pipe. When the pipe ends, the worker has ended, and the
//! guard kills the groups that are left.
//!
//! Invariant: a group is signalled only while its first process is not reaped. Until then the system gives its number
//! to no other process. The guard cannot check this, and relies on reading the pipe's end at once.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use parking_lot::Mutex;
use process_wrap::std::{CommandWrap, CommandWrapper, ProcessSession};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

use crate::error::print_error;
use crate::init::this_program;

/// The hidden subcommand that runs the guard.
pub(crate) const GUARD: &str = "__guard";

/// The groups of the running commands, and the last signal that they got.
#[derive(Debug, Default)]
pub(super) struct ProcessGroups(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: HashSet<Pid>,
    signal: Option<Signal>,
    guard: Option<Guard>,
}

impl ProcessGroups {
    /// Starts the guard. If the start fails, the worker goes on without a guard.
    pub(super) fn start_guard(&self) {
        match Guard::start() {
            Ok(guard) => self.0.lock().guard = Some(guard),
            Err(error) => print_error(&format!(
                "cannot start the guard process: {error}; if this worker is killed by SIGKILL, its commands go on"
            )),
        }
    }

    /// Passes a signal to all groups, and to each group that starts later.
    pub(super) fn signal(&self, signal: Signal) {
        let mut inner = self.0.lock();
        inner.signal = Some(signal);
        for &group in &inner.running {
            send(group, signal);
        }
    }

    pub(super) fn were_signalled(&self) -> bool {
        self.0.lock().signal.is_some()
    }

    /// Adds the group of a command that has started.
    pub(super) fn add(&self, group: Pid) {
        let mut inner = self.0.lock();
        inner.notify_guard('+', group);
        inner.running.insert(group);
        if let Some(signal) = inner.signal {
            send(group, signal);
        }
    }

    /// Removes the group of a command that has ended and will be reaped.
    pub(super) fn remove(&self, group: Pid) {
        let mut inner = self.0.lock();
        inner.notify_guard('-', group);
        inner.running.remove(&group);
    }
}

impl Inner {
    fn notify_guard(&mut self, sign: char, group: Pid) {
        // A guard that has ended or does not read is abandoned.
        let sent = |guard: &mut Guard| writeln!(guard.groups, "{sign}{}", group.as_raw_nonzero());
        if self.guard.as_mut().is_some_and(|guard| sent(guard).is_err()) {
            self.guard = None;
        }
    }
}

/// Makes the command start in a session of its own, which has no terminal.
pub(super) fn in_new_session(command: &mut Command) -> io::Result<&mut Command> {
    // Only the crate's preparation of the command is used, because its wait for a child is a wait for the whole group.
    let unused = CommandWrap::from(Command::new(""));
    ProcessSession.pre_spawn(command, &unused)?;
    Ok(command)
}

/// Sends a signal to a group whose first process is not reaped. Stopped processes are continued, because otherwise they
/// would not act on the signal.
pub(super) fn send(group: Pid, signal: Signal) {
    // Sending fails if all processes of the group have ended.
    let _ = kill_process_group(group, signal);
    let _ = kill_process_group(group, Signal::CONT);
}

/// The guard process.
#[derive(Debug)]
struct Guard {
    process: Child,
    groups: ChildStdin,
}

impl Guard {
    fn start() -> io::Result<Self> {
        let mut command = Command::new(this_program()?);
        command.arg(GUARD).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = in_new_session(&mut command)?.spawn()?;
        let groups = process.stdin.take().expect("it was asked for");
        ioctl_fionbio(&groups, true)?;
        Ok(Self { process, groups })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The guard is killed before its pipe ends: otherwise it would kill groups that still run.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the guard: waits until the worker has ended, kills the groups that are left, and returns.
pub(crate) fn guard() {
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        // The guard must not end before the worker. Without a handler a signal to all processes would end both.
        let _ = flag::register(signal, std::sync::Arc::default());
    }
    let mut groups = HashSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let group = line.get(1..).and_then(|digits| digits.parse().ok()).and_then(Pid::from_raw);
        match (line.chars().next(), group) {
            (Some('+'), Some(group)) => drop(groups.insert(group)),
            (Some('-'), Some(group)) => drop(groups.remove(&group)),
            _ => {}
        }
    }
    for group in groups {
        let _ = kill_process_group(group, Signal::KILL);
    }
}
