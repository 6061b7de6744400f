//! How a run ends that is not simply done: an exit code, and what is told on stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use deputy::client::{ConnectError, Error, RunError, UrlError};

use crate::out;
use crate::subcommand::Subcommand;

/// What a subcommand returns.
pub(crate) type Outcome = Result<(), CliError>;

/// A job failed, or something else did that no other code stands for.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// There is no connection, or it was lost.
pub(crate) const NO_CONNECTION: u8 = 3;
/// No answer in the time given, as `timeout` has it.
pub(crate) const TIMED_OUT: u8 = 124;
/// Interrupted, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// An exit code and what it means, for help and man pages.
pub(crate) type ExitMeaning = (u8, &'static str);

/// The exit codes of a subcommand that has no others.
pub(crate) const EXIT_CODES: &[ExitMeaning] = &[
    (0, "done"),
    (FAILED, "the job failed, or something else that stderr tells"),
    (USAGE, "wrong usage"),
    (NO_CONNECTION, "no connection to the server, or it was lost"),
    (TIMED_OUT, "no answer in the time given"),
    (INTERRUPTED, "interrupted"),
];

/// Why a run is not simply done.
#[derive(Debug)]
pub(crate) struct CliError {
    code: u8,
    /// Empty if there is nothing to tell.
    text: String,
    /// Whether the command line is wrong, and its help would help.
    usage: bool,
}

impl CliError {
    /// A problem with this exit code. An empty text tells nothing.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), usage: false }
    }

    /// The command line is wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new(USAGE, text) }
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn is_usage(&self) -> bool {
        self.usage
    }

    /// Adds something to the text.
    pub(crate) fn append(mut self, more: &str) -> Self {
        self.text = format!("{}; {more}", self.text);
        self
    }

    /// Adds where to find help, if the command line was wrong.
    pub(crate) fn with_help_of(self, subcommand: Option<&Subcommand>) -> Self {
        if !self.usage {
            return self;
        }
        let name = subcommand.map_or(String::new(), |subcommand| format!(" {}", subcommand.name));
        let refuse = subcommand.map_or(Self::itself as fn(Self) -> Self, |subcommand| subcommand.on_usage_error);
        refuse(self.append(&format!("try 'deputy{name} --help'")))
    }

    /// For subcommands that have no exit codes of their own.
    pub(crate) fn itself(self) -> Self {
        self
    }

    /// Tells it on stderr, and makes the exit code.
    pub(crate) fn print(&self) -> ExitCode {
        if !self.text.is_empty() {
            print_error(&self.text);
        }
        ExitCode::from(self.code)
    }
}

/// What there is to tell.
impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tells something on stderr.
pub(crate) fn print_error(text: &str) {
    let mut stderr = io::stderr();
    let text = out::sanitize(text, stderr.is_terminal());
    // Should stderr be closed, the exit code tells as well.
    let _ = writeln!(stderr, "deputy: {text}");
}

/// Only writing to stdout leads here. A reader that has seen enough and closed the pipe is no failure.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(0, ""),
            _ => Self::new(FAILED, format!("cannot write to stdout: {error}")),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Disconnected(_) | Error::NotConnected(_) | Error::Closed => NO_CONNECTION,
            Error::TimedOut => TIMED_OUT,
            _ => FAILED,
        };
        Self::new(code, error.to_string())
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

impl From<UrlError> for CliError {
    fn from(error: UrlError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Url(_) | RunError::NoHandler | RunError::MaxJobs(_) => Self::usage(error.to_string()),
            _ => Self::new(FAILED, error.to_string()),
        }
    }
}
