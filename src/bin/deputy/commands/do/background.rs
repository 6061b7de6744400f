//! `deputy do --background`: it is enough that the server has accepted the jobs.
//!
//! The server answers a job in the background when it has accepted it. An older server answers when the job has ended. So
//! what is waited for is the answer to a `ping` behind the jobs: a job was accepted if it has not been refused by then.

use deputy::client::{Client, Error, JobHandle};

use super::input::{ArgError, ArgFormat};
use super::options::JobOptions;
use crate::error::{CliError, FAILED, Outcome, USAGE, print_error};
use crate::format::{count, counted};

/// After this many jobs the server is asked whether it has accepted them.
const BATCH: usize = 1_000;
/// The most ranges of refused lines that are listed.
const RANGES_MAX: usize = 10;

/// Waits until the server has read these jobs. Fails if it refused one.
pub(super) fn wait_until_accepted(client: &Client, job: &JobHandle<()>) -> Outcome {
    client.ping()?;
    refusal(job).map_or(Ok(()), |error| Err(error.into()))
}

/// Returns why the server did not accept a job; none if it did. It has read the job.
fn refusal(job: &JobHandle<()>) -> Option<Error> {
    match job.try_wait() {
        // At an older server a job that was accepted may have ended.
        None
        | Some(Ok(()) | Err(Error::Failed(_) | Error::GaveUp(_) | Error::Result { .. } | Error::ResultTooLong(_))) => {
            None
        }
        Some(Err(error)) => Some(error),
    }
}

/// Submits a job for each line, and waits only until the server has accepted all. Stops after it has refused one.
pub(super) fn submit_lines(client: &Client, type_name: &str, form: ArgFormat, options: &JobOptions) -> Outcome {
    let mut accepted = Accepted { item: form.item(), ..Accepted::default() };
    let mut jobs = Vec::new();
    for line in form.lines() {
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
        if jobs.len() == BATCH {
            accepted.add(client, jobs.drain(..))?;
            if accepted.refused > 0 {
                break;
            }
        }
    }
    accepted.add(client, jobs)?;
    accepted.outcome()
}

/// What the server has made of the lines so far.
#[derive(Default)]
struct Accepted {
    /// What a line is called.
    item: &'static str,
    jobs: u64,
    invalid: u64,
    refused: u64,
    /// The first refusal.
    reason: Option<Error>,
    /// First and last of neighbouring refused lines.
    ranges: Vec<(u64, u64)>,
    /// The last line that was read.
    last: u64,
}

impl Accepted {
    /// Counts jobs, once the server has read them. If the connection is lost before that, the error says what is known.
    fn add(&mut self, client: &Client, jobs: impl IntoIterator<Item = (u64, JobHandle<()>)>) -> Outcome {
        let mut jobs = jobs.into_iter().peekable();
        if let Err(error) = client.ping() {
            let from = jobs.peek().map_or(self.last, |(line, _)| *line);
            let known = format!(
                "{} accepted before {} {from}; the server may have accepted some of those up to {} {}",
                counted(self.jobs, "job"),
                self.item,
                self.item,
                self.last
            );
            return Err(CliError::from(error).append(&known));
        }
        for (line, job) in jobs {
            let Some(error) = refusal(&job) else {
                self.jobs += 1;
                continue;
            };
            self.refused += 1;
            self.reason.get_or_insert(error);
            match self.ranges.last_mut() {
                Some((_, last)) if *last + 1 == line => *last = line,
                _ => self.ranges.push((line, line)),
            }
        }
        Ok(())
    }

    fn outcome(self) -> Outcome {
        let Self { item, jobs, invalid, refused, last, .. } = self;
        match self.reason {
            None if invalid == 0 => Ok(()),
            None => Err(CliError::new(USAGE, format!("{invalid} of {} {item}s were not submitted", jobs + invalid))),
            Some(error) => {
                let range = |(first, last): &(u64, u64)| {
                    if first == last { first.to_string() } else { format!("{first}-{last}") }
                };
                let ranges: Vec<String> = self.ranges.iter().take(RANGES_MAX).map(range).collect();
                let more = if self.ranges.len() > RANGES_MAX { " and others" } else { "" };
                let text = format!(
                    "{error}; {} accepted, {} refused ({item}{} {}{more}); nothing was submitted after {item} {last}",
                    counted(jobs, "job"),
                    count(refused),
                    if refused == 1 { "" } else { "s" },
                    ranges.join(", "),
                );
                Err(CliError::new(FAILED, text))
            }
        }
    }
}
