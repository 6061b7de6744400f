//! Prints the progress reports of a job on standard error while the job runs.
//!
//! A number from 0 to 100 is a percentage, for which a terminal shows a bar. Any other report is printed as a line. If
//! standard error is no terminal, each report is printed as a line.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use deputy::client::{Error, JobHandle};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;

use crate::out::{self, one_line};

/// The steps of a bar: ten for each percent.
const PLACES: u64 = 1_000;

/// Waits for the answer of a job, at most until `deadline`, and passes its reports to `show` meanwhile.
pub(super) fn wait(
    job: &JobHandle<Box<RawValue>>,
    deadline: Option<Instant>,
    mut show: impl FnMut(&RawValue),
) -> Result<Box<RawValue>, Error> {
    let left = || deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
    let mut reports = job.progress::<Box<RawValue>>();
    // The reports end with the job. If the job was submitted without progress, they end at once.
    while let Some(Ok(data)) = reports.next_timeout(left()) {
        show(&data);
    }
    job.wait_timeout(left())
}

/// Shows the reports of one job.
pub(super) struct JobProgress {
    /// None without a terminal, or if no reports were asked for.
    bar: Option<ProgressBar>,
}

impl JobProgress {
    pub(super) fn start(is_wanted: bool) -> Self {
        let bar = (is_wanted && io::stderr().is_terminal()).then(|| {
            let template = "{bar:30} {percent:>3}%  {elapsed}, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is right");
            ProgressBar::new(PLACES).with_style(style)
        });
        Self { bar }
    }

    pub(super) fn show(&self, data: &RawValue) {
        match (&self.bar, place(data)) {
            (Some(bar), Some(place)) => bar.set_position(place),
            (Some(bar), None) => bar.suspend(|| print("", data)),
            (None, _) => print("", data),
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints a report as a line that begins with `job`, the words for its job. A report that is a text is printed without
/// its quotes.
pub(super) fn print(job: &str, data: &RawValue) {
    let text = serde_json::from_str::<String>(data.get());
    let text = text.as_deref().unwrap_or(data.get());
    // One write for the line, as for all messages. If stderr is closed, the job goes on.
    let _ = out::Stderr.write_all(format!("{job}progress: {}\n", one_line(text)).as_bytes());
}

/// Returns the step of the bar for a percentage.
fn place(data: &RawValue) -> Option<u64> {
    let percent: f64 = serde_json::from_str(data.get()).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1,000")]
    (0.0..=100.0).contains(&percent).then_some((percent * 10.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_from_0_to_100_is_a_percentage() {
        for (data, expected) in [
            ("0", Some(0)),
            ("12.5", Some(125)),
            ("100", Some(1_000)),
            ("1e2", Some(1_000)),
            ("100.1", None),
            ("-1", None),
            ("1e400", None),
            ("\"50\"", None),
            ("[50]", None),
            ("null", None),
        ] {
            let data = RawValue::from_string(data.to_owned()).unwrap();
            assert_eq!(place(&data), expected, "{data}");
        }
    }
}
