//! Bytes from several connections to a real server. Whatever they were: it lives, answers others, and when their peers
//! have left and the jobs are done it holds nothing.

use std::sync::LazyLock;

use deputy::server::{Address, Config, Server};
use serde_json::{Value, json};
use socket2::SockAddr;

use crate::client::Client;
use crate::found::Found;
use crate::{Command, LINE_BYTES_MAX, LINES, decode, each, found};

/// Connections that are open at once.
const PEERS: usize = 3;
/// Questions after which the server is taken not to come to rest. Each is a round trip.
const QUESTIONS_MAX: usize = 10_000;
/// Stands in no UTF-8: from here on the next peer says what follows.
const NEXT_PEER: u8 = 0xff;

static SERVER: LazyLock<(Server, SockAddr)> = LazyLock::new(|| {
    let config = Config { port: 0, threads: 2, line_bytes_max: LINE_BYTES_MAX, ..Config::default() };
    let server = Server::start(config).expect("a server can be started");
    let Address::Tcp(address) = server.addresses()[0] else { panic!("it listens on TCP") };
    (server, address.into())
});

#[test]
fn a_server_outlives_whatever_it_is_sent() {
    let mut witness = Client::connect("the witness", &SERVER.1);
    bolero::check!(name = "sockets").for_each(|bytes: &[u8]| each(bytes, &LINES, |bytes| check(bytes, &mut witness)));
}

fn check(bytes: &[u8], witness: &mut Client) {
    let pieces: Vec<&[u8]> = bytes.split(|&byte| byte == NEXT_PEER).collect();
    let said = |peer: usize| found(&pieces.iter().skip(peer).step_by(PEERS).copied().collect::<Vec<_>>()).0;
    if (0..PEERS).flat_map(said).any(|found| matches!(found, Found::Line(line, _) if waits_for_more(&line))) {
        return;
    }
    let mut peers: Vec<Client> = (0..PEERS).map(|_| Client::connect("a peer", &SERVER.1)).collect();
    for (nth, piece) in pieces.into_iter().enumerate() {
        peers[nth % PEERS].try_send_bytes(piece);
    }
    witness.expect_nothing();
    // One ends its input and receives its answers; the others leave, perhaps with lines unread.
    let mut last = peers.pop().expect("there are three");
    last.end_input();
    last.drain();
    drop(peers);
    until(witness, is_alone);
    // Asked again: the table may be older than the figures beside it.
    let metrics = until(witness, is_alone);
    if metrics["jobs_waiting"] != 0 {
        do_what_waits(&metrics);
    }
    until(witness, |metrics| is_alone(metrics) && is_empty(metrics));
}

/// Whether the line's job depends on the clock or on another job. Such jobs are left to the simulation: how many wait here
/// for a worker is then not what the figures say.
fn waits_for_more(line: &[u8]) -> bool {
    let Ok(Command::Do { options: Some(options), .. }) = decode(line) else { return false };
    let limits = [options.deadline_ms, options.run_limit_ms];
    options.delay_ms > 0 || limits.iter().any(Option::is_some) || options.key.is_some()
}

/// Asks for the metrics until they are so.
fn until(witness: &mut Client, so: impl Fn(&Value) -> bool) -> Value {
    let mut answers = (0..QUESTIONS_MAX).map(|_| witness.metrics_with(r#","types":true"#));
    answers.find(so).expect("the server comes to rest")
}

/// Whether all others have left, and nothing is on the way inside the server.
fn is_alone(metrics: &Value) -> bool {
    let [added, rest @ ..] = figures(metrics, ["jobs_added", "jobs_done", "jobs_failed", "jobs_waiting"]);
    figures(metrics, ["connections_open", "jobs_running"]) == [1, 0] && added == rest.iter().sum::<u64>()
}

/// Whether nothing is held; the question itself may count.
fn is_empty(metrics: &Value) -> bool {
    let held = figures(metrics, ["jobs_waiting", "jobs_running", "workers", "workers_idle"]);
    held == [0; 4] && figures(metrics, ["bytes_held"]) < [1_024] && metrics["types"] == json!({})
}

fn figures<const N: usize>(metrics: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| metrics[name].as_u64().unwrap_or_else(|| panic!("{name} is missing or negative: {metrics}")))
}

/// What a worker must know of a job to end it.
#[derive(serde::Deserialize)]
struct Job {
    job: u64,
}

/// A worker comes, does all jobs that wait, and leaves.
fn do_what_waits(metrics: &Value) {
    let types = metrics["types"].as_object().expect("a table by type");
    let names: Vec<&String> = types.keys().collect();
    let mut worker = Client::connect("a worker", &SERVER.1);
    worker.send(&json!({"cmd": "can_do", "types": names, "max_jobs": 65_535}).to_string());
    for _ in 0..metrics["jobs_waiting"].as_u64().expect("a gauge") {
        let line = worker.line();
        let job: Job = serde_json::from_str(&line).expect("a worker that asks for nothing is told of jobs alone");
        worker.send(&format!(r#"{{"cmd":"did","job":{}}}"#, job.job));
    }
    worker.expect_nothing();
}
