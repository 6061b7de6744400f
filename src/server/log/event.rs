//! Declares the events of the log, each with a name, a level and members. docs/operating.md lists them, and programs
//! read the lines, so names and members must not change.

use super::Level;

/// The name, levels and members of an event. Other programs that use this log declare their own events.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// The event's name in JSON.
    pub name: &'static str,
    /// The levels at which it is logged, the usual one first.
    pub levels: &'static [Level],
    /// The names of its members, in their order in JSON. A member whose value is absent is left out.
    pub members: &'static [&'static str],
}

/// Declares the events once. Most have one level; that of a peer's fault depends on its class.
macro_rules! events {
    ($($(#[$doc:meta])* $event:ident $name:literal $levels:tt $members:tt,)*) => {
        /// An event that is logged.
        #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "without HTTP its events do not occur"))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::server) enum Event {
            $($(#[$doc])* $event,)*
        }

        impl Event {
            /// All events, in the order of the documentation.
            #[cfg(test)]
            pub(super) const ALL: &'static [Event] = &[$(Event::$event),*];
        }

        impl From<Event> for EventKind {
            fn from(event: Event) -> Self {
                use Level::{Debug, Error, Info, Warn};
                match event {
                    $(Event::$event => Self { name: $name, levels: &$levels, members: &$members },)*
                }
            }
        }
    };
}

events! {
    /// The server is up.
    Listening "listening" [Info] ["addresses", "shards"],
    /// HTTP is up at an address.
    HttpListening "http_listening" [Info] ["address"],
    /// The server was asked to stop.
    Stopping "stopping" [Info] [],
    /// The server has stopped.
    Stopped "stopped" [Info] [],
    /// The drain ended before the jobs that workers held.
    JobsShutDown "jobs_shut_down" [Warn] ["jobs"],
    /// The server listens at an address that other machines can reach.
    Exposed "exposed" [Warn] ["addresses"],
    /// HTTP is up at an address that other machines can reach.
    HttpExposed "http_exposed" [Warn] ["addresses"],
    /// The machine lacks an address of a host name.
    AddressSkipped "address_skipped" [Warn] ["address", "error"],
    /// Connections are refused, because descriptors ran out.
    ConnectionsRefused "connections_refused" [Warn] ["suppressed"],
    /// Accepting fails, and is tried again.
    AcceptFailed "accept_failed" [Warn] ["error", "suppressed"],
    /// A connection was closed, because the shard's poller refused it.
    PollFailed "poll_failed" [Warn] ["error"],
    /// Lines were dropped because stderr was too slow.
    LinesDropped "lines_dropped" [Warn] ["lines"],
    /// Lines were omitted because there were too many of their kind.
    LinesSuppressed "lines_suppressed" [Warn, Info, Debug] ["of", "class", "suppressed"],
    /// A peer did something wrong, or was lost.
    PeerFault "peer_fault" [Warn, Info, Debug] ["peer", "class", "error", "suppressed"],
    /// A connection opened.
    ConnectionOpened "connection_opened" [Debug] ["peer", "connection"],
    /// A connection closed.
    ConnectionClosed "connection_closed" [Debug] ["peer", "connection"],
    /// A connection ended before a shard got it.
    ConnectionEnded "connection_ended" [Debug] ["error"],
    /// A job has reached its home.
    JobQueued "job_queued" [Debug] ["job", "from"],
    /// The job was sent to a worker.
    JobSent "job_sent" [Debug] ["job", "connection"],
    /// The job's worker left, and the job waits again.
    JobRequeued "job_requeued" [Debug] ["job", "connection"],
    /// The job's worker left, and the job ends.
    JobLost "job_lost" [Debug] ["job", "connection", "outcome"],
    /// A worker held the job past its run limit.
    JobOverdue "job_overdue" [Debug] ["job", "connection"],
    /// The job was revoked, because no client waits for it any more.
    JobRevoked "job_revoked" [Debug] ["job"],
    /// The job was answered.
    JobFinished "job_finished" [Debug] ["job", "outcome"],
    /// A shard has panicked, in a program without [`abort_on_panic`](super::panic::abort_on_panic).
    ShardLost "shard_lost" [Error] [],
    /// A thread has panicked, and the process ends.
    Panic "panic" [Error] ["thread", "place", "message", "backtrace"],
    /// The server could not start, or `--help` could not be printed.
    Failed "failed" [Error] ["code"],
    /// The command line is wrong.
    UsageError "usage_error" [Error] ["code"],
    /// The metrics, which `-v` asks for.
    Metrics "metrics" [Info] ["metrics"],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_in_the_documentation_with_its_level_and_members() {
        let page = include_str!("../../../docs/operating.md");
        let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let levels = |levels: &[Level]| levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
        let rows: Vec<String> = Event::ALL
            .iter()
            .copied()
            .map(EventKind::from)
            .map(|kind| format!("| `{}` | {} | {} |", kind.name, levels(kind.levels), code(kind.members)))
            .map(|row| row.replace("|  |", "| |"))
            .collect();
        let (_, table) = page.split_once("\n| event | level | members | line | meaning, and what to do |\n").unwrap();
        let shown: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(shown.len(), rows.len(), "the table has a row for each event");
        for (shown, row) in shown.into_iter().zip(&rows) {
            assert!(shown.starts_with(row.as_str()), "{shown}\nis not\n{row}");
        }
    }

    #[test]
    fn no_member_hides_one_that_every_line_has() {
        let kinds: Vec<EventKind> = Event::ALL.iter().map(|&event| event.into()).collect();
        for (i, kind) in kinds.iter().enumerate() {
            assert!(kinds[..i].iter().all(|other| other.name != kind.name), "no two have one name");
            assert!(!kind.members.iter().any(|name| ["time", "level", "event", "text"].contains(name)));
        }
    }
}
