//! What is printed: a row per run, medians, and the claims of each table. Or a line of JSON per run, and nothing else.

use std::fmt::Write;
use std::io;

use super::progress::Progress;
use super::row::Row;
use super::{Claim, Goal, Table};
use crate::harness::limit;

/// A column: its heading, and its cell in a row.
type Column = (&'static str, fn(&Row) -> Option<String>);

const COLUMNS: [Column; 17] = [
    ("jobs/s", |row| Some(format!("{:.0}", row.jobs_per_s))),
    ("p50 us", |row| digits(row.p50_us)),
    ("p90", |row| digits(row.p90_us)),
    ("p99", |row| digits(row.p99_us)),
    ("p99.9", |row| digits(row.p999_us)),
    ("max", |row| digits(row.max_us)),
    ("CPU us/job", |row| digits(row.server_cpu_us_per_job)),
    ("user", |row| digits(row.server_user_us_per_job)),
    ("system", |row| digits(row.server_system_us_per_job)),
    ("load us/job", |row| digits(row.load_cpu_us_per_job)),
    ("calls/job", |row| digits(row.system_calls_per_job)),
    ("switches/job", |row| digits(row.context_switches_per_job)),
    ("messages/job", |row| digits(row.messages_per_job)),
    ("wakes", |row| digits(row.wakes_per_job)),
    ("turns", |row| digits(row.turns_per_job)),
    ("threads", |row| row.server_os_threads.map(|threads| threads.to_string())),
    ("MiB rest/peak/after", mebibytes),
];

/// The widths of the first columns: the case, and the number of its run.
const NAME_WIDTH: usize = 20;
const RUN_WIDTH: usize = 7;

/// See the module.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    json: bool,
    progress: &'a Progress,
    /// The lines of the summary.
    verdicts: Vec<[String; 5]>,
}

impl<'a> Report<'a> {
    /// Begins a report; nothing is printed yet.
    pub(crate) fn begin(json: bool, progress: &'a Progress) -> Self {
        Self { json, progress, verdicts: Vec::new() }
    }

    /// Prints the heading of a table.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        if !table.name.is_empty() {
            self.progress.print(&format!("\n{}: {}", table.name, table.title))?;
        }
        for note in &table.notes {
            self.progress.print(note)?;
        }
        let heads = COLUMNS.map(|(head, _)| Some(head.to_owned()));
        self.progress.print(&line("server", "run", &heads, ""))
    }

    /// Prints a run, or a median of several runs.
    pub(crate) fn row(&self, row: &Row, run: &str) -> io::Result<()> {
        if self.json {
            let text = serde_json::to_string(row).map_err(io::Error::other)?;
            return self.progress.print(&text);
        }
        let number = row.run.to_string();
        let cells = COLUMNS.map(|(_, cell)| cell(row));
        self.progress.print(&line(&row.case, if run.is_empty() { &number } else { run }, &cells, &remark(row)))
    }

    /// Prints the medians of a table, and judges its claims.
    pub(crate) fn end(&mut self, table: &Table, rows: &[Vec<Row>]) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        for runs in rows.iter().filter(|runs| runs.len() > 1) {
            if let Some(median) = Row::median(&runs.iter().collect::<Vec<_>>()) {
                self.row(&median, "median")?;
            }
        }
        self.verdicts.extend(table.claims.iter().map(|claim| verdict(&table.name, claim, rows)));
        Ok(())
    }

    /// Prints the claims of all tables with their figures.
    pub(crate) fn summary(&self) -> io::Result<()> {
        if self.json || self.verdicts.is_empty() {
            return Ok(());
        }
        let heads = ["workload", "figure", "median (range)", "goal", "reached"].map(str::to_owned);
        let rules = [8, 6, 14, 4, 7].map(|width| "-".repeat(width));
        self.progress.print("")?;
        for cells in [&heads, &rules].into_iter().chain(&self.verdicts) {
            self.progress.print(&format!("| {} |", cells.join(" | ")))?;
        }
        Ok(())
    }
}

fn line(name: &str, run: &str, cells: &[Option<String>; COLUMNS.len()], remark: &str) -> String {
    let mut line = format!("{name:<NAME_WIDTH$}{run:>RUN_WIDTH$}");
    for (cell, (head, _)) in cells.iter().zip(COLUMNS) {
        let width = head.len().max(6) + 2;
        let _ = write!(line, "{:>width$}", cell.as_deref().unwrap_or("-")); // Writing to a String cannot fail.
    }
    format!("{line}  {remark}").trim_end().to_owned()
}

/// Returns the remark at the end of a row.
fn remark(row: &Row) -> String {
    let figure = |name: &str, figure: Option<f64>| figure.map(|figure| format!("{figure:.0} {name}"));
    let remarks = [
        limit::describe(row.limited_by).map(str::to_owned),
        row.bridges_cpu_us_per_job.map(|us| format!("bridges {} us/job", few_digits(us))),
        row.nats_cpu_us_per_job.map(|us| format!("NATS {} us/job", few_digits(us))),
        figure("offered/s", row.rate_per_s),
        figure("accepted/s", row.accepted_per_s),
        figure("bytes per waiting job", row.memory_waiting_job_bytes),
        figure("bytes per idle connection", row.memory_idle_connection_bytes),
        figure(row.interference.unwrap_or_default(), row.interference_done),
    ];
    remarks.into_iter().flatten().chain(row.ends.describe()).collect::<Vec<_>>().join(", ")
}

fn verdict(name: &str, claim: &Claim, rows: &[Vec<Row>]) -> [String; 5] {
    let goal = match claim.goal {
        Goal::AtMost(most) => format!("at most {most}"),
        Goal::AtLeast(least) => format!("at least {least}"),
        Goal::None => String::new(),
    };
    let (figure, reached) = match claim.judge(rows) {
        Some(verdict) => {
            let figure = format!(
                "{} ({} to {})",
                few_digits(verdict.median),
                few_digits(verdict.least),
                few_digits(verdict.most)
            );
            (figure, verdict.reached.map_or("", |reached| if reached { "yes" } else { "**no**" }))
        }
        None => ("not known".to_owned(), ""),
    };
    [name.to_owned(), claim.text.clone(), figure, goal, reached.to_owned()]
}

fn digits(figure: Option<f64>) -> Option<String> {
    figure.map(few_digits)
}

/// Formats a figure with about three digits.
fn few_digits(figure: f64) -> String {
    let places = match figure.abs() {
        small if small < 10.0 => 2,
        medium if medium < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.places$}")
}

fn mebibytes(row: &Row) -> Option<String> {
    let mib = |bytes: Option<f64>| Some(format!("{:.0}", bytes? / f64::from(1 << 20)));
    Some(format!("{}/{}/{}", mib(row.memory_rest_bytes)?, mib(row.memory_peak_bytes)?, mib(row.memory_after_bytes)?))
}
