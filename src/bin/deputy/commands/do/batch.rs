//! `deputy do --lines`: a job for each line, many at once; and jobs in the background.
//!
//! ```text
//!  stdin -> reader --lines--> [ submit ] --pending jobs--> waiters -> stdout
//!                                 ^                           |
//!                                 +-------- permits ----------+
//! ```
//!
//! Invariant: each submitted job has a permit, and there are `--jobs` permits. A waiter prints the job's answer and returns
//! the permit. With `--ordered` one waiter takes the jobs in the order of the lines; otherwise there is one per permit. The
//! reader may block on its input for ever, so no thread joins it.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use deputy::client::{Client, Error, JobHandle};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::input::{ArgFormat, Line, ResultPrinter, input_length, lines};
use crate::error::{CliError, FAILED, NO_CONNECTION, Outcome, TIMED_OUT, print_error};

/// What to do with each line.
pub(super) struct Batch<'a> {
    pub(super) type_name: &'a str,
    pub(super) form: ArgFormat,
    /// How many jobs to have submitted at once.
    pub(super) jobs: usize,
    pub(super) ordered: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) raw: bool,
}

/// A submitted job without an answer.
struct PendingJob {
    job: JobHandle<Box<RawValue>>,
    line: u64,
    /// Bytes of the input.
    length: u64,
    deadline: Option<Instant>,
}

impl Batch<'_> {
    /// Submits the lines and prints the results, until the input ends or a problem stops it.
    pub(super) fn run(&self, client: Client) -> Outcome {
        let lines = read_lines()?;
        let (permit, permits) = bounded(self.jobs);
        let (open_jobs, to_wait_for) = unbounded();
        let (stop, stopped) = bounded::<()>(0);
        let (waiting, all_done) = bounded::<()>(0);
        let report = Mutex::new(Summary::new(self.raw, stop));
        let mut client = Some(client);
        let ended = thread::scope(|scope| {
            for _ in 0..self.jobs {
                // The channel has room for all.
                let _ = permit.send(());
            }
            for _ in 0..if self.ordered { 1 } else { self.jobs } {
                let (jobs, permit, waiting, report) = (to_wait_for.clone(), permit.clone(), waiting.clone(), &report);
                let waiter = move || {
                    wait_for(&jobs, &permit, report);
                    drop(waiting);
                };
                thread::Builder::new().spawn_scoped(scope, waiter).map_err(|error| no_thread(&error))?;
            }
            drop(waiting);
            let open = client.as_ref().expect("it is taken below");
            let ended = self.submit(open, &lines, &permits, &open_jobs, &stopped);
            drop(open_jobs);
            select! {
                // Dropping the client fails the pending jobs, so the waiters end.
                recv(stopped) -> _ => client = None,
                recv(all_done) -> _ => {}
            }
            ended
        });
        ended.and(report.into_inner().finish())
    }

    /// Submits the lines until one is wrong or the summary says to stop.
    fn submit(
        &self,
        client: &Client,
        lines: &Receiver<Result<Line, CliError>>,
        permits: &Receiver<()>,
        open_jobs: &Sender<PendingJob>,
        stopped: &Receiver<()>,
    ) -> Outcome {
        loop {
            let line = select! {
                recv(stopped) -> _ => return Ok(()),
                recv(lines) -> line => line,
            };
            let Ok(line) = line else { return Ok(()) };
            let line = line?;
            let (number, length) = (line.number, line.length);
            let Some(arg) = self.form.arg_in(line)? else { continue };
            select! {
                recv(stopped) -> _ => return Ok(()),
                recv(permits) -> _ => {}
            }
            let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
            let job = client.submit_raw(self.type_name, Some(&arg));
            // The waiters receive until the other end is dropped.
            let _ = open_jobs.send(PendingJob { job, line: number, length, deadline });
        }
    }
}

/// Reads ahead on a thread.
fn read_lines() -> Result<Receiver<Result<Line, CliError>>, CliError> {
    let (sender, receiver) = bounded(64);
    let read = move || {
        for line in lines() {
            let was_last = line.is_err();
            if sender.send(line).is_err() || was_last {
                return;
            }
        }
    };
    thread::Builder::new().spawn(read).map_err(|error| no_thread(&error))?;
    Ok(receiver)
}

/// Waits for the answers of jobs, one after another.
fn wait_for(jobs: &Receiver<PendingJob>, permit: &Sender<()>, report: &Mutex<Summary>) {
    for open in jobs {
        let answer = match open.deadline {
            Some(deadline) => open.job.wait_timeout(deadline.saturating_duration_since(Instant::now())),
            None => open.job.wait(),
        };
        report.lock().record(open.line, open.length, answer);
        // The receiver is gone when all lines are submitted.
        let _ = permit.send(());
    }
}

fn no_thread(error: &io::Error) -> CliError {
    CliError::new(FAILED, format!("cannot start a thread: {error}"))
}

