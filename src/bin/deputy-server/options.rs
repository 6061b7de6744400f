//! The table of options, and the help text that is made from the table.

#[cfg(feature = "http")]
use deputy::limits::HTTP_TYPES_MAX;
#[cfg(feature = "http")]
use deputy::monitor::HTTP_EXPECTED;
use deputy::server::number_range::{self, NumberRange, Unit};
use deputy::server::{Field, HOST_EXPECTED, KEEPALIVE_EXPECTED, SOCK_EXPECTED};

use crate::cli::program::{LOG, LOG_FORMAT};
use crate::cli::{Opt, ValueKind, help};

pub(crate) static HOST: Opt = Opt::value("--host", ValueKind::Text("IP-or-name"))
    .short('h')
    .help("listen on this address; may be repeated")
    .default("127.0.0.1");
pub(crate) static PORT: Opt =
    Opt::value("--port", in_range(&number_range::PORT)).short('p').help("TCP port (0 = a free one)").default("11746");
pub(crate) static SOCK: Opt =
    Opt::value("--sock", ValueKind::Path("PATH")).short('s').help("also listen on this UNIX socket");
pub(crate) static NO_TCP: Opt = Opt::flag("--no-tcp").help("listen on the UNIX socket only");
#[cfg(feature = "http")]
pub(crate) static HTTP: Opt = Opt::value("--http", ValueKind::Text("ADDRESS"))
    .help("serve metrics and a page over HTTP at HOST:PORT or unix:PATH; may be repeated");
#[cfg(feature = "http")]
pub(crate) static HTTP_TYPES: Opt =
    Opt::value("--http-types", ValueKind::Uint { min: 0, max: HTTP_TYPES_MAX as u64, zero: "none" })
        .help("number of types with metrics of their own; all others are summed")
        .default("200");
pub(crate) static VERBOSE: Opt =
    Opt::flag("--verbose").short('v').help("write the metrics to stderr every 5 s, as one line of JSON");
pub(crate) static THREADS: Opt = Opt::value("--threads", in_range(&number_range::THREADS))
    .help("number of shards (0 = one per core that the process may use)")
    .default("0");
pub(crate) static MAX_LINE: Opt = Opt::value("--max-line", in_range(&number_range::LINE_BYTES))
    .help("longest line that a client may send, 64 to 1G")
    .default("16M");
pub(crate) static MAX_ATTEMPTS: Opt = Opt::value("--max-attempts", in_range(&number_range::ATTEMPTS))
    .help("give up on a job after it has lost this many workers (0 = never)")
    .default("3");
pub(crate) static RUN_LIMIT: Opt = Opt::value("--run-limit", in_range(&number_range::RUN_LIMIT_SECONDS))
    .help("let a worker hold a job for at most this long (0 = no limit)")
    .default("0");
pub(crate) static MAX_MEMORY: Opt = Opt::value("--max-memory", in_range(&number_range::MEMORY_BYTES))
    .help("memory budget for jobs and lines, at least 1M")
    .default("half the machine's");
pub(crate) static MAX_UNSENT: Opt = Opt::value("--max-unsent", in_range(&number_range::UNSENT_BYTES))
    .help("close a connection that has more unsent data than this")
    .default("64M");
pub(crate) static STALL_TIMEOUT: Opt = Opt::value("--stall-timeout", in_range(&number_range::STALL_SECONDS))
    .help("close a connection that does not read for this long (0 = never)")
    .default("30");
pub(crate) static DRAIN_TIMEOUT: Opt = Opt::value("--drain-timeout", in_range(&number_range::DRAIN_SECONDS))
    .help("at a stop, wait this long for the jobs that workers hold")
    .default("8");
pub(crate) static KEEPALIVE: Opt = Opt::value("--keepalive", ValueKind::Text("IDLE,INTERVAL,COUNT"))
    .help("TCP keepalive: seconds until the first probe, seconds between probes, number of probes")
    .default("30,10,3");
pub(crate) static PIN: Opt = Opt::flag("--pin").help("keep shard i on core i (Linux)");
pub(crate) static HELP: Opt = Opt::flag("--help").help("show this help and exit");
pub(crate) static VERSION: Opt = Opt::flag("--version").short('V').help("show the version and exit");

