//! The table: a row a run, medians, and ratios to the floor.

use std::io::{self, Write};

use crate::measure::{Figures, approximate};
use crate::server::Kind;

const HEADS: [&str; 8] = ["server", "threads", "jobs/s", "p50 us", "p99 us", "server us/job", "load us/job", "jobs"];

/// The figures of a run, or the medians of several.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    kind: Kind,
    threads: usize,
    jobs: u64,
    jobs_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    server_us: Option<f64>,
    load_us: Option<f64>,
}

impl Row {
    /// The row of a run.
    pub(crate) fn new(kind: Kind, threads: usize, figures: &Figures) -> Self {
        let quantile_us = |q| approximate(figures.latency_ns.value_at_quantile(q)) / 1e3;
        Self {
            kind,
            threads,
            jobs: figures.latency_ns.len(),
            jobs_per_s: figures.jobs_per_s,
            p50_us: quantile_us(0.5),
            p99_us: quantile_us(0.99),
            server_us: figures.server_us,
            load_us: figures.load_us,
        }
    }

    /// Each figure's median, of runs of one server; `jobs` is their sum.
    fn median(runs: &[&Row]) -> Self {
        let of = |figure: fn(&Row) -> f64| median(runs.iter().map(|row| figure(row)).collect());
        let known =
            |figure: fn(&Row) -> Option<f64>| Some(median(runs.iter().map(|row| figure(row)).collect::<Option<_>>()?));
        Self {
            kind: runs[0].kind,
            threads: runs[0].threads,
            jobs: runs.iter().map(|row| row.jobs).sum(),
            jobs_per_s: of(|row| row.jobs_per_s),
            p50_us: of(|row| row.p50_us),
            p99_us: of(|row| row.p99_us),
            server_us: known(|row| row.server_us),
            load_us: known(|row| row.load_us),
        }
    }

    fn print(&self, remark: &str) -> io::Result<()> {
        let optional = |figure: Option<f64>| figure.map_or("n/a".to_owned(), |us| format!("{us:.2}"));
        let cells = [
            self.kind.name().to_owned(),
            self.threads.to_string(),
            format!("{:.0}", self.jobs_per_s),
            format!("{:.1}", self.p50_us),
            format!("{:.1}", self.p99_us),
            optional(self.server_us),
            optional(self.load_us),
            self.jobs.to_string(),
        ];
        print_cells(&cells.each_ref().map(String::as_str), remark)
    }
}

/// All rows so far, printed as they come.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Prints what the columns are.
    pub(crate) fn begin() -> io::Result<Self> {
        print_cells(&HEADS, "")?;
        Ok(Self { rows: Vec::new() })
    }

    /// Prints and keeps a row.
    pub(crate) fn add(&mut self, row: Row) -> io::Result<()> {
        row.print("")?;
        self.rows.push(row);
        Ok(())
    }

    /// Prints the medians where there is more than one run, and the ratios where there is a floor to compare with.
    pub(crate) fn end(&self, threads: &[usize]) -> io::Result<()> {
        for &count in threads {
            let ours = self.of(Kind::Deputy, count);
            if ours.len() > 1 {
                Row::median(&ours).print("median")?;
            }
        }
        let floor = self.of(Kind::Floor, 1);
        if floor.len() > 1 {
            Row::median(&floor).print("median")?;
        }
        self.print_ratios(threads)
    }

    fn of(&self, kind: Kind, threads: usize) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.kind == kind && row.threads == threads).collect()
    }

    fn print_ratios(&self, threads: &[usize]) -> io::Result<()> {
        for &count in threads {
            // A floor's run stands right behind the run that it is to be compared with.
            let pairs: Vec<(&Row, &Row)> = self
                .rows
                .windows(2)
                .filter(|pair| pair[0].kind == Kind::Deputy && pair[0].threads == count && pair[1].kind == Kind::Floor)
                .map(|pair| (&pair[0], &pair[1]))
                .collect();
            if !pairs.is_empty() {
                print_ratio_line(count, &pairs)?;
            }
        }
        Ok(())
    }
}

fn print_ratio_line(threads: usize, pairs: &[(&Row, &Row)]) -> io::Result<()> {
    let ratio = |figure: fn(&Row) -> Option<f64>| -> String {
        let mut ratios: Vec<f64> =
            pairs.iter().filter_map(|(ours, floor)| Some(figure(ours)? / figure(floor)?)).collect();
        ratios.sort_by(f64::total_cmp);
        match (ratios.first(), ratios.last()) {
            (Some(least), Some(most)) => format!("{:.2} ({least:.2} to {most:.2})", median(ratios.clone())),
            _ => "n/a".to_owned(),
        }
    };
    let jobs_per_s = ratio(|row| Some(row.jobs_per_s));
    let p50 = ratio(|row| Some(row.p50_us));
    let p99 = ratio(|row| Some(row.p99_us));
    let server = ratio(|row| row.server_us);
    writeln!(
        io::stdout(),
        "deputy / floor, {threads} threads, {} pairs: jobs/s {jobs_per_s}, p50 {p50}, p99 {p99}, server us/job {server}",
        pairs.len()
    )
}

fn print_cells(cells: &[&str; HEADS.len()], remark: &str) -> io::Result<()> {
    let padded =
        cells.iter().zip(HEADS).skip(1).map(|(cell, head)| format!("{cell:>width$}", width = head.len().max(8) + 2));
    let line = format!("{:<8}{}  {remark}", cells[0], padded.collect::<String>());
    writeln!(io::stdout(), "{}", line.trim_end())
}

/// The middle one, or the mean of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}
