//! What was seen over time, and how its end differs from its start.

use std::fmt::{self, Display};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::watch::Taken;

/// A look at the server, and what there was since the look before.
pub(super) struct Sample {
    /// Since the start.
    pub(super) at: Duration,
    pub(super) taken: Taken,
    /// Answers since the start.
    pub(super) answered: u64,
    /// Of the probes since the sample before.
    pub(super) latency_us: Histogram<u64>,
}

/// Samples, the earliest first.
#[derive(Default)]
pub(super) struct Series(Vec<Sample>);

impl Series {
    pub(super) fn add(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    pub(super) fn samples(&self) -> &[Sample] {
        &self.0
    }
}

impl Display for Series {
    /// A line for each tenth of the time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>8} {:>12} {:>9} {:>11} {:>9} {:>9} {:>9}",
            "until s", "answers", "MiB", "descriptors", "p50 us", "p99 us", "max us"
        )?;
        for part in self.0.chunks(self.0.len().div_ceil(10).max(1)) {
            let mut latency_us = part[0].latency_us.clone();
            let mut most = part[0].taken;
            for sample in &part[1..] {
                latency_us += &sample.latency_us;
                most.raise(sample.taken);
            }
            let last = &part[part.len() - 1];
            let quantile = |quantile| latency_us.value_at_quantile(quantile);
            let (seconds, mib) = (last.at.as_secs(), most.resident_bytes >> 20);
            let (half, rare, max) = (quantile(0.5), quantile(0.99), latency_us.max());
            writeln!(
                f,
                "{seconds:>8} {:>12} {mib:>9} {:>11} {half:>9} {rare:>9} {max:>9}",
                last.answered, most.descriptors
            )?;
        }
        Ok(())
    }
}
