//! The options, in one table, and the help text that is made from it.

use deputy::monitor::HTTP_EXPECTED;

use crate::cli::program::{LOG, LOG_FORMAT};
use crate::cli::{Opt, ValueKind, help};
use crate::names::NODE_EXPECTED;

pub(crate) static SERVER: Opt = Opt::value("--server", ValueKind::Text("URL"))
    .help("the server of this node: tcp://HOST:PORT, HOST:PORT or unix:/PATH")
    .default("$DEPUTY_URL, or tcp://127.0.0.1:11746");
pub(crate) static NATS: Opt = Opt::value("--nats", ValueKind::Text("URL[,URL]..."))
    .help("servers of a NATS cluster: nats://HOST:PORT or tls://HOST:PORT")
    .default("nats://127.0.0.1:4222");
pub(crate) static NODE: Opt =
    Opt::value("--node", ValueKind::Text("NAME")).help("the name of this node, different for each bridge; required");
pub(crate) static TYPES: Opt = Opt::value("--types", ValueKind::Text("PATTERN"))
    .help("share only these types; * stands for any text; may be repeated")
    .default("all");
pub(crate) static REPLICAS: Opt = Opt::value("--replicas", ValueKind::Choice { name: "N", words: &["1", "3"] })
    .help("copies of each job, if the bridge creates the stream: 1 or 3")
    .default("1");
pub(crate) static ACK_WAIT: Opt = Opt::value("--ack-wait", ValueKind::WholeSeconds { min: 1, max: 3_600, zero: "" })
    .help("give the jobs of a bridge to others after this silence; use the same value for all bridges")
    .default("15");
pub(crate) static CREDS: Opt =
    Opt::value("--creds", ValueKind::Path("FILE")).help("credentials file for NATS, as written by nsc");
pub(crate) static TLS: Opt = Opt::flag("--tls").help("require TLS to NATS");
pub(crate) static TLS_CA: Opt =
    Opt::value("--tls-ca", ValueKind::Path("FILE")).help("further root certificates for TLS, in PEM; requires TLS");
pub(crate) static TLS_CERT: Opt =
    Opt::value("--tls-cert", ValueKind::Path("FILE")).help("client certificate for TLS, in PEM; requires --tls-key");
pub(crate) static TLS_KEY: Opt =
    Opt::value("--tls-key", ValueKind::Path("FILE")).help("private key of the client certificate, in PEM");
pub(crate) static HTTP: Opt = Opt::value("--http", ValueKind::Text("ADDRESS"))
    .help("serve metrics and probes over HTTP at HOST:PORT or unix:PATH; may be repeated");
pub(crate) static HELP: Opt = Opt::flag("--help").short('h').help("show this help and exit");
pub(crate) static VERSION: Opt = Opt::flag("--version").short('V').help("show the version and exit");

/// Every option, in the order of the help text. The last two end the reading.
pub(crate) static OPTIONS: &[&Opt] = &[
    &SERVER, &NATS, &NODE, &TYPES, &REPLICAS, &ACK_WAIT, &CREDS, &TLS, &TLS_CA, &TLS_CERT, &TLS_KEY, &HTTP, &LOG,
    &LOG_FORMAT, &HELP, &VERSION,
];

/// Describes the values that the option accepts.
pub(crate) fn expected(option: &Opt) -> String {
    match option.long {
        "--http" => HTTP_EXPECTED.to_owned(),
        "--node" => NODE_EXPECTED.to_owned(),
        _ => option.value.expected(),
    }
}

const HEAD: &str = "\
Usage: deputy-bridge --node NAME [OPTION]...

Connects the server of this machine to those of other machines, through NATS
JetStream. If no worker is free here, another machine can do the job. Durable
jobs survive the failure of a machine.

";

const TAIL: &str = "
Defaults are in brackets. At SIGTERM and SIGINT the bridge finishes its jobs; it
gives back those that take longer than 8 s. See docs/scale-out.md.
Exit codes: 0 = stopped, 1 = cannot start, 2 = wrong usage.
";

/// The column in which the explanations start.
const COLUMN: usize = 28;

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
    fn every_option_has_its_own_name_and_is_in_the_help_text_which_fits_a_terminal() {
        help::check(OPTIONS, &help_text());
    }
}
