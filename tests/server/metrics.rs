//! What the metrics contain, alone and by type.

use serde_json::{Value, json};

use super::fixture::net::everywhere;
use crate::process::{Server, Via};
use crate::wait::until;

/// Every member, in the order of docs/protocol.md.
const NAMES: [&str; 39] = [
    "up_since", "connections", "workers_added", "jobs_added", "jobs_dispatched", "jobs_done", "jobs_reassigned",
    "jobs_failed", "jobs_cancelled", "jobs_expired", "jobs_timed_out", "jobs_no_worker", "jobs_no_bridge",
    "jobs_joined", "jobs_refused", "results_dropped", "progress_dropped", "protocol_errors", "connections_refused",
    "shard_messages", "shard_wakes", "shard_turns", "shard_busy_us", "faults", "jobs_waiting", "jobs_running",
    "jobs_delayed", "slots_spent", "workers", "workers_idle", "connections_open", "bytes_held", "bytes_max",
    "max_line", "shard_longest_turn_us", "uptime_ms", "draining", "threads", "version",
];

#[test]
fn all_metrics_are_there_from_the_start() {
    everywhere(&["--max-memory", "3M", "--max-line", "64K"], |net| {
        let asked = std::time::Instant::now();
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"metrics","types":false}"#);
        let line = client.line();
        assert!(line.starts_with(r#"{"cmd":"metrics","metrics":{"up_since":"#), "{line}");
        let mut rest = line.as_str();
        for name in NAMES {
            let key = format!(r#""{name}":"#);
            rest = rest.split_once(&key).unwrap_or_else(|| panic!("{name} is missing or out of order in {line}")).1;
        }
        let metrics = client.metrics();
        assert_eq!(metrics.as_object().unwrap().len(), NAMES.len());
        let started = metrics["up_since"].as_u64().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        // Within the same millisecond, perhaps; and a wall clock may be set back.
        assert!(now.abs_diff(u128::from(started)) < 300_000, "{started} is no time just past");
        assert_eq!((&metrics["bytes_max"], &metrics["max_line"]), (&json!(3 << 20), &json!(64 << 10)));
        let mut uptime_ms = || client.metrics()["uptime_ms"].as_u64().unwrap();
        until("an uptime that grows", || (uptime_ms() > metrics["uptime_ms"].as_u64().unwrap()).then_some(()));
        let grown_ms = uptime_ms() - metrics["uptime_ms"].as_u64().unwrap();
        assert!(u128::from(grown_ms) <= asked.elapsed().as_millis() + 1, "{grown_ms} ms");
        assert_eq!(metrics["draining"], false);
        assert_eq!(metrics["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!((&metrics["connections"], &metrics["connections_open"]), (&json!(1), &json!(1)));
        let faults = metrics["faults"].as_object().unwrap();
        assert!(faults.len() > 10 && faults.values().all(|count| count == 0), "{faults:?}");
        // A turn is counted as busy when it ends, and this one may be the first.
        for name in NAMES[2..22].iter().filter(|name| !["faults", "shard_busy_us"].contains(name)) {
            let counts_already = ["connections_open", "shard_turns"].contains(name);
            assert_eq!(metrics[name] != 0, counts_already, "{name}: {}", metrics[name]);
        }
    });
}

#[test]
fn messages_between_shards_are_counted_and_one_shard_sends_none() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        let names: Vec<String> = (0..64).map(|n| format!("t{n}")).collect();
        worker.send(&json!({"cmd": "can_do", "types": names}).to_string());
        client.until_metric("workers", 1);
        let metrics = client.metrics();
        let (messages, threads) = (metrics["shard_messages"].as_u64().unwrap(), &metrics["threads"]);
        // The home of each type learns of its worker, and gets an offer: of 64, never all at this shard.
        assert!(
            *threads == 1 && messages == 0 || *threads != 1 && (1..=128).contains(&messages),
            "{messages} of {threads}"
        );
        assert!(metrics["shard_wakes"].as_u64().unwrap() <= messages);
    });
}

#[test]
fn the_number_of_shards_is_what_was_asked_for() {
    let cores = std::thread::available_parallelism().unwrap().get();
    for (option, shards) in [("1", 1), ("3", 3), ("32", 32), ("0", cores)] {
        let server = Server::start(&["--threads", option]);
        assert_eq!(server.connect(Via::Unix, "the client").metrics()["threads"], shards);
    }
    assert_eq!(Server::start(&[]).connect(Via::Unix, "the client").metrics()["threads"], cores);
}

#[test]
fn the_figures_of_a_session_add_up() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..5 {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        }
        for (id, answer) in [(0, r#""res":1"#), (1, r#""err":1"#), (2, r#""res":2"#)] {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id},{answer}}}"#));
            client.line();
        }
        worker.expect(r#"{"cmd":"do","id":3,"type":"t"}"#);
        client.until_metric("jobs_waiting", 1);
        let expected = [
            ("connections", 2),
            ("connections_open", 2),
            ("workers_added", 1),
            ("workers", 1),
            ("workers_idle", 0),
            ("jobs_added", 5),
            ("jobs_dispatched", 4),
            ("jobs_done", 2),
            ("jobs_failed", 1),
            ("jobs_running", 1),
            ("jobs_waiting", 1),
            ("jobs_reassigned", 0),
            ("jobs_refused", 0),
        ];
        let metrics = client.metrics();
        for (name, value) in expected {
            assert_eq!(metrics[name], value, "{name} in {metrics}");
        }
        drop(worker);
        client.until_metric("jobs_waiting", 2);
        let metrics = client.metrics();
        assert_eq!((&metrics["workers"], &metrics["workers_added"]), (&json!(0), &json!(1)));
        assert_eq!((&metrics["jobs_reassigned"], &metrics["jobs_added"]), (&json!(1), &json!(5)));
    });
}

