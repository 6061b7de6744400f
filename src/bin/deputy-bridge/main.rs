//! `deputy-bridge` connects a server to those of other machines, through NATS JetStream.
//!
//! ```text
//! server <-- lines --> local \                     / engine <-- messages --> NATS
//!                             > run: core decides <
//!                      figures --> HTTP
//! ```
//!
//! The bridge is a client of its server, and a separate process: if it ends, only remote work waits.
//!
//! | file | what |
//! |---|---|
//! | `options`, `args` | the command line |
//! | `names`, `wire` | names in NATS; lines of the server. Pure |
//! | `core` | makes all decisions. Pure |
//! | `local`, `engine` | the connections to the server and to NATS |
//! | `run` | the loop |
//! | `report`, `log`, `figures`, `backlog` | log lines, the events of the log, metrics over HTTP |

mod args;
mod backlog;
#[path = "../cli/mod.rs"]
mod cli;
mod core;
mod engine;
mod figures;
mod local;
mod log;
mod names;
mod options;
mod report;
mod run;
mod wire;

use std::env;
use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;

use deputy::monitor::{HttpListeners, Monitor};
use deputy::server::{Log, LogFormat, abort_on_panic};

use crate::args::{Request, Running};
use crate::cli::program::{fail, log_format, print};
use crate::core::{Core, Settings};
use crate::engine::EngineOptions;
use crate::figures::Shared;
use crate::run::{Nats, Plan};

/// The name in log lines.
const PROGRAM: &str = "deputy-bridge";

fn main() -> ExitCode {
    // Before the arguments are read, because an error in them has this format too.
    let format = log_format(env::args_os());
    abort_on_panic(format);
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Request::Help) => print(PROGRAM, &options::help_text(), format),
        Ok(Request::Version) => print(PROGRAM, concat!("deputy-bridge ", env!("CARGO_PKG_VERSION"), "\n"), format),
        Ok(Request::Run(running)) => match start(*running, format) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(PROGRAM, &error, 1, format),
        },
        Err(error) => fail(PROGRAM, &error, 2, format),
    }
}

/// Runs the bridge until a signal says to stop.
fn start(running: Running, format: LogFormat) -> Result<(), String> {
    let text = |error: &dyn Display| error.to_string();
    let (log, log_thread) = Log::start(PROGRAM, running.log, format).map_err(|error| text(&error))?;
    let shared = Shared::default();
    let listeners = (!running.http.is_empty()).then(|| HttpListeners::bind(&running.http)).transpose();
    let listeners = listeners.map_err(|error| text(&error))?;
    let monitor = listeners.map(|listeners| Monitor::of_program(listeners, shared.clone(), &log)).transpose();
    let monitor = monitor.map_err(|error| text(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    let ended = runtime.block_on(serve(running, shared, log.clone()));
    drop((monitor, log));
    log_thread.stop();
    ended
}

/// Returns a text that distinguishes this bridge from others of its name: machine, process and a random number. Two
/// containers may have the same machine name and process number.
fn instance() -> String {
    let machine = rustix::system::uname().nodename().to_string_lossy().replace('/', "-");
    let process = std::process::id();
    format!("{machine}/{process}/{:016x}", RandomState::new().hash_one(process))
}

async fn serve(running: Running, shared: Shared, log: Log) -> Result<(), String> {
    let settings = Settings {
        node: running.node.clone(),
        instance: instance(),
        patterns: running.patterns,
        ack_wait: running.ack_wait,
    };
    let engine = EngineOptions {
        node: running.node,
        instance: settings.instance.clone(),
        replicas: running.replicas,
        ack_wait: running.ack_wait,
        pull_time: Core::pull_time(&settings),
    };
    let nats = Nats { options: running.access.options().await?, urls: running.nats };
    run::run(Plan { server: running.server, nats, settings, engine }, shared, log).await
}
