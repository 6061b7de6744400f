//! The settings of a server: fields, defaults and ranges.
//!
//! The command line, and programs that contain a server, fill in the same [`Config`]; docs/operating.md explains the
//! options. Only [`Config::shards`] and [`Config::memory_bytes`] query the machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::log::Level;
use super::log::line::LogFormat;
use super::number_range::{self, ConfigError, Field};
use super::os;
use crate::limits;

/// The settings of a server. Start from `Config::default()`, and change some fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The IP addresses or host names to listen on. The server listens on every address of a name. An IPv6 address may have
    /// brackets, and `%` and a scope id at its end.
    pub hosts: Vec<String>,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
    /// Whether to listen on TCP.
    pub tcp: bool,
    /// The path of a UNIX socket to listen on as well.
    pub sock: Option<PathBuf>,
    /// The number of shards, each a thread; 0 is one per core that the process may use.
    pub threads: usize,
    /// The longest line that a client may send, in bytes without the line's end.
    pub line_bytes_max: usize,
    /// Give up on a job after it has lost this many workers; 0 is never.
    pub attempts_max: u32,
    /// How many seconds a worker may hold a job that has no run limit of its own; 0 is without limit.
    pub run_limit_seconds: u64,
    /// The memory budget in bytes; `None` is half of the memory of the machine or of the process's cgroup.
    pub memory_bytes_max: Option<u64>,
    /// A connection with more unsent bytes than this is closed. At least `line_bytes_max` applies.
    pub unsent_bytes_max: u64,
    /// A connection with much unsent data is closed after this many seconds in which no byte moved; 0 is never.
    pub stall_seconds: u64,
    /// Seconds for which jobs that workers hold may continue after a stop was requested; 0 is none.
    pub drain_seconds: u64,
    /// When a TCP peer that does not answer is dropped.
    pub keepalive: Keepalive,
    /// Whether shard i stays on the i-th core. Linux only.
    pub pin: bool,
    /// The level of log lines on stderr.
    pub log: Level,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// Whether the metrics are written to stderr every five seconds.
    pub verbose: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: vec!["127.0.0.1".to_owned()],
            port: limits::PORT_DEFAULT,
            tcp: true,
            sock: None,
            threads: 0,
            line_bytes_max: limits::LINE_BYTES_DEFAULT,
            attempts_max: limits::ATTEMPTS_DEFAULT,
            run_limit_seconds: 0,
            memory_bytes_max: None,
            unsent_bytes_max: limits::UNSENT_BYTES_DEFAULT,
            stall_seconds: limits::STALL_SECONDS_DEFAULT,
            drain_seconds: limits::DRAIN_SECONDS_DEFAULT,
            keepalive: Keepalive::default(),
            pin: false,
            log: Level::Off,
            log_format: LogFormat::Text,
            verbose: false,
        }
    }
}

impl Config {
    /// Checks every setting. The error names the first field that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.tcp && (self.hosts.is_empty() || self.hosts.iter().any(String::is_empty)) {
            return Err(ConfigError::value(Field::Hosts, "", HOST_EXPECTED));
        }
        if self.sock.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
            return Err(ConfigError::value(Field::Sock, "", SOCK_EXPECTED));
        }
        if !self.tcp && self.sock.is_none() {
            return Err(ConfigError::NothingToListenOn);
        }
        number_range::THREADS.check(self.threads as u64)?;
        number_range::LINE_BYTES.check(self.line_bytes_max as u64)?;
        number_range::RUN_LIMIT_SECONDS.check(self.run_limit_seconds)?;
        self.memory_bytes_max.map_or(Ok(()), |bytes| number_range::MEMORY_BYTES.check(bytes))?;
        number_range::UNSENT_BYTES.check(self.unsent_bytes_max)?;
        number_range::STALL_SECONDS.check(self.stall_seconds)?;
        number_range::DRAIN_SECONDS.check(self.drain_seconds)?;
        self.keepalive.check()?;
        if self.pin && !cfg!(target_os = "linux") {
            return Err(ConfigError::PinUnsupported);
        }
        Ok(())
    }

    /// Returns the number of shards: `threads`, or one per core that the process may use.
    pub fn shards(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from).min(limits::SHARDS_MAX),
            given => given,
        }
    }

    /// Returns the memory budget in bytes: as given, or half of the memory of the machine or of the process's cgroup.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes_max.unwrap_or_else(|| os::half_of_memory(Path::new("/")))
    }

    /// Returns how many unsent bytes a connection may have: as given, but at least one line.
    pub fn unsent_bytes(&self) -> u64 {
        self.unsent_bytes_max.max(self.line_bytes_max as u64)
    }
}

/// Describes the valid hosts.
pub const HOST_EXPECTED: &str = "an IP address or a host name";

/// Describes the valid paths of a socket.
pub const SOCK_EXPECTED: &str = "the path of a UNIX socket";

/// Describes the valid keepalive settings.
pub const KEEPALIVE_EXPECTED: &str = "IDLE,INTERVAL,COUNT: two times of 1 to 32767 seconds, and 1 to 127 probes";

/// When a TCP peer that does not answer is dropped. After `idle_seconds` without traffic the system probes it every
/// `interval_seconds`, and after `count` lost probes the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Seconds without traffic before the first probe, 1 to [`limits::KEEPALIVE_SECONDS_MAX`].
    pub idle_seconds: u32,
    /// Seconds between probes, 1 to [`limits::KEEPALIVE_SECONDS_MAX`].
    pub interval_seconds: u32,
    /// The number of probes, 1 to [`limits::KEEPALIVE_COUNT_MAX`].
    pub count: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle_seconds: limits::KEEPALIVE_IDLE_SECONDS_DEFAULT,
            interval_seconds: limits::KEEPALIVE_INTERVAL_SECONDS_DEFAULT,
            count: limits::KEEPALIVE_COUNT_DEFAULT,
        }
    }
}

