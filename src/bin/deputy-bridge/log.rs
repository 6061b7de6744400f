//! Declares the events of the log. docs/scale-out.md lists them, and programs read the lines, so names and members must
//! not change.

use deputy::server::{EventKind, Level};

/// Declares the events once.
macro_rules! events {
    ($($(#[$doc:meta])* $event:ident $name:literal [$($level:ident),*] $members:tt,)*) => {
        $($(#[$doc])*
        pub(crate) const $event: EventKind =
            EventKind { name: $name, levels: &[$(Level::$level),*], members: &$members };)*

        /// All events, in the order of the documentation.
        #[cfg(test)]
        const ALL: &[EventKind] = &[$($event),*];
    };
}

events! {
    /// The bridge has started.
    STARTED "started" [Info] ["node"],
    /// A pattern of `--types` may match other types than its author expects.
    PATTERN_DOUBTFUL "pattern_doubtful" [Warn] ["error"],
    /// The bridge was asked to stop.
    STOPPING "stopping" [Info] [],
    /// The bridge has stopped.
    STOPPED "stopped" [Info] [],
    /// The server is connected.
    SERVER_CONNECTED "server_connected" [Info] [],
    /// The server is not connected.
    SERVER_LOST "server_lost" [Warn] ["error"],
    /// NATS is connected.
    NATS_CONNECTED "nats_connected" [Info] [],
    /// NATS is older than the bridge requires.
    NATS_OLD "nats_old" [Warn] ["version"],
    /// NATS is not connected.
    NATS_LOST "nats_lost" [Warn] ["error"],
    /// NATS has refused a request.
    NATS_REFUSED "nats_refused" [Error] ["error"],
    /// The stream was found or created.
    STREAM_READY "stream_ready" [Info] ["made", "version"],
    /// The stream cannot be used now.
    STREAM_FAILED "stream_failed" [Error] ["error"],
    /// The stream or a consumer has other settings than the bridge would give it.
    CONFIG_DIFFERS "config_differs" [Warn] ["error"],
    /// A consumer cannot be used now.
    CONSUMER_FAILED "consumer_failed" [Warn] ["type", "error"],
    /// A node has announced itself.
    NODE_JOINED "node_joined" [Info] ["node"],
    /// A node has left, or become silent.
    NODE_LEFT "node_left" [Info] ["node"],
    /// Another bridge has the same name.
    NODE_TWICE "node_twice" [Error] ["node"],
    /// A job is too large for NATS.
    JOB_REFUSED "job_refused" [Warn] ["type", "error"],
    /// NATS does not store a job now.
    JOB_NOT_STORED "job_not_stored" [Warn] ["error", "suppressed"],
    /// The bridge has given up on a job after too many attempts.
    JOB_GAVE_UP "job_gave_up" [Warn] ["job", "type"],
    /// A result was dropped because its node is gone.
    RESULT_DROPPED "result_dropped" [Warn] ["job"],
    /// There are more types than a connection may have.
    TYPES_LEFT_OUT "types_left_out" [Warn] ["types"],
    /// The server has refused a line of the bridge.
    LINE_REFUSED "line_refused" [Warn, Debug] ["error"],
    /// A message was not sent by a bridge.
    STRANGE_MESSAGE "strange_message" [Warn] ["error"],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_in_the_documentation_with_its_level_and_members() {
        let page = include_str!("../../../docs/scale-out.md");
        let (_, table) = page.split_once("\n| event | level | members | meaning, and what to do |\n").unwrap();
        let shown: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(shown.len(), ALL.len());
        for (event, shown) in ALL.iter().zip(shown) {
            let levels: Vec<_> = event.levels.iter().map(|level| level.name()).collect();
            let members: Vec<_> = event.members.iter().map(|name| format!("`{name}`")).collect();
            let row = format!("| `{}` | {} | {} |", event.name, levels.join(", "), members.join(", "));
            assert!(shown.starts_with(&row.replace("|  |", "| |")), "{shown}\nis not\n{row}");
        }
    }
}
