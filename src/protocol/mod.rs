//! The wire: bytes to lines ([`frame`]), a line to a command ([`command`]), replies to bytes ([`reply`], [`tables`]), values
//! that go through unchanged ([`carried`]), and equality of job ids ([`id`]). The contract is docs/protocol.md.
//!
//! Nothing here keeps state between lines, except the framer its unfinished line. Nothing here knows what a command does.

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

pub(crate) use members::is_too_deep;

#[cfg(test)]
mod corpus;

/// Why something was refused or ended, as docs/protocol.md names it.
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
    /// Its submitter cancelled it.
    Cancelled,
    /// It had not ended at its deadline.
    Expired,
    /// Too many workers held it longer than its run limit.
    TimedOut,
    /// No connection does its type, and it asked to be refused then.
    NoWorker,
    /// No connection does the durable jobs of its type.
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
