//! The metrics that a client receives.

use deputy::client::{BOUNDS_US, Error, ShardMetrics};
use serde_json::Value;

use crate::fixture::{Running, quick_retry, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

#[test]
fn the_fields_have_the_figures_of_the_answer() {
    let (_server, client) = with_client(Server::start(&["--threads", "3", "--max-memory", "64M"]));
    let waiting = client.submit::<_, ()>("resize", &0);
    let metrics =
        until("the job in line", || Some(client.metrics().unwrap()).filter(|metrics| metrics.jobs_waiting == 1));
    assert_eq!((metrics.jobs_added, metrics.connections_open), (1, 1));
    assert_eq!((metrics.threads, metrics.bytes_max, metrics.draining), (3, 64 << 20, false));
    assert_eq!(metrics.version, env!("CARGO_PKG_VERSION"));
    assert!(metrics.up_since > 0 && metrics.bytes_held > 0 && metrics.types.is_empty());
    // Every figure of the server is a field of the struct, with the same name.
    let raw: Value = serde_json::from_str(&metrics.raw).unwrap();
    let faults = raw["faults"].as_object().unwrap();
    let shown = format!("{metrics:?}");
    for (name, value) in raw.as_object().unwrap().iter().chain(faults).filter(|(_, value)| !value.is_object()) {
        assert!(shown.contains(&format!("{name}: {value}")), "{name} is not in {shown}");
    }
    drop(waiting);
}

#[test]
fn tables_by_type_come_in_the_servers_order() {
    let (_server, client) = with_client(Server::start(&["--threads", "2"]));
    let handles: Vec<_> = ["b", "a", "b", "caf\u{e9}\""].map(|name| client.submit::<_, ()>(name, &0)).into();
    let rows = |metrics: &deputy::client::Metrics| -> Vec<(String, u64)> {
        metrics.types.iter().map(|row| (row.name.clone(), row.waiting)).collect()
    };
    let all = client.metrics_by_type().unwrap();
    assert_eq!(rows(&all), [("b".to_owned(), 2), ("a".to_owned(), 1), ("caf\u{e9}\"".to_owned(), 1)]);
    assert!(all.types[0].running == 0 && all.types[0].workers == 0 && all.types[0].done == 0);
    let some = client.metrics_of(&["z", "a"]).unwrap();
    assert_eq!(rows(&some), [("z".to_owned(), 0), ("a".to_owned(), 1)]);
    assert!(client.metrics_of(&[]).unwrap().types.is_empty());
    drop(handles);
}

#[test]
fn all_metrics_come_at_once_with_histograms_and_shards() {
    let (server, client) = with_client(Server::start(&["--threads", "2"]));
    let worker = deputy::client::Worker::new(&url(&server, Via::Tcp))
        .handle("good", |_| Ok::<_, String>(()))
        .handle("bad", |_| Err::<(), _>("no"));
    let running = Running::start(worker);
    for _ in 0..3 {
        client.submit::<_, ()>("good", &0).wait().unwrap();
        client.submit::<_, ()>("bad", &0).wait().unwrap_err();
    }
    let waiting = client.submit::<_, ()>("none", &0);
    client.ping().unwrap();
    let full = until("the job in line", || {
        Some(client.metrics_in_full().unwrap()).filter(|metrics| metrics.jobs_waiting == 1)
    });
    let row = |name: &str| full.types.iter().find(|row| row.name == name).unwrap().clone();
    assert_eq!((row("good").outcomes.done, row("bad").outcomes.failed, row("none").outcomes.jobs()), (3, 3, 0));
    for (name, jobs) in [("good", 3), ("bad", 3), ("none", 0)] {
        let row = row(name);
        assert!(row.has_figures && row.wait.count() == jobs && row.run.count() == jobs, "{row:?}");
        assert_eq!(row.run.quantile(0.5).is_some(), jobs > 0);
    }
    assert_eq!(full.bounds_us, BOUNDS_US);
    assert!(full.other_types.has_figures && full.other_types.outcomes.jobs() == 0);
    assert_eq!(full.shards.len(), 2);
    let sum = |figure: fn(&ShardMetrics) -> u64| full.shards.iter().map(figure).sum::<u64>();
    assert_eq!((sum(|shard| shard.waiting), sum(|shard| shard.running)), (1, 0));
    assert_eq!(sum(|shard| shard.connections), full.connections_open);
    // The rows are read after the totals.
    assert!(sum(|shard| shard.messages) >= full.shard_messages && sum(|shard| shard.turns) >= full.shard_turns);
    // Each answer came in a turn that has ended since, except the last.
    assert!(full.shard_busy_us > 0 && full.shard_longest_turn_us > 0, "{full:?}");
    let some = client.metrics_in_full_of(&["bad", "unheard of"]).unwrap();
    assert_eq!(
        some.types.iter().map(|row| (row.outcomes.failed, row.has_figures)).collect::<Vec<_>>(),
        [(3, true), (0, false)]
    );
    assert!(!some.other_types.has_figures && some.shards.len() == 2);
    assert!(client.metrics_by_type().unwrap().types.iter().all(|row| !row.has_figures));
    drop((running, waiting));
}

#[test]
fn a_refused_question_is_an_error_and_the_next_one_is_answered() {
    let (_server, client) = with_client(Server::start(&[]));
    let names: Vec<String> = (0..1_025).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for names in [&names[..], &[""]] {
        assert!(matches!(client.metrics_of(names), Err(Error::BadRequest(_))));
    }
    assert_eq!(client.metrics_of(&names[1..]).unwrap().types.len(), 1_024);
    client.ping().unwrap();
}

#[test]
fn a_server_of_another_version_is_understood() {
    let fake = crate::fake::Fake::start();
    let client = quick_retry().connect(&fake.url()).unwrap();
    let mut peer = fake.accept();
    let asking = std::thread::spawn({
        let client = client.clone();
        move || client.metrics()
    });
    peer.expect(r#"{"cmd":"metrics","types":false}"#);
    let object = r#"{"jobs_added":7, "later":[1], "version":"9", "types":{"t":{"waiting":1,"later":2}}}"#;
    peer.send_line(&format!(r#"{{"cmd":"metrics","metrics":{object}}}"#));
    let metrics = asking.join().unwrap().unwrap();
    assert_eq!((metrics.jobs_added, metrics.threads, metrics.version.as_str()), (7, 0, "9"));
    assert_eq!((metrics.types[0].waiting, metrics.types[0].done), (1, 0));
    // An older server has no options.
    assert_eq!((metrics.jobs_cancelled, metrics.slots_spent, metrics.types[0].delayed), (0, 0, 0));
    assert_eq!(metrics.raw, object);
}
