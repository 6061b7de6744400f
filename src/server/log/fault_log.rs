//! Logs the faults of peers, with the peer's name and the kind of fault.
//!
//! Each shard logs at most one line per second and class of fault. A line never contains anything that a peer sent.

use std::fmt;
use std::io;
use std::time::Instant;

use super::event::Event;
use super::line::Value;
use super::rate_limit::RateLimit;
use super::{Level, Log};
use crate::metrics::Fault;
use crate::server::stream::Peer;

/// Logs the faults of one shard's peers.
pub(in crate::server) struct FaultLog {
    log: Log,
    limits: [RateLimit; Fault::ALL.len()],
}

impl FaultLog {
    pub(in crate::server) fn new(log: Log) -> Self {
        let limit = |&fault: &Fault| {
            let (level, text) = log_entry(fault);
            RateLimit::new(level, Event::PeerFault, Some(fault.name()), text)
        };
        let limits = std::array::from_fn(|index| limit(&Fault::ALL[index]));
        Self { log, limits }
    }

    /// Logs a fault, or counts it as suppressed. `cause` is the system's error, if the system found the fault.
    pub(in crate::server) fn log(&mut self, peer: Peer, fault: Fault, cause: Option<&io::Error>) {
        let (level, text) = log_entry(fault);
        let limit = &mut self.limits[fault as usize];
        if self.log.is_on(level)
            && let Some(suppressed) = limit.pass(Instant::now())
        {
            let members = [
                ("peer", Value::Text(&peer)),
                ("class", Value::Text(&fault.name())),
                ("error", cause.as_ref().map_or(Value::Absent, |error| Value::Text(error))),
                ("suppressed", Value::Number(suppressed.0)),
            ];
            let cause = Cause(cause);
            let text = format_args!("{peer}: {text}{cause}{suppressed}");
            self.log.limited(limit, text, &members);
        }
    }
}

struct Cause<'a>(Option<&'a io::Error>);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

/// Returns the fault that a failed read or write shows: the peer no longer answers, or it broke the connection.
pub(in crate::server) fn fault_of(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Fault::Silent,
        _ => Fault::Broken,
    }
}

/// Returns the level and the text of a fault. docs/operating.md explains each text.
fn log_entry(fault: Fault) -> (Level, &'static str) {
    match fault {
        Fault::BadJson => (Level::Info, "refused a line: bad_json"),
        Fault::BadRequest => (Level::Info, "refused a line: bad_request"),
        Fault::UnknownCmd => (Level::Info, "refused a line: unknown_cmd"),
        Fault::NotHolding => (Level::Info, "refused a line: not_holding"),
        Fault::QueueFull => (Level::Warn, "refused a job: the memory budget is used up (--max-memory)"),
        Fault::FirstLine => (Level::Warn, "closed: its first line is not a JSON object"),
        Fault::TooLong => (Level::Warn, "closed: line too long (--max-line)"),
        Fault::HalfLine => (Level::Warn, "closed: partial line while the memory budget is exceeded (--max-memory)"),
        Fault::Unsent => (Level::Warn, "closed: too much unsent data (--max-unsent)"),
        Fault::Stalled => (Level::Warn, "closed: stopped reading (--stall-timeout)"),
        Fault::Silent => (Level::Warn, "connection lost"),
        Fault::Broken => (Level::Debug, "connection broken"),
        Fault::LeftHolding => (Level::Warn, "left while it held jobs"),
        Fault::Overdue => (Level::Warn, "held a job past its run limit (run_limit_ms, --run-limit)"),
        Fault::GaveUp => (Level::Warn, "gave up on a job that this worker held (--max-attempts)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_class_does_not_hide_another() {
        let (log, thread, written) = Log::to_channel(Level::Info);
        let mut fault_log = FaultLog::new(log);
        let peer = Peer::Tcp("10.0.0.7:51234".parse().unwrap());
        for _ in 0..1_000 {
            fault_log.log(peer, Fault::BadRequest, None);
        }
        fault_log.log(peer, Fault::Stalled, None);
        fault_log.log(Peer::Unix(Some(7)), Fault::Silent, Some(&io::Error::from(io::ErrorKind::TimedOut)));
        fault_log.log(peer, Fault::Broken, Some(&io::Error::from(io::ErrorKind::ConnectionReset)));
        thread.stop();
        let (left_out, written): (Vec<String>, Vec<String>) =
            written.iter().partition(|line| line.starts_with("deputy: left out "));
        assert!(written.len() < 10, "{written:?}");
        let all_alike = left_out.iter().all(|line| line.ends_with(" more like this: refused a line: bad_request\n"));
        assert!(all_alike && left_out.len() <= 1, "{left_out:?}");
        assert_eq!(written[0], "deputy: 10.0.0.7:51234: refused a line: bad_request\n");
        let tail: Vec<&str> = written[written.len() - 2..].iter().map(String::as_str).collect();
        let expected = [
            "deputy: warning: 10.0.0.7:51234: closed: stopped reading (--stall-timeout)\n",
            "deputy: warning: unix peer 7: connection lost: timed out\n",
        ];
        assert_eq!(tail, expected);
    }

    #[test]
    fn a_peer_that_does_not_answer_has_another_fault_than_one_that_broke_off() {
        use rustix::io::Errno;
        let of = |errno: Errno| fault_of(&errno.into());
        assert_eq!([of(Errno::TIMEDOUT), of(Errno::HOSTUNREACH)], [Fault::Silent, Fault::Silent]);
        assert_eq!([of(Errno::CONNRESET), of(Errno::PIPE)], [Fault::Broken, Fault::Broken]);
    }

    #[test]
    fn every_fault_is_explained_to_those_who_read_of_it() {
        let page = include_str!("../../../docs/operating.md");
        for &fault in Fault::ALL {
            let (level, text) = log_entry(fault);
            let rows =
                ["", ": REASON"].map(|cause| format!("| `{}` | `{text}{cause}` | {} |", fault.name(), level.name()));
            assert!(rows.iter().any(|row| page.contains(row)), "{rows:?}");
        }
    }
}
