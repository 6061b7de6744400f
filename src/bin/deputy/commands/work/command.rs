//! Runs the command for a job: turns an arg into a result or an err.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deputy::client::{Failure, Job};
use serde_json::value::{RawValue, to_raw_value};

use super::fault::Fault;
use super::groups::{GUARD, ProcessGroups};
use super::program;
use super::progress;
use super::run::{KillReason, Limits, RunError, RunResult, run};
use crate::cli::parse::quoted;
use crate::error::CliError;
use crate::init::this_program;

/// The longest id, in bytes, for a variable: Linux allows 128 KiB.
const ID_BYTES_MAX: usize = 64 << 10;
/// Up to this many bytes an id is not the cause if the system refuses a command for the length of its arguments.
const ID_BYTES_FEW: usize = 1 << 10;

/// The variable with the run limit of a job that has one.
const RUN_LIMIT: &str = "DEPUTY_RUN_LIMIT_MS";
/// The variable with the reference to a job, if the server gives one.
const REFERENCE: &str = "DEPUTY_REF";

/// The err of a cancelled job. The server drops this err.
const CANCELLED: &str = "the job was cancelled";

/// The format of the command's input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IoFormat {
    Text,
    Json,
    /// The input is text, the output any bytes.
    Base64,
}

/// The command that is run for each job.
pub(super) struct Command {
    words: Vec<OsString>,
    form: IoFormat,
    timeout: Option<Duration>,
    output_bytes_max: usize,
    /// Whether the command can report its progress.
    has_progress: bool,
    groups: Arc<ProcessGroups>,
}

/// Why a job has no result.
#[derive(Debug)]
pub(super) enum JobError {
    /// The job failed with this err.
    Job(String),
    /// The worker cannot run the command now.
    Worker(String),
}

impl From<String> for JobError {
    fn from(err: String) -> Self {
        Self::Job(err)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Job(err) => err.into(),
            JobError::Worker(reason) => Self::fault(reason),
        }
    }
}

impl Command {
    /// Makes the handler. Checks first that the program can be run: otherwise every job would fail.
    pub(super) fn new(
        words: &[OsString],
        form: IoFormat,
        timeout: Option<Duration>,
        output_bytes_max: usize,
        has_progress: bool,
        groups: Arc<ProcessGroups>,
    ) -> Result<Self, CliError> {
        program::check(&words[0]).map_err(CliError::usage)?;
        Ok(Self { words: words.to_vec(), form, timeout, output_bytes_max, has_progress, groups })
    }

    /// Checks that the command could be started now: its program exists, and the system has a process and pipes for it.
    pub(super) fn try_out(&self) -> Result<(), String> {
        program::check(&self.words[0])?;
        // Without /proc the path of this program is unknown. Then only the command's program is checked.
        let Ok(this_program) = this_program() else { return Ok(()) };
        let start = || {
            let mut command = process::Command::new(this_program);
            command.arg(GUARD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn()?.wait()
        };
        start().map(drop).map_err(|error| format!("cannot start a process: {error}"))
    }

    /// Runs the command for a job. If the command cannot be started, `fault` decides how long to try.
    pub(super) fn run(&self, job: &Job, fault: &Fault) -> Result<Box<RawValue>, JobError> {
        let arg = self.form.arg(job.raw())?;
        let id = id(job.id())?;
        let limits = Limits { timeout: self.timeout, output_bytes_max: self.output_bytes_max };
        let mut failures = 0;
        let result = loop {
            if job.is_cancelled() {
                return Err(JobError::Job(CANCELLED.to_owned()));
            }
            let mut command = self.prepared(job, &id);
            let reason = match run(&mut command, job, arg.as_bytes(), self.has_progress, limits, &self.groups) {
                Ok(result) => break result,
                Err(RunError::Start(error)) => {
                    if error.kind() == io::ErrorKind::ArgumentListTooLong && id.len() > ID_BYTES_FEW {
                        return Err(JobError::Job(format!("the id has {} bytes, too many for the system", id.len())));
                    }
                    format!("cannot run {}: {error}", quoted(&self.words[0].display().to_string()))
                }
                Err(RunError::Watch(error)) => format!("cannot watch a command: {error}"),
            };
            failures += 1;
            if !fault.wait(failures, job, &reason) {
                return Err(JobError::Worker(reason));
            }
        };
        self.check(&result)?;
        Ok(self.form.result(result.output)?)
    }

    /// Returns the command with the variables of its job.
    fn prepared(&self, job: &Job, id: &str) -> process::Command {
        let mut command = process::Command::new(&self.words[0]);
        command.args(&self.words[1..]).env("DEPUTY_ID", id).env("DEPUTY_TYPE", job.type_name());
        command.env("DEPUTY_ATTEMPT", job.attempt().to_string());
        // This worker may run within another job, and then has that job's variables.
        match job.run_limit() {
            Some(limit) => command.env(RUN_LIMIT, limit.as_millis().to_string()),
            None => command.env_remove(RUN_LIMIT),
        };
        match job.reference() {
            Some(reference) => command.env(REFERENCE, reference),
            None => command.env_remove(REFERENCE),
        };
        if !self.has_progress {
            command.env_remove(progress::VARIABLE);
        }
        command
    }

    /// Returns the err of a run that failed.
    fn check(&self, result: &RunResult) -> Result<(), String> {
        let what = match (result.killed, result.status.code(), result.status.signal()) {
            (Some(KillReason::Timeout), ..) => {
                let limit = self.timeout.unwrap_or_default().as_secs_f64();
                format!("the command was ended after {limit} s")
            }
            (Some(KillReason::TooMuchOutput), ..) => {
                format!("the command was ended because it wrote more than {} bytes (--max-line)", self.output_bytes_max)
            }
            (Some(KillReason::Cancelled), ..) => CANCELLED.to_owned(),
            (None, Some(0), _) => return Ok(()),
            (None, Some(status), _) => format!("the command ended with status {status}"),
            (None, None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None, None) => format!("the command ended: {}", result.status),
        };
        let errors = result.errors.text();
        Err(if errors.is_empty() { what } else { format!("{what}: {errors}") })
    }
}

impl IoFormat {
    /// Returns the input of the command.
    fn arg(self, arg: Option<&RawValue>) -> Result<String, String> {
        match (self, arg.map(RawValue::get)) {
            (Self::Json, arg) => Ok(arg.unwrap_or("null").to_owned()),
            (Self::Text | Self::Base64, None) => Ok(String::new()),
            (Self::Text | Self::Base64, Some(text)) if text.starts_with('"') => {
                serde_json::from_str(text).map_err(|error| format!("the arg is not valid text: {error}"))
            }
            (Self::Text | Self::Base64, Some(json)) => Ok(json.to_owned()),
        }
    }

