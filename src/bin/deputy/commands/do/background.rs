//! `deputy do --background`: the command ends when the server has accepted the jobs. With `--durable` and without
//! `--wait` it ends when a bridge has stored them.
//!
//! The server answers a background job when it has accepted the job; an older server answers when the job has ended. So
//! the command sends a `ping` after the jobs, and waits for its answer: a job that is not refused by then is accepted.
//! For a stored job the command must wait for the job's own answer.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use deputy::client::{Client, Error, JobHandle};

use super::BACKGROUND;
use super::durable::note;
use super::input::{ArgError, ArgFormat};
use super::options::{DURABLE, JobOptions, WAIT};
use crate::cli::parse::Args;
use crate::error::{CliError, FAILED, Outcome, USAGE, print_error};
use crate::format::{count, counted};
use crate::server::failure;

/// After this many jobs the command waits until the server has accepted them.
const BATCH: usize = 1_000;
/// If no line comes for so long, the command waits for the jobs so far. A producer may pause for hours, and refused
/// jobs or a lost connection must be reported before its next line.
const PAUSE: Duration = Duration::from_millis(100);
/// The most ranges of refused lines that are listed.
const RANGES_MAX: usize = 10;

/// The state of the jobs until which the command waits, if it does not wait for their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Until {
    #[default]
    Accepted,
    Stored,
}

impl Until {
    /// Returns the state until which this command line waits; `None` if it waits for results.
    pub(super) fn of(args: &Args) -> Option<Self> {
        match (args.has(&BACKGROUND), args.has(&DURABLE), args.has(&WAIT)) {
            (_, true, false) => Some(Self::Stored),
            (true, false, _) => Some(Self::Accepted),
            _ => None,
        }
    }

    /// The word for the state.
    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Stored => "stored",
        }
    }
}

/// Waits until the server has read the job. Fails if the server refused it.
pub(super) fn wait_until_accepted(client: &Client, job: &JobHandle<()>) -> Outcome {
    client.ping().map_err(|error| failure(client, error))?;
    refusal(job).map_or(Ok(()), |error| Err(error.into()))
}

/// Returns why the server refused a job; `None` if it accepted the job. The server must have read the job.
fn refusal(job: &JobHandle<()>) -> Option<Error> {
    match job.try_wait() {
        // An older server may have answered an accepted job, because it has ended.
        None
        | Some(Ok(()) | Err(Error::Failed(_) | Error::GaveUp(_) | Error::Result { .. } | Error::ResultTooLong(_))) => {
            None
        }
        Some(Err(error)) => Some(error),
    }
}

/// Submits a job for each line, and waits only until all are accepted or stored. Stops after a job was refused, or was
/// not stored within `timeout`.
pub(super) fn submit_lines(
    client: &Client,
    type_name: &str,
    form: ArgFormat,
    options: &JobOptions,
    until: Until,
    timeout: Option<Duration>,
) -> Outcome {
    let mut accepted = Accepted { item: form.item(), until, timeout, ..Accepted::default() };
    let mut jobs = Vec::new();
    let lines = form.lines_ahead()?;
    loop {
        let next = lines.recv_timeout(if jobs.is_empty() { Duration::MAX } else { PAUSE });
        let is_paused = matches!(next, Err(RecvTimeoutError::Timeout));
        match next {
            Ok(line) => {
                let line = line?;
                let number = line.number;
                accepted.last = number;
                match form.arg_in(line) {
                    Ok(None) => {}
                    Ok(arg) => jobs.push((number, options.submit_background(client, type_name, arg.as_deref()))),
                    Err(ArgError(reason)) => {
                        accepted.invalid += 1;
                        print_error(&format!("{} {number} {reason}", accepted.item));
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if is_paused || jobs.len() == BATCH {
            accepted.add(client, jobs.drain(..))?;
            if accepted.refused > 0 {
                break;
            }
        }
    }
    accepted.add(client, jobs)?;
    accepted.outcome()
}

/// Whether a job may be stored although the wait for its store ended with this error.
fn may_be_stored(error: &Error) -> bool {
    matches!(error, Error::Disconnected(_) | Error::NotConnected(_) | Error::Closed | Error::TimedOut)
}

/// The outcome of the lines so far.
#[derive(Default)]
struct Accepted {
    /// The word for a line in messages.
    item: &'static str,
    until: Until,
    /// How long the bridge may take to store a batch.
    timeout: Option<Duration>,
    jobs: u64,
    invalid: u64,
    refused: u64,
    /// The first refusal.
    reason: Option<Error>,
    /// Ranges of refused lines: the first and the last of each.
    ranges: Vec<(u64, u64)>,
    /// The last line that was read.
    last: u64,
}

impl Accepted {
    /// Waits until jobs are accepted or stored, and counts them. If the connection is lost or the time is over before
    /// that, the error says how many are known.
    fn add(&mut self, client: &Client, jobs: impl IntoIterator<Item = (u64, JobHandle<()>)>) -> Outcome {
        let mut jobs = jobs.into_iter().peekable();
        let end = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if self.until == Until::Accepted
            && let Err(error) = client.ping()
        {
            let from = jobs.peek().map_or(self.last, |(line, _)| *line);
            return Err(self.cut_short(client, error, from));
        }
        for (line, job) in jobs {
            let refusal = match self.until {
                Until::Accepted => refusal(&job),
                Until::Stored => {
                    let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
                    job.wait_timeout(left).err()
                }
            };
            let Some(error) = refusal else {
                self.jobs += 1;
                continue;
            };
            if self.until == Until::Stored && may_be_stored(&error) {
                return Err(self.cut_short(client, error, line));
            }
            self.refused += 1;
            self.reason.get_or_insert(error);
            match self.ranges.last_mut() {
                Some((_, last)) if *last + 1 == line => *last = line,
                _ => self.ranges.push((line, line)),
            }
        }
        Ok(())
    }

    /// Returns the error of a wait that ended before the outcome of the jobs from this line on was known.
    fn cut_short(&self, client: &Client, error: Error, from: u64) -> CliError {
        let Self { item, until, last, .. } = self;
        let unknown = match until {
            Until::Accepted => "may be accepted too",
            Until::Stored => "may be stored too, and then run",
        };
        let known = counted(self.jobs, "job");
        let known =
            format!("{known} {} before {item} {from}; jobs from {item} {from} to {last} {unknown}", until.word());
        failure(client, error).append(&known)
    }

    fn outcome(self) -> Outcome {
        let Self { item, jobs, invalid, refused, last, until, .. } = self;
        if until == Until::Stored && jobs > 0 {
            note(&format!("{} stored", counted(jobs, "job")));
        }
        match self.reason {
            None if invalid == 0 => Ok(()),
            None => Err(CliError::new(USAGE, format!("{invalid} of {} {item}s were not submitted", jobs + invalid))),
            Some(error) => {
                let error = CliError::from(error);
                let range = |(first, last): &(u64, u64)| {
                    if first == last { first.to_string() } else { format!("{first}-{last}") }
                };
                let ranges: Vec<String> = self.ranges.iter().take(RANGES_MAX).map(range).collect();
                let more = if self.ranges.len() > RANGES_MAX { " and others" } else { "" };
                let text = format!(
                    "{error}; {} {}, {} refused ({item}{} {}{more}); nothing was submitted after {item} {last}",
                    counted(jobs, "job"),
                    until.word(),
                    count(refused),
                    if refused == 1 { "" } else { "s" },
                    ranges.join(", "),
                );
                Err(CliError::new(FAILED, text))
            }
        }
    }
}
