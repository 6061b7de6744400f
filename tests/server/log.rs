//! What the server writes to stderr while it runs: the metrics of `-v`, the levels of `--log`, the formats of
//! `--log-format`; and a stderr that cannot be written to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Ended, Server, Via, is_time, run, sentence};
use crate::wait::until;

/// The metrics that were printed so far: an object alone on its line, or the member of an event.
fn printed(server: &Server) -> Vec<Value> {
    let stderr = server.process.stderr();
    let objects = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let metrics = objects.filter_map(|mut object| match object.get("event").map(|event| event == "metrics") {
        None => Some(object),
        Some(true) => Some(object["metrics"].take()),
        Some(false) => None,
    });
    metrics.collect()
}

#[test]
fn verbose_prints_the_object_of_metrics_every_five_seconds() {
    let short = Server::start(&["-v", "--threads", "2"]);
    let long = Server::start(&["--verbose", "--threads", "1"]);
    let json = Server::start(&["-v", "--log-format", "json", "--threads", "2"]);
    for server in [&short, &long, &json] {
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
fn logged_at(level: &str) -> String {
    let server = Server::start_ignoring_stderr(&[], &["--log", level, "--host", "0.0.0.0"], None);
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
fn the_log_level_says_how_much_is_logged() {
    let [off, error, warn, info, debug] = ["off", "error", "warn", "info", "debug"].map(logged_at);
    assert_eq!(off, "");
    assert_eq!(error, "");
    assert!(warn.contains("0.0.0.0") && !warn.contains("listening on"), "{warn}");
    assert!(info.contains("listening on") && info.lines().count() > warn.lines().count(), "{info}");
    assert!(debug.lines().count() >= info.lines().count(), "{debug}");
}

/// What a server with these options says on stderr of a stranger, a client and a worker that is lost; and the stranger's
/// name.
fn logged_of_faults(options: &[&str], via: Via) -> (String, String) {
    let server = Server::start(&[options, &["--max-line", "100", "--threads", "1"]].concat());
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
fn a_fault_is_logged_with_the_peer_and_the_reason_and_never_with_what_it_sent() {
    for via in [Via::Tcp, Via::Unix] {
        let (logged, name) = logged_of_faults(&["--log", "debug"], via);
        let logged = logged.lines().map(|line| sentence(line).to_owned() + "\n").collect::<String>();
        let line =
            |start: &str| logged.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{logged}"));
        assert_eq!(line(&format!("deputy: {name}: refused")), format!("deputy: {name}: refused a line: bad_request"));
        assert!(line(&format!("deputy: warning: {name}: closed:")).ends_with("closed: line too long (--max-line)"));
        assert!(logged.contains(": left while it held jobs\n"), "{logged}");
        assert!(!logged.contains("secret"), "{logged}");
        let job: Vec<&str> = logged.lines().filter_map(|line| line.strip_prefix("deputy: debug: job 0.0: ")).collect();
        let [queued, sent, requeued, finished] = job[..] else { panic!("{logged}") };
        assert!(queued.starts_with("queued, from 0."), "{logged}");
        let worker = sent.strip_prefix("sent to ").unwrap();
        assert_eq!((requeued, finished), (&*format!("requeued: {worker} left"), "finished: shutdown"));
        assert!(line(&format!("deputy: debug: {name}: connection 0.")).ends_with(" opened"));
    }
}

#[test]
fn without_debug_no_job_is_logged() {
    let (logged, _) = logged_of_faults(&["--log", "info"], Via::Tcp);
    assert!(logged.contains(": left while it held jobs") && !logged.contains("job 0.0"), "{logged}");
}

/// The lines of a server that logs in JSON.
fn objects(logged: &str) -> Vec<Value> {
    logged.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))).collect()
}

/// Checks what every object of the log has.
#[track_caller]
fn check_object(object: &Value) {
    let [time, level, event, text] = ["time", "level", "event", "text"].map(|name| object[name].as_str().unwrap());
    assert!(is_time(time), "{object}");
    assert!(["error", "warn", "info", "debug"].contains(&level), "{object}");
    assert!(!event.is_empty() && !text.is_empty(), "{object}");
}

#[test]
fn in_json_the_same_sentences_have_their_facts_as_members() {
    for via in [Via::Tcp, Via::Unix] {
        let (logged, name) = logged_of_faults(&["--log", "debug", "--log-format", "json"], via);
        assert!(!logged.contains("secret"), "{logged}");
        let objects = objects(&logged);
        objects.iter().for_each(check_object);
        let of = |event: &str| objects.iter().filter(|object| object["event"] == event).collect::<Vec<_>>();
        let [listening] = of("listening")[..] else { panic!("{logged}") };
        assert_eq!(listening["shards"], 1);
        let addresses = listening["addresses"].as_array().unwrap();
        assert!(addresses[0].as_str().unwrap().starts_with("127.0.0.1:") && addresses.len() == 2, "{listening}");
        let faults = of("peer_fault");
        let of_stranger: Vec<_> = faults.iter().filter(|fault| fault["peer"] == name.as_str()).collect();
        for (fault, class, text) in [
            (of_stranger[0], "bad_request", "refused a line: bad_request"),
            (of_stranger[1], "too_long", "closed: line too long (--max-line)"),
        ] {
            assert_eq!((&fault["class"], &fault["text"]), (&class.into(), &format!("{name}: {text}").into()));
            assert_eq!(fault["suppressed"], 0);
        }
        assert_eq!(faults.iter().filter(|fault| fault["class"] == "left_holding").count(), 1, "{logged}");
        let job: Vec<_> = objects.iter().filter(|object| object["job"] == "0.0").collect();
        let events: Vec<_> = job.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["job_queued", "job_sent", "job_requeued", "job_finished"]);
        assert_eq!(job[1]["connection"], job[2]["connection"]);
        assert_eq!(job[3]["outcome"], "shutdown");
        let opened = of("connection_opened");
        assert!(opened.iter().any(|connection| connection["connection"] == job[0]["from"]), "{logged}");
    }
}

