//! The failure of a subcommand: an exit code, and a message on stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use deputy::client::{ConnectError, Error, RunError, UrlError};

use crate::cli::parse::UsageError;
use crate::out;

/// The result of a subcommand.
pub(crate) type Outcome = Result<(), CliError>;

/// The job failed, or another failure without a code of its own.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// There is no connection, or the connection was lost.
pub(crate) const NO_CONNECTION: u8 = 3;
/// No answer came in the given time, or by the job's deadline. The command `timeout` has the same code.
pub(crate) const TIMED_OUT: u8 = 124;
/// The command was interrupted. Shells show the same code.
pub(crate) const INTERRUPTED: u8 = 130;

/// An exit code and its meaning, for help and man pages.
pub(crate) type ExitMeaning = (u8, &'static str);

/// The exit codes of a subcommand that has no others.
pub(crate) const EXIT_CODES: &[ExitMeaning] = &[
    (0, "success"),
    (FAILED, "the job failed, or another error that stderr names"),
    (USAGE, "wrong usage"),
    (NO_CONNECTION, "no connection to the server, or it was lost"),
    (TIMED_OUT, "no answer in the given time"),
    (INTERRUPTED, "interrupted"),
];

/// Why a subcommand did not succeed.
#[derive(Debug)]
pub(crate) struct CliError {
    code: u8,
    /// Empty if there is nothing to print.
    text: String,
    /// Whether the command line was wrong.
    usage: bool,
}

impl CliError {
    /// Makes an error with this exit code. An empty text prints nothing.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), usage: false }
    }

    /// Makes an error for a wrong command line.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new(USAGE, text) }
    }

    /// Makes the error of a command that cannot start a thread.
    pub(crate) fn no_thread(reason: &io::Error) -> Self {
        Self::new(FAILED, format!("cannot start a thread: {reason}"))
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn is_usage(&self) -> bool {
        self.usage
    }

    /// Adds a clause to the text.
    pub(crate) fn append(mut self, more: &str) -> Self {
        self.text = format!("{}; {more}", self.text);
        self
    }

    /// Adds the command that shows the help, if the command line was wrong.
    pub(crate) fn with_hint(self, command: &str) -> Self {
        if self.usage { self.append(&format!("try '{command}'")) } else { self }
    }

    /// Prints the text on stderr, and returns the exit code.
    pub(crate) fn print(&self) -> ExitCode {
        if !self.text.is_empty() {
            print_error(&self.text);
        }
        ExitCode::from(self.code)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Prints a line on stderr.
pub(crate) fn print_error(text: &str) {
    let text = out::sanitize(text, io::stderr().is_terminal());
    // One write, so that lines of several processes do not mix. If stderr is closed, the exit code still reports the
    // failure.
    let _ = out::Stderr.write_all(format!("deputy: {text}\n").as_bytes());
}

/// Converts an error of writing to stdout. A closed pipe is no failure, because its reader has read enough.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(0, ""),
            _ => Self::new(FAILED, format!("cannot write to stdout: {error}")),
        }
    }
}

/// The advice if a durable job is refused.
const NO_BRIDGE: &str =
    "run a bridge that reaches NATS, start a worker of the type once, or submit the job without --durable";

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Disconnected(_) | Error::AnswerLost(_) | Error::NotConnected(_) | Error::Closed => NO_CONNECTION,
            Error::TimedOut | Error::Expired(_) => TIMED_OUT,
            _ => FAILED,
        };
        let is_without_bridge = matches!(error, Error::NoBridge(_));
        let error = Self::new(code, error.to_string());
        if is_without_bridge { error.append(NO_BRIDGE) } else { error }
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Url(error) => error.into(),
            error => Self::new(NO_CONNECTION, error.to_string()),
        }
    }
}

impl From<UsageError> for CliError {
    fn from(error: UsageError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<UrlError> for CliError {
    fn from(error: UrlError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Url(_) | RunError::NoHandler | RunError::NoSpareHandler(_) | RunError::MaxJobs(_) => {
                Self::usage(error.to_string())
            }
            _ => Self::new(FAILED, error.to_string()),
        }
    }
}