#[test]
fn an_answer_includes_what_any_peer_was_sent_before_the_question() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        let mut observer = net.connect("the observer");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect_nothing();
        for id in 1..=100 {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            let metrics = observer.metrics();
            assert_eq!((&metrics["jobs_added"], &metrics["jobs_dispatched"]), (&json!(id), &json!(id)));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            assert_eq!(observer.metrics_with(r#","types":["t"]"#)["jobs_done"], id);
        }
    });
}

#[test]
fn a_table_by_type_has_a_row_for_each_type_that_was_asked_for() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["a","é"]}"#);
        for (id, type_name) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}"}}"#));
        }
        worker.expect(r#"{"cmd":"do","id":1,"type":"a"}"#);
        worker.send(r#"{"cmd":"did","id":1}"#);
        worker.expect(r#"{"cmd":"do","id":2,"type":"a"}"#);
        client.expect(r#"{"cmd":"did","id":1}"#);
        client.until_metric("jobs_waiting", 2);
        let row = |waiting: u64, running: u64, workers: u64, done: u64, free: u64| json!({"waiting": waiting, "running": running, "workers": workers, "done": done, "free": free, "spare_workers": 0});
        let all = types(&mut client, "true");
        assert_eq!(all, json!({"a": row(0, 1, 1, 1, 0), "b": row(2, 0, 0, 0, 0), "é": row(0, 0, 1, 0, 0)}));
        let some = types(&mut client, r#"["b","unknown","\u0062"]"#);
        assert_eq!(some, json!({"b": row(2, 0, 0, 0, 0), "unknown": row(0, 0, 0, 0, 0)}));
        worker.send(r#"{"cmd":"can_do","types":["é"],"max_jobs":3}"#);
        worker.send(r#"{"cmd":"ping"}"#);
        worker.expect(r#"{"cmd":"pong"}"#);
        let free = types(&mut client, r#"["é","a"]"#);
        assert_eq!(free, json!({"é": row(0, 0, 1, 0, 2), "a": row(0, 1, 1, 1, 2)}));
        assert_eq!(types(&mut client, "[]"), json!({}));
    });
}

/// The table by type, with the ages taken out after a look at them.
fn types(client: &mut crate::client::Client, asked: &str) -> Value {
    let mut table = client.metrics_with(&format!(r#","types":{asked}"#))["types"].take();
    for (name, row) in table.as_object_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        let (worker, here) = (row.remove("oldest_running_worker"), row.remove("oldest_here_worker"));
        assert_eq!(worker, here, "{name}: nothing is passed on");
        let mut figure = |member: &str| row.remove(member).unwrap().as_u64().unwrap();
        let (oldest_ms, running_ms) = (figure("oldest_ms"), figure("oldest_running_ms"));
        assert_eq!(figure("oldest_here_ms"), running_ms, "{name}");
        let others =
            ["suspects", "lost", "last_lost_ms", "delayed", "spent", "durable_waiting", "durable_workers", "passed_on"];
        assert_eq!(others.map(figure), [0; 8], "{name}");
        let count = |member: &str| row[member].as_u64().unwrap();
        assert!(oldest_ms < 300_000 && (oldest_ms == 0 || count("waiting") > 0), "{name}: {oldest_ms} ms");
        assert!(running_ms < 300_000 && (running_ms == 0 || count("running") > 0), "{name}: {running_ms} ms");
        assert_eq!(worker.is_some(), count("running") > 0, "{name}: {worker:?}");
    }
    table
}

#[test]
fn the_age_of_the_oldest_waiting_job_grows_until_it_starts() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        let mut age = || client.metrics_with(r#","types":["t"]"#)["types"]["t"]["oldest_ms"].as_u64().unwrap();
        until("an age", || (age() > 2).then_some(()));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        until("no age", || (age() == 0).then_some(()));
    });
}

#[test]
fn a_table_has_at_most_a_thousand_rows_the_busiest_first() {
    let server = Server::start(&["--threads", "4"]);
    let mut client = server.connect(Via::Unix, "the client");
    for type_name in 0..1_200 {
        client.send(&format!(r#"{{"cmd":"do","id":{type_name},"type":"quiet {type_name}"}}"#));
    }
    for id in 0..2 {
        client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"busy"}}"#));
    }
    client.until_metric("jobs_waiting", 1_202);
    client.send(r#"{"cmd":"metrics","types":true}"#);
    let line = client.line();
    let table = line.split_once(r#""types":"#).unwrap().1;
    assert!(table.starts_with(r#"{"busy":{"waiting":2,"running":0,"workers":0,"done":0,"oldest_ms":"#), "{table:.100}");
    assert_eq!(table.matches(r#""waiting":"#).count(), 1_000);
}

#[test]
fn a_question_may_name_a_thousand_and_twenty_four_types() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        let names: Vec<_> = (0..1_025).map(|name| format!(r#""t{name}""#)).collect();
        let table = types(&mut client, &format!("[{}]", names[..1_024].join(",")));
        assert_eq!(table.as_object().unwrap().len(), 1_024);
        client.send(&format!(r#"{{"cmd":"metrics","types":[{}]}}"#, names.join(",")));
        client.expect_error("bad_request", None);
        for asked in ["null", "1", "{}", r#""a""#, "[1]", r#"["a",""]"#] {
            client.send(&format!(r#"{{"cmd":"metrics","id":"m","types":{asked}}}"#));
            client.expect_error("bad_request", Some(r#""m""#));
        }
    });
}
