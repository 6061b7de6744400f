//! The figures of jobs that ask for something besides being done.

use serde::Serialize;

use crate::harness::figure::approximate;
use crate::harness::traffic::asks::{Ask, PRIORITIES};
use crate::harness::traffic::tally::{ServerCounts, Tally};

/// They are counted from the first job to the last one, warm-up included.
///
/// The names are the keys of the JSON lines, as those of [`super::row::Row`]. `None`: not known, or the jobs do not ask for
/// that.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Ends {
    pub(crate) asks: Option<&'static str>,
    pub(crate) jobs_ended: Option<f64>,
    pub(crate) jobs_cancelled: Option<f64>,
    pub(crate) jobs_expired: Option<f64>,
    pub(crate) jobs_timed_out: Option<f64>,
    pub(crate) jobs_joined: Option<f64>,
    pub(crate) executions: Option<f64>,
    pub(crate) cancels_to_workers: Option<f64>,
    pub(crate) progress_lines: Option<f64>,
    pub(crate) highest_p50_us: Option<f64>,
    pub(crate) lowest_p50_us: Option<f64>,
    pub(crate) late_p50_us: Option<f64>,
    pub(crate) late_p99_us: Option<f64>,
    pub(crate) late_max_us: Option<f64>,
    pub(crate) early_max_us: Option<f64>,
}

impl Ends {
    /// Returns the figures of a run, warm-up and end included.
    pub(super) fn of(ask: Ask, tally: &Tally, server: Option<ServerCounts>) -> Self {
        let Some(ServerCounts { joined, .. }) = server else { return Self::default() };
        let of = |asks: &[Ask], count: u64| asks.contains(&ask).then(|| approximate(count));
        let late = |quantile| tally.late_us(quantile);
        Self {
            asks: ask.name(),
            jobs_ended: Some(approximate(tally.jobs())),
            jobs_cancelled: of(&[Ask::Cancel], tally.cancelled),
            jobs_expired: of(&[Ask::Expire], tally.expired),
            jobs_timed_out: of(&[Ask::RunLimit], tally.timed_out),
            jobs_joined: of(&[Ask::Key], joined),
            executions: Some(approximate(tally.executions)),
            cancels_to_workers: of(&[Ask::Cancel, Ask::Expire, Ask::RunLimit], tally.cancels),
            progress_lines: of(&[Ask::Progress], tally.reports),
            highest_p50_us: tally.wait_us(PRIORITIES.len() - 1),
            lowest_p50_us: tally.wait_us(0),
            late_p50_us: late(0.5),
            late_p99_us: late(0.99),
            late_max_us: late(1.0),
            early_max_us: of(&[Ask::Delay, Ask::Expire], tally.early_ns).map(|ns| ns / 1e3),
        }
    }

    /// Returns how many of all jobs this figure is, as a fraction.
    pub(super) fn share(&self, figure: Option<f64>) -> Option<f64> {
        Some(figure? / self.jobs_ended?)
    }

    /// Describes the figures that are known, for a person.
    pub(super) fn describe(&self) -> Vec<String> {
        let figure = |name: &str, figure: Option<f64>| figure.map(|figure| format!("{figure:.0} {name}"));
        let quantiles = |name: &str, figures: [Option<f64>; 4]| {
            let [p50, p99, max, early] = figures.map(Option::unwrap_or_default);
            figures[0]
                .map(|_| format!("{name} {p50:.0}/{p99:.0}/{max:.0} us late (p50/p99/max), at most {early:.0} early"))
        };
        let late = [self.late_p50_us, self.late_p99_us, self.late_max_us, self.early_max_us];
        [
            figure("jobs in all", self.jobs_ended),
            figure("cancelled", self.jobs_cancelled),
            figure("expired", self.jobs_expired),
            figure("timed out", self.jobs_timed_out),
            figure("joined", self.jobs_joined),
            figure("executions", self.executions),
            figure("cancels to workers", self.cancels_to_workers),
            figure("progress lines", self.progress_lines),
            figure("us p50 of the highest priority", self.highest_p50_us),
            figure("of the lowest", self.lowest_p50_us),
            quantiles("jobs", late),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The figures of which a median is taken.
pub(super) const FIGURES: [fn(&mut Ends) -> &mut Option<f64>; 14] = [
    |ends| &mut ends.jobs_ended,
    |ends| &mut ends.jobs_cancelled,
    |ends| &mut ends.jobs_expired,
    |ends| &mut ends.jobs_timed_out,
    |ends| &mut ends.jobs_joined,
    |ends| &mut ends.executions,
    |ends| &mut ends.cancels_to_workers,
    |ends| &mut ends.progress_lines,
    |ends| &mut ends.highest_p50_us,
    |ends| &mut ends.lowest_p50_us,
    |ends| &mut ends.late_p50_us,
    |ends| &mut ends.late_p99_us,
    |ends| &mut ends.late_max_us,
    |ends| &mut ends.early_max_us,
];
