//! Shared by programs that run until a signal: the options of their log, output on stdout, and the message of a
//! failure.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use deputy::server::LogFormat;

use super::{Opt, ValueKind};

/// The option that chooses the least level of log lines.
pub(crate) static LOG: Opt =
    Opt::value("--log", ValueKind::Choice { name: "LEVEL", words: &["off", "error", "warn", "info", "debug"] })
        .help("log level: off, error, warn, info or debug")
        .default("info");
/// The option that chooses the format of log lines.
pub(crate) static LOG_FORMAT: Opt =
    Opt::value("--log-format", ValueKind::Choice { name: "FORMAT", words: &["text", "json"] })
        .help("format of log lines: text, or json (one object per line)")
        .default("text");

/// Returns the format of log lines that the arguments choose, even if other arguments are wrong: the error of a wrong
/// command line has this format too.
pub(crate) fn log_format(arguments: impl IntoIterator<Item = OsString>) -> LogFormat {
    let mut format = LogFormat::default();
    let mut is_value = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let value = if is_value { Some(&*argument) } else { argument.strip_prefix("--log-format=") };
        format = value.and_then(LogFormat::from_name).unwrap_or(format);
        is_value = argument == LOG_FORMAT.long;
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

/// Prints on stderr why the program ends, and returns the exit code.
pub(crate) fn fail(program: &str, error: &dyn Display, code: u8, format: LogFormat) -> ExitCode {
    // If stderr is closed, the exit code still reports the failure.
    let _ = io::stderr().write_all(format.failure_line(program, code, error).as_bytes());
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use deputy::server::Level;

    use super::*;

    fn words(option: &Opt) -> &'static [&'static str] {
        match option.value {
            ValueKind::Choice { words, .. } => words,
            _ => unreachable!(),
        }
    }

    #[test]
    fn every_level_is_named() {
        assert_eq!(words(&LOG), Level::NAMES.map(|(name, _)| name));
    }

    #[test]
    fn every_log_format_is_named() {
        assert_eq!(words(&LOG_FORMAT), LogFormat::NAMES.map(|(name, _)| name));
    }
}
