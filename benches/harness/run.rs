//! Runs tables: case by case and round by round, so that a machine that slows down slows all alike.

use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use super::backlog;
use super::case::{Case, Course};
use super::conn::Address;
use super::machine::{self, Cores};
use super::measure::{self, Figures, Timing};
use super::plot::Curves;
use super::progress::Progress;
use super::report::Report;
use super::row::Row;
use super::server::{Kind, ServerProcess, Target};
use super::table::Table;
use super::workload::{Shape, Workload};

/// How all of it is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long each run is measured.
    pub(crate) measured: Duration,
    /// And how long it is not, before.
    pub(crate) warm_up: Duration,
    /// An answer that takes longer is wrong.
    pub(crate) late: Duration,
    /// Measure so many jobs, however long they take.
    pub(crate) jobs: Option<u64>,
    /// Rounds.
    pub(crate) runs: usize,
    /// Varies sizes and work times; each round adds one.
    pub(crate) seed: u64,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// Whether a wrong answer is expected, to see that it is found.
    pub(crate) expect_wrong: bool,
    /// A server that runs already.
    pub(crate) remote: Option<Remote>,
    /// What is told, and how.
    pub(crate) output: Output,
}

impl Options {
    /// One run of so long, with a second before it; nothing is told.
    pub(crate) fn for_time(measured: Duration) -> Self {
        Self {
            measured,
            warm_up: Duration::from_secs(1),
            late: Duration::from_secs(10),
            jobs: None,
            runs: 1,
            seed: 0,
            load_threads: 1,
            expect_wrong: false,
            remote: None,
            output: Output::default(),
        }
    }
}

/// A server that runs already.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Where.
    pub(crate) address: Address,
    /// Its process, if known.
    pub(crate) process: Option<u32>,
}

/// What is told, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// Lines of JSON, nothing else.
    pub(crate) json: bool,
    /// A picture in this file.
    pub(crate) plot: Option<PathBuf>,
}

/// Runs all tables, prints them, and draws the picture that was asked for.
pub(crate) fn tables(tables: Vec<Table>, options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit()?;
    let runs = options.runs * tables.iter().map(|table| table.cases.len()).sum::<usize>();
    let progress = Progress::begin(runs);
    let mut report = Report::begin(options.output.json, &progress);
    let mut curves = Curves::default();
    for mut table in tables {
        set_rates(&mut table, options)?;
        report.table(&table)?;
        let mut rows: Vec<Vec<Row>> = table.cases.iter().map(|_| Vec::new()).collect();
        for round in 0..options.runs {
            for (case, rows) in table.cases.iter().zip(&mut rows) {
                progress.at(&format!("{} {}, round {}", table.name, case.label, round + 1));
                let row = run(&table.name, case, round, options, &mut curves)?;
                report.row(&row, "")?;
                rows.push(row);
                progress.step();
            }
        }
        report.end(&table, &rows)?;
    }
    report.summary()?;
    match &options.output.plot {
        Some(path) => curves.draw(path),
        None => Ok(()),
    }
}

/// Where a rate is a part of what a server does, finds out how much that is.
fn set_rates(table: &mut Table, options: &Options) -> Result<(), Failure> {
    let wanted = table.cases.iter().find_map(|case| match case.course {
        Course::PartOf(kind, part) => Some((case.clone(), kind, part)),
        _ => None,
    });
    let Some((case, kind, part)) = wanted else { return Ok(()) };
    let shape = Shape { giant_bytes: 0, ..case.shape };
    let yardstick = Case { kind, threads: 1, shape, course: Course::Closed, ..case };
    let rate = part * steady(&yardstick, 0, options)?.jobs_per_s();
    for case in &mut table.cases {
        if let Course::PartOf(..) = case.course {
            case.course = Course::Rate(rate.round());
        }
    }
    Ok(())
}

/// One run of a case of the table of this name.
fn run(table: &str, case: &Case, round: usize, options: &Options, curves: &mut Curves) -> Result<Row, Failure> {
    let row = if let Course::Backlog { jobs, own_types } = case.course {
        let workload = Workload::new(backlog::shape(case.shape, jobs, own_types), seed(round, options));
        let heap = on_server(case, options, |target| backlog::measure(target, &workload, jobs))?;
        Row::of_heap(case, options.load_threads, &heap)
    } else {
        let figures = steady(case, round, options)?;
        curves.add(table, case, &figures);
        Row::of_figures(case, options.load_threads, &figures)
    };
    Ok(Row { scenario: table.to_owned(), run: round + 1, seed: seed(round, options), ..row })
}

/// A run under steady load.
pub(crate) fn steady(case: &Case, round: usize, options: &Options) -> Result<Figures, Failure> {
    let workload = Workload::new(case.shape, seed(round, options));
    let timing = Timing {
        warm_up: options.warm_up,
        measured: options.measured,
        late: options.late,
        jobs: options.jobs,
        load_threads: options.load_threads,
        rate_per_s: if let Course::Rate(rate) = case.course { Some(rate) } else { None },
        expect_wrong: options.expect_wrong,
        count_calls: case.count_calls,
    };
    on_server(case, options, |target| measure::measure(target, case.kind.language(), &workload, timing))
}

fn seed(round: usize, options: &Options) -> u64 {
    options.seed.wrapping_add(round as u64)
}

/// Does something with the server of a case, which is then stopped, unless it ran already.
fn on_server<T>(case: &Case, options: &Options, job: impl FnOnce(&Target) -> Result<T, Failure>) -> Result<T, Failure> {
    let cores = if case.pin { Some(Cores::part()?) } else { None };
    if let (Some(Remote { address, process }), Kind::Deputy) = (&options.remote, case.kind) {
        let target = Target { address: address.clone(), process: *process, counts: true };
        return match cores {
            Some(cores) => cores.load(|| job(&target))?,
            None => job(&target),
        };
    }
    let start = || ServerProcess::start(case.kind, case.threads, case.unix);
    match cores {
        Some(cores) => {
            let server = cores.server(start)??;
            cores.load(|| done(server, job))?
        }
        None => done(start()?, job),
    }
}

fn done<T>(server: ServerProcess, job: impl FnOnce(&Target) -> Result<T, Failure>) -> Result<T, Failure> {
    let result = job(&server.target)?;
    server.stop()?;
    Ok(result)
}
