//! Shared by the subcommands: the server's address, the connection, valid types, and the meaning of metrics.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deputy::client::{Client, Error, Histogram, Metrics, Options, TypeMetrics, Url};
use deputy::limits::{
    LINE_BYTES_DEFAULT, LINE_BYTES_MAX, LINE_BYTES_MIN, TYPE_BYTES_MAX, TYPE_ROWS_MAX, TYPES_PER_CONNECTION_MAX,
};
use deputy::monitor::state::lost_lately;

use crate::cli::parse::Args;
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, Outcome, TIMED_OUT};
use crate::format::{count, counted, duration};

/// The server's address; read by [`url`].
pub(crate) static SERVER: Opt = Opt::value("--server", ValueKind::Text("URL"))
    .help("tcp://HOST:PORT, HOST:PORT or unix:/PATH")
    .default("$DEPUTY_URL, or tcp://127.0.0.1:11746");

/// The time limit of a command that queries the server; read by [`limited`].
pub(crate) static TIMEOUT: Opt = Opt::value("--timeout", ValueKind::Seconds)
    .short('t')
    .help("time limit of the command")
    .default("5 to connect, 20 for the answer");

/// The longest line to the server and from it; read by [`max_line`].
pub(crate) static MAX_LINE: Opt =
    Opt::value("--max-line", ValueKind::Bytes { min: LINE_BYTES_MIN as u64, max: LINE_BYTES_MAX as u64, zero: "" })
        .help("longest arg and result, up to the server's --max-line")
        .default("16M");

/// The marks of a type that has waiting jobs but no worker, and of a type that has durable jobs but no bridge.
const NO_WORKER: &str = "no worker";
const NO_BRIDGE: &str = "no bridge";

/// Returns the server's address, from `--server` or the environment.
pub(crate) fn url(args: &Args) -> Result<Url, CliError> {
    let url = args.text(&SERVER).map_or_else(Url::from_env, str::parse);
    Ok(url?)
}

/// Connects to the server.
pub(crate) fn connect(args: &Args, options: Options) -> Result<Client, CliError> {
    Ok(options.connect(&url(args)?.to_string())?)
}

/// Returns the error of a query or a job. The error of an answer that did not come in time names the server.
pub(crate) fn failure(client: &Client, error: Error) -> CliError {
    match error {
        Error::TimedOut => CliError::new(TIMED_OUT, format!("{error} from {}", client.url())),
        error => error.into(),
    }
}

/// Returns the options of a connection for queries, whose time limit is [`TIMEOUT`] if it was given.
pub(crate) fn limited(args: &Args) -> Options {
    args.seconds(&TIMEOUT).map_or_else(Options::new, within)
}

/// Returns the options of a connection on which everything ends within this time from now.
pub(crate) fn within(timeout: Duration) -> Options {
    Options::new().connect_timeout(timeout).answer_timeout(timeout).deadline(Instant::now() + timeout)
}

/// Returns the longest line, in bytes.
pub(crate) fn max_line(args: &Args) -> usize {
    let bytes = args.uint(&MAX_LINE).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.unwrap_or(LINE_BYTES_DEFAULT)
}

/// Checks that a type has a valid length.
pub(crate) fn check_type(name: &str) -> Outcome {
    if (1..=TYPE_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(CliError::usage(format!("TYPE must have 1 to {TYPE_BYTES_MAX} bytes, not {}", name.len())))
}

/// Checks the types for one connection or one query.
pub(crate) fn check_types<T: AsRef<str>>(names: &[T]) -> Outcome {
    if names.len() > TYPES_PER_CONNECTION_MAX {
        return Err(CliError::usage(format!("too many TYPEs: {}, at most {TYPES_PER_CONNECTION_MAX}", names.len())));
    }
    names.iter().try_for_each(|name| check_type(name.as_ref()))
}

/// The remark on a type after the numbers of its row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) text: String,
    /// Whether the remark is about a problem.
    pub(crate) is_alarm: bool,
}

/// Returns the remark on a type, if there is one.
pub(crate) fn mark(row: &TypeMetrics) -> Option<Mark> {
    let no_worker = lacks_workers(row).then(|| NO_WORKER.to_owned());
    let no_bridge = (row.durable_waiting > 0 && row.durable_workers == 0).then(|| NO_BRIDGE.to_owned());
    let lost = (row.suspects > 0 || lost_lately(row)).then(|| format!("lost {}", counted(row.lost, "worker")));
    let spent = (row.spent > 0).then(|| counted(row.spent, "spent slot"));
    let passed_on = (row.passed_on > 0).then(|| format!("{} with a bridge", count(row.passed_on)));
    let delayed = (row.delayed > 0).then(|| format!("{} delayed", count(row.delayed)));
    // A slot is spent for a moment whenever a running job is cancelled.
    let is_alarm = no_worker.is_some() || no_bridge.is_some() || lost.is_some() || spent.is_some() && row.waiting > 0;
    let parts: Vec<String> = [no_worker, no_bridge, lost, spent, passed_on, delayed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Mark { text: parts.join(", "), is_alarm })
}

