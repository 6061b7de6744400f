//! What the server's process takes: memory and descriptors, at the start, at most and at the end.

use std::fmt::{self, Display};
use std::fs;

/// Figures of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Bytes that are in the machine's memory.
    pub(crate) resident_bytes: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
}

impl Taken {
    /// Of a process that lives.
    pub(crate) fn by(process: u32) -> Self {
        Self::look(process).unwrap_or_default()
    }

    fn look(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
        let resident_bytes = kilobytes.trim().parse::<u64>().ok()? << 10;
        Some(Self { resident_bytes, descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count() })
    }

    /// Notes another look: the larger figure of each stays.
    pub(crate) fn raise(&mut self, other: Self) {
        self.resident_bytes = self.resident_bytes.max(other.resident_bytes);
        self.descriptors = self.descriptors.max(other.descriptors);
    }
}

/// The most of several rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) start: Taken,
    pub(crate) peak: Taken,
    /// Of rounds that drained: nothing is left of a server that was stopped.
    pub(crate) end: Taken,
}

impl Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.resident_bytes * 10) >> 20;
        write!(f, "{}.{} MiB and {} descriptors", tenths / 10, tenths % 10, self.descriptors)
    }
}

impl Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server at the start {}, at most {}, drained {}", self.start, self.peak, self.end)
    }
}
