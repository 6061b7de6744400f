//! A table: cases that run in alternation, and the claims that are judged by their figures.
//!
//! ```text
//! workloads, peers: tables -> run: each case, round by round -> row: figures -> report, plot
//!                               \-> sweep: the highest rate of each case
//! ```

mod asks;
mod axis;
mod bridge;
pub(crate) mod case;
mod common;
mod ends;
pub(crate) mod peers;
mod plot;
mod progress;
mod promises;
mod report;
mod row;
pub(crate) mod run;
pub(crate) mod sweep;
pub(crate) mod workloads;

use crate::harness::figure::median;
use case::{Case, LoopKind, Placement};
use row::Row;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table {
    /// The name of its workload, or nothing.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// Lines below the title: how the servers are started, and what they promise.
    pub(crate) notes: Vec<String>,
    /// They run in alternation, in this order.
    pub(crate) cases: Vec<Case>,
    /// Judged at the end.
    pub(crate) claims: Vec<Claim>,
}

/// A figure of a run; `None`: it is not known.
pub(crate) type Figure = fn(&Row) -> Option<f64>;

/// A figure of one case, alone or relative to another case's, and its goal.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Names the figure.
    pub(crate) text: String,
    /// The figure.
    pub(crate) figure: Figure,
    /// The index of its case in the table.
    pub(crate) of: usize,
    /// The index of the case whose figure divides it, round by round.
    pub(crate) relative_to: Option<usize>,
    /// What it should be.
    pub(crate) goal: Goal,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// It is only reported.
    None,
}

/// The figure of a claim over the rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// The median.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
    /// Whether the median reaches the goal; `None` without a goal.
    pub(crate) reached: Option<bool>,
}

impl Table {
    /// Returns the table of the cases that the options describe. `vs_floor`: deputy and the floor alternate.
    pub(crate) fn of_options(cases: Vec<Case>, vs_floor: bool) -> Self {
        let pairs = if vs_floor { cases.len() / 2 } else { 0 };
        let claims = (0..pairs).flat_map(|pair| Claim::all_ratios(&cases, 2 * pair, 2 * pair + 1)).collect();
        Self { name: String::new(), title: String::new(), notes: Vec::new(), cases, claims }
    }

    /// Reduces a named workload to its first case, on a server that runs already. Returns an error if that case needs a
    /// server that is set up for it.
    pub(crate) fn for_running_server(self) -> Result<Self, String> {
        let case = self.cases.into_iter().next().ok_or("a table has a case")?;
        let needs_own = case.threads != 1 || case.unix || case.placement == Placement::Shared;
        if needs_own || matches!(case.loop_kind, LoopKind::ShareOf(kind, _) if kind != case.kind) {
            return Err(format!("the workload {} starts its own servers: it cannot be used with --addr", self.name));
        }
        Ok(Self { cases: vec![case.placement(Placement::Running)], claims: Vec::new(), ..self })
    }
}

impl Claim {
    /// Returns a claim about a figure relative to another case's.
    pub(crate) fn ratio(text: impl Into<String>, figure: Figure, of: usize, relative_to: usize, goal: Goal) -> Self {
        Self { text: text.into(), figure, of, relative_to: Some(relative_to), goal }
    }

    /// Returns a claim about a figure alone.
    pub(crate) fn alone(text: impl Into<String>, figure: Figure, of: usize, goal: Goal) -> Self {
        Self { text: text.into(), figure, of, relative_to: None, goal }
    }

    /// Compares two cases in all figures.
    fn all_ratios(cases: &[Case], of: usize, relative_to: usize) -> Vec<Self> {
        let figures: [(&str, Figure); 4] = [
            ("jobs/s", |row| Some(row.jobs_per_s)),
            ("p50", |row| row.p50_us),
            ("p99", |row| row.p99_us),
            ("server CPU per job", |row| row.server_cpu_us_per_job),
        ];
        let names = format!("{} / {}", cases[of].label, cases[relative_to].label);
        figures
            .map(|(text, figure)| Self::ratio(format!("{text}, {names}"), figure, of, relative_to, Goal::None))
            .into()
    }

    /// Judges the claim by the rows of all cases, round by round. Returns `None` if a figure is not known.
    pub(crate) fn judge(&self, rows: &[Vec<Row>]) -> Option<Verdict> {
        let figures: Vec<f64> = rows[self.of]
            .iter()
            .enumerate()
            .map(|(round, row)| {
                let figure = (self.figure)(row)?;
                match self.relative_to {
                    Some(other) => Some(figure / (self.figure)(rows[other].get(round)?)?),
                    None => Some(figure),
                }
            })
            .collect::<Option<_>>()?;
        let median = median(figures.clone())?;
        let reached = match self.goal {
            Goal::AtMost(most) => Some(median <= most),
            Goal::AtLeast(least) => Some(median >= least),
            Goal::None => None,
        };
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Verdict { median, least, most, reached })
    }
}
