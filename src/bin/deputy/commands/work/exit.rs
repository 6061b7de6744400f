//! Makes the end of a command visible to `poll`, as a pipe that closes.

use std::io::{self, PipeReader, pipe};
use std::thread;

use crossbeam_channel::{Sender, bounded};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Returns a pipe that closes when a child process has ended, and the sender for the child's id. Send the id once the
/// child has started. The child is not reaped.
pub(super) fn exit_pipe() -> io::Result<(PipeReader, Sender<Pid>)> {
    let (reader, writer) = pipe()?;
    let (started, child) = bounded(1);
    let wait = move || {
        if let Ok(pid) = child.recv() {
            let wait = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while wait().is_err_and(|error| error == Errno::INTR) {}
        }
        drop(writer);
    };
    thread::Builder::new().name("command exit".to_owned()).spawn(wait)?;
    Ok((reader, started))
}
