use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::client::Metrics;
use crate::monitor::timeline::{Sample, Timeline};

/// A server after two answers that are four seconds apart.
fn view(start: Instant) -> View {
    let mut timeline = Timeline::default();
    let mut full = |done, ms: u64| {
        let mut row = TypeMetrics { name: "a\"</script>".to_owned(), has_figures: true, ..TypeMetrics::default() };
        (row.waiting, row.workers) = (3, 0);
        (row.outcomes.done, row.outcomes.failed, row.outcomes.expired) = (done, done / 2, done / 4);
        (0..done).for_each(|_| row.wait.record(1_000));
        let shards = vec![ShardMetrics { busy_us: ms * 500, turns: 7, ..ShardMetrics::default() }];
        let raw = r#"{"up_since":1,"jobs_done":5,"faults":{"silent":1},"types":{}}"#.to_owned();
        let other_types = TypeMetrics { has_figures: true, ..TypeMetrics::default() };
        let metrics = Metrics { up_since: 1, types: vec![row], shards, raw, other_types, ..Metrics::default() };
        let sample = Sample { metrics: Ok(metrics), full: Some(Ok(())), took: Duration::ZERO };
        timeline.add(sample, start + Duration::from_millis(ms), ms, false)
    };
    full(100, 0);
    full(140, 4_000)
}

fn status(asked: &Asked, health: &Health) -> Value {
    let start = Instant::now();
    let view = view(start);
    let facts = [Facts { name: "one", view: &view, health }, Facts { name: "two", view: &view, health }];
    let now = start + Duration::from_millis(4_012);
    serde_json::from_str(&text(&facts, asked, now, 1_700_000_000_000)).unwrap()
}

#[test]
fn a_server_has_all_its_members() {
    let health = Health { not_ready: Some("it stops".to_owned()), ..Health::default() };
    let status = status(&Asked::default(), &health);
    assert_eq!(status["time_ms"], 1_700_000_000_000_u64);
    let mut server = status["servers"][0].clone();
    let history =
        json!({ "step_ms": 0, "end_ms": 0, "done": [], "failed": [], "accepted": [], "waiting": [], "running": [] });
    assert_eq!(server["history"].take(), history);
    let row = json!({
        "name": "a\"</script>", "waiting": 3, "running": 0, "workers": 0, "delayed": 0, "spent": 0, "free": 0, "spare_workers": 0,
        "durable_waiting": 0, "durable_workers": 0, "suspects": 0,
        "oldest_ms": 0, "passed_on": 0, "oldest_running_ms": 0, "oldest_running_worker": null, "oldest_here_ms": 0,
        "oldest_here_worker": null, "lost": 0, "last_lost_ms": 0,
        "done_total": 140, "failed_total": 105, "done_per_s": 10.0, "failed_per_s": 7.5,
        "wait_p50_ms": 0.75, "wait_p99_ms": 0.995, "run_p50_ms": null, "run_p99_ms": null,
    });
    assert_eq!(
        server,
        json!({
            "name": "one", "up": true, "error": null, "age_ms": 12, "ready": false, "not_ready": "it stops",
            "healthy": true, "unhealthy": null,
            "totals": { "up_since": 1, "jobs_done": 5, "faults": { "silent": 1 } },
            "shards": [{
                "turns": 7, "messages": 0, "wakes": 0, "busy_us": 2_000_000, "longest_turn_us": 0, "connections": 0,
                "waiting": 0, "running": 0, "busy": 0.5,
            }],
            "history": null, "window_ms": 4_000, "rate_ms": 4_000, "types_total": 1, "types": [row], "other_types": null,
        })
    );
}

#[test]
fn one_type_of_one_server_can_be_asked_about() {
    let asked = Asked { type_name: Some("a\"</script>".to_owned()), server: Some("two".to_owned()) };
    let status = status(&asked, &Health::default());
    assert_eq!((status["servers"].as_array().unwrap().len(), &status["servers"][0]["name"]), (1, &json!("two")));
    let row = &status["servers"][0]["types"][0];
    assert_eq!(
        (&row["waiting"], &row["outcomes"]["expired"], &row["outcomes"]["workers_lost"]),
        (&json!(3), &json!(35), &json!(0))
    );
    assert_eq!((&row["wait_counts"][3], &row["wait_counts_total"][3]), (&json!(40), &json!(140)));
    assert_eq!((&row["bounds_ms"][0], row["bounds_ms"].as_array().unwrap().len()), (&json!(0.1), 24));
    assert_eq!(row["run_counts"].as_array().unwrap().len(), 25);
    let why = row["why"][0].as_str().unwrap();
    assert!(why.contains("no worker"), "{why}");
}

#[test]
fn types_without_a_row_are_counted() {
    let row = |has_figures| TypeMetrics { has_figures, ..TypeMetrics::default() };
    let total = |types: &[bool], others: u64| {
        let other_types = TypeMetrics { types: others, ..TypeMetrics::default() };
        types_total(&Metrics { types: types.iter().copied().map(row).collect(), other_types, ..Metrics::default() })
    };
    assert_eq!([total(&[], 0), total(&[true, true], 0), total(&[true, true, false], 1)], [0, 2, 3]);
    assert_eq!(total(&[true, true, false], 1_904), 1_906);
    assert_eq!(total(&[true, false], 0), 2, "of a server that does not say how many there are");
    assert_eq!(total(&[true], u64::MAX), u64::MAX);
}

#[test]
fn one_server_can_be_asked_about() {
    let asked = Asked { type_name: None, server: Some("two".to_owned()) };
    let status = status(&asked, &Health::default());
    let servers = status["servers"].as_array().unwrap();
    assert_eq!((servers.len(), &servers[0]["name"]), (1, &json!("two")));
    assert_eq!(servers[0]["types"][0]["done_total"], 140);
}

#[test]
fn a_type_that_is_not_known_has_zeros() {
    let asked = Asked { type_name: Some("unheard of".to_owned()), server: None };
    let status = status(&asked, &Health::default());
    assert_eq!(status["servers"].as_array().unwrap().len(), 2);
    let row = &status["servers"][1]["types"][0];
    assert_eq!((&row["name"], &row["waiting"], &row["done_total"]), (&json!("unheard of"), &json!(0), &json!(0)));
    assert!(row["why"][0].is_string());
}