impl Keepalive {
    /// Returns how long sent bytes may stay unacknowledged: as long as it takes to detect a peer that does not answer.
    pub fn user_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_seconds) + u64::from(self.interval_seconds) * u64::from(self.count))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let seconds = 1..=limits::KEEPALIVE_SECONDS_MAX;
        let right = seconds.contains(&self.idle_seconds)
            && seconds.contains(&self.interval_seconds)
            && (1..=limits::KEEPALIVE_COUNT_MAX).contains(&self.count);
        if right { Ok(()) } else { Err(ConfigError::value(Field::Keepalive, self, KEEPALIVE_EXPECTED)) }
    }
}

/// Formats the three numbers as the command line takes them: `30,10,3`.
impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.idle_seconds, self.interval_seconds, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a default config after `change`. `wrong` is the field that the error names, or empty if there is no error.
    #[track_caller]
    fn check(wrong: &str, change: impl FnOnce(&mut Config)) {
        let mut config = Config::default();
        change(&mut config);
        let named = config.check().map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(named.split(' ').next(), Some(wrong), "{named}");
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!((config.hosts.as_slice(), config.port), (["127.0.0.1".to_owned()].as_slice(), 11_746));
        assert_eq!(config.keepalive.to_string(), "30,10,3");
        assert_eq!(config.keepalive.user_timeout(), Duration::from_secs(60));
        assert_eq!(config.unsent_bytes(), 64 << 20);
    }

    #[test]
    fn every_bound_holds_at_its_edges() {
        check("", |c| c.threads = 0);
        check("", |c| c.threads = 1_024);
        check("threads", |c| c.threads = 1_025);
        check("line_bytes_max", |c| c.line_bytes_max = 0);
        check("line_bytes_max", |c| c.line_bytes_max = 63);
        check("", |c| c.line_bytes_max = 64);
        check("", |c| c.line_bytes_max = 1 << 30);
        check("line_bytes_max", |c| c.line_bytes_max = (1 << 30) + 1);
        check("", |c| c.attempts_max = 0);
        check("", |c| c.attempts_max = u32::MAX);
        check("", |c| c.run_limit_seconds = 2_592_000);
        check("run_limit_seconds", |c| c.run_limit_seconds = 2_592_001);
        check("memory_bytes_max", |c| c.memory_bytes_max = Some(0));
        check("memory_bytes_max", |c| c.memory_bytes_max = Some((1 << 20) - 1));
        check("", |c| c.memory_bytes_max = Some(1 << 20));
        check("", |c| c.memory_bytes_max = Some(1 << 50));
        check("memory_bytes_max", |c| c.memory_bytes_max = Some((1 << 50) + 1));
        check("", |c| c.unsent_bytes_max = 0);
        check("", |c| c.unsent_bytes_max = 1 << 50);
        check("unsent_bytes_max", |c| c.unsent_bytes_max = (1 << 50) + 1);
        check("", |c| c.stall_seconds = 0);
        check("", |c| c.stall_seconds = 86_400);
        check("stall_seconds", |c| c.stall_seconds = 86_401);
        check("", |c| c.drain_seconds = 0);
        check("", |c| c.drain_seconds = 86_400);
        check("drain_seconds", |c| c.drain_seconds = 86_401);
    }

    #[test]
    fn keepalive_is_bounded_by_what_the_kernel_takes() {
        let with = |idle_seconds, interval_seconds, count| {
            move |c: &mut Config| c.keepalive = Keepalive { idle_seconds, interval_seconds, count }
        };
        for limit in [limits::KEEPALIVE_SECONDS_MAX, limits::KEEPALIVE_COUNT_MAX] {
            assert!(KEEPALIVE_EXPECTED.contains(&format!("1 to {limit} ")));
        }
        check("", with(1, 1, 1));
        check("", with(32_767, 32_767, 127));
        for (idle, interval, count) in [
            (0, 1, 1),
            (1, 0, 1),
            (1, 1, 0),
            (32_768, 1, 1),
            (1, 32_768, 1),
            (1, 1, 128),
            (u32::MAX, u32::MAX, u32::MAX),
        ] {
            check("keepalive", with(idle, interval, count));
        }
    }

    #[test]
    fn there_must_be_something_to_listen_on() {
        check("tcp", |c| c.tcp = false);
        check("", |c| (c.tcp, c.sock) = (false, Some("deputy.sock".into())));
        check("sock", |c| c.sock = Some("".into()));
        check("hosts", |c| c.hosts.clear());
        check("hosts", |c| c.hosts.push(String::new()));
    }

    #[test]
    fn less_unsent_than_a_line_is_raised_to_a_line() {
        let config = Config { unsent_bytes_max: 10, line_bytes_max: 1_000, ..Config::default() };
        assert_eq!(config.unsent_bytes(), 1_000);
    }

    #[test]
    fn what_is_not_given_is_found_out() {
        let config = Config::default();
        assert!((1..=limits::SHARDS_MAX).contains(&config.shards()));
        assert!(config.memory_bytes() >= limits::MEMORY_BYTES_MIN);
        let config = Config { threads: 7, memory_bytes_max: Some(1 << 21), ..config };
        assert_eq!((config.shards(), config.memory_bytes()), (7, 1 << 21));
    }
}
