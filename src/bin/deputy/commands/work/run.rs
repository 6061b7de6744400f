//! One run of a command: writes its standard input, reads its output, and ends it at its limits.
//!
//! One loop polls the command's pipes and a pipe that closes when the command ends, so that none blocks another. A
//! command may leave its input unread, or close its output and run on. It may also end and leave its output to a
//! process that it has started. The run is over when the command has ended and its output is closed.
//!
//! A run is killed if it takes too long, writes too much, or its job is cancelled. Its process group gets SIGTERM at
//! once, and SIGKILL [some seconds](KillReason::grace) later; output after SIGTERM is dropped. After SIGKILL the run
//! waits only for the command itself, because a process outside the group may hold the pipes for ever.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use deputy::client::Job;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal};

use super::exit::exit_pipe;
use super::groups::{ProcessGroups, in_new_session, send};
use super::progress::Progress;
use super::tail::Tail;

/// How often a run checks whether its job is cancelled: the library has no event for this.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Bytes per read or write.
const CHUNK_BYTES: usize = 64 << 10;

/// How a run ended.
pub(super) struct RunResult {
    pub(super) status: ExitStatus,
    pub(super) killed: Option<KillReason>,
    pub(super) output: Vec<u8>,
    pub(super) errors: Tail,
}

/// Why a run was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KillReason {
    /// The run took too long.
    Timeout,
    /// The run wrote too much.
    TooMuchOutput,
    /// The run's job is cancelled.
    Cancelled,
}

impl KillReason {
    /// Returns the time between SIGTERM and SIGKILL. A command without a fault of its own gets more time to clean up.
    fn grace(self) -> Duration {
        match self {
            Self::Timeout | Self::TooMuchOutput => Duration::from_secs(2),
            Self::Cancelled => Duration::from_secs(5),
        }
    }
}

/// Why a run has no result.
#[derive(Debug)]
pub(super) enum RunError {
    /// The command was not started: its program does not exist, or the system has no process, pipe or thread for it.
    Start(io::Error),
    /// The command was started, and then killed because the system refused to watch it.
    Watch(io::Error),
}

/// The limits of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Option<Duration>,
    /// The most bytes that the command may write: the longest line to the server.
    pub(super) output_bytes_max: usize,
}

/// Runs a command for a job to its end. With `has_progress` the command has a descriptor for reports.
pub(super) fn run(
    command: &mut Command,
    job: &Job,
    input: &[u8],
    has_progress: bool,
    limits: Limits,
    groups: &ProcessGroups,
) -> Result<RunResult, RunError> {
    let deadline = limits.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Everything that can fail is made before the command starts.
    let (exit, started) = exit_pipe().map_err(RunError::Start)?;
    let progress = has_progress.then(|| Progress::of(command)).transpose().map_err(RunError::Start)?;
    let mut child = in_new_session(command).and_then(Command::spawn).map_err(RunError::Start)?;
    let group = Pid::from_child(&child);
    groups.add(group);
    // Sending cannot fail, because the thread waits for the id.
    let _ = started.send(group);
    let run = Run::of(&mut child, exit, job, input, deadline, limits.output_bytes_max);
    let run = run.and_then(|run| Run { progress, ..run }.finish());
    if !matches!(run, Ok(Run { killed: None, .. })) {
        // The time of the group's other processes is over, or they can no longer be watched.
        send(group, Signal::KILL);
    }
    groups.remove(group);
    let status = child.wait().map_err(RunError::Watch)?;
    let Run { killed, output, errors, .. } = run.map_err(RunError::Watch)?;
    Ok(RunResult { status, killed, output, errors })
}

/// A run that is not over.
struct Run<'a> {
    job: &'a Job,
    group: Pid,
    /// The pipe that closes when the command ends; `None` after that.
    exit: Option<PipeReader>,
    /// `None` when all input is written, or the command reads no more.
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    /// `None` when the output is closed, or the run is killed.
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    output: Vec<u8>,
    output_bytes_max: usize,
    errors: Tail,
    /// `None` if the command cannot report.
    progress: Option<Progress>,
    killed: Option<KillReason>,
    /// The next step of a run that takes too long, and when it is due.
    timer: (Timer, Option<Instant>),
}

type Stream = Box<dyn PollableRead + Send>;

/// A stream that can be polled.
trait PollableRead: Read + AsFd {}
impl<T: Read + AsFd> PollableRead for T {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Terminate,
    Kill,
    /// SIGKILL was sent.
    Killed,
}

