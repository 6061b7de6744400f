//! `deputy web`: serves the pages of one or several servers over HTTP.

use std::collections::HashSet;
use std::io;

use deputy::client::Url;
use deputy::limits::{HTTP_TYPES_DEFAULT, HTTP_TYPES_MAX};
use deputy::monitor::{HTTP_EXPECTED, HttpAddress, HttpListeners, Monitor};
use deputy::server::StartError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::parse::{Args, UsageError};
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, EXIT_CODES, FAILED, Outcome};
use crate::server;
use crate::subcommand::{Example, HELP, Run, Subcommand};

static SERVER: Opt = Opt { help: "a server to show; may be repeated", ..server::SERVER };

static LISTEN: Opt = Opt::value("--listen", ValueKind::Text("ADDRESS"))
    .short('l')
    .help("where to serve: HOST:PORT, [IPv6]:PORT or unix:PATH; may be repeated")
    .default(LISTEN_DEFAULT);

static TYPES: Opt = Opt::value("--types", ValueKind::Uint { min: 0, max: HTTP_TYPES_MAX as u64, zero: "no type" })
    .help("number of types per server with metrics of their own; all others are summed as '_other'")
    .default("200");

/// Default of `--listen`: only programs of this machine reach it.
const LISTEN_DEFAULT: &str = "127.0.0.1:9746";

pub(crate) static WEB: Subcommand = Subcommand {
    name: "web",
    summary: "serve a dashboard and Prometheus metrics of servers",
    positionals: &[],
    options: &[&SERVER, &LISTEN, &TYPES, &HELP],
    about: &[
        "Serves for one or several servers what 'deputy-server --http' serves for itself: a dashboard at /, metrics \
         for Prometheus at /metrics, /status.json, and the probes /healthz and /readyz. With several servers, the \
         dashboard has a row per server, and each metric has the label server.",
        "The dashboard shows servers that do not answer; the command keeps asking them. Runs until SIGTERM or \
         Ctrl-C. Every program that can connect to the address can read the names of types and the addresses of \
         workers.",
    ],
    examples: &[
        Example { what: "A dashboard for the server of this machine", line: "deputy web" },
        Example {
            what: "One for two servers, for all machines of the network",
            line: "deputy web --server jobs1:11746 --server jobs2:11746 --listen 0.0.0.0:9746",
        },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let urls = urls(args)?;
    let addresses = addresses(args)?;
    let types_max = args.uint(&TYPES).and_then(|types| usize::try_from(types).ok()).unwrap_or(HTTP_TYPES_DEFAULT);
    // Signals are caught before the command listens: a program that sees it listening may send a signal at once.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
    let listeners = HttpListeners::bind(&addresses).map_err(failed)?;
    let monitor = Monitor::of_urls(listeners, &urls, types_max).map_err(failed)?;
    signals.forever().next();
    drop(monitor);
    Ok(())
}

/// Returns the servers: each `--server`, or the server of the environment. Each is shown under its own name.
fn urls(args: &Args) -> Result<Vec<Url>, CliError> {
    let given = args.texts(&SERVER);
    if given.is_empty() {
        return Ok(vec![Url::from_env()?]);
    }
    let mut seen = HashSet::new();
    let mut urls = Vec::with_capacity(given.len());
    for text in given {
        let url: Url = text.parse()?;
        if !seen.insert(url.to_string()) {
            return Err(CliError::usage(format!("--server {url} is given twice")));
        }
        urls.push(url);
    }
    Ok(urls)
}

fn addresses(args: &Args) -> Result<Vec<HttpAddress>, UsageError> {
    let given = args.texts(&LISTEN);
    let texts = if given.is_empty() { vec![LISTEN_DEFAULT] } else { given };
    let read = |text: &str| text.parse().map_err(|_| UsageError::invalid_value(&LISTEN, text, HTTP_EXPECTED));
    texts.into_iter().map(read).collect()
}

fn failed(error: impl Into<WebError>) -> CliError {
    CliError::new(FAILED, error.into().0)
}

/// Why the pages cannot be served.
struct WebError(String);

impl From<StartError> for WebError {
    fn from(error: StartError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for WebError {
    fn from(error: io::Error) -> Self {
        Self(format!("cannot catch signals: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        assert_eq!(TYPES.default, HTTP_TYPES_DEFAULT.to_string());
    }
}
