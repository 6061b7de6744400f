//! A table: cases that are run by turns, and what is to be said of them together.

use super::case::Case;
use super::figure::median;
use super::row::Row;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its letter, or nothing.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// Run by turns, in this order.
    pub(crate) cases: Vec<Case>,
    /// Judged at the end.
    pub(crate) claims: Vec<Claim>,
}

/// Which figure of a run; `None`: it is not known.
pub(crate) type Figure = fn(&Row) -> Option<f64>;

/// A figure of one case, alone or against another case's, and what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// For people.
    pub(crate) text: String,
    /// Which figure.
    pub(crate) figure: Figure,
    /// Of which case, by its place in the table.
    pub(crate) of: usize,
    /// Divided by that of this one, round by round.
    pub(crate) per: Option<usize>,
    /// What it should be.
    pub(crate) target: Target,
}

/// See [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
    /// It is only told.
    Open,
}

/// What came of a claim: median, least and most over the rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// The middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
    /// Whether the median is as it should be; `None` where nothing was asked.
    pub(crate) reached: Option<bool>,
}

impl Table {
    /// What the options describe, without a scenario.
    pub(crate) fn of_options(cases: Vec<Case>, vs_floor: bool) -> Self {
        let pairs = if vs_floor { cases.len() / 2 } else { 0 };
        let claims = (0..pairs).flat_map(|pair| Claim::all_ratios(&cases, 2 * pair, 2 * pair + 1)).collect();
        Self { name: String::new(), title: String::new(), cases, claims }
    }
}

impl Claim {
    /// A figure against another case's.
    pub(crate) fn ratio(text: impl Into<String>, figure: Figure, of: usize, per: usize, target: Target) -> Self {
        Self { text: text.into(), figure, of, per: Some(per), target }
    }

    /// A figure alone.
    pub(crate) fn alone(text: impl Into<String>, figure: Figure, of: usize, target: Target) -> Self {
        Self { text: text.into(), figure, of, per: None, target }
    }

    /// How one case compares with another.
    fn all_ratios(cases: &[Case], of: usize, per: usize) -> Vec<Self> {
        let figures: [(&str, Figure); 4] = [
            ("jobs/s", |row| Some(row.jobs_per_s)),
            ("p50", |row| row.p50_us),
            ("p99", |row| row.p99_us),
            ("server CPU a job", |row| row.server_cpu_us_per_job),
        ];
        let names = format!("{} / {}", cases[of].label, cases[per].label);
        figures.map(|(text, figure)| Self::ratio(format!("{text}, {names}"), figure, of, per, Target::Open)).into()
    }

    /// Judges it by the rows of all cases, round by round. `None` where a figure is not known.
    pub(crate) fn judge(&self, rows: &[Vec<Row>]) -> Option<Verdict> {
        let figures: Vec<f64> = rows[self.of]
            .iter()
            .enumerate()
            .map(|(round, row)| {
                let figure = (self.figure)(row)?;
                match self.per {
                    Some(per) => Some(figure / (self.figure)(rows[per].get(round)?)?),
                    None => Some(figure),
                }
            })
            .collect::<Option<_>>()?;
        let median = median(figures.clone())?;
        let reached = match self.target {
            Target::AtMost(most) => Some(median <= most),
            Target::AtLeast(least) => Some(median >= least),
            Target::Open => None,
        };
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Verdict { median, least, most, reached })
    }
}