/// Whether jobs of this type are waiting for a worker and no worker does the type. Durable jobs wait for a bridge.
fn lacks_workers(row: &TypeMetrics) -> bool {
    row.waiting > row.durable_waiting && row.workers == 0
}

/// Whether the server may have more types than its table. The table contains all types with figures of their own, but
/// only a limited number of others.
pub(crate) fn is_cut(types: &[TypeMetrics]) -> bool {
    types.iter().filter(|row| !row.has_figures).count() >= TYPE_ROWS_MAX
}

/// Whether the type has jobs or workers now.
pub(crate) fn is_in_use(row: &TypeMetrics) -> bool {
    [row.waiting, row.running, row.workers, row.durable_workers, row.delayed, row.spent].iter().any(|&n| n > 0)
}

/// Quantiles of a type: the columns `WAIT-P50`, `WAIT-P99`, `RUN-P50` and `RUN-P99`. `None`: no job was measured.
pub(crate) type Quantiles = [Option<Duration>; 4];

/// Returns the median and the 99th percentile of how long jobs waited, and of how long they ran.
pub(crate) fn quantiles(wait: &Histogram, run: &Histogram) -> Quantiles {
    [wait.quantile(0.5), wait.quantile(0.99), run.quantile(0.5), run.quantile(0.99)]
}

/// Shows a quantile.
pub(crate) fn time_or_dash(quantile: Option<Duration>) -> String {
    quantile.map_or_else(|| "-".to_owned(), duration)
}

/// Returns the number of jobs of this type that are waiting or running.
pub(crate) fn open_jobs(row: &TypeMetrics) -> u64 {
    row.waiting.saturating_add(row.running)
}

/// Returns the uptime of the server in milliseconds. An older server does not report it. Then it is the difference of
/// two clocks, and 0 if the server's clock is ahead.
pub(crate) fn uptime_ms(metrics: &Metrics) -> u64 {
    if metrics.uptime_ms > 0 {
        return metrics.uptime_ms;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(metrics.up_since)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use deputy::limits::{ANSWER_SECONDS_DEFAULT, CONNECT_SECONDS_DEFAULT};

    use super::*;

    /// Returns metrics with these members; the rest is 0.
    pub(crate) fn metrics(members: Value) -> Metrics {
        serde_json::from_value(members).unwrap()
    }

    /// Returns a row of the table by type.
    #[expect(clippy::needless_pass_by_value, reason = "for json!")]
    pub(crate) fn row(name: &str, members: Value) -> TypeMetrics {
        metrics(json!({ "types": { name: members } })).types.remove(0)
    }

    #[test]
    fn the_help_text_shows_the_true_time_limit() {
        assert_eq!(
            TIMEOUT.default,
            format!("{CONNECT_SECONDS_DEFAULT} to connect, {ANSWER_SECONDS_DEFAULT} for the answer")
        );
    }

    #[test]
    fn a_row_is_marked_with_what_its_numbers_do_not_show() {
        for (members, expected) in [
            (json!({ "waiting": 1, "running": 1, "workers": 1 }), None),
            (json!({ "waiting": 1 }), Some(("no worker", true))),
            (json!({ "waiting": 1, "durable_waiting": 1, "durable_workers": 1 }), None),
            (json!({ "waiting": 1, "durable_waiting": 1, "workers": 1 }), Some(("no bridge", true))),
            (json!({ "waiting": 2, "durable_waiting": 1 }), Some(("no worker, no bridge", true))),
            (json!({ "delayed": 1_000 }), Some(("1,000 delayed", false))),
            (json!({ "running": 3, "workers": 1, "passed_on": 2 }), Some(("2 with a bridge", false))),
            (json!({ "workers": 1, "spent": 1 }), Some(("1 spent slot", false))),
            (json!({ "waiting": 1, "workers": 1, "spent": 2, "delayed": 3 }), Some(("2 spent slots, 3 delayed", true))),
            (
                json!({ "waiting": 1, "suspects": 1, "lost": 1, "last_lost_ms": 900_000 }),
                Some(("no worker, lost 1 worker", true)),
            ),
            (json!({ "lost": 2, "last_lost_ms": 600_000 }), Some(("lost 2 workers", true))),
            (json!({ "lost": 2, "last_lost_ms": 600_001 }), None),
        ] {
            let expected = expected.map(|(text, is_alarm)| Mark { text: text.to_owned(), is_alarm });
            assert_eq!(mark(&row("t", members)), expected);
        }
    }

    #[test]
    fn the_uptime_does_not_depend_on_clocks_if_the_server_reports_it() {
        assert_eq!(uptime_ms(&metrics(json!({ "up_since": u64::MAX }))), 0);
        assert_eq!(uptime_ms(&metrics(json!({ "up_since": u64::MAX, "uptime_ms": 7 }))), 7);
    }
}
