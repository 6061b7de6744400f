//! Runs tables case by case and round by round, so that a machine that slows down affects all cases alike.

use std::path::PathBuf;
use std::time::Duration;

use super::Table;
use super::case::{Case, LoopKind, Placement};
use super::plot::Curves;
use super::progress::Progress;
use super::report::Report;
use super::row::Row;
use crate::harness::Failure;
use crate::harness::load::backlog;
use crate::harness::load::measure::{self, Figures};
use crate::harness::load::timing::Timing;
use crate::harness::net::conn::Address;
use crate::harness::servers::{ServerProcess, Target};
use crate::harness::system::machine::{self, Cores};
use crate::harness::traffic::workload::{Shape, Workload};

/// How everything is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The measured time of each run.
    pub(crate) measured: Duration,
    /// The time before it.
    pub(crate) warm_up: Duration,
    /// An answer that takes longer is wrong.
    pub(crate) late: Duration,
    /// Measures this many jobs instead, however long they take.
    pub(crate) jobs: Option<u64>,
    /// Rounds.
    pub(crate) runs: usize,
    /// Varies sizes and work times; each round adds one.
    pub(crate) seed: u64,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// Whether the right answer to one job is to be called wrong: shows that answers are checked.
    pub(crate) expect_wrong: bool,
    /// The server of cases with [`Placement::Running`].
    pub(crate) running: Option<Running>,
    /// What is written, and how.
    pub(crate) output: Output,
}

impl Options {
    /// Returns the options of one run of this length, after a second of warm-up, without output.
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
            running: None,
            output: Output::default(),
        }
    }
}

/// A server that runs already.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: Address,
    /// Its process, if known.
    pub(crate) process: Option<u32>,
}

impl Running {
    fn target(&self) -> Target {
        Target { has_metrics: true, ..Target::of(self.address.clone(), self.process) }
    }
}

/// What is written, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// Lines of JSON on stdout, and nothing else there.
    pub(crate) json: bool,
    /// The file of a picture.
    pub(crate) plot: Option<PathBuf>,
    /// The options of this run, as text for the picture.
    pub(crate) command: String,
}

/// Runs all tables, prints them, and draws the picture if one was asked for.
pub(crate) fn run_all(tables: Vec<Table>, options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit()?;
    let runs = options.runs * tables.iter().map(|table| table.cases.len()).sum::<usize>();
    let progress = Progress::begin(runs);
    let mut report = Report::begin(options.output.json, &progress);
    let mut curves = Curves::default();
    for mut table in tables {
        describe_running(&mut table.cases, options)?;
        set_rates(&mut table, options)?;
        report.table(&table)?;
        let mut rows: Vec<Vec<Row>> = table.cases.iter().map(|_| Vec::new()).collect();
        for round in 0..options.runs {
            for (case, rows) in table.cases.iter().zip(&mut rows) {
                progress.show(&format!("{} {}, round {}", table.name, case.label, round + 1));
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
        Some(path) => curves.draw(path, &options.output.command),
        None => Ok(()),
    }
}

/// Sets threads and transport of cases on a server that runs already to what is true of that server: it is asked.
pub(super) fn describe_running(cases: &mut [Case], options: &Options) -> Result<(), Failure> {
    let Some(running) = &options.running else { return Ok(()) };
    let control = running.target().control()?;
    let threads = control.map(|mut control| control.counts()).transpose()?.unwrap_or_default().threads;
    for case in cases.iter_mut().filter(|case| case.placement == Placement::Running) {
        case.threads = usize::try_from(threads)?;
        case.unix = matches!(running.address, Address::Unix(_));
    }
    Ok(())
}

/// Measures the server whose share is the rate of some cases, and sets their rate.
fn set_rates(table: &mut Table, options: &Options) -> Result<(), Failure> {
    let wanted = table.cases.iter().find_map(|case| match case.loop_kind {
        LoopKind::ShareOf(kind, share) => Some((case.clone(), kind, share)),
        _ => None,
    });
    let Some((case, kind, share)) = wanted else { return Ok(()) };
    let shape = Shape { large_job_bytes: 0, ..case.shape };
    let yardstick = Case { kind, shape, loop_kind: LoopKind::Closed, ..case };
    let rate = share * steady(&yardstick, 0, options)?.jobs_per_s();
    for case in &mut table.cases {
        if let LoopKind::ShareOf(..) = case.loop_kind {
            case.loop_kind = LoopKind::Rate(rate.round());
        }
    }
    Ok(())
}

/// Runs a case of the table of this name once.
fn run(table: &str, case: &Case, round: usize, options: &Options, curves: &mut Curves) -> Result<Row, Failure> {
    let row = if let LoopKind::Backlog { jobs, own_types } = case.loop_kind {
        let workload = Workload::new(backlog::shape(case.shape, jobs, own_types), seed(round, options));
        let figures = on_server(case, options, |target| backlog::measure(target, &workload, jobs))?;
        Row::of_backlog(case, &figures)
    } else {
        let figures = steady(case, round, options)?;
        curves.add(table, case, &figures);
        Row::of_figures(case, options.load_threads, &figures)
    };
    Ok(Row { scenario: table.to_owned(), run: round + 1, seed: seed(round, options), ..row })
}

/// Runs a case once under steady load.
pub(crate) fn steady(case: &Case, round: usize, options: &Options) -> Result<Figures, Failure> {
    let workload = Workload::new(case.shape, seed(round, options));
    let timing = Timing {
        warm_up: options.warm_up.max(case.warm_up),
        measured: options.measured,
        late: options.late,
        jobs: options.jobs.or(case.jobs),
        load_threads: options.load_threads,
        rate_per_s: if let LoopKind::Rate(rate) = case.loop_kind { Some(rate) } else { None },
        expect_wrong: options.expect_wrong,
        count_calls: case.count_calls,
    };
    let protocol = case.kind.protocol(case.shape.ask.awaits());
    on_server(case, options, |target| measure::measure(target, protocol, &workload, timing))
}

fn seed(round: usize, options: &Options) -> u64 {
    options.seed.wrapping_add(round as u64)
}

/// Runs `job` with the server of a case. A server that was started for it is stopped afterwards.
fn on_server<T>(case: &Case, options: &Options, job: impl FnOnce(&Target) -> Result<T, Failure>) -> Result<T, Failure> {
    let start = || case.kind.start(case.threads, case.unix);
    match case.placement {
        Placement::Running => {
            let running = options.running.as_ref().ok_or("no address of a running server")?;
            job(&running.target())
        }
        Placement::Shared => then_stop(start()?, job),
        Placement::Pinned(count) => {
            let cores = Cores::divide(count)?;
            let server = cores.server(start)??;
            cores.load(|| then_stop(server, job))?
        }
    }
}

fn then_stop<T>(server: ServerProcess, job: impl FnOnce(&Target) -> Result<T, Failure>) -> Result<T, Failure> {
    let result = job(&server.target)?;
    server.stop()?;
    Ok(result)
}
