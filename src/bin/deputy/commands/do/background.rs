//! Jobs that nobody waits for: it is enough that the server has accepted them.

use deputy::client::{Client, Error, JobHandle};
use serde_json::value::RawValue;

use super::input::{ArgFormat, lines};
use crate::error::Outcome;

/// Jobs after which the server is asked whether it has accepted them: few enough to be remembered.
const BATCH: usize = 1_000;

/// Waits until the server has read these jobs. A problem if it refused one.
pub(super) fn accepted(client: &Client, jobs: impl IntoIterator<Item = JobHandle<Box<RawValue>>>) -> Outcome {
    client.ping()?;
    for job in jobs {
        match job.try_wait() {
            // Those that failed already had been accepted.
            None | Some(Ok(_) | Err(Error::Failed(_) | Error::GaveUp(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Submits a job for each line.
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
            accepted(client, jobs.drain(..))?;
        }
    }
    accepted(client, jobs).and(ended)
}