#[test]
fn every_line_of_a_busy_server_in_json_is_an_object() {
    let server = Server::start(&[&TALKATIVE[..], &["--log-format=json", "--host", "0.0.0.0"]].concat());
    live_and_stop(&server);
    let objects = objects(&server.process.ended().stderr);
    objects.iter().for_each(check_object);
    let count = |event: &str| objects.iter().filter(|object| object["event"] == event).count();
    let once = ["exposed", "listening", "stopping", "stopped"].map(count);
    assert_eq!(once, [1; 4]);
    let of_jobs = ["job_queued", "job_sent", "job_finished"].map(count);
    assert_eq!(of_jobs, [50; 3]);
    assert_eq!(count("connection_opened"), count("connection_closed"));
    let faults = objects.iter().filter(|object| object["event"] == "peer_fault");
    let counted: u64 = faults.map(|fault| 1 + fault["suppressed"].as_u64().unwrap()).sum();
    let last = objects.iter().filter(|object| object["event"] == "lines_suppressed");
    let last: u64 = last.map(|line| line["suppressed"].as_u64().unwrap()).sum();
    assert_eq!(counted + last, 50, "first lines that are no object");
}

#[test]
fn what_ends_a_start_has_the_format_that_was_asked_for() {
    let taken = Server::start(&[]);
    let port = taken.tcp[0].port().to_string();
    let refused: [(&[&str], i32, &str); 3] = [
        (&["-p", &port], 1, "failed"),
        (&["--nonsense"], 2, "usage_error"),
        (&["--log-format", "xml"], 2, "usage_error"),
    ];
    for (options, code, event) in refused {
        let text = run(options);
        let ended = run(&[options, &["--log-format=json"]].concat());
        let object = &objects(&ended.stderr)[0];
        check_object(object);
        assert_eq!((&object["event"], &object["code"]), (&event.into(), &code.into()));
        assert_eq!((text.status.code(), ended.status.code()), (Some(code), Some(code)));
        // A wrong command line is answered at once and needs no time.
        let line = text.stderr.trim_end();
        let line = if code == 2 { line } else { sentence(line) };
        assert_eq!(line.strip_prefix("deputy-server: "), object["text"].as_str(), "{text:?}");
    }
    assert!(run(&["--log-format", "xml"]).stderr.contains("for '--log-format': expected one of text, json"));
}

/// What a server writes to a file as its stderr, with a `JOURNAL_STREAM` that is made from the file's device and inode.
fn logged_to_file(format: &str, stream: impl Fn(u64, u64) -> String) -> String {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("log");
    let file = File::create(&path).unwrap();
    let is = file.metadata().unwrap();
    let variable = format!("JOURNAL_STREAM={}", stream(is.dev(), is.ino()));
    let server = Server::start_ignoring_stderr(&["env", &variable], &["--log-format", format], Some(Stdio::from(file)));
    server.process.signal(Signal::TERM);
    let Ended { status, .. } = server.process.ended();
    assert_eq!(status.code(), Some(0));
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_sentence_has_the_time_before_it_unless_stderr_is_the_journal() {
    let in_journal = logged_to_file("text", |device, inode| format!("{device}:{inode}"));
    assert_eq!(in_journal.lines().next_back(), Some("deputy: stopped"));
    assert!(in_journal.lines().all(|line| line.starts_with("deputy: ")), "{in_journal}");
    // The variable is inherited by programs whose stderr goes elsewhere.
    for elsewhere in [|device, inode| format!("{device}:{}", inode + 1), |_, _| "x".to_owned(), |_, _| String::new()] {
        let in_file = logged_to_file("text", elsewhere);
        assert_eq!(in_file.lines().map(sentence).next_back(), Some("deputy: stopped"));
    }
    let objects = objects(&logged_to_file("json", |device, inode| format!("{device}:{inode}")));
    objects.iter().for_each(check_object);
}

#[test]
fn f80_an_address_that_others_can_reach_gets_a_warning_and_a_loopback_one_does_not() {
    let server = Server::start(&["--host", "0.0.0.0"]);
    let stderr = server.process.stderr();
    assert!(stderr.lines().any(|line| !line.contains("listening on") && line.contains("0.0.0.0")), "{stderr}");
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
    let server = Server::start_ignoring_stderr(&["sh", "-c", r#"exec "$@" 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_closed_stdin_stdout_and_stderr_do_not_end_up_in_a_socket() {
    let server = Server::start_ignoring_stderr(&["sh", "-c", r#"exec "$@" <&- >&- 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_full_stderr_does_not_stop_the_server() {
    if !std::path::Path::new("/dev/full").exists() {
        return crate::programs::pass_over("there is no /dev/full here");
    }
    let server = Server::start_ignoring_stderr(&["sh", "-c", r#"exec "$@" 2>/dev/full"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_whose_reader_is_gone_does_not_stop_the_server() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let server = Server::start_ignoring_stderr(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_that_nobody_reads_does_not_hold_up_the_server() {
    let (reader, mut writer) = io::pipe().unwrap();
    let room = rustix::pipe::fcntl_getpipe_size(&reader).unwrap();
    writer.write_all(&vec![b'.'; room]).unwrap();
    let server = Server::start_ignoring_stderr(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
    drop(reader);
}
