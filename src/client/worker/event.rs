//! The events of a worker for its program, and the errors with which it ends.

use std::fmt;
use std::io;

use crate::client::connect_error::no_thread;
use crate::client::error::{Disconnected, Error};
use crate::client::url::UrlError;
use crate::limits::JOBS_PER_WORKER_MAX;

/// An event that a program may log. Its text is one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The worker has connected and offered its types.
    Connected,
    /// The connection and its jobs are lost. The worker reconnects.
    Disconnected(Disconnected),
    /// An attempt to connect has failed. The worker tries again.
    Unreachable(String),
    /// The server has refused a line. The worker goes on.
    Error(Error),
}

/// The reason why a worker ended without being stopped. Reconnecting would not help.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The text is not an address.
    Url(UrlError),
    /// The worker has no handler.
    NoHandler,
    /// The worker should be a [spare](super::Worker::spare) worker for this type, which has no handler.
    NoSpareHandler(String),
    /// `max_jobs` is out of its range.
    MaxJobs(u32),
    /// The server refuses a worker of these types: a name is empty or longer than 255 bytes, or there are more than 1,024.
    /// Holds the server's error.
    Refused(Error),
    /// A handler could not run a job, for this reason ([`Failure::fault`](super::Failure::fault)).
    Fault(String),
    /// The system cannot start a thread.
    Thread(io::Error),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Disconnected(lost) => lost.fmt(f),
            Self::Unreachable(text) => f.write_str(text),
            Self::Error(error) => write!(f, "the server refused a line: {error}"),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::NoHandler => f.write_str("a worker needs a handler for at least one type"),
            Self::NoSpareHandler(type_name) => {
                write!(f, "a spare worker for the type {type_name:?} needs a handler for that type")
            }
            Self::MaxJobs(given) => write!(f, "max_jobs is {given}, and must be from 1 to {JOBS_PER_WORKER_MAX}"),
            Self::Refused(error) => write!(f, "the server refuses this worker: {error}"),
            Self::Fault(reason) => write!(f, "the worker cannot run jobs: {reason}"),
            Self::Thread(reason) => no_thread(reason, f),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Thread(reason) => Some(reason),
            Self::NoHandler | Self::NoSpareHandler(_) | Self::MaxJobs(_) | Self::Fault(_) => None,
        }
    }
}

impl From<UrlError> for RunError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::value::RawValue;

    use super::*;
    use crate::client::url::Url;

    #[test]
    fn the_error_of_a_worker_says_what_to_do() {
        let reason = RawValue::from_string(r#""type is empty""#.to_owned()).unwrap();
        for (error, words) in [
            ("http://x".parse::<Url>().unwrap_err().into(), ["http://x", "HOST:PORT"]),
            (RunError::NoHandler, ["a handler", "at least one type"]),
            (RunError::NoSpareHandler("a\nb".to_owned()), ["spare worker", "\"a\\nb\" needs a handler"]),
            (RunError::MaxJobs(70_000), ["70000", "from 1 to 65535"]),
            (RunError::Refused(Error::from_wire("bad_request", &reason)), ["bad_request", "type is empty"]),
            (RunError::Fault("no such program".to_owned()), ["cannot run jobs", "no such program"]),
            (RunError::Thread(io::ErrorKind::WouldBlock.into()), ["cannot start a thread", "raise their limit"]),
        ] {
            let text = error.to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            let has_source = matches!(error, RunError::Url(_) | RunError::Refused(_) | RunError::Thread(_));
            assert_eq!(error.source().is_some(), has_source, "{text}");
        }
    }
}