/// The outcome of the jobs so far.
struct Summary {
    results: ResultPrinter,
    progress: Progress,
    /// Dropped to stop the submitting.
    stop: Option<Sender<()>>,
    /// Why it was stopped.
    stopped: Option<CliError>,
    done: u64,
    failed: u64,
    timed_out: u64,
    lost: u64,
}

impl Summary {
    fn new(raw: bool, stop: Sender<()>) -> Self {
        let (results, progress) = (ResultPrinter::new(raw), Progress::start(input_length()));
        Self { results, progress, stop: Some(stop), stopped: None, done: 0, failed: 0, timed_out: 0, lost: 0 }
    }

    /// Counts and prints the answer of a job.
    fn record(&mut self, line: u64, length: u64, answer: Result<Box<RawValue>, Error>) {
        match answer {
            Ok(res) => {
                self.done += 1;
                self.progress.advance(length, true);
                self.print(&res);
            }
            Err(error @ (Error::Disconnected(_) | Error::NotConnected(_) | Error::Closed)) => {
                self.lost += 1;
                self.stop(error.into());
            }
            Err(error) => {
                let count = if matches!(error, Error::TimedOut) { &mut self.timed_out } else { &mut self.failed };
                *count += 1;
                self.progress.advance(length, false);
                self.progress.suspend(|| print_error(&format!("line {line}: {error}")));
            }
        }
    }

    fn print(&mut self, res: &RawValue) {
        if self.stopped.is_some() {
            return;
        }
        let printed = if self.results.out.is_terminal() {
            self.progress.suspend(|| self.results.print(res))
        } else {
            self.results.print(res)
        };
        if let Err(error) = printed {
            self.stop(error.into());
        }
    }

    /// Stops the submitting. The first reason is the one that is reported.
    fn stop(&mut self, why: CliError) {
        self.stopped.get_or_insert(why);
        self.stop = None;
    }

    /// Returns how the batch ended.
    fn finish(self) -> Outcome {
        self.progress.end();
        let all = self.done + self.failed + self.timed_out;
        match self.stopped {
            Some(problem) if problem.code() == NO_CONNECTION => {
                Err(problem.append(&format!("{} jobs have no answer", self.lost)))
            }
            Some(problem) => Err(problem),
            None if self.timed_out > 0 => {
                Err(CliError::new(TIMED_OUT, format!("{} of {all} jobs had no answer in time", self.timed_out)))
            }
            None if self.failed > 0 => Err(CliError::new(FAILED, format!("{} of {all} jobs failed", self.failed))),
            None => Ok(()),
        }
    }
}

/// After this many jobs the server is asked whether it has accepted them.
const BATCH: usize = 1_000;

/// Waits until the server has read these jobs. Fails if it refused one.
pub(super) fn wait_until_accepted(
    client: &Client,
    jobs: impl IntoIterator<Item = JobHandle<Box<RawValue>>>,
) -> Outcome {
    client.ping()?;
    for job in jobs {
        match job.try_wait() {
            // A job that has failed was accepted.
            None | Some(Ok(_) | Err(Error::Failed(_) | Error::GaveUp(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Submits a job for each line, and waits only until the server has accepted all.
pub(super) fn submit_lines(client: &Client, type_name: &str, form: ArgFormat) -> Outcome {
    let mut jobs = Vec::new();
    let mut ended = Ok(());
    for line in lines() {
        match line.and_then(|line| form.arg_in(line)) {
            Ok(None) => {}
            Ok(arg) => jobs.push(client.submit_raw(type_name, arg.as_deref())),
            Err(problem) => {
                ended = Err(problem);
                break;
            }
        }
        if jobs.len() == BATCH {
            wait_until_accepted(client, jobs.drain(..))?;
        }
    }
    wait_until_accepted(client, jobs).and(ended)
}

/// A line on a terminal's stderr: how many jobs are done, how many failed, the rate, and the time left if the length of the
/// input is known.
struct Progress {
    /// None without a terminal.
    bar: Option<ProgressBar>,
    start: Instant,
    done: u64,
    failed: u64,
}

impl Progress {
    /// `bytes` is the length of the input, if it is known.
    fn start(bytes: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let (bar, template) = match bytes {
                Some(bytes) => (ProgressBar::new(bytes), "{bar:30} {percent:>3}%  {msg}, {eta} left"),
                None => (ProgressBar::no_length(), "{msg}, {elapsed}"),
            };
            bar.with_style(ProgressStyle::with_template(template).expect("the template is right"))
        });
        Self { bar, start: Instant::now(), done: 0, failed: 0 }
    }

    /// Counts a finished job, and its `bytes` of the input.
    fn advance(&mut self, bytes: u64, is_done: bool) {
        let count = if is_done { &mut self.done } else { &mut self.failed };
        *count += 1;
        let Some(bar) = &self.bar else { return };
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (self.done + self.failed) as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!("{} done, {} failed, {rate:.0}/s", self.done, self.failed));
        bar.inc(bytes);
    }

    /// Removes the line while `write` writes to the terminal.
    fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the line.
    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
