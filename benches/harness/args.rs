//! The command line of the load test and of the comparison with other servers.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, ValueExt};

use super::Program;
use super::case::{Case, Course};
use super::conn::Address;
use super::machine;
use super::run::{Options, Output, Remote};
use super::scenario;
use super::server::{FLOOR_OPTION, Kind};
use super::sweep::Bound;
use super::table::Table;
use super::values::{address, arg_bytes, beside, positive, seconds, server, thread_counts, work};
use super::workload::{Beside, Shape};

/// What `--help` prints.
pub(crate) fn help(program: Program) -> &'static str {
    match program {
        Program::Load => include_str!("help-load.txt"),
        Program::Peers => include_str!("help-peers.txt"),
    }
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print the help.
    Help,
    /// Be the floor, at this address.
    Floor(Address),
    /// Try the program itself out.
    Smoke,
    /// Run these tables.
    Tables(Vec<Table>, Options),
    /// Find the highest rate at which a case holds a bound.
    Sweep(Case, Bound, Options),
}

/// Options as they were given.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Raw {
    shape: Option<Shape>,
    rate_per_s: Option<f64>,
    jobs: Option<u64>,
    seconds: Option<f64>,
    warm_up: Option<f64>,
    late: Option<f64>,
    runs: Option<usize>,
    seed: u64,
    load_threads: Option<usize>,
    threads: Option<Vec<usize>>,
    server: Option<Kind>,
    address: Option<Address>,
    process: Option<u32>,
    scenario: Option<String>,
    p99_us_max: Option<f64>,
    plot: Option<PathBuf>,
    only: Option<Vec<String>>,
    sweep: bool,
    vs_floor: bool,
    unix: bool,
    pin: bool,
    json: bool,
    count_calls: bool,
    expect_wrong: bool,
}

/// Reads the arguments, the program's name not among them. The error is a line for people.
pub(crate) fn parse(program: Program, args: impl IntoIterator<Item = OsString> + Clone) -> Result<Task, lexopt::Error> {
    let by_bench = args.clone().into_iter().any(|arg| arg == "--bench");
    let mut parser = lexopt::Parser::from_args(args);
    let mut raw = Raw::default();
    while let Some(arg) = parser.next()? {
        if let Long(name) = &arg
            && format!("--{name}") == FLOOR_OPTION
        {
            return Ok(Task::Floor(floor_address(&mut parser)?));
        }
        if !by_bench {
            return Ok(Task::Smoke); // Called by `cargo test`, with options for a test harness.
        }
        let Long(name) = arg else { return Err(arg.unexpected()) };
        match name.to_owned().as_str() {
            "help" => return Ok(Task::Help),
            "bench" => {}
            name => raw.take(name, program, &mut parser)?,
        }
    }
    if by_bench { raw.task(program) } else { Ok(Task::Smoke) }
}

/// The floor takes the path of a UNIX socket, or nothing.
fn floor_address(parser: &mut lexopt::Parser) -> Result<Address, lexopt::Error> {
    let path = parser.raw_args()?.next().map(PathBuf::from);
    Ok(path.map_or(Address::Tcp(([127, 0, 0, 1], 0).into()), Address::Unix))
}

impl Raw {
    fn take(&mut self, name: &str, program: Program, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let unknown = || Err(format!("unknown option --{name}; --help lists them").into());
        match name {
            "runs" => self.runs = Some(positive(name, parser)?),
            "jobs" => self.jobs = Some(positive(name, parser)?),
            "seconds" => self.seconds = Some(parser.value()?.parse()?),
            "warmup" => self.warm_up = Some(parser.value()?.parse()?),
            "scenario" => self.scenario = Some(parser.value()?.string()?),
            "json" => self.json = true,
            "plot" => self.plot = Some(parser.value()?.into()),
            "only" if program == Program::Peers => {
                self.only = Some(parser.value()?.string()?.split(',').map(str::to_owned).collect());
            }
            _ if program == Program::Peers => return unknown(),
            "vs-floor" => self.vs_floor = true,
            "unix" => self.unix = true,
            "pin" => self.pin = true,
            "calls" => self.count_calls = true,
            "expect-wrong" => self.expect_wrong = true,
            "rate" => self.rate_per_s = Some(parser.value()?.parse()?),
            "late" => self.late = Some(parser.value()?.parse()?),
            "seed" => self.seed = parser.value()?.parse()?,
            "load-threads" => self.load_threads = Some(positive(name, parser)?),
            "threads" => self.threads = Some(thread_counts(parser)?),
            "server" => self.server = Some(server(parser)?),
            "addr" => self.address = Some(address(parser)?),
            "pid" => self.process = Some(positive(name, parser)?),
            "p99-us" => self.p99_us_max = Some(parser.value()?.parse()?),
            "sweep" => match parser.value()?.string()?.as_str() {
                "rate" => self.sweep = true,
                other => return Err(format!("--sweep knows rate, not {other}").into()),
            },
            _ => return self.take_shape(name, parser)?.map_or_else(unknown, Ok),
        }
        Ok(())
    }

