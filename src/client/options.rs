//! What can be set about a connection, for clients and workers alike.

use std::time::Duration;

use super::client::Client;
use super::connect_error::ConnectError;
use super::url::Url;
use crate::limits;

/// How to connect, and how to stay connected. Each has a default that suits most programs.
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
            retry_first: Duration::from_millis(limits::RETRY_FIRST_MS_DEFAULT),
            retry_cap: Duration::from_millis(limits::RETRY_CAP_MS_DEFAULT),
            max_unsent: limits::CLIENT_UNSENT_BYTES_DEFAULT,
            max_line: limits::LINE_BYTES_DEFAULT,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long one attempt to connect to one address may take: 5 s. Looking up a name is not part of it.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = sane(timeout);
        self
    }

    /// After how long without traffic the system begins to probe a TCP connection: 30 s. It finds a dead machine.
    #[must_use]
    pub fn keepalive(mut self, idle: Duration) -> Self {
        self.keepalive_idle =
            idle.clamp(Duration::from_secs(1), Duration::from_secs(limits::KEEPALIVE_SECONDS_MAX.into()));
        self
    }

    /// After how long without a word from the server it is sent a `ping`: 15 s. It finds a dead process, too.
    #[must_use]
    pub fn ping_after(mut self, after: Duration) -> Self {
        self.ping_after = sane(after);
        self
    }

    /// How long the server may leave a `ping` or a metrics question unanswered: 20 s. A server from which nothing at all
    /// comes for so long after a `ping`, or that takes no byte for so long, counts as dead: its connection is closed.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = sane(timeout);
        self
    }

    /// How old an outage may get before what was submitted in it fails: 5 s. Until then jobs wait for the next connection;
    /// from then on, until there is one, they fail at once. Zero makes them fail at once from the start. Attempts to
    /// connect go on all the same.
    #[must_use]
    pub fn outage_timeout(mut self, outage_timeout: Duration) -> Self {
        self.outage_timeout = outage_timeout.min(Duration::from_secs(limits::SECONDS_MAX));
        self
    }

    /// The longest wait before the first attempt to connect again, and before any: 20 ms and 3 s. In between it doubles,
    /// and each wait is a random one between half of that and all.
    #[must_use]
    pub fn retry(mut self, first: Duration, cap: Duration) -> Self {
        (self.retry_first, self.retry_cap) = (sane(first), sane(cap));
        self
    }

    /// Bytes of lines that may wait to be sent: 64 MiB. Whoever would pass it waits until there is room.
    #[must_use]
    pub fn max_unsent(mut self, bytes: usize) -> Self {
        self.max_unsent = bytes;
        self
    }

    /// The longest line in bytes, 16 MiB: what the server was given as `--max-line`. A longer one is not sent, as it would
    /// end the connection; and a server that says a longer one, metrics aside, is not listened to.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.clamp(limits::LINE_BYTES_MIN, limits::LINE_BYTES_MAX);
        self
    }

    /// For those who can always wait for the end of an outage.
    pub(super) fn unbounded(mut self) -> Self {
        self.outage_timeout = Duration::MAX;
        self
    }

    /// Connects a client.
    ///
    /// # Errors
    /// If `url` names no server, or it cannot be reached: the first connection is tried once.
    pub fn connect(self, url: &str) -> Result<Client, ConnectError> {
        self.connect_to(url.parse()?)
    }

    /// As [`connect`](Self::connect), to the server that `DEPUTY_URL` names ([`Url::from_env`]).
    pub fn connect_from_env(self) -> Result<Client, ConnectError> {
        self.connect_to(Url::from_env()?)
    }

    fn connect_to(self, url: Url) -> Result<Client, ConnectError> {
        Client::open(url, self)
    }
}

/// Within what the system takes as a time-out: no zero, which would mean without end.
fn sane(timeout: Duration) -> Duration {
    timeout.clamp(Duration::from_millis(1), Duration::from_secs(limits::SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_server_is_found_within_a_minute_unless_set_otherwise() {
        let Options { ping_after, answer_timeout, .. } = Options::new();
        // A question may first have to wait for one write that fails.
        assert!(ping_after + 2 * answer_timeout < Duration::from_secs(60));
    }
}
