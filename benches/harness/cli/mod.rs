//! The command line of the load test and of the comparison with other servers.

mod combinations;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, ValueExt};

use crate::harness::Program;
use crate::harness::net::conn::Address;
use crate::harness::servers::{FLOOR_OPTION, ServerKind};
use crate::harness::system::machine;
use crate::harness::tables::case::{Case, LoopKind, Placement};
use crate::harness::tables::run::{Options, Output, Running};
use crate::harness::tables::sweep::LatencyLimit;
use crate::harness::tables::{Table, peers, workloads};
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::workload::{Interference, Shape};
use values::{
    address, ask, interference, payload_bytes, positive, process, rate, seconds, server, thread_counts, work,
};

/// Returns what `--help` prints.
pub(crate) fn help(program: Program) -> String {
    match program {
        Program::Load => include_str!("help-load.txt").replace("{workloads}", &workloads::help()),
        Program::Peers => include_str!("help-peers.txt").to_owned(),
    }
}

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print the help.
    Help,
    /// Be the floor, at this address.
    Floor(Address),
    /// Try the program itself.
    Smoke,
    /// Run these tables.
    Tables(Vec<Table>, Options),
    /// Find the highest rate of each case that keeps the limit.
    Sweep(Vec<Case>, LatencyLimit, Options),
}

/// The options as they were given.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Given {
    /// The options that are given, for checks of which go together.
    names: Vec<String>,
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
    server: Option<ServerKind>,
    server_cores: Option<usize>,
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

/// Reads the arguments after the program's name. An error is one line of text for a person.
pub(crate) fn parse(program: Program, args: impl IntoIterator<Item = OsString> + Clone) -> Result<Task, lexopt::Error> {
    let by_bench = args.clone().into_iter().any(|arg| arg == "--bench");
    let command: Vec<String> = args.clone().into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut parser = lexopt::Parser::from_args(args);
    let mut given = Given::default();
    while let Some(arg) = parser.next()? {
        if let Long(name) = &arg
            && format!("--{name}") == FLOOR_OPTION
        {
            return Ok(Task::Floor(floor_address(&mut parser)?));
        }
        if !by_bench {
            return Ok(Task::Smoke); // `cargo test` calls it with options for a test harness.
        }
        let Long(name) = arg else { return Err(arg.unexpected()) };
        match name.to_owned().as_str() {
            "help" => return Ok(Task::Help),
            "bench" => {}
            name => {
                given.names.push(name.to_owned());
                given.take(name, program, &mut parser)?;
            }
        }
    }
    if by_bench { given.task(program, &command) } else { Ok(Task::Smoke) }
}

/// Returns the floor's address: the path of a UNIX socket, or any TCP port.
fn floor_address(parser: &mut lexopt::Parser) -> Result<Address, lexopt::Error> {
    let path = parser.raw_args()?.next().map(PathBuf::from);
    Ok(path.map_or(Address::Tcp(([127, 0, 0, 1], 0).into()), Address::Unix))
}

