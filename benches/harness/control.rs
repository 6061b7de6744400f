//! A connection of the harness's own to a Deputy server, to ask what it counts itself.

use std::time::Duration;

use super::Failure;
use super::blocking::Blocking;
use super::conn::Address;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server has counted since its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Messages between shards.
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
        Ok(Self(Blocking::connect(address, PATIENCE)?))
    }

    /// What the server has counted.
    pub(crate) fn counted(&mut self) -> Result<Counted, Failure> {
        self.0.write_all(b"{\"cmd\":\"metrics\"}\n")?;
        let line = self.0.read_line()?;
        let answer: serde_json::Value = serde_json::from_str(&line)?;
        let figure = |name: &str| {
            answer["metrics"][name].as_u64().ok_or_else(|| Failure::from(format!("no {name} in the metrics: {line}")))
        };
        Ok(Counted {
            messages: figure("shard_messages")?,
            wakes: figure("shard_wakes")?,
            turns: figure("shard_turns")?,
            done: figure("jobs_done")?,
        })
    }
}
