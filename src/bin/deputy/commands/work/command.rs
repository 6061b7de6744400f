//! The command as a handler of jobs: arg in, result or err out.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deputy::client::Job;
use serde_json::value::{RawValue, to_raw_value};

use super::ProcessGroups;
use super::run::{KillReason, OUTPUT_BYTES_MAX, RunResult, run};
use crate::cli::parse::quoted;
use crate::error::CliError;

/// What the command reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IoFormat {
    Text,
    Json,
    /// Text in, any bytes out.
    Base64,
}

/// The command that is run for each job.
pub(super) struct Command {
    words: Vec<OsString>,
    form: IoFormat,
    timeout: Option<Duration>,
    groups: Arc<ProcessGroups>,
}

impl Command {
    /// Checks that the program exists: otherwise every job would fail.
    pub(super) fn new(
        words: &[OsString],
        form: IoFormat,
        timeout: Option<Duration>,
        groups: Arc<ProcessGroups>,
    ) -> Result<Self, CliError> {
        let program = &words[0];
        if !program_exists(program) {
            return Err(CliError::usage(format!("no such program: {}", quoted(&program.display().to_string()))));
        }
        Ok(Self { words: words.to_vec(), form, timeout, groups })
    }

    /// Runs the command for a job.
    pub(super) fn run(&self, job: &Job) -> Result<Box<RawValue>, String> {
        let mut command = process::Command::new(&self.words[0]);
        command.args(&self.words[1..]).env("DEPUTY_ID", id(job.id())).env("DEPUTY_TYPE", job.type_name());
        let arg = self.form.arg(job.raw())?;
        let result = run(&mut command, arg.as_bytes(), self.timeout, &self.groups)
            .map_err(|error| format!("cannot run {}: {error}", self.words[0].display()))?;
        self.check(&result)?;
        self.form.result(result.output)
    }

    /// Returns the err of a run that failed.
    fn check(&self, result: &RunResult) -> Result<(), String> {
        let what = match (result.killed, result.status.code(), result.status.signal()) {
            (Some(KillReason::Timeout), ..) => {
                let limit = self.timeout.unwrap_or_default().as_secs_f64();
                format!("the command was ended after {limit} s")
            }
            (Some(KillReason::TooMuchOutput), ..) => {
                format!("the command was ended because it wrote more than {OUTPUT_BYTES_MAX} bytes")
            }
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
    /// What the command reads.
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

    /// What the command wrote.
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
fn id(json: &str) -> String {
    let text = serde_json::from_str::<String>(json).ok().filter(|text| !text.contains('\0'));
    text.unwrap_or_else(|| json.to_owned())
}

/// Whether the program is a file: at this path or, for a bare name, in a folder of `PATH`.
fn program_exists(program: &OsStr) -> bool {
    if program.as_encoded_bytes().contains(&b'/') {
        return Path::new(program).is_file();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(program).is_file())
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
            assert_eq!(id(json), text);
        }
    }
}