impl Given {
    fn take(&mut self, name: &str, program: Program, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let unknown = || Err(format!("unknown option --{name}; --help lists the options").into());
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
            "server-cores" => self.server_cores = Some(positive(name, parser)?),
            "calls" => self.count_calls = true,
            "expect-wrong" => self.expect_wrong = true,
            "rate" => self.rate_per_s = Some(rate(parser)?),
            "late" => self.late = Some(parser.value()?.parse()?),
            "seed" => self.seed = parser.value()?.parse()?,
            "load-threads" => self.load_threads = Some(positive(name, parser)?),
            "threads" => self.threads = Some(thread_counts(parser)?),
            "server" => self.server = Some(server(parser)?),
            "addr" => self.address = Some(address(parser)?),
            "pid" => self.process = Some(process(name, parser)?),
            "p99-us" => self.p99_us_max = Some(parser.value()?.parse()?),
            "sweep" => match parser.value()?.string()?.as_str() {
                "rate" => self.sweep = true,
                other => return Err(format!("--sweep takes rate, not '{other}'").into()),
            },
            _ => return self.take_shape(name, parser)?.map_or_else(unknown, Ok),
        }
        Ok(())
    }

    /// Takes an option of the work; returns `None` if it is none of these.
    fn take_shape(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<Option<()>, lexopt::Error> {
        let shape = self.shape.get_or_insert(Shape::DEFAULT);
        match name {
            "submitters" => shape.submitters = positive(name, parser)?,
            "inflight" => shape.inflight = positive(name, parser)?,
            "workers" => shape.workers = positive(name, parser)?,
            "types" => shape.types = positive(name, parser)?,
            "types-per-worker" => shape.types_per_worker = positive(name, parser)?,
            "max-jobs" => shape.max_jobs = parser.value()?.parse()?,
            "arg-bytes" => shape.arg_bytes = payload_bytes(name, parser)?,
            "res-bytes" => shape.res_bytes = Some(payload_bytes(name, parser)?),
            "work-us" => shape.work = work(parser)?,
            "idle" => shape.idle = parser.value()?.parse()?,
            "interference" => shape.interference = interference(parser)?,
            "ask" => shape.ask = ask(parser)?,
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    fn task(self, program: Program, command: &[String]) -> Result<Task, lexopt::Error> {
        combinations::check(&self.names)?;
        let options = self.options(program, command)?;
        let mut tables = match (program, &self.scenario) {
            (Program::Peers, names) => peers::compare_peers(names.as_deref().unwrap_or("all"), self.only.as_deref())?,
            (Program::Load, Some(names)) => workloads::named(names)?,
            (Program::Load, None) => vec![Table::of_options(self.cases()?, self.vs_floor)],
        };
        if self.scenario.is_some() && self.address.is_some() {
            tables = tables.into_iter().map(Table::for_running_server).collect::<Result<_, _>>()?;
        }
        if let Some(cores) = self.server_cores {
            let pinned = |case: &&mut Case| matches!(case.placement, Placement::Pinned(_));
            let cases = tables.iter_mut().flat_map(|table| &mut table.cases);
            cases.filter(pinned).for_each(|case| case.placement = Placement::Pinned(cores));
        }
        if !self.sweep {
            return Ok(Task::Tables(tables, options));
        }
        let limit = LatencyLimit { p99_us: self.p99_us_max.unwrap_or(5_000.0) };
        Ok(Task::Sweep(tables.into_iter().flat_map(|table| table.cases).collect(), limit, options))
    }

    /// Returns the cases that the options of work and server describe.
    fn cases(&self) -> Result<Vec<Case>, lexopt::Error> {
        let shape = self.shape.unwrap_or(Shape::DEFAULT);
        if shape.types_per_worker > shape.types || shape.workers.saturating_mul(shape.types_per_worker) < shape.types {
            return Err("each type needs a worker, and --types-per-worker is at most --types".into());
        }
        let kinds = if self.vs_floor {
            vec![ServerKind::Deputy, ServerKind::Floor]
        } else {
            vec![self.server.unwrap_or(ServerKind::Deputy)]
        };
        if self.server == Some(ServerKind::Floor) && self.threads.is_some() {
            return Err("the floor has one thread: leave --threads out".into());
        }
        if kinds.contains(&ServerKind::Floor) && shape.types_per_worker > 1 {
            return Err("the floor knows one type per worker: leave --types-per-worker out".into());
        }
        let bearable = matches!(shape.interference, Interference::None | Interference::StalledReaders(_));
        if kinds.contains(&ServerKind::Floor) && !bearable {
            return Err("the floor knows only jobs: the only --interference it bears is stalled-readers".into());
        }
        if kinds.contains(&ServerKind::Floor) && shape.ask != Ask::Nothing {
            return Err("the floor knows only jobs: leave --ask out".into());
        }
        if shape.ask.needs_max_jobs() && shape.max_jobs == 0 {
            return Err("with this --ask workers must learn when a job is over: give --max-jobs too".into());
        }
        let loop_kind = self.rate_per_s.map_or(LoopKind::Closed, LoopKind::Rate);
        let mut cases = Vec::new();
        for &threads in self.threads.as_deref().unwrap_or(&[1]) {
            for &kind in &kinds {
                let several = self.threads.as_ref().is_some_and(|threads| threads.len() > 1);
                let label = if several && kind != ServerKind::Floor {
                    format!("{} x{threads}", kind.name())
                } else {
                    kind.name().to_owned()
                };
                let mut case = Case::new(kind, shape).label(label).loop_kind(loop_kind).placement(self.placement());
                case.threads = if kind == ServerKind::Floor { 1 } else { threads };
                (case.unix, case.count_calls) = (self.unix, self.count_calls);
                cases.push(case);
            }
        }
        Ok(cases)
    }

    fn placement(&self) -> Placement {
        match (&self.address, self.server_cores) {
            (Some(_), _) => Placement::Running,
            (None, Some(cores)) => Placement::Pinned(cores),
            (None, None) if self.pin => Placement::Pinned(1),
            (None, None) => Placement::Shared,
        }
    }

    fn options(&self, program: Program, command: &[String]) -> Result<Options, lexopt::Error> {
        let named = program == Program::Peers || self.scenario.is_some();
        let seconds_default = if named { 3.0 } else { 5.0 };
        let measured = seconds("seconds", self.seconds.unwrap_or(seconds_default), 0.01)?;
        let late = self.late.map(|late| seconds("late", late, 0.001)).transpose()?;
        let default = Options::for_time(measured);
        let runs_default = match (named, self.vs_floor) {
            _ if self.address.is_some() || self.sweep => 1,
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        };
        let own_cores = match self.server_cores {
            Some(cores) => Some(cores),
            None if self.address.is_none() && (self.pin || named) => Some(1),
            None => None,
        };
        let shown = command.iter().filter(|arg| *arg != "--bench").cloned().collect::<Vec<_>>().join(" ");
        Ok(Options {
            late: late.unwrap_or(default.late),
            warm_up: seconds("warmup", self.warm_up.unwrap_or(if self.jobs.is_some() { 0.0 } else { 1.0 }), 0.0)?,
            jobs: self.jobs,
            runs: self.runs.unwrap_or(runs_default),
            seed: self.seed,
            load_threads: self.load_threads.unwrap_or_else(|| default_load_threads(own_cores)),
            expect_wrong: self.expect_wrong,
            running: self.address.clone().map(|address| Running { address, process: self.process }),
            output: Output { json: self.json, plot: self.plot.clone(), command: format!("options: {shown}") },
            ..default
        })
    }
}

/// Returns one thread per core that pinning leaves to the load, at most four per core of the server; one thread without
/// pinning.
fn default_load_threads(server_cores: Option<usize>) -> usize {
    server_cores.map_or(1, |cores| machine::cores().saturating_sub(cores).clamp(1, 4 * cores))
}
