//! The errors of jobs and queries.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The reason why there is no result. Those up to [`Unknown`](Self::Unknown) are codes of docs/protocol.md. The others
/// are from the client itself.
///
/// [`may_have_run`](Self::may_have_run) says whether the job may have been done nevertheless. The client retries nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// `failed`: the worker answered with this `err`, which may be any JSON value.
    Failed(Box<RawValue>),
    /// `gave_up`: too many workers left while they held the job.
    GaveUp(String),
    /// `queue_full`: the server's memory budget is used up. Try again later.
    QueueFull(String),
    /// `shutdown`: the server is stopping.
    Shutdown(String),
    /// `cancelled`: the job was cancelled ([`JobHandle::cancel`](super::JobHandle::cancel)).
    Cancelled(String),
    /// `expired`: the job had not ended by its [`deadline`](super::JobBuilder::deadline).
    Expired(String),
    /// `timed_out`: workers held the job for longer than its [`run_limit`](super::JobBuilder::run_limit), until its
    /// attempts were used up. (If only the caller's wait is over, the error is [`TimedOut`](Self::TimedOut).)
    RunLimit(String),
    /// `no_worker`: the job [needs a worker](super::JobBuilder::need_worker), and there was none for its type; or none took
    /// it within its [`wait_limit`](super::JobBuilder::wait_limit).
    NoWorker(String),
    /// `no_bridge`: the job is [durable](super::JobBuilder::durable), and no bridge to a store serves its type, or the
    /// last one left before it said that the job is stored. A server does not keep durable jobs itself.
    NoBridge(String),
    /// `bad_request`: the type is empty or too long, an option of the job is out of its range, or a metrics query has too
    /// many names. The client checks the options before it sends the job.
    BadRequest(String),
    /// `bad_json`: the arg nests too deep. The client checks this before it sends the job.
    BadJson(String),
    /// `too_long`: the line is longer than [`Options::max_line`](super::Options::max_line) or the server's `--max-line`.
    /// The client checks this before it sends the job.
    TooLong(String),
    /// `unknown_cmd`: the server does not know this query. Older servers do not support `cancel`.
    UnknownCmd(String),
    /// `not_holding`: an answer came for a job that this worker does not hold.
    NotHolding(String),
    /// A code that this version of the library does not know.
    Unknown {
        /// The code.
        code: String,
        /// The value, usually a message.
        err: Box<RawValue>,
    },
    /// The connection ended before the answer came. The job may wait, run or be done. Its answer is lost.
    Disconnected(Disconnected),
    /// The connection ended after a [durable](super::JobBuilder::durable) job was stored. The job will be done, or is done
    /// already, without being submitted again. Its answer is lost.
    AnswerLost(Disconnected),
    /// The job was never sent, because there is no connection, for longer than
    /// [`Options::outage_timeout`](super::Options::outage_timeout). The text names the server and the reason.
    NotConnected(String),
    /// No answer came in time. A job keeps its place, and its handle can be waited for again.
    TimedOut,
    /// The result cannot be read as the type that the handle expects.
    Result {
        /// The result as it came.
        res: Box<RawValue>,
        /// Why it cannot be read.
        reason: String,
    },
    /// The line of the answer is longer than [`Options::max_line`](super::Options::max_line). The job has run.
    ResultTooLong(String),
    /// The arg cannot be written as JSON.
    Arg(String),
    /// The last [`Client`](super::Client) was dropped before the answer came, or the [`Worker`](super::Worker) has ended.
    Closed,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// The server.
    pub url: String,
    /// The reason why the connection ended, as a message.
    pub reason: String,
    /// The code of the `error` line that the server sent last, if it did: `too_long`, `bad_json` or `queue_full`.
    pub code: Option<String>,
}

impl Error {
    /// Returns the error of this code and value.
    pub(super) fn from_wire(code: &str, err: &RawValue) -> Self {
        let text = || for_people(err);
        match code {
            "failed" => Self::Failed(err.to_owned()),
            "gave_up" => Self::GaveUp(text()),
            "queue_full" => Self::QueueFull(text()),
            "shutdown" => Self::Shutdown(text()),
            "cancelled" => Self::Cancelled(text()),
            "expired" => Self::Expired(text()),
            "timed_out" => Self::RunLimit(text()),
            "no_worker" => Self::NoWorker(text()),
            "no_bridge" => Self::NoBridge(text()),
            "bad_request" => Self::BadRequest(text()),
            "bad_json" => Self::BadJson(text()),
            "too_long" => Self::TooLong(text()),
            "unknown_cmd" => Self::UnknownCmd(text()),
            "not_holding" => Self::NotHolding(text()),
            code => Self::Unknown { code: code.to_owned(), err: err.to_owned() },
        }
    }

