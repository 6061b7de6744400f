//! `deputy do --durable`: a bridge stores the job outside the server.
//!
//! Without `--wait` the command ends when the job is stored. It submits the job in the background: then the server
//! answers when the job is stored, and drops its result. With `--wait` it submits the job as any other.

use std::io::{self, IsTerminal};
use std::time::Duration;

use deputy::client::{Client, Error, JobHandle};
use serde_json::value::RawValue;

use super::progress;
use crate::error::{CliError, Outcome, print_error};
use crate::server::failure;

/// Waits until a job in the background is stored.
pub(super) fn wait_until_stored(client: &Client, job: JobHandle<()>) -> Outcome {
    job.wait().map_err(|error| error_of(client, error, false))?;
    note("stored");
    Ok(())
}

/// Waits until a job is stored, and then for its answer. Passes its progress reports to `show`.
pub(super) fn wait(
    client: &Client,
    job: &JobHandle<Box<RawValue>>,
    show: impl FnMut(&RawValue),
) -> Result<Box<RawValue>, CliError> {
    let is_stored = job.wait_stored(Duration::MAX).is_ok();
    if is_stored && job.try_wait().is_none() {
        note("stored; waiting for the result");
    }
    progress::wait(job, None, show).map_err(|error| error_of(client, error, is_stored))
}

/// Prints a note if stderr is a terminal. Programs that run the command use the exit code.
pub(super) fn note(text: &str) {
    if io::stderr().is_terminal() {
        print_error(text);
    }
}

/// Returns the error of a job, with a clause on whether the job still runs.
fn error_of(client: &Client, error: Error, is_stored: bool) -> CliError {
    let more = match error {
        Error::TimedOut if is_stored => "the job is stored and will be done",
        Error::TimedOut | Error::Disconnected(_) => "the job may be stored nevertheless, and then runs",
        error => return error.into(),
    };
    failure(client, error).append(more)
}
