use std::time::Duration;

use super::*;
use crate::client::{Metrics, ShardMetrics, TypeMetrics};
use crate::monitor::labels::Labels;
use crate::monitor::timeline::{Sample, Timeline};

fn row(name: &str) -> TypeMetrics {
    let mut row = TypeMetrics { name: name.to_owned(), has_figures: true, ..TypeMetrics::default() };
    (row.waiting, row.oldest_ms) = (3, 1_500);
    (row.outcomes.done, row.outcomes.gave_up, row.outcomes.workers_lost) = (7, 1, 2);
    row.wait.record(100);
    row.wait.record(101);
    row.wait.record(4_000_000_000);
    row
}

/// A server with types of these names.
fn view(names: &[&str], now: Instant) -> View {
    let shard = ShardMetrics { busy_us: 1_250_000, connections: 4, ..ShardMetrics::default() };
    let metrics = Metrics {
        up_since: 1,
        version: "9.9.9".to_owned(),
        uptime_ms: 12_345,
        jobs_added: 11,
        types: names.iter().map(|name| row(name)).collect(),
        shards: vec![ShardMetrics::default(), shard],
        ..Metrics::default()
    };
    let sample = Sample { metrics: Ok(metrics), full: Some(Ok(())), took: Duration::ZERO };
    Timeline::default().add(sample, now, 0, false)
}

/// Returns the metrics of these servers, at this time.
fn text_of(servers: &[(Option<&str>, &View)], health: &Health, now: Instant, format: Format) -> String {
    let mut labels = Labels::new(2);
    let facts = servers.iter().map(|&(server, view)| {
        let by_type = view.full.as_ref().map(|full| labels.divide(&full.metrics));
        Facts { server, view, by_type, health, now }
    });
    text(&facts.collect::<Vec<_>>(), &Process::default(), format)
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert_eq!(text.lines().filter(|own| own == line).count(), 1, "{line:?} in {text}");
    }
}

#[test]
fn all_that_a_server_says_has_a_sample() {
    let now = Instant::now();
    let view = view(&["a \"b\"\\\n", "c", "d"], now);
    let health = Health { stuck: vec![false, true], ..Health::default() };
    let text = text_of(&[(None, &view)], &health, now, Format::Prometheus);
    has(
        &text,
        &[
            "# HELP deputy_jobs_accepted_total Jobs accepted, each once.",
            "# TYPE deputy_jobs_accepted_total counter",
            "# TYPE deputy_job_wait_seconds histogram",
            "deputy_up 1",
            "deputy_ready 1",
            "deputy_build_info{version=\"9.9.9\"} 1",
            "deputy_uptime_seconds 12.345",
            "deputy_jobs_accepted_total 11",
            "deputy_faults_total{kind=\"gave_up\"} 0",
            "deputy_jobs_total{type=\"a \\\"b\\\"\\\\\\n\",outcome=\"done\"} 7",
            "deputy_jobs_total{type=\"c\",outcome=\"gave_up\"} 1",
            "deputy_jobs_total{type=\"_other\",outcome=\"done\"} 7",
            "deputy_workers_lost_total{type=\"c\"} 2",
            "deputy_jobs_waiting{type=\"c\"} 3",
            "deputy_oldest_waiting_seconds{type=\"_other\"} 1.5",
            "deputy_job_wait_seconds_bucket{type=\"c\",le=\"0.0001\"} 1",
            "deputy_job_wait_seconds_bucket{type=\"c\",le=\"0.00025\"} 2",
            "deputy_job_wait_seconds_bucket{type=\"c\",le=\"3600\"} 2",
            "deputy_job_wait_seconds_bucket{type=\"c\",le=\"+Inf\"} 3",
            "deputy_job_wait_seconds_sum{type=\"c\"} 4000.000201",
            "deputy_job_wait_seconds_count{type=\"c\"} 3",
            "deputy_job_run_seconds_count{type=\"c\"} 0",
            "deputy_shard_busy_seconds_total{shard=\"1\"} 1.25",
            "deputy_shard_connections{shard=\"1\"} 4",
            "deputy_shard_stuck{shard=\"0\"} 0",
            "deputy_shard_stuck{shard=\"1\"} 1",
        ],
    );
    assert!(!text.contains("workers_lost\"") && !text.contains("type=\"d\"") && !text.contains("# EOF"));
}

#[test]
fn several_servers_have_a_label_and_one_head_per_family() {
    let now = Instant::now();
    let (one, other) = (view(&["a"], now), view(&["b"], now));
    let servers = [(Some("one:1"), &one), (Some("two:2"), &other)];
    let text = text_of(&servers, &Health::default(), now, Format::OpenMetrics);
    has(
        &text,
        &[
            "# TYPE deputy_jobs counter",
            "deputy_jobs_total{server=\"one:1\",type=\"a\",outcome=\"done\"} 7",
            "deputy_jobs_total{server=\"two:2\",type=\"b\",outcome=\"done\"} 7",
            "deputy_job_wait_seconds_bucket{server=\"one:1\",type=\"a\",le=\"1.0\"} 2",
            "deputy_up{server=\"two:2\"} 1",
            "# EOF",
        ],
    );
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let families = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), families);
}

#[test]
fn what_is_not_known_has_no_samples() {
    let now = Instant::now();
    let mut view = view(&["a"], now);
    view.full = None;
    let text = text_of(&[(None, &view)], &Health::default(), now, Format::Prometheus);
    has(&text, &["deputy_up 1", "deputy_jobs_accepted_total 11"]);
    assert!(!text.contains("type=\"") && !text.contains("deputy_jobs_total") && !text.contains("deputy_shard_stuck"));

    let health = Health { not_ready: Some("no answer".to_owned()), ..Health::default() };
    let later = now + Duration::from_secs(6);
    let text = text_of(&[(None, &view)], &health, later, Format::Prometheus);
    has(&text, &["deputy_up 0", "deputy_ready 0"]);
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2, "{text}");
}
