//! The record: a line per change, of which the last counts.

use std::fmt;
use std::process::Command;

use crate::{ALL, OPERATIONS};

/// Instructions per operation, in the order of [`ALL`].
pub(crate) type Counts = [f64; OPERATIONS];

/// A line of the record: `DATE | ENVIRONMENT | name count, name count, ... | REASON`.
pub(crate) struct Entry {
    pub(crate) date: String,
    /// What the counts depend on beside the code.
    pub(crate) environment: String,
    pub(crate) counts: Counts,
    pub(crate) reason: String,
}

impl Entry {
    /// Makes an entry of today.
    ///
    /// # Errors
    /// If the reason says nothing, or does not fit in a field.
    pub(crate) fn now(counts: Counts, reason: &str) -> Result<Self, String> {
        let reason = reason.trim();
        if reason.len() < 10 || reason.contains(['|', '\n']) {
            return Err("the reason must say in a line what changed, without '|'".to_owned());
        }
        let date = output("date", &["-u", "+%Y-%m-%d"])?;
        Ok(Self { date, environment: environment(), counts, reason: reason.to_owned() })
    }

    fn read(line: &str) -> Option<Self> {
        let [date, environment, list, reason] =
            line.split(" | ").collect::<Vec<_>>().try_into().ok().filter(|fields: &[&str; 4]| !fields[3].is_empty())?;
        let mut counts = [0.0; OPERATIONS];
        let mut parts = list.split(", ");
        for (count, operation) in counts.iter_mut().zip(&ALL) {
            *count = parts.next()?.strip_prefix(operation.name)?.trim_start().parse().ok()?;
        }
        let entry = Self { date: date.into(), environment: environment.into(), counts, reason: reason.into() };
        parts.next().is_none().then_some(entry)
    }

    /// Compares counts of now with these.
    ///
    /// # Errors
    /// The operations that are more than `tolerance` percent above.
    pub(crate) fn judge(&self, now: &Counts, tolerance: f64) -> Result<(), String> {
        let limit = 1.0 + tolerance / 100.0;
        let pairs = ALL.iter().zip(self.counts.iter().zip(now));
        let worse: Vec<&str> =
            pairs.filter(|(_, (before, now))| **now > **before * limit).map(|(operation, _)| operation.name).collect();
        if worse.is_empty() { Ok(()) } else { Err(worse.join(", ")) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            ALL.iter().zip(self.counts).map(|(operation, count)| format!("{} {count:.0}", operation.name)).collect();
        write!(f, "{} | {} | {} | {}", self.date, self.environment, counts.join(", "), self.reason)
    }
}

/// Returns the last entry of the record. Lines that begin with `#` are comments.
pub(crate) fn last(text: &str) -> Result<Entry, String> {
    let line = text.lines().rfind(|line| !line.is_empty() && !line.starts_with('#')).ok_or("the record is empty")?;
    Entry::read(line).ok_or_else(|| format!("this line of the record cannot be read: {line}"))
}

/// Returns what the counts depend on beside the code: the compiler, and the processor's features that libraries look for.
pub(crate) fn environment() -> String {
    let compiler = output("rustc", &["-V"]).unwrap_or_else(|_| "an unknown compiler".to_owned());
    #[cfg(target_arch = "x86_64")]
    let features = if std::is_x86_feature_detected!("avx2") { "avx2" } else { "no avx2" };
    #[cfg(not(target_arch = "x86_64"))]
    let features = std::env::consts::ARCH;
    format!("{compiler}, {features}")
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    String::from_utf8(output.stdout).map(|text| text.trim().to_owned()).map_err(|error| format!("{program}: {error}"))
}
