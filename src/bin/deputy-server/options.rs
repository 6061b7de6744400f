//! The options, in one table: the parser and the help text are made from it, so that they cannot part.

use std::ffi::OsStr;

use deputy::server::number_range::{self, NumberRange, Size};
use deputy::server::{Config, HOST_RIGHT, KEEPALIVE_RIGHT, Keepalive, Level, SOCK_RIGHT};

/// One option of the command line.
pub(crate) struct Opt {
    pub(crate) short: Option<char>,
    /// With its dashes.
    pub(crate) long: &'static str,
    pub(crate) value: ValueKind,
    /// For the help text, without the default.
    pub(crate) help: &'static str,
    /// What it is if it is not given; empty if that goes without saying.
    pub(crate) default: fn(&Config) -> String,
}

/// What follows an option, and what it does.
pub(crate) enum ValueKind {
    /// Nothing; shows the help text.
    Help,
    /// Nothing; shows the version.
    Version,
    /// Nothing.
    Nothing(fn(&mut Config)),
    /// A number within a bound.
    Number(&'static NumberRange, fn(&mut Config, u64)),
    /// Something else: `set` is false if it is not what `right` says.
    Text { name: &'static str, right: &'static str, set: fn(&mut Config, &OsStr) -> bool },
}

const LOG_RIGHT: &str = "off, error, warn, info or debug";

/// Every option, in the order of the help text.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt {
        short: Some('h'),
        long: "--host",
        value: ValueKind::Text {
            name: "IP-or-name",
            right: HOST_RIGHT,
            set: |config, value| value.to_str().map(|host| host.clone_into(&mut config.host)).is_some(),
        },
        help: "address to listen on; of a name all",
        default: |config| config.host.clone(),
    },
    Opt {
        short: Some('p'),
        long: "--port",
        value: ValueKind::Number(&number_range::PORT, |config, port| config.port = narrow(port)),
        help: "TCP port; 0 picks a free one",
        default: |config| config.port.to_string(),
    },
    Opt {
        short: Some('s'),
        long: "--sock",
        value: ValueKind::Text {
            name: "PATH",
            right: SOCK_RIGHT,
            set: |config, value| {
                config.sock = Some(value.into());
                true
            },
        },
        help: "listen on this UNIX socket as well",
        default: |_| String::new(),
    },
    Opt {
        short: None,
        long: "--no-tcp",
        value: ValueKind::Nothing(|config| config.tcp = false),
        help: "listen on the UNIX socket alone",
        default: |_| String::new(),
    },
    Opt {
        short: Some('v'),
        long: "--verbose",
        value: ValueKind::Nothing(|config| config.verbose = true),
        help: "metrics to stderr every 5 s, as a line of JSON",
        default: |_| String::new(),
    },
    Opt {
        short: None,
        long: "--log",
        value: ValueKind::Text {
            name: "LEVEL",
            right: LOG_RIGHT,
            set: |config, value| {
                let level = value.to_str().and_then(Level::from_name);
                level.map(|level| config.log = level).is_some()
            },
        },
        help: LOG_RIGHT,
        default: |config| config.log.name().to_owned(),
    },
    Opt {
        short: None,
        long: "--threads",
        value: ValueKind::Number(&number_range::THREADS, |config, threads| config.threads = narrow(threads)),
        help: "shards; 0: one a core it may use",
        default: |config| config.threads.to_string(),
    },
    Opt {
        short: None,
        long: "--max-line",
        value: ValueKind::Number(&number_range::LINE_BYTES, |config, bytes| config.line_bytes_max = narrow(bytes)),
        help: "longest line of a client, 64 to 1G",
        default: |config| Size(config.line_bytes_max as u64).to_string(),
    },
    Opt {
        short: None,
        long: "--max-attempts",
        value: ValueKind::Number(&number_range::ATTEMPTS, |config, attempts| config.attempts_max = narrow(attempts)),
        help: "lost workers that end a job; 0: without end",
        default: |config| config.attempts_max.to_string(),
    },
    Opt {
        short: None,
        long: "--max-memory",
        value: ValueKind::Number(&number_range::MEMORY_BYTES, |config, bytes| config.memory_bytes_max = Some(bytes)),
        help: "for jobs and lines, from 1M",
        default: |_| "half the machine's".to_owned(),
    },
    Opt {
        short: None,
        long: "--max-unsent",
        value: ValueKind::Number(&number_range::UNSENT_BYTES, |config, bytes| config.unsent_bytes_max = bytes),
        help: "more unsent closes a connection",
        default: |config| Size(config.unsent_bytes_max).to_string(),
    },
    Opt {
        short: None,
        long: "--stall-timeout",
        value: ValueKind::Number(&number_range::STALL_SECONDS, |config, seconds| config.stall_seconds = seconds),
        help: "for a peer that does not read; 0: never",
        default: |config| config.stall_seconds.to_string(),
    },
    Opt {
        short: None,
        long: "--drain-timeout",
        value: ValueKind::Number(&number_range::DRAIN_SECONDS, |config, seconds| config.drain_seconds = seconds),
        help: "for jobs held when it is told to stop",
        default: |config| config.drain_seconds.to_string(),
    },
    Opt {
        short: None,
        long: "--keepalive",
        value: ValueKind::Text {
            name: "IDLE,INTERVAL,COUNT",
            right: KEEPALIVE_RIGHT,
            set: |config, value| keepalive(value).map(|keepalive| config.keepalive = keepalive).is_some(),
        },
        help: "seconds, seconds and probes, over TCP",
        default: |config| config.keepalive.to_string(),
    },
    Opt {
        short: None,
        long: "--pin",
        value: ValueKind::Nothing(|config| config.pin = true),
        help: "keep shard i on core i (Linux)",
        default: |_| String::new(),
    },
    Opt { short: None, long: "--help", value: ValueKind::Help, help: "show this and exit", default: |_| String::new() },
    Opt {
        short: Some('V'),
        long: "--version",
        value: ValueKind::Version,
        help: "show the version and exit",
        default: |_| String::new(),
    },
];

/// Three whole numbers with commas between; whether they are in range is for [`Config::check`].
fn keepalive(value: &OsStr) -> Option<Keepalive> {
    let mut parts = value.to_str()?.split(',').map(|part| parse_uint(part)?.try_into().ok());
    let (idle_seconds, interval_seconds, count) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(Keepalive { idle_seconds, interval_seconds, count })
}

/// Digits alone, without a sign.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A number that its bound keeps within the field's type.
fn narrow<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("the option's bound is within the field's type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_once_and_is_that_of_its_bound() {
        for (index, option) in OPTIONS.iter().enumerate() {
            let others = &OPTIONS[index + 1..];
            assert!(others.iter().all(|other| other.long != option.long));
            assert!(option.short.is_none() || others.iter().all(|other| other.short != option.short));
            if let ValueKind::Number(range, _) = option.value {
                assert_eq!(range.option, option.long);
            }
        }
    }

    #[test]
    fn every_level_is_named() {
        let words: Vec<_> = LOG_RIGHT.split([',', ' ']).filter(|word| !["", "or"].contains(word)).collect();
        assert_eq!(words, Level::NAMES.map(|(name, _)| name));
    }

    #[test]
    fn h_is_the_host_as_in_2011() {
        let named = |short| OPTIONS.iter().find(|option| option.short == Some(short)).map(|option| option.long);
        assert_eq!(named('h'), Some("--host"));
    }
}
