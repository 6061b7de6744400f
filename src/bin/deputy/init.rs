//! Prepares the process: unblocks signals that its parent has left blocked, and handles the role of process 1 in a
//! container.
//!
//! Process 1 must reap the orphans of all other processes, and signals that it does not catch do not end it. So
//! `deputy` as process 1 starts itself once more as a child, passes signals to the child, and reaps orphans.

use std::env;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};
use rustix::termios::tcsetpgrp;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

/// Unblocks the signals that stop a command. A parent process may have left them blocked, and then they would never
/// arrive.
pub(crate) fn unblock_signals() {
    use nix::sys::signal::{SigSet, Signal};
    let stopping = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGCHLD];
    // Unblocking cannot fail, because these are valid signals.
    let _ = stopping.into_iter().collect::<SigSet>().thread_unblock();
}

/// Returns a path to this program, with which it can be started once more, even if its file was replaced meanwhile.
pub(crate) fn this_program() -> io::Result<PathBuf> {
    let link = Path::new("/proc/self/exe");
    match env::current_exe() {
        Ok(path) if path.exists() || !link.exists() => Ok(path),
        Ok(_) => Ok(link.to_owned()),
        Err(error) => Err(error),
    }
}

/// If this is process 1, runs the same command line in a child process, and returns the child's exit code. Returns
/// `None` for any other process, and if the child cannot be started.
pub(crate) fn run_as_process_1() -> Option<ExitCode> {
    if std::process::id() != 1 {
        return None;
    }
    let passed_on = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];
    let mut signals = Signals::new(passed_on.iter().chain([&SIGCHLD])).ok()?;
    // The child has a group of its own, so that a signal of the terminal reaches only the child, and once.
    let child = Command::new(this_program().ok()?).args(env::args_os().skip(1)).process_group(0).spawn().ok()?;
    let child = Pid::from_child(&child);
    if tcsetpgrp(io::stdin(), child).is_ok() {
        // The child may have been stopped because it read from the terminal too early.
        let _ = kill_process_group(child, Signal::CONT);
    }
    for signal in signals.forever() {
        if signal != SIGCHLD {
            // Sending fails if the child has ended, which SIGCHLD reports.
            let _ = Signal::from_named_raw(signal).map(|signal| kill_process(child, signal));
            continue;
        }
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == child {
                return Some(exit_code(ExitStatus::from_raw(status.as_raw())));
            }
        }
    }
    None
}

/// Returns the exit code that a shell would show.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
