//! A load test of the whole server: real processes, real sockets, every answer checked.
//!
//! Workload: submitters that keep jobs in flight (closed loop), and workers that send back what they get. Units:
//! answers a second, microseconds from submission to answer, microseconds of processor time a job. The server is the
//! built binary in a process of its own, so that its processor time can be told apart; the floor, a bare relay, runs
//! likewise, for ratios that mean the same on any machine. `cargo bench --bench load -- --help` lists the options.
//!
//! ```text
//! args -> main -> server: start            floor (another process)
//!              -> measure: connect, time -> drive: a poller a thread -> clients: pure, line in, line out
//!              -> report                       conn: bytes <-> lines     lines · check · workload
//! ```
//!
//! Absent on purpose: no server but one that it started, and no rate but that of the answers.

mod args;
mod check;
mod clients;
mod conn;
mod drive;
mod floor;
mod lines;
mod machine;
mod measure;
mod report;
mod server;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;

use args::{HELP, Options, Task};
use machine::Cores;
use report::{Report, Row};
use server::{Kind, ServerProcess};
use workload::Workload;

/// Why a run is void; for people.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Help) => io::stdout().write_all(HELP.as_bytes()).map_err(Failure::from),
        Ok(Task::Floor(address)) => floor::serve(&address).map_err(Failure::from),
        Ok(Task::Load(options)) => load(&options),
        Err(error) => return fail(&error.into(), 2),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, 1),
    }
}

fn fail(failure: &Failure, code: u8) -> ExitCode {
    // There is nowhere else to complain if stderr is closed.
    let _ = writeln!(io::stderr(), "load: {failure}");
    ExitCode::from(code)
}

/// Runs go by turns, server by server and round by round, so that a machine that slows down slows all alike.
fn load(options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit()?;
    let workload = Workload::new(options.shape);
    let cores = if options.pin { Some(Cores::part()?) } else { None };
    let mut report = Report::begin()?;
    for _ in 0..options.runs {
        for &threads in &options.threads {
            for &kind in &options.servers {
                let threads = if kind == Kind::Floor { 1 } else { threads };
                report.add(run(kind, threads, options, cores.as_ref(), &workload)?)?;
            }
        }
    }
    Ok(report.end(&options.threads)?)
}

fn run(
    kind: Kind,
    threads: usize,
    options: &Options,
    cores: Option<&Cores>,
    workload: &Workload,
) -> Result<Row, Failure> {
    let start = || ServerProcess::start(kind, threads, options.unix);
    let server = match cores {
        Some(cores) => cores.start_server(start)??,
        None => start()?,
    };
    let figures = measure::measure(server.id(), &server.address, workload, options.timing)?;
    server.stop()?;
    Ok(Row::new(kind, threads, &figures))
}
