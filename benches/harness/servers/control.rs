//! A connection of the harness to a Deputy server, to ask for the server's own counts.

use std::time::Duration;

use crate::harness::Failure;
use crate::harness::net::blocking::Blocking;
use crate::harness::net::conn::Address;

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
        self.0.write_all(b"{\"cmd\":\"metrics\"}\n")?;
        let line = self.0.read_line()?;
        let answer: serde_json::Value = serde_json::from_str(&line)?;
        let number = |name: &str| {
            let missing = || Failure::from(format!("the server's metrics have no {name}: {line}"));
            answer["metrics"][name].as_u64().ok_or_else(missing)
        };
        Ok(Counts {
            threads: number("threads")?,
            messages: number("shard_messages")?,
            wakes: number("shard_wakes")?,
            turns: number("shard_turns")?,
            done: number("jobs_done")?,
        })
    }
}
