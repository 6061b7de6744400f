//! The harness of the load test: real processes, real sockets, every answer checked.
//!
//! Workload: submitters that submit jobs (in a closed loop, or in an open loop at a rate), and workers that return each
//! argument as the result. Units: answers per second, microseconds from submission to answer, and microseconds of
//! processor time per job. The server under test is the built binary in its own process, so that its processor time can be
//! distinguished. The floor, a bare relay, runs in the same way, because ratios to it mean the same on any machine. So do
//! other job servers.
//!
//! ```text
//! cli: options -> tables: named workloads, cases -> tables/run -> servers: start one, stop it
//!                                                     |       \-> load: connect, run, measure, observe
//!                                                     |             |  net: sockets
//!                                                     v             \- traffic: what is sent, what is checked
//!                                           report, plot, sweep
//! ```
//!
//! A test of this program never judges how fast anything was.

mod cli;
pub(crate) mod figure;
mod limit;
pub(crate) mod load;
mod net;
pub(crate) mod servers;
mod smoke;
pub(crate) mod system;
pub(crate) mod tables;
pub(crate) mod traffic;

use std::io::{self, Write};
use std::process::ExitCode;

use cli::Task;

/// Which of the two programs this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The load test of Deputy.
    Load,
    /// Deputy compared with other servers.
    Peers,
}

/// Why a run is void, as text for a person.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Program {
    /// Returns the program that this crate is compiled into.
    fn this() -> Self {
        if env!("CARGO_CRATE_NAME") == "peers" { Self::Peers } else { Self::Load }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Peers => "peers",
        }
    }
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let program = Program::this();
    let task = match cli::parse(program, std::env::args_os().skip(1).collect::<Vec<_>>()) {
        Ok(task) => task,
        Err(error) => return fail(program, &error.into(), 2),
    };
    let result = match task {
        Task::Help => io::stdout().write_all(cli::help(program).as_bytes()).map_err(Failure::from),
        Task::Floor(address) => servers::floor::serve(&address).map_err(Failure::from),
        Task::Smoke => smoke::run(program),
        Task::Tables(tables, options) => tables::run::run_all(tables, &options),
        Task::Sweep(cases, limit, options) => tables::sweep::sweep(&cases, limit, &options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(program, &failure, 1),
    }
}

fn fail(program: Program, failure: &Failure, code: u8) -> ExitCode {
    // If stderr is closed, the exit code still shows it.
    let _ = writeln!(io::stderr(), "{}: {failure}", program.name());
    ExitCode::from(code)
}
