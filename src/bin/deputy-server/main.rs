//! `deputy-server`: reads the arguments, runs the library's server, and returns an exit code.

use std::env;
use std::process::ExitCode;

#[cfg(feature = "http")]
use deputy::monitor::{HttpListeners, Monitor};
use deputy::server::{Server, StartError, abort_on_panic, raise_descriptor_limit};

use crate::args::{Request, Serving};
use crate::cli::program::{fail, log_format, print};
use crate::signals::Signals;

mod args;
#[path = "../cli/mod.rs"]
mod cli;
mod options;
mod signals;
mod tidy;

/// The allocator, which returns the memory of a backlog to the system (docs/decisions.md). Sanitizers need the system's
/// allocator instead (docs/testing.md).
#[cfg(not(deputy_system_allocator))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name in messages.
const PROGRAM: &str = "deputy-server";

fn main() -> ExitCode {
    // The format is found before the arguments are read, because an error in them has this format too.
    let format = log_format(env::args_os());
    abort_on_panic(format);
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Request::Help) => print(PROGRAM, &options::help_text(), format),
        Ok(Request::Version) => print(PROGRAM, concat!("deputy-server ", env!("CARGO_PKG_VERSION"), "\n"), format),
        Ok(Request::Serve(serving)) => match serve(*serving) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(PROGRAM, &error, error.exit_code(), format),
        },
        Err(error) => fail(PROGRAM, &error, 2, format),
    }
}

/// Serves until a signal says to stop.
fn serve(serving: Serving) -> Result<(), StartError> {
    // After a failure the server has fewer descriptors, and logs when they run out.
    let _ = raise_descriptor_limit();
    // Signals are caught before the server listens: a program that sees it listening may send a signal at once.
    let mut signals =
        Signals::catch(tidy::EVERY).map_err(|reason| StartError::System { attempt: "catch signals", reason })?;
    // The HTTP addresses are bound before the server starts, so that a start that fails has served no client.
    #[cfg(feature = "http")]
    let listeners = (!serving.http.is_empty()).then(|| HttpListeners::bind(&serving.http)).transpose()?;
    let server = Server::start(serving.config);
    #[cfg(feature = "http")]
    let server = match &listeners {
        Some(listeners) => server.map_err(|error| listeners.explain(error)),
        None => server,
    };
    let server = server?;
    #[cfg(feature = "http")]
    let monitor = listeners.map(|listeners| Monitor::of_server(listeners, &server, serving.http_types)).transpose()?;
    while !signals.wait() {
        tidy::return_memory();
        tidy::reap_orphans();
    }
    server.stop();
    // Until this line probes could see that the server was stopping.
    #[cfg(feature = "http")]
    drop(monitor);
    Ok(())
}
