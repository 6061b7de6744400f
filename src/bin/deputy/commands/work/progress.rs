//! Reads the progress of a command: the lines that it writes to a special descriptor.
//!
//! The descriptor has the number 3, because some shells know only numbers of one digit. It is a pipe, which is read
//! until the run is over. The run does not wait for the pipe's end: a process that the command has left behind may hold
//! the pipe.

use std::fs::File;
use std::io::{self, PipeReader, Read, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use deputy::client::Job;
use rustix::io::ioctl_fionbio;
use serde_json::value::RawValue;

/// The descriptor's number, and the variable that contains the number.
const DESCRIPTOR: i32 = 3;
pub(super) const VARIABLE: &str = "DEPUTY_PROGRESS_FD";
/// The longest line in bytes. Longer lines are dropped.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Takes the descriptor's number, if it is free, for as long as the returned file is open. In a new process std uses a
/// descriptor to report that the program cannot be executed. This descriptor must have another number.
pub(super) fn reserve() -> io::Result<File> {
    File::open("/dev/null")
}

/// The reports of a command, and the line that is not yet complete.
pub(super) struct Progress {
    pipe: PipeReader,
    line: Vec<u8>,
}

impl Progress {
    /// Passes the descriptor to the command.
    pub(super) fn of(command: &mut Command) -> io::Result<Self> {
        let (pipe, writer) = pipe()?;
        ioctl_fionbio(&pipe, true)?;
        let mapping = FdMapping { parent_fd: writer.into(), child_fd: DESCRIPTOR };
        command.env(VARIABLE, DESCRIPTOR.to_string()).fd_mappings(vec![mapping]).expect("there is one");
        Ok(Self { pipe, line: Vec::new() })
    }

    /// Reads once, if there is something to read, and reports the lines that are whole.
    pub(super) fn read(&mut self, chunk: &mut [u8], job: &Job) {
        // The pipe does not end, because this process holds the other end, too. An error counts as no report.
        let Ok(count) = self.pipe.read(chunk) else { return };
        for part in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
            // One more byte shows that the line is too long.
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
            let (part, is_whole) = part.strip_suffix(b"\n").map_or((part, false), |part| (part, true));
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if is_whole {
                self.report(job);
            }
        }
    }

    /// Reports the last line, if it has no end.
    pub(super) fn finish(&mut self, job: &Job) {
        if !self.line.is_empty() {
            self.report(job);
        }
    }

    fn report(&mut self, job: &Job) {
        let text = String::from_utf8_lossy(self.line.trim_ascii());
        // A report fails if the job is cancelled or lost, which ends the run elsewhere, or if it is too long for a
        // line.
        let _ = match serde_json::from_str::<&RawValue>(&text) {
            _ if self.line.len() > LINE_BYTES_MAX => Ok(()),
            _ if text.is_empty() => job.keep_alive(),
            Ok(json) => job.progress(json),
            Err(_) => job.progress(&*text),
        };
        self.line.clear();
    }
}

impl AsFd for Progress {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