    /// Returns the result from the command's output.
    fn result(self, mut output: Vec<u8>) -> Result<Box<RawValue>, String> {
        let string = |text: &str| to_raw_value(text).expect("a string can be written as JSON");
        if self == Self::Base64 {
            return Ok(string(&BASE64_STANDARD.encode(output)));
        }
        if self == Self::Text {
            output.pop_if(|last| *last == b'\n');
        }
        let text = String::from_utf8(output)
            .map_err(|_| "the command's output is not UTF-8; the option --base64 of deputy work allows it")?;
        match self {
            Self::Json => {
                RawValue::from_string(text).map_err(|error| format!("the command's output is not JSON: {error}"))
            }
            Self::Text | Self::Base64 => Ok(string(&text)),
        }
    }
}

/// Returns an id for the environment: a string without its quotes, unless it contains NUL.
fn id(json: &str) -> Result<String, String> {
    let text = serde_json::from_str::<String>(json).ok().filter(|text| !text.contains('\0'));
    let text = text.unwrap_or_else(|| json.to_owned());
    if text.len() > ID_BYTES_MAX {
        return Err(format!("the id has {} bytes, too many for the variable DEPUTY_ID ({ID_BYTES_MAX})", text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(form: IoFormat, json: Option<&str>) -> Result<String, String> {
        form.arg(json.map(|json| serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn what_a_command_reads() {
        for (json, text) in [
            (None, ""),
            (Some(r#""a \"text\"\n""#), "a \"text\"\n"),
            (Some(r#""\u0000""#), "\0"),
            (Some(r#"{"b": 1e400}"#), r#"{"b": 1e400}"#),
            (Some("null"), "null"),
        ] {
            assert_eq!(arg(IoFormat::Text, json).as_deref(), Ok(text));
            assert_eq!(arg(IoFormat::Json, json).as_deref(), Ok(json.unwrap_or("null")));
        }
        assert!(arg(IoFormat::Text, Some(r#""\ud800""#)).unwrap_err().contains("not valid text"));
    }

    #[test]
    fn what_a_commands_output_is_as_a_result() {
        for (form, output, res) in [
            (IoFormat::Text, &b"one\ntwo\n\n"[..], Ok(r#""one\ntwo\n""#)),
            (IoFormat::Text, b"", Ok(r#""""#)),
            (IoFormat::Text, b"\xff", Err("not UTF-8")),
            (IoFormat::Base64, b"\xff\n", Ok(r#""/wo=""#)),
            (IoFormat::Json, b" {\"b\": 1e400}\n", Ok(r#"{"b": 1e400}"#)),
            (IoFormat::Json, b"", Err("not JSON")),
            (IoFormat::Json, b"1 2", Err("not JSON")),
            (IoFormat::Json, b"\"\xff\"", Err("not UTF-8")),
        ] {
            match (form.result(output.to_vec()), res) {
                (Ok(got), Ok(res)) => assert_eq!(got.get(), res),
                (Err(got), Err(words)) => assert!(got.contains(words), "{got}"),
                (got, res) => panic!("{output:?} as {form:?} is {got:?}, not {res:?}"),
            }
        }
    }

    #[test]
    fn an_id_is_shown_as_text_if_it_can_be() {
        for (json, text) in [("17", "17"), (r#""a\"b""#, "a\"b"), (r#""\u0000""#, r#""\u0000""#), ("1e400", "1e400")] {
            assert_eq!(id(json).as_deref(), Ok(text));
        }
        assert!(id(&"1".repeat(ID_BYTES_MAX + 1)).unwrap_err().contains("too many"));
    }
}
