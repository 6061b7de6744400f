//! Bytes from several connections to a real server. Whatever they were: it lives, answers others, and when their peers
//! have left and the jobs are done it holds nothing. Jobs with a long delay remain; then the server is stopped, and the next
//! bytes go to another one.

use std::panic::AssertUnwindSafe;

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
/// The longest delay that is waited for, in milliseconds.
const DELAY_MS_MAX: u64 = 20;
/// Stands in no UTF-8: from here on the next peer says what follows.
const NEXT_PEER: u8 = 0xff;

#[test]
fn a_server_outlives_whatever_it_is_sent() {
    let mut fixture = AssertUnwindSafe(Fixture::start());
    bolero::check!(name = "sockets").for_each(move |bytes: &[u8]| each(bytes, &LINES, |bytes| fixture.check(bytes)));
}

/// A server, and a connection that sees all of it.
struct Fixture {
    server: Option<Server>,
    address: SockAddr,
    witness: Client,
}

impl Fixture {
    fn start() -> Self {
        let config = Config { port: 0, threads: 2, line_bytes_max: LINE_BYTES_MAX, ..Config::default() };
        let server = Server::start(config).expect("a server can be started");
        let Address::Tcp(address) = server.addresses()[0] else { panic!("it listens on TCP") };
        let address = address.into();
        let witness = Client::connect("the witness", &address);
        Self { server: Some(server), address, witness }
    }

    fn check(&mut self, bytes: &[u8]) {
        let pieces: Vec<&[u8]> = bytes.split(|&byte| byte == NEXT_PEER).collect();
        let found_of = |peer: usize| found(&pieces.iter().skip(peer).step_by(PEERS).copied().collect::<Vec<_>>()).0;
        let delays_ms = (0..PEERS).flat_map(found_of).filter_map(|found| delay_ms(&found));
        let waits = delays_ms.max().is_none_or(|ms| ms <= DELAY_MS_MAX);
        let [joined_before] = figures(&self.witness.metrics(), ["jobs_joined"]);
        let mut peers: Vec<Client> = (0..PEERS).map(|_| Client::connect("a peer", &self.address)).collect();
        for (nth, piece) in pieces.into_iter().enumerate() {
            peers[nth % PEERS].try_send_bytes(piece);
        }
        self.witness.expect_nothing();
        // One ends its input and receives its answers; the others leave, perhaps with lines unread.
        let mut last = peers.pop().expect("there are three");
        last.end_input();
        last.drain();
        drop(peers);
        self.until(|metrics| is_alone(metrics, joined_before));
        self.do_what_waits(waits);
        let metrics = self.until(|metrics| is_alone(metrics, joined_before) && is_at_rest(metrics));
        if metrics["jobs_delayed"] == 0 {
            self.until(is_empty);
        } else {
            // Those that are delayed are answered, and the server ends.
            self.server.take().expect("it runs").stop();
            *self = Self::start();
        }
    }

    /// Asks for the metrics until they are so.
    fn until(&mut self, so: impl Fn(&Value) -> bool) -> Value {
        let mut answers = (0..QUESTIONS_MAX).map(|_| self.witness.metrics_with(r#","types":true"#));
        answers.find(so).expect("the server comes to rest")
    }

    /// A worker comes, does all jobs that wait, and leaves. It also `waits` for those that are delayed. Limits pass meanwhile.
    fn do_what_waits(&mut self, waits: bool) {
        let mut worker = None;
        for _ in 0..QUESTIONS_MAX {
            let metrics = self.witness.metrics_with(r#","types":true"#);
            if is_at_rest(&metrics) && !(waits && metrics["jobs_delayed"] != 0) {
                return;
            }
            let worker = worker.get_or_insert_with(|| Client::connect("a worker", &self.address));
            for name in metrics["types"].as_object().expect("a table by type").keys() {
                worker.send(&json!({"cmd": "can_do", "types": [name], "max_jobs": 65_535}).to_string());
            }
            answer_all(worker);
        }
        panic!("the jobs have no end");
    }
}

/// The delay of a line that is a job.
fn delay_ms(found: &Found) -> Option<u64> {
    let Found::Line(line, _) = found else { return None };
    match decode(line) {
        Ok(Command::Do { options: Some(options), .. }) => Some(options.delay_ms),
        _ => None,
    }
}

/// Whether all others have left, and each job is where the figures say. Those that joined another one are no more than
/// joined since.
fn is_alone(metrics: &Value, joined_before: u64) -> bool {
    let names = ["jobs_added", "jobs_done", "jobs_failed", "jobs_waiting", "jobs_delayed"];
    let [added, rest @ ..] = figures(metrics, names);
    let [joined] = figures(metrics, ["jobs_joined"]);
    let with_another = added.checked_sub(rest.iter().sum());
    figures(metrics, ["connections_open", "jobs_running"]) == [1, 0]
        && with_another.is_some_and(|count| count <= joined - joined_before)
}

/// Whether each job has ended or is delayed.
fn is_at_rest(metrics: &Value) -> bool {
    let [added, rest @ ..] = figures(metrics, ["jobs_added", "jobs_done", "jobs_failed", "jobs_delayed"]);
    figures(metrics, ["jobs_waiting", "jobs_running"]) == [0; 2] && added == rest.iter().sum::<u64>()
}

/// Whether nothing is held; the question itself may count.
fn is_empty(metrics: &Value) -> bool {
    let names = ["jobs_waiting", "jobs_running", "jobs_delayed", "slots_spent", "workers", "workers_idle"];
    figures(metrics, names) == [0; 6] && figures(metrics, ["bytes_held"]) < [1_024] && metrics["types"] == json!({})
}

fn figures<const N: usize>(metrics: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| metrics[name].as_u64().unwrap_or_else(|| panic!("{name} is missing or negative: {metrics}")))
}

/// What a worker must know of a job to end it.
#[derive(serde::Deserialize)]
struct Line {
    cmd: String,
    job: Option<u64>,
}

/// Answers the jobs that come before a `pong`.
fn answer_all(worker: &mut Client) {
    worker.send(r#"{"cmd":"ping"}"#);
    loop {
        let line = worker.line();
        match serde_json::from_str(&line).expect("the server sends JSON") {
            Line { cmd, job: Some(job) } if cmd == "do" => worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#)),
            Line { cmd, job: Some(_) } if cmd == "cancel" => {}
            Line { cmd, job: None } if cmd == "pong" => return,
            _ => panic!("a worker was sent {line}"),
        }
    }
}