    /// An option of the work; `None` if it is none of these.
    fn take_shape(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<Option<()>, lexopt::Error> {
        let shape = self.shape.get_or_insert(Shape::DEFAULT);
        match name {
            "submitters" => shape.submitters = positive(name, parser)?,
            "inflight" => shape.inflight = positive(name, parser)?,
            "workers" => shape.workers = positive(name, parser)?,
            "types" => shape.types = positive(name, parser)?,
            "types-per-worker" => shape.types_per_worker = positive(name, parser)?,
            "max-jobs" => shape.max_jobs = parser.value()?.parse()?,
            "arg-bytes" => shape.arg_bytes = arg_bytes(parser)?,
            "work-us" => shape.work = work(parser)?,
            "idle" => shape.idle = parser.value()?.parse()?,
            "beside" => shape.beside = beside(parser)?,
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    fn task(self, program: Program) -> Result<Task, lexopt::Error> {
        let options = self.options(program)?;
        let own = self.shape.is_some() || self.rate_per_s.is_some() || self.vs_floor || self.threads.is_some();
        let tables = match (program, &self.scenario) {
            (Program::Peers, letters) => scenario::beside_peers(letters.as_deref(), self.only.as_deref())?,
            (Program::Load, Some(_)) if own => {
                return Err("--scenario says what is done; leave out the options of work and server".into());
            }
            (Program::Load, Some(letters)) => scenario::named(letters)?,
            (Program::Load, None) => vec![Table::of_options(self.cases()?, self.vs_floor)],
        };
        if !self.sweep {
            return Ok(Task::Tables(tables, options));
        }
        let p99_us = self.p99_us_max.unwrap_or(5_000.0);
        match tables.into_iter().next().and_then(|table| table.cases.into_iter().next()) {
            Some(case) => Ok(Task::Sweep(case, Bound { p99_us }, options)),
            None => Err("there is nothing to sweep".into()),
        }
    }

    /// The cases that options of work and server describe, without a scenario.
    fn cases(&self) -> Result<Vec<Case>, lexopt::Error> {
        let shape = self.shape.unwrap_or(Shape::DEFAULT);
        if shape.types_per_worker > shape.types || shape.workers.saturating_mul(shape.types_per_worker) < shape.types {
            return Err("each type needs a worker, and --types-per-worker is at most --types".into());
        }
        let kinds =
            if self.vs_floor { vec![Kind::Deputy, Kind::Floor] } else { vec![self.server.unwrap_or(Kind::Deputy)] };
        if kinds.contains(&Kind::Floor) && shape.types_per_worker > 1 {
            return Err("the floor knows one type a worker: leave --types-per-worker out".into());
        }
        if kinds.contains(&Kind::Floor) && !matches!(shape.beside, Beside::Nobody | Beside::Stalled(_)) {
            return Err("the floor knows jobs only: of --beside it bears stalled".into());
        }
        let course = self.rate_per_s.map_or(Course::Closed, Course::Rate);
        let mut cases = Vec::new();
        for &threads in self.threads.as_deref().unwrap_or(&[1]) {
            for &kind in &kinds {
                let several = self.threads.as_ref().is_some_and(|threads| threads.len() > 1);
                let label = if several && kind != Kind::Floor {
                    format!("{} x{threads}", kind.name())
                } else {
                    kind.name().to_owned()
                };
                let mut case = Case::new(kind, shape).label(label).course(course);
                case.threads = if kind == Kind::Floor { 1 } else { threads };
                (case.unix, case.pin, case.count_calls) = (self.unix, self.pin, self.count_calls);
                cases.push(case);
            }
        }
        Ok(cases)
    }

    fn options(&self, program: Program) -> Result<Options, lexopt::Error> {
        let by_table = program == Program::Peers || self.scenario.is_some();
        let pinned = self.pin || by_table;
        if self.rate_per_s.is_some_and(|rate| !(0.1..=1e8).contains(&rate)) {
            return Err("--rate takes jobs a second, from 0.1 to 100000000".into());
        }
        if self.jobs.is_some() && self.count_calls {
            return Err("--calls needs a load that goes on: leave --jobs out".into());
        }
        let seconds_default = if by_table { 3.0 } else { 5.0 };
        let measured = seconds("seconds", self.seconds.unwrap_or(seconds_default), 0.01)?;
        let late = self.late.map(|late| seconds("late", late, 0.001)).transpose()?;
        let default = Options::for_time(measured);
        Ok(Options {
            late: late.unwrap_or(default.late),
            warm_up: seconds("warmup", self.warm_up.unwrap_or(if self.jobs.is_some() { 0.0 } else { 1.0 }), 0.0)?,
            jobs: self.jobs,
            runs: self.runs.unwrap_or(if by_table {
                3
            } else if self.vs_floor {
                2
            } else {
                1
            }),
            seed: self.seed,
            load_threads: self.load_threads.unwrap_or_else(|| default_load_threads(pinned)),
            expect_wrong: self.expect_wrong,
            remote: self.address.clone().map(|address| Remote { address, process: self.process }),
            output: Output { json: self.json, plot: self.plot.clone() },
            ..default
        })
    }
}

fn default_load_threads(pin: bool) -> usize {
    if pin { machine::cores().saturating_sub(1).clamp(1, 4) } else { 1 }
}