    /// Returns the code of docs/protocol.md. None if the error is from the client itself.
    ///
    /// ```
    /// assert_eq!(deputy::client::Error::TimedOut.code(), None);
    /// ```
    pub fn code(&self) -> Option<&str> {
        Some(match self {
            Self::Failed(_) => "failed",
            Self::GaveUp(_) => "gave_up",
            Self::QueueFull(_) => "queue_full",
            Self::Shutdown(_) => "shutdown",
            Self::Cancelled(_) => "cancelled",
            Self::Expired(_) => "expired",
            Self::RunLimit(_) => "timed_out",
            Self::NoWorker(_) => "no_worker",
            Self::NoBridge(_) => "no_bridge",
            Self::BadRequest(_) => "bad_request",
            Self::BadJson(_) => "bad_json",
            Self::TooLong(_) => "too_long",
            Self::UnknownCmd(_) => "unknown_cmd",
            Self::NotHolding(_) => "not_holding",
            Self::Unknown { code, .. } => code,
            Self::Disconnected(lost) | Self::AnswerLost(lost) => return lost.code.as_deref(),
            Self::NotConnected(_)
            | Self::TimedOut
            | Self::Result { .. }
            | Self::ResultTooLong(_)
            | Self::Arg(_)
            | Self::Closed => return None,
        })
    }

    /// Returns whether a worker may have begun the job. If not, it can be submitted again without being done twice.
    ///
    /// True for a job that ended with `cancelled` or `expired`: the server does not report whether the job was waiting,
    /// or whether a worker had begun or even done it.
    ///
    /// False for a job that ended with `no_worker` or `no_bridge`. There are two exceptions, in which the job may have
    /// begun, even more than once. A lost worker may have begun a job with a
    /// [`wait_limit`](super::JobBuilder::wait_limit), unless its [`attempts`](super::JobBuilder::attempts) are 1. A
    /// lost bridge may have stored a job before it reported that.
    pub fn may_have_run(&self) -> bool {
        !matches!(
            self,
            Self::QueueFull(_)
                | Self::NoWorker(_)
                | Self::NoBridge(_)
                | Self::BadRequest(_)
                | Self::BadJson(_)
                | Self::TooLong(_)
                | Self::NotConnected(_)
                | Self::Arg(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(err) => write!(f, "the job failed: {}", for_people(err)),
            Self::GaveUp(text)
            | Self::QueueFull(text)
            | Self::Shutdown(text)
            | Self::Cancelled(text)
            | Self::Expired(text)
            | Self::RunLimit(text)
            | Self::NoWorker(text)
            | Self::NoBridge(text)
            | Self::BadRequest(text)
            | Self::BadJson(text)
            | Self::TooLong(text)
            | Self::UnknownCmd(text)
            | Self::NotHolding(text) => write!(f, "{}: {text}", self.code().unwrap_or_default()),
            Self::Unknown { code, err } => write!(f, "{code}: {}", for_people(err)),
            Self::Disconnected(lost) => lost.fmt(f),
            Self::AnswerLost(lost) => write!(f, "the job is stored and will be done, but its answer is lost: {lost}"),
            Self::NotConnected(text) | Self::ResultTooLong(text) => f.write_str(text),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::Result { reason, .. } => write!(f, "the result is not of the type expected: {reason}"),
            Self::Arg(reason) => write!(f, "the arg cannot be written as JSON: {reason}"),
            Self::Closed => f.write_str("the client was closed before the answer came"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection to {} was lost: {}", self.url, self.reason)
    }
}

impl std::error::Error for Disconnected {}

/// Returns the text of a JSON string, and any other value as it is.
pub(super) fn for_people(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// Reads a result, or a report of progress, as the expected type.
pub(super) fn read<R: DeserializeOwned>(value: &RawValue) -> Result<R, Error> {
    let unreadable = |error: serde_json::Error| Error::Result { res: value.to_owned(), reason: error.to_string() };
    serde_json::from_str(value.get()).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Code;

    #[test]
    fn every_code_has_its_error_and_is_shown_with_its_text() {
        let text = RawValue::from_string(r#""a \"text\"""#.to_owned()).unwrap();
        let known = [
            Code::BadJson,
            Code::TooLong,
            Code::BadRequest,
            Code::UnknownCmd,
            Code::NotHolding,
            Code::Failed,
            Code::GaveUp,
            Code::QueueFull,
            Code::Shutdown,
            Code::Cancelled,
            Code::Expired,
            Code::TimedOut,
            Code::NoWorker,
            Code::NoBridge,
        ];
        for code in known.map(Code::name).into_iter().chain(["later"]) {
            let error = Error::from_wire(code, &text);
            assert_eq!(error.code(), Some(code));
            assert_eq!(matches!(error, Error::Unknown { .. }), code == "later");
            let shown = error.to_string();
            assert!(shown.contains(code) && shown.ends_with(": a \"text\""), "{shown}");
        }
    }

    #[test]
    fn only_a_job_that_lacks_a_worker_or_a_bridge_has_not_begun() {
        for (code, may_have_run) in
            [("cancelled", true), ("expired", true), ("timed_out", true), ("no_worker", false), ("no_bridge", false)]
        {
            assert_eq!(Error::from_wire(code, RawValue::NULL).may_have_run(), may_have_run, "{code}");
        }
    }

    #[test]
    fn a_failed_job_keeps_the_workers_value() {
        let value = RawValue::from_string(r#"{"reason": 1e400}"#.to_owned()).unwrap();
        let error = Error::from_wire("failed", &value);
        assert_eq!(error.to_string(), r#"the job failed: {"reason": 1e400}"#);
        assert!(matches!(error, Error::Failed(err) if err.get() == value.get()));
    }
}
