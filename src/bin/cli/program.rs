//! What a program does that runs until a signal: before it the format of its lines and what it prints, after it how it says
//! that it failed.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use deputy::server::LogFormat;

/// The option that chooses the format of log lines.
pub(crate) const LOG_FORMAT: &str = "--log-format";

/// Returns the format that the arguments ask for, wrong as the rest of them may be: an error of the command line has it
/// too.
pub(crate) fn log_format(arguments: impl IntoIterator<Item = OsString>) -> LogFormat {
    let mut format = LogFormat::default();
    let mut is_value = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let value = if is_value { Some(&*argument) } else { argument.strip_prefix("--log-format=") };
        format = value.and_then(LogFormat::from_name).unwrap_or(format);
        is_value = argument == LOG_FORMAT;
    }
    format
}

/// Prints to stdout. A reader that closes the pipe early is not a failure.
pub(crate) fn print(program: &str, text: &str, format: LogFormat) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(program, &format_args!("cannot write to stdout: {error}"), 1, format)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says on stderr why the program ends with this code.
pub(crate) fn fail(program: &str, error: &dyn Display, code: u8, format: LogFormat) -> ExitCode {
    // If stderr is closed, the exit code still reports the failure.
    let _ = io::stderr().write_all(format.failure_line(program, code, error).as_bytes());
    ExitCode::from(code)
}
