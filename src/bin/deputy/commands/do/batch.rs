//! `deputy do --lines`: a job for each line, many at once.
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

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use deputy::client::{Client, Error, JobHandle};
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::input::{ArgError, ArgFormat, Line, input_length};
use super::options::JobOptions;
use super::output::{Progress, ResultPrinter};
use super::progress;
use crate::error::{CliError, FAILED, NO_CONNECTION, Outcome, TIMED_OUT, USAGE, print_error};
use crate::format::counted;

/// The job of each line, and how many run at once.
pub(super) struct Batch<'a> {
    pub(super) type_name: &'a str,
    pub(super) form: ArgFormat,
    pub(super) options: &'a JobOptions,
    /// The most jobs without an answer.
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
        let lines = self.form.lines_ahead()?;
        let (permit, permits) = bounded(self.jobs);
        let (open_jobs, to_wait_for) = unbounded();
        let (stop, stopped) = bounded::<()>(0);
        let (waiting, all_done) = bounded::<()>(0);
        let report = Mutex::new(Summary::new(self.raw, self.form.item(), stop));
        let mut client = Some(client);
        let ended = thread::scope(|scope| {
            for _ in 0..self.jobs {
                // Sending cannot block: the channel has room for all permits.
                let _ = permit.send(());
            }
            for _ in 0..if self.ordered { 1 } else { self.jobs } {
                let (jobs, permit, waiting, report) = (to_wait_for.clone(), permit.clone(), waiting.clone(), &report);
                let waiter = move || {
                    wait_for(&jobs, &permit, report);
                    drop(waiting);
                };
                thread::Builder::new().spawn_scoped(scope, waiter).map_err(|error| CliError::no_thread(&error))?;
            }
            drop(waiting);
            let open = client.as_ref().expect("it is taken below");
            let ended = self.submit(open, &lines, &permits, &open_jobs, &stopped, &report);
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

    /// Submits the lines until the summary ends the batch. A line that is no valid arg fails alone.
    fn submit(
        &self,
        client: &Client,
        lines: &Receiver<Result<Line, CliError>>,
        permits: &Receiver<()>,
        open_jobs: &Sender<PendingJob>,
        stopped: &Receiver<()>,
        summary: &Mutex<Summary>,
    ) -> Outcome {
        loop {
            let line = select! {
                recv(stopped) -> _ => return Ok(()),
                recv(lines) -> line => line,
            };
            let Ok(line) = line else { return Ok(()) };
            let line = line?;
            let (number, length) = (line.number, line.length);
            let arg = match self.form.arg_in(line) {
                Ok(None) => continue,
                Ok(Some(arg)) => arg,
                Err(error) => {
                    summary.lock().refuse(number, length, &error);
                    continue;
                }
            };
            select! {
                recv(stopped) -> _ => return Ok(()),
                recv(permits) -> _ => {}
            }
            let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
            let job = self.options.submit(client, self.type_name, Some(&arg));
            // Sending cannot fail: the waiters receive until this end is dropped.
            let _ = open_jobs.send(PendingJob { job, line: number, length, deadline });
        }
    }
}

/// Waits for the answers of jobs, one after another, and shows the progress of each. Cancels jobs without an answer in
/// time.
fn wait_for(jobs: &Receiver<PendingJob>, permit: &Sender<()>, report: &Mutex<Summary>) {
    for open in jobs {
        let answer = progress::wait(&open.job, open.deadline, |data| report.lock().show_progress(open.line, data));
        if matches!(answer, Err(Error::TimedOut)) {
            // Cancelling fails for a job that goes on without its submitter.
            let _ = open.job.cancel();
        }
        report.lock().record(open.line, open.length, answer);
        // Sending fails when all lines are submitted, because the receiver is gone.
        let _ = permit.send(());
    }
}

/// The outcome of the jobs so far.
struct Summary {
    results: ResultPrinter,
    progress: Progress,
    /// Dropped to end the submission.
    stop: Option<Sender<()>>,
    /// Why the submission was stopped.
    stopped: Option<CliError>,
    /// The word for a line in messages.
    item: &'static str,
    done: u64,
    /// Lines that are no valid args.
    invalid: u64,
    failed: u64,
    timed_out: u64,
    lost: u64,
    /// How many of those are stored.
    stored: u64,
}

impl Summary {
    fn new(raw: bool, item: &'static str, stop: Sender<()>) -> Self {
        let (results, progress) = (ResultPrinter::new(raw), Progress::start(input_length()));
        Self {
            results,
            progress,
            stop: Some(stop),
            stopped: None,
            item,
            done: 0,
            invalid: 0,
            failed: 0,
            timed_out: 0,
            lost: 0,
            stored: 0,
        }
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
            Err(Error::AnswerLost(lost)) => {
                self.lost += 1;
                self.stored += 1;
                self.stop(Error::Disconnected(lost).into());
            }
            Err(error) => {
                let is_late = matches!(error, Error::TimedOut | Error::Expired(_));
                let count = if is_late { &mut self.timed_out } else { &mut self.failed };
                *count += 1;
                self.progress.advance(length, false);
                self.progress.suspend(|| print_error(&format!("{} {line}: {error}", self.item)));
            }
        }
    }

    /// Shows a progress report of a job.
    fn show_progress(&self, line: u64, data: &RawValue) {
        self.progress.suspend(|| progress::print(&format!("{} {line}: ", self.item), data));
    }

    /// Counts and reports a line that is no valid arg.
    fn refuse(&mut self, line: u64, length: u64, error: &ArgError) {
        self.invalid += 1;
        self.progress.advance(length, false);
        self.progress.suspend(|| print_error(&format!("{} {line} {}", self.item, error.0)));
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

    /// Ends the submission. Only the first reason is reported.
    fn stop(&mut self, why: CliError) {
        self.stopped.get_or_insert(why);
        self.stop = None;
    }

    /// Returns how the batch ended.
    fn finish(self) -> Outcome {
        self.progress.end();
        let all = self.done + self.invalid + self.failed + self.timed_out;
        match self.stopped {
            Some(problem) if problem.code() == NO_CONNECTION => {
                let stored = format!("; stored, and will run: {}", self.stored);
                let stored = if self.stored > 0 { stored.as_str() } else { "" };
                Err(problem.append(&format!("{} without an answer{stored}", counted(self.lost, "job"))))
            }
            Some(problem) => Err(problem),
            None if self.invalid > 0 => {
                Err(CliError::new(USAGE, format!("{} of {all} {}s were not submitted", self.invalid, self.item)))
            }
            None if self.timed_out > 0 => {
                Err(CliError::new(TIMED_OUT, format!("{} of {all} jobs had no answer in time", self.timed_out)))
            }
            None if self.failed > 0 => Err(CliError::new(FAILED, format!("{} of {all} jobs failed", self.failed))),
            None => Ok(()),
        }
    }
}
