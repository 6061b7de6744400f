//! The wire: bytes to lines ([`frame`]), a line to a command ([`command`]), replies to bytes ([`reply`], [`tables`]), values
//! that go through unchanged ([`carried`]), and equality of job ids ([`id`]). The contract is docs/protocol.md. A server
//! takes its lines with [`command::next_line`], which needs the framer only for lines that are not plain.
//!
//! These modules keep no state between lines, except that the framer keeps an unfinished line. They do not carry out
//! commands.

pub mod carried;
pub mod chunks;
pub mod command;
mod fast_path;
pub mod frame;
pub mod id;
mod long_line;
mod members;
pub mod reply;
mod scanner;
mod string;
pub mod tables;
mod types;
mod utf8;

pub use utf8::CheckedLines;

pub(crate) use members::is_too_deep;

#[cfg(test)]
mod corpus;

/// The reason of a refusal or of an end, with the names of docs/protocol.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not a JSON object, not UTF-8, or nested too deep.
    BadJson,
    /// The line is longer than `--max-line`.
    TooLong,
    /// A member is missing, given twice, or of the wrong kind, size or range.
    BadRequest,
    /// `cmd` names no command.
    UnknownCmd,
    /// `did`, `progress` or `stored` for a job that the connection does not hold.
    NotHolding,
    /// The worker answered with `err`.
    Failed,
    /// Too many workers were lost while they held the job.
    GaveUp,
    /// The memory budget does not allow it.
    QueueFull,
    /// The server is stopping.
    Shutdown,
    /// The submitter cancelled the job.
    Cancelled,
    /// The job had not ended at its deadline.
    Expired,
    /// Too many workers held the job longer than its run limit.
    TimedOut,
    /// The job has `need_worker` or `wait_ms`, and no worker was available.
    NoWorker,
    /// No connection does the durable jobs of the job's type.
    NoBridge,
}

impl Code {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Code::BadJson => "bad_json",
            Code::TooLong => "too_long",
            Code::BadRequest => "bad_request",
            Code::UnknownCmd => "unknown_cmd",
            Code::NotHolding => "not_holding",
            Code::Failed => "failed",
            Code::GaveUp => "gave_up",
            Code::QueueFull => "queue_full",
            Code::Shutdown => "shutdown",
            Code::Cancelled => "cancelled",
            Code::Expired => "expired",
            Code::TimedOut => "timed_out",
            Code::NoWorker => "no_worker",
            Code::NoBridge => "no_bridge",
        }
    }
}
