//! What the server writes to stderr while it runs: the metrics of `-v`, the levels of `--log`; and a stderr that cannot be
//! written to.

use std::io::{self, Write};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Server, Via};
use crate::wait::until;

/// The metrics that were printed so far: an object alone on its line.
fn printed(server: &Server) -> Vec<Value> {
    let said = server.process.stderr();
    said.lines().filter(|line| line.starts_with('{')).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn verbose_prints_the_object_of_metrics_every_five_seconds() {
    let short = Server::start(&["-v", "--threads", "2"]);
    let long = Server::start(&["--verbose", "--threads", "1"]);
    for server in [&short, &long] {
        let mut client = server.connect(Via::Tcp, "the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        client.until_metric("jobs_waiting", 1);
        let asked = client.metrics();
        let seen = until("a line of metrics", || printed(server).pop().filter(|metrics| metrics["jobs_waiting"] == 1));
        assert_eq!(seen["up_since"], asked["up_since"]);
        let names = |metrics: &Value| metrics.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&seen), names(&asked));
    }
}

/// What a server of this level says from start to stop, with a client that talks nonsense in between.
fn said_at(level: &str) -> String {
    let server = Server::start_unheard(&[], &["--log", level, "--host", "0.0.0.0"], None);
    let mut client = server.connect(Via::Unix, "the client");
    client.send("nonsense");
    client.expect_error("bad_json", None);
    client.expect_closed();
    server.process.signal(Signal::TERM);
    let ended = server.process.ended();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
    ended.stderr
}

#[test]
fn the_log_level_says_how_much_is_told() {
    let [off, error, warn, info, debug] = ["off", "error", "warn", "info", "debug"].map(said_at);
    assert_eq!(off, "");
    assert_eq!(error, "");
    assert!(warn.contains("0.0.0.0") && !warn.contains("listening on"), "{warn}");
    assert!(info.contains("listening on") && info.lines().count() > warn.lines().count(), "{info}");
    assert!(debug.lines().count() >= info.lines().count(), "{debug}");
}

/// What a server says on stderr, without the line that it listens.
fn said_of_faults(log: &str, via: Via) -> (String, String) {
    let server = Server::start(&["--log", log, "--max-line", "100", "--threads", "1"]);
    let mut stranger = server.connect(via, "a stranger");
    let name = match via {
        Via::Tcp => stranger.local_address().to_string(),
        Via::Unix => format!("unix peer {}", std::process::id()),
    };
    stranger.send("{}");
    stranger.expect_error("bad_request", None);
    stranger.send(&format!("{{\"secret\":\"{}\"}}", "s".repeat(100)));
    stranger.expect_error("too_long", None);
    stranger.expect_closed();
    let mut client = server.connect(via, "the client");
    client.send(r#"{"cmd":"do","id":"secret","type":"secret","arg":"secret"}"#);
    let mut worker = server.connect(via, "the worker");
    worker.send(r#"{"cmd":"can_do","types":["secret"]}"#);
    worker.expect(r#"{"cmd":"do","id":"secret","type":"secret","arg":"secret"}"#);
    drop(worker);
    client.until_metric("jobs_waiting", 1);
    let faults = client.metrics()["faults"].take();
    for (fault, count) in [("bad_request", 1), ("too_long", 1), ("left_holding", 1), ("first_line", 0)] {
        assert_eq!(faults[fault], count, "{fault}");
    }
    server.process.signal(Signal::TERM);
    client.line();
    client.expect_closed();
    (server.process.ended().stderr, name)
}

#[test]
fn a_fault_is_told_with_the_peer_and_the_reason_and_never_with_what_it_sent() {
    for via in [Via::Tcp, Via::Unix] {
        let (said, name) = said_of_faults("debug", via);
        let line = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{said}"));
        assert_eq!(line(&format!("deputy: {name}: refused")), format!("deputy: {name}: refused a line: bad_request"));
        assert!(line(&format!("deputy: warning: {name}: closed:")).ends_with("closed: line too long (--max-line)"));
        assert!(said.contains(": left while it held jobs\n"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        let job: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("deputy: debug: job 0.0: ")).collect();
        let [queued, sent, requeued, finished] = job[..] else { panic!("{said}") };
        assert!(queued.starts_with("queued, from 0."), "{said}");
        let worker = sent.strip_prefix("sent to ").unwrap();
        assert_eq!((requeued, finished), (&*format!("requeued: {worker} left"), "finished: shutdown"));
        assert!(line(&format!("deputy: debug: {name}: connection 0.")).ends_with(" opened"));
    }
}

#[test]
fn without_debug_no_job_is_told_of() {
    let (said, _) = said_of_faults("info", Via::Tcp);
    assert!(said.contains(": left while it held jobs") && !said.contains("job 0.0"), "{said}");
}

#[test]
fn f80_an_address_that_others_can_reach_gets_a_warning_and_a_loopback_one_does_not() {
    let server = Server::start(&["--host", "0.0.0.0"]);
    let told = server.process.stderr();
    assert!(told.lines().any(|line| !line.contains("listening on") && line.contains("0.0.0.0")), "{told}");
    assert_eq!(Server::start(&[]).process.stderr().lines().count(), 1);
}

/// A session that makes the server say much, and then its end.
fn live_and_stop(server: &Server) {
    for _ in 0..50 {
        let mut stranger = server.connect(Via::Unix, "a stranger");
        stranger.send("nonsense");
        stranger.expect_error("bad_json", None);
        stranger.expect_closed();
    }
    let (mut client, mut worker) = (server.connect(Via::Unix, "the client"), server.connect(Via::Unix, "the worker"));
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    for id in 0..50 {
        client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
    }
    server.process.signal(Signal::TERM);
    client.expect_closed();
    assert_eq!(server.process.ended().status.code(), Some(0));
}

const TALKATIVE: [&str; 6] = ["-v", "--log", "debug", "--threads", "2", "--drain-timeout=60"];

#[test]
fn f61_a_closed_stderr_does_not_stop_the_server() {
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_closed_stdin_stdout_and_stderr_do_not_end_up_in_a_socket() {
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" <&- >&- 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_full_stderr_does_not_stop_the_server() {
    if !std::path::Path::new("/dev/full").exists() {
        return crate::programs::pass_over("there is no /dev/full here");
    }
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" 2>/dev/full"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_whose_reader_is_gone_does_not_stop_the_server() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let server = Server::start_unheard(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_that_nobody_reads_does_not_hold_up_the_server() {
    let (reader, mut writer) = io::pipe().unwrap();
    let room = rustix::pipe::fcntl_getpipe_size(&reader).unwrap();
    writer.write_all(&vec![b'.'; room]).unwrap();
    let server = Server::start_unheard(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
    drop(reader);
}
