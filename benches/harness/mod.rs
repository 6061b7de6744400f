//! The harness that loads servers: real processes, real sockets, every answer checked.
//!
//! Workload: submitters that ask for jobs (a closed loop, or an open one at a rate), and workers that send back what they
//! get. Units: answers a second, microseconds from submission to answer, microseconds of processor time a job. The server
//! is the built binary in a process of its own, so that its processor time can be told apart; the floor, a bare relay,
//! runs likewise, for ratios that mean the same on any machine; so do other job servers.
//!
//! ```text
//! args -> scenario, table, case: what is run -> run -> server: start            floor (another process)
//!                                               |  \-> measure, backlog: connect, time -> drive: a poller a thread
//!                                               |          process, calls, control: watch    | books, pace: who is due
//!                                               v                                            | clients: right or wrong
//!                                     row -> report, plot, sweep                            | dialect: bytes <-> messages
//! ```
//!
//! Absent on purpose: any judgement in a test of how fast it went.

mod args;
mod backlog;
mod beside;
mod blocking;
mod books;
mod calls;
pub(crate) mod case;
mod check;
mod clients;
mod conn;
mod connect;
mod control;
pub(crate) mod dialect;
mod drive;
pub(crate) mod figure;
mod floor;
pub(crate) mod machine;
mod measure;
mod pace;
mod peer;
mod plot;
pub(crate) mod process;
mod progress;
mod report;
mod row;
pub(crate) mod run;
mod scenario;
pub(crate) mod server;
mod smoke;
mod sweep;
mod table;
mod values;
mod watch;
pub(crate) mod workload;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Task;

/// Which of the two programs this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The load test of Deputy.
    Load,
    /// Deputy beside other servers.
    Peers,
}

/// Why a run is void; for people.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Program {
    /// By the name of the crate that this is compiled into.
    fn this() -> Self {
        if env!("CARGO_CRATE_NAME") == "peers" { Self::Peers } else { Self::Load }
    }
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let program = Program::this();
    let task = match args::parse(program, std::env::args_os().skip(1).collect::<Vec<_>>()) {
        Ok(task) => task,
        Err(error) => return fail(&error.into(), 2),
    };
    let done = match task {
        Task::Help => io::stdout().write_all(args::help(program).as_bytes()).map_err(Failure::from),
        Task::Floor(address) => floor::serve(&address).map_err(Failure::from),
        Task::Smoke => smoke::run(program),
        Task::Tables(tables, options) => run::tables(tables, &options),
        Task::Sweep(case, bound, options) => sweep::sweep(&case, bound, &options),
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