/// Every option, in the order of the help text. The last two end the reading.
pub(crate) static OPTIONS: &[&Opt] = &[
    &HOST,
    &PORT,
    &SOCK,
    &NO_TCP,
    #[cfg(feature = "http")]
    &HTTP,
    #[cfg(feature = "http")]
    &HTTP_TYPES,
    &VERBOSE,
    &LOG,
    &LOG_FORMAT,
    &THREADS,
    &MAX_LINE,
    &MAX_ATTEMPTS,
    &RUN_LIMIT,
    &MAX_MEMORY,
    &MAX_UNSENT,
    &STALL_TIMEOUT,
    &DRAIN_TIMEOUT,
    &KEEPALIVE,
    &PIN,
    &HELP,
    &VERSION,
];

/// Describes the values that the option accepts.
pub(crate) fn expected(option: &Opt) -> String {
    match option.long {
        "--host" => HOST_EXPECTED.to_owned(),
        "--sock" => SOCK_EXPECTED.to_owned(),
        "--keepalive" => KEEPALIVE_EXPECTED.to_owned(),
        #[cfg(feature = "http")]
        "--http" => HTTP_EXPECTED.to_owned(),
        _ => option.value.expected(),
    }
}

/// Returns the option that sets a field of the library's `Config`.
pub(crate) fn option_of(field: Field) -> &'static Opt {
    match field {
        Field::Hosts => &HOST,
        Field::Port => &PORT,
        Field::Sock => &SOCK,
        Field::Threads => &THREADS,
        Field::LineBytesMax => &MAX_LINE,
        Field::AttemptsMax => &MAX_ATTEMPTS,
        Field::RunLimitSeconds => &RUN_LIMIT,
        Field::MemoryBytesMax => &MAX_MEMORY,
        Field::UnsentBytesMax => &MAX_UNSENT,
        Field::StallSeconds => &STALL_TIMEOUT,
        Field::DrainSeconds => &DRAIN_TIMEOUT,
        Field::Keepalive => &KEEPALIVE,
    }
}

/// Returns a value within the library's range, so that both refuse the same values.
const fn in_range(range: &NumberRange) -> ValueKind {
    let NumberRange { least: min, most: max, zero, .. } = *range;
    match range.unit {
        Unit::Number => ValueKind::Uint { min, max, zero },
        Unit::Bytes => ValueKind::Bytes { min, max, zero },
        Unit::Seconds => ValueKind::WholeSeconds { min, max, zero },
    }
}

const HEAD: &str = "\
Usage: deputy-server [OPTION]...

A job server: clients submit jobs, workers run them, and the server returns each
result to the client that asked.

";

const TAIL: &str = "
BYTES may end in K, M or G (of 1024). Defaults are in brackets.
At SIGTERM and SIGINT the server lets workers finish the jobs that they hold,
then it ends. A second signal ends it at once.
Exit codes: 0 = stopped, 1 = cannot listen, 2 = wrong usage.
";

/// The column in which the explanations start.
const COLUMN: usize = 32;

/// Returns the whole help text.
pub(crate) fn help_text() -> String {
    let mut text = HEAD.to_owned();
    help::options(&mut text, OPTIONS, COLUMN);
    text + TAIL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_the_range_of_its_field() {
        for range in [
            number_range::PORT,
            number_range::THREADS,
            number_range::LINE_BYTES,
            number_range::ATTEMPTS,
            number_range::MEMORY_BYTES,
            number_range::UNSENT_BYTES,
            number_range::STALL_SECONDS,
            number_range::DRAIN_SECONDS,
        ] {
            assert_eq!(option_of(range.field).value, in_range(&range));
        }
    }

    #[test]
    fn h_is_the_host_as_in_2011() {
        let named = |short| OPTIONS.iter().find(|option| option.short == Some(short)).map(|option| option.long);
        assert_eq!(named('h'), Some("--host"));
    }

    #[test]
    fn every_option_has_its_own_name_and_is_in_the_help_text_which_fits_a_terminal() {
        let text = help_text();
        help::check(OPTIONS, &text);
        assert!(text.contains("  -h, --host IP-or-name         listen on this address; may be repeated"), "{text}");
    }
}
