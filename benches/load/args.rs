//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::{Long, ValueExt};

use crate::conn::Address;
use crate::machine;
use crate::measure::Timing;
use crate::server::{FLOOR_OPTION, Kind};
use crate::workload::{ARG_BYTES_MIN, Shape};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Loads a server of its own and checks every answer.

usage: cargo bench --bench load -- [options]

work:
  --submitters N         connections that submit jobs (4)
  --inflight N           jobs that each keeps unanswered (64)
  --workers N            connections that do them (16)
  --types N              job types (1)
  --types-per-worker N   types that each worker does (1)
  --max-jobs N           jobs that a worker takes at once; 0: it does not say, and takes one (0)
  --arg-bytes N          size of an argument in bytes, from 16 (32)
run:
  --seconds S            how long to measure, fractions allowed (5)
  --warmup S             how long not to, before (1)
  --runs N               how often (1; with --vs-floor 2)
  --load-threads N       threads of the load (1, or one for each core that --pin leaves it, at most 4)
server:
  --threads N,N,...      server threads, a row each (1)
  --server NAME          deputy, or floor: a bare relay on one thread, to compare with (deputy)
  --vs-floor             run both by turns and print the ratios
  --unix                 over a UNIX socket
  --pin                  server on the first core, load on the others
  --help                 print this
";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print the help.
    Help,
    /// Be the floor, at this address.
    Floor(Address),
    /// Load a server.
    Load(Options),
}

/// How to load.
#[derive(Debug)]
pub(crate) struct Options {
    /// The work.
    pub(crate) shape: Shape,
    /// How long a run takes.
    pub(crate) timing: Timing,
    /// Runs of each row.
    pub(crate) runs: usize,
    /// Server threads, a row each.
    pub(crate) threads: Vec<usize>,
    /// Which servers, by turns.
    pub(crate) servers: Vec<Kind>,
    /// Whether over a UNIX socket.
    pub(crate) unix: bool,
    /// Whether server and load are kept on cores of their own.
    pub(crate) pin: bool,
}

/// Options as they were given.
struct Raw {
    shape: Shape,
    seconds: f64,
    warm_up: f64,
    runs: Option<usize>,
    load_threads: Option<usize>,
    threads: Vec<usize>,
    server: Kind,
    vs_floor: bool,
    unix: bool,
    pin: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            shape: Shape {
                submitters: 4,
                inflight: 64,
                workers: 16,
                types: 1,
                types_per_worker: 1,
                max_jobs: 0,
                arg_bytes: 32,
            },
            seconds: 5.0,
            warm_up: 1.0,
            runs: None,
            load_threads: None,
            threads: vec![1],
            server: Kind::Deputy,
            vs_floor: false,
            unix: false,
            pin: false,
        }
    }
}

/// Reads the arguments, the program's name not among them. The error is a line for people.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut raw = Raw::default();
    while let Some(arg) = parser.next()? {
        let Long(name) = arg else { return Err(arg.unexpected()) };
        match format!("--{name}").as_str() {
            "--help" => return Ok(Task::Help),
            FLOOR_OPTION => return Ok(Task::Floor(floor_address(&mut parser)?)),
            // Cargo passes it to every benchmark.
            "--bench" => {}
            "--vs-floor" => raw.vs_floor = true,
            "--unix" => raw.unix = true,
            "--pin" => raw.pin = true,
            option => raw.set(option, &mut parser)?,
        }
    }
    raw.check().map(Task::Load)
}

/// The floor takes the path of a UNIX socket, or nothing.
fn floor_address(parser: &mut lexopt::Parser) -> Result<Address, lexopt::Error> {
    let path = parser.raw_args()?.next().map(PathBuf::from);
    Ok(path.map_or(Address::Tcp(([127, 0, 0, 1], 0).into()), Address::Unix))
}

