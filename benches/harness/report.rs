//! What is printed: a row a run, medians, and what each table comes to. Or a line of JSON a run, and nothing else.

use std::fmt::Write;
use std::io;

use super::progress::Progress;
use super::row::Row;
use super::table::{Claim, Table, Target};

/// A column: its head, and its cell in a row.
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

/// The first columns: which case, and which run of it.
const NAME_WIDTH: usize = 20;
const RUN_WIDTH: usize = 7;

/// See the module.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    json: bool,
    progress: &'a Progress,
    /// Lines of the summary.
    verdicts: Vec<[String; 5]>,
}

impl<'a> Report<'a> {
    /// Nothing is printed yet.
    pub(crate) fn begin(json: bool, progress: &'a Progress) -> Self {
        Self { json, progress, verdicts: Vec::new() }
    }

    /// A table begins.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        if !table.name.is_empty() {
            self.progress.print(&format!("\n{}: {}", table.name, table.title))?;
        }
        let heads = COLUMNS.map(|(head, _)| Some(head.to_owned()));
        self.progress.print(&line("server", "run", &heads, ""))
    }

    /// A run, or a median of several.
    pub(crate) fn row(&self, row: &Row, run: &str) -> io::Result<()> {
        if self.json {
            let text = serde_json::to_string(row).map_err(io::Error::other)?;
            return self.progress.print(&text);
        }
        let number = row.run.to_string();
        let cells = COLUMNS.map(|(_, cell)| cell(row));
        self.progress.print(&line(&row.case, if run.is_empty() { &number } else { run }, &cells, &remark(row)))
    }

    /// A table ends: medians, and what it comes to.
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

    /// All that the tables came to.
    pub(crate) fn summary(&self) -> io::Result<()> {
        if self.json || self.verdicts.is_empty() {
            return Ok(());
        }
        let heads = ["", "figure", "median (range)", "target", "reached"].map(str::to_owned);
        let rules = [1, 6, 14, 6, 7].map(|width| "-".repeat(width));
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

/// What stands behind a row.
fn remark(row: &Row) -> String {
    let figure = |name: &str, figure: Option<f64>| figure.map(|figure| format!("{figure:.0} {name}"));
    let remarks = [
        row.limited_by.map(|what| format!("the {what} was the limit")),
        figure("offered/s", row.rate_per_s),
        figure("accepted/s", row.accepted_per_s),
        figure("bytes a waiting job", row.memory_waiting_job_bytes),
        figure("bytes an idle connection", row.memory_idle_connection_bytes),
        figure(row.beside.unwrap_or_default(), row.beside_done),
    ];
    remarks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn verdict(name: &str, claim: &Claim, rows: &[Vec<Row>]) -> [String; 5] {
    let target = match claim.target {
        Target::AtMost(most) => format!("at most {most}"),
        Target::AtLeast(least) => format!("at least {least}"),
        Target::Open => String::new(),
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
        None => ("not known here".to_owned(), ""),
    };
    [name.to_owned(), claim.text.clone(), figure, target, reached.to_owned()]
}

fn digits(figure: Option<f64>) -> Option<String> {
    figure.map(few_digits)
}

/// Three digits or so.
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