impl<'a> Run<'a> {
    fn of(
        child: &mut Child,
        exit: PipeReader,
        job: &'a Job,
        input: &'a [u8],
        deadline: Option<Instant>,
        output_bytes_max: usize,
    ) -> io::Result<Self> {
        let group = Pid::from_child(child);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        for pipe in
            [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)]
        {
            ioctl_fionbio(pipe.expect("it was asked for"), true)?;
        }
        Ok(Self {
            job,
            group,
            exit: Some(exit),
            stdin: stdin.filter(|_| !input.is_empty()),
            input,
            stdout: stdout.map(|stdout| Box::new(stdout) as Stream),
            stderr: stderr.map(|stderr| Box::new(stderr) as Stream),
            output: Vec::new(),
            output_bytes_max,
            errors: Tail::default(),
            progress: None,
            killed: None,
            timer: (Timer::Terminate, deadline),
        })
    }

    fn finish(mut self) -> io::Result<Self> {
        let mut chunk = vec![0; CHUNK_BYTES];
        while !self.is_over() {
            self.wait()?;
            self.feed();
            self.read_output(&mut chunk);
            self.read_errors(&mut chunk);
            if let Some(progress) = &mut self.progress {
                progress.read(&mut chunk, self.job);
            }
            self.check_timer();
        }
        if let Some(progress) = &mut self.progress {
            progress.finish(self.job);
        }
        Ok(self)
    }

    fn is_over(&self) -> bool {
        let is_closed = self.stdout.is_none() && self.stderr.is_none();
        self.exit.is_none() && (is_closed || self.timer.0 == Timer::Killed)
    }

    /// Waits until a pipe is ready or the timer is due, and notices the end of the command.
    fn wait(&mut self) -> io::Result<()> {
        let left = self.timer.1.map(|at| at.saturating_duration_since(Instant::now()));
        let look = self.killed.is_none().then_some(LOOK_EVERY);
        let left = left.into_iter().chain(look).min();
        let left = left.map(|left| Timespec::try_from(left).expect("it is at most a day"));
        let end = self.exit.as_ref().map(|end| (end.as_fd(), PollFlags::IN));
        let stdin = self.stdin.as_ref().map(|stdin| (stdin.as_fd(), PollFlags::OUT));
        let stdout = self.stdout.as_ref().map(|stdout| (stdout.as_fd(), PollFlags::IN));
        let stderr = self.stderr.as_ref().map(|stderr| (stderr.as_fd(), PollFlags::IN));
        let progress = self.progress.as_ref().map(|progress| (progress.as_fd(), PollFlags::IN));
        let watched = [end, stdin, stdout, stderr, progress].into_iter().flatten();
        let mut watched: Vec<PollFd<'_>> =
            watched.map(|(fd, flags): (BorrowedFd<'_>, _)| PollFd::from_borrowed_fd(fd, flags)).collect();
        match poll(&mut watched, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // The first descriptor is the pipe that closes when the command ends. Nothing is written to this pipe.
        if self.exit.is_some() && !watched[0].revents().is_empty() {
            (self.exit, self.stdin) = (None, None);
        }
        Ok(())
    }

    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        match stdin.write(&self.input[..self.input.len().min(CHUNK_BYTES)]) {
            Ok(count) => self.input = &self.input[count..],
            Err(error) if is_retryable(&error) => {}
            // A command need not read all its input.
            Err(_) => self.input = &[],
        }
        if self.input.is_empty() {
            self.stdin = None;
        }
    }

    fn read_output(&mut self, chunk: &mut [u8]) {
        let Some(bytes) = read(&mut self.stdout, chunk) else { return };
        if self.output.len() + bytes.len() > self.output_bytes_max {
            self.terminate(KillReason::TooMuchOutput);
        } else {
            self.output.extend_from_slice(bytes);
        }
    }

    fn read_errors(&mut self, chunk: &mut [u8]) {
        if let Some(bytes) = read(&mut self.stderr, chunk) {
            self.errors.push(bytes);
        }
    }

    fn check_timer(&mut self) {
        if self.killed.is_none() && self.job.is_cancelled() {
            return self.terminate(KillReason::Cancelled);
        }
        let (stage, at) = self.timer;
        if at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        match stage {
            Timer::Terminate => self.terminate(KillReason::Timeout),
            Timer::Kill => {
                send(self.group, Signal::KILL);
                self.timer = (Timer::Killed, None);
            }
            Timer::Killed => {}
        }
    }

    fn terminate(&mut self, why: KillReason) {
        (self.stdin, self.stdout) = (None, None);
        self.killed = Some(why);
        send(self.group, Signal::TERM);
        self.timer = (Timer::Kill, Some(Instant::now() + why.grace()));
    }
}

/// Reads once, if there is something to read. Drops the stream at its end.
fn read<'a>(stream: &mut Option<Stream>, chunk: &'a mut [u8]) -> Option<&'a [u8]> {
    match stream.as_mut()?.read(chunk) {
        Err(error) if is_retryable(&error) => return None,
        Ok(count @ 1..) => return Some(&chunk[..count]),
        // An error counts as the end.
        Ok(0) | Err(_) => {}
    }
    *stream = None;
    None
}

fn is_retryable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