impl Raw {
    /// Takes an option that has a value.
    fn set(&mut self, option: &str, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let shape = &mut self.shape;
        match option {
            "--submitters" => shape.submitters = positive(option, parser)?,
            "--inflight" => shape.inflight = positive(option, parser)?,
            "--workers" => shape.workers = positive(option, parser)?,
            "--types" => shape.types = positive(option, parser)?,
            "--types-per-worker" => shape.types_per_worker = positive(option, parser)?,
            "--max-jobs" => shape.max_jobs = parser.value()?.parse()?,
            "--arg-bytes" => shape.arg_bytes = positive(option, parser)?,
            "--seconds" => self.seconds = parser.value()?.parse()?,
            "--warmup" => self.warm_up = parser.value()?.parse()?,
            "--runs" => self.runs = Some(positive(option, parser)?),
            "--load-threads" => self.load_threads = Some(positive(option, parser)?),
            "--threads" => self.threads = thread_counts(parser)?,
            "--server" => self.server = server(parser)?,
            other => return Err(format!("unknown option {other}; --help lists them").into()),
        }
        Ok(())
    }

    fn check(self) -> Result<Options, lexopt::Error> {
        let shape = self.shape;
        if shape.arg_bytes < ARG_BYTES_MIN {
            return Err(format!("--arg-bytes must be at least {ARG_BYTES_MIN}: an argument names its job").into());
        }
        if shape.types_per_worker > shape.types || shape.workers.saturating_mul(shape.types_per_worker) < shape.types {
            return Err("each type needs a worker, and --types-per-worker is at most --types".into());
        }
        let servers = if self.vs_floor { vec![Kind::Deputy, Kind::Floor] } else { vec![self.server] };
        if servers.contains(&Kind::Floor) && shape.types_per_worker > 1 {
            return Err("the floor knows one type a worker: leave --types-per-worker out".into());
        }
        Ok(Options {
            shape,
            timing: Timing {
                warm_up: seconds("--warmup", self.warm_up, 0.0)?,
                measured: seconds("--seconds", self.seconds, 0.01)?,
                load_threads: self.load_threads.unwrap_or_else(|| default_load_threads(self.pin)),
            },
            runs: self.runs.unwrap_or(if self.vs_floor { 2 } else { 1 }),
            threads: if servers == [Kind::Floor] { vec![1] } else { self.threads },
            servers,
            unix: self.unix,
            pin: self.pin,
        })
    }
}

fn default_load_threads(pin: bool) -> usize {
    if pin { machine::cores().saturating_sub(1).clamp(1, 4) } else { 1 }
}

/// A whole number from 1.
fn positive<N: FromStr + Default + PartialEq>(option: &str, parser: &mut lexopt::Parser) -> Result<N, lexopt::Error>
where
    N::Err: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
{
    let number: N = parser.value()?.parse()?;
    if number == N::default() { Err(format!("{option} must be at least 1").into()) } else { Ok(number) }
}

fn thread_counts(parser: &mut lexopt::Parser) -> Result<Vec<usize>, lexopt::Error> {
    let list = parser.value()?.string()?;
    let counts: Option<Vec<usize>> =
        list.split(',').map(|count| count.parse().ok().filter(|count| *count > 0)).collect();
    counts.ok_or_else(|| format!("--threads takes numbers from 1 with commas between, not {list}").into())
}

fn server(parser: &mut lexopt::Parser) -> Result<Kind, lexopt::Error> {
    match parser.value()?.string()?.as_str() {
        "deputy" => Ok(Kind::Deputy),
        "floor" => Ok(Kind::Floor),
        other => Err(format!("--server is deputy or floor, not {other}").into()),
    }
}

fn seconds(option: &str, given: f64, least: f64) -> Result<Duration, lexopt::Error> {
    if (least..=86_400.0).contains(&given) {
        Ok(Duration::from_secs_f64(given))
    } else {
        Err(format!("{option} takes {least} to 86400 seconds, not {given}").into())
    }
}
