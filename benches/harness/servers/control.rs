//! A connection of the harness to a Deputy server, to ask for the server's own counts.

use std::time::Duration;

use crate::harness::Failure;
use crate::harness::net::blocking::Blocking;
use crate::harness::net::conn::Address;
use crate::harness::traffic::tally::ServerCounts;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What the server says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Its shards: what `--threads` says.
    pub(crate) threads: u64,
    /// Messages between shards since its start.
    pub(crate) messages: u64,
    /// Shards woken for them.
    pub(crate) wakes: u64,
    /// Turns of the shards' loops.
    pub(crate) turns: u64,
    /// Jobs answered with a result.
    pub(crate) done: u64,
}

/// What the server says of its jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    /// What comes back to its value when all jobs have ended.
    pub(crate) at_rest: AtRest,
    /// Jobs by their end, since the server's start.
    counts: ServerCounts,
}

/// What the server has now. Without jobs all of it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtRest {
    waiting: u64,
    running: u64,
    delayed: u64,
    spent_slots: u64,
    bytes_held: u64,
}

impl AtRest {
    /// Whether the server has no more of anything than before.
    pub(crate) fn is_within(self, before: Self) -> bool {
        self.waiting <= before.waiting
            && self.running <= before.running
            && self.delayed <= before.delayed
            && self.spent_slots <= before.spent_slots
            && self.bytes_held <= before.bytes_held
    }
}

impl Books {
    /// Returns the jobs that ended after `before`, by their end.
    pub(crate) fn counts_since(&self, before: &Self) -> ServerCounts {
        let (now, before) = (self.counts, before.counts);
        ServerCounts {
            cancelled: now.cancelled - before.cancelled,
            expired: now.expired - before.expired,
            timed_out: now.timed_out - before.timed_out,
            joined: now.joined - before.joined,
        }
    }
}

/// See the module.
pub(crate) struct Control(Blocking);

impl Control {
    /// Connects.
    pub(crate) fn connect(address: &Address) -> Result<Self, Failure> {
        let stream = Blocking::connect(address, ANSWER_TIMEOUT);
        Ok(Self(stream.map_err(|error| format!("cannot connect to the server at {address}: {error}"))?))
    }

    /// Asks for the server's counts.
    pub(crate) fn counts(&mut self) -> Result<Counts, Failure> {
        let metrics = self.metrics()?;
        Ok(Counts {
            threads: metrics.number("threads")?,
            messages: metrics.number("shard_messages")?,
            wakes: metrics.number("shard_wakes")?,
            turns: metrics.number("shard_turns")?,
            done: metrics.number("jobs_done")?,
        })
    }

    /// Asks for the server's jobs.
    pub(crate) fn books(&mut self) -> Result<Books, Failure> {
        let metrics = self.metrics()?;
        Ok(Books {
            at_rest: AtRest {
                waiting: metrics.number("jobs_waiting")?,
                running: metrics.number("jobs_running")?,
                delayed: metrics.number("jobs_delayed")?,
                spent_slots: metrics.number("slots_spent")?,
                bytes_held: metrics.number("bytes_held")?,
            },
            counts: ServerCounts {
                cancelled: metrics.number("jobs_cancelled")?,
                expired: metrics.number("jobs_expired")?,
                timed_out: metrics.number("jobs_timed_out")?,
                joined: metrics.number("jobs_joined")?,
            },
        })
    }

    fn metrics(&mut self) -> Result<Metrics, Failure> {
        self.0.write_all(b"{\"cmd\":\"metrics\"}\n")?;
        let line = self.0.read_line()?;
        Ok(Metrics(serde_json::from_str(&line)?))
    }
}

/// The server's answer.
struct Metrics(serde_json::Value);

impl Metrics {
    fn number(&self, name: &str) -> Result<u64, Failure> {
        let number = self.0["metrics"][name].as_u64();
        number.ok_or_else(|| format!("the server's metrics have no {name}: {}", self.0).into())
    }
}
