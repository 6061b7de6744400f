//! The options of a connection, for clients and workers.

use std::time::{Duration, Instant};

use crate::limits;

/// Options for connecting and staying connected. The defaults suit most programs.
///
/// ```
/// # use deputy::server::{Config, Server};
/// # let server = Server::start(Config { port: 0, ..Config::default() })?;
/// # let url = server.addresses()[0].to_string();
/// use std::time::Duration;
///
/// use deputy::client::Options;
///
/// let client = Options::new().connect_timeout(Duration::from_secs(1)).outage_timeout(Duration::ZERO).connect(&url)?;
/// client.ping()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) connect_timeout: Duration,
    pub(super) keepalive_idle: Duration,
    pub(super) ping_after: Duration,
    pub(super) answer_timeout: Duration,
    pub(super) outage_timeout: Duration,
    pub(super) deadline: Option<Instant>,
    pub(super) retry_first: Duration,
    pub(super) retry_cap: Duration,
    pub(super) max_unsent: usize,
    pub(super) max_line: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(limits::CONNECT_SECONDS_DEFAULT),
            keepalive_idle: Duration::from_secs(limits::KEEPALIVE_IDLE_SECONDS_DEFAULT.into()),
            ping_after: Duration::from_secs(limits::PING_AFTER_SECONDS_DEFAULT),
            answer_timeout: Duration::from_secs(limits::ANSWER_SECONDS_DEFAULT),
            outage_timeout: Duration::from_secs(limits::OUTAGE_SECONDS_DEFAULT),
            deadline: None,
            retry_first: Duration::from_millis(limits::RETRY_FIRST_MS_DEFAULT),
            retry_cap: Duration::from_millis(limits::RETRY_CAP_MS_DEFAULT),
            max_unsent: limits::CLIENT_UNSENT_BYTES_DEFAULT,
            max_line: limits::LINE_BYTES_DEFAULT,
        }
    }
}

impl Options {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long one attempt to connect may take: 5 s. It covers the lookup of the host's name and the attempts at
    /// all of its addresses, which share the remaining time equally.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = sane(timeout);
        self
    }

    /// Sets the instant at which every wait of a client ends: for connecting, jobs, `ping`, metrics and closing. None
    /// by default. Use it in a program with a time limit, such as a command. A worker ignores it.
    ///
    /// ```
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// use std::time::{Duration, Instant};
    ///
    /// use deputy::client::{Error, Options};
    ///
    /// let client = Options::new().deadline(Instant::now() + Duration::from_millis(50)).connect(&url)?;
    /// let job = client.submit::<_, ()>("without a worker", &0);
    /// assert!(matches!(job.wait(), Err(Error::TimedOut)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets after how long without traffic the system begins to probe a TCP connection: 30 s. Probes detect a dead
    /// machine.
    #[must_use]
    pub fn keepalive(mut self, idle: Duration) -> Self {
        self.keepalive_idle =
            idle.clamp(Duration::from_secs(1), Duration::from_secs(limits::KEEPALIVE_SECONDS_MAX.into()));
        self
    }

    /// Sets after how long without a line from the server a `ping` is sent: 15 s. It also detects a dead process.
    #[must_use]
    pub fn ping_after(mut self, after: Duration) -> Self {
        self.ping_after = sane(after);
        self
    }

    /// Sets how long the server may leave a `ping` or a metrics query unanswered: 20 s.
    ///
    /// The client closes the connection if nothing at all comes for this long after a `ping`, or if the server takes no
    /// byte for this long.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = sane(timeout);
        self
    }

    /// Sets how long jobs wait for a new connection in an outage: 5 s. If an outage lasts longer, jobs fail at once
    /// until there is a connection. With zero, jobs fail at once in every outage. The client keeps trying to connect in
    /// any case.
    #[must_use]
    pub fn outage_timeout(mut self, timeout: Duration) -> Self {
        self.outage_timeout = timeout.min(Duration::from_secs(limits::SECONDS_MAX));
        self
    }

    /// Sets the longest wait before the first attempt to reconnect, and before any attempt: 20 ms and 3 s. The wait
    /// doubles from attempt to attempt; the actual wait is random, between half of this value and all of it.
    #[must_use]
    pub fn retry(mut self, first: Duration, cap: Duration) -> Self {
        (self.retry_first, self.retry_cap) = (sane(first), sane(cap));
        self
    }

    /// Sets how many bytes of lines may wait to be sent: 64 MiB. A call that would exceed this waits until there is
    /// room.
    #[must_use]
    pub fn max_unsent(mut self, bytes: usize) -> Self {
        self.max_unsent = bytes;
        self
    }

    /// Sets the longest line in bytes: 16 MiB. The client does not send a longer line, because it would end the
    /// connection. If the server sends a longer one, except for metrics, the client closes the connection.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.clamp(limits::LINE_BYTES_MIN, limits::LINE_BYTES_MAX);
        self
    }

    /// Removes the limits on how long an outage may last, for a worker.
    pub(super) fn unbounded(mut self) -> Self {
        self.outage_timeout = Duration::MAX;
        self.deadline = None;
        self
    }

    /// Returns when something that may take `timeout` from now has to end.
    pub(super) fn end_of(&self, timeout: Duration) -> Instant {
        let end = Instant::now() + timeout;
        self.deadline.map_or(end, |deadline| end.min(deadline))
    }
}

/// Clamps to what the system accepts as a time-out. Zero would mean no time-out.
fn sane(timeout: Duration) -> Duration {
    timeout.clamp(Duration::from_millis(1), Duration::from_secs(limits::SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_server_is_found_within_a_minute_unless_set_otherwise() {
        let Options { ping_after, answer_timeout, .. } = Options::new();
        // A query may have to wait for one write that fails.
        assert!(ping_after + 2 * answer_timeout < Duration::from_secs(60));
    }
}
