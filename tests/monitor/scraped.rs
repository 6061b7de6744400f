//! A real Prometheus scrapes a loaded server: it understands the metrics, its quantiles are those of the load, and it
//! evaluates the dashboard and the alerts.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use deputy::client::{Client, Worker};
use serde_json::Value;

use crate::fixture::Watched;
use crate::process::Server;
use crate::prometheus::Prometheus;
use crate::wait::until;
use crate::{docs_table, grafana, programs};

/// How long jobs took, sorted.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Returns the time that the bucket of this quantile contains.
    fn quantile(&self, quantile: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (quantile * self.0.len() as f64).ceil() as usize;
        self.0[rank.max(1) - 1].as_secs_f64()
    }
}

/// The type of the load.
const TYPE: &str = "nap";
/// Connections that submit one job at a time, and slots of the worker: no job waits long.
const SUBMITTERS: usize = 8;
/// What each submits: one job in ten takes long.
const ARGS: [u64; 20] = [4, 4, 4, 4, 30, 4, 4, 4, 4, 4, 4, 4, 4, 4, 30, 4, 4, 4, 4, 4];

/// Starts a worker that takes as long as the arg says. Returns how long each of its jobs took.
fn worker(server: &Server) -> Arc<Mutex<Vec<Duration>>> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&times);
    let worker = Worker::new(&format!("tcp://{}", server.tcp[0]));
    let worker = worker.max_jobs(u32::try_from(SUBMITTERS).unwrap()).handle_typed(TYPE, move |ms: u64| {
        let start = Instant::now();
        thread::sleep(Duration::from_millis(ms)); // The work.
        sink.lock().unwrap().push(start.elapsed());
        Ok::<_, String>(())
    });
    // It ends with the server.
    thread::spawn(|| worker.run());
    times
}

/// Submits jobs, one at a time. Returns how long each took.
fn submit(server: &Server, args: &[u64]) -> Vec<Duration> {
    let client = Client::connect(&format!("tcp://{}", server.tcp[0])).unwrap();
    let time = |ms: &u64| {
        let start = Instant::now();
        client.submit::<_, ()>(TYPE, ms).wait().unwrap();
        start.elapsed()
    };
    args.iter().map(time).collect()
}

/// Returns which bucket has jobs that took so long.
fn bucket(seconds: f64) -> usize {
    let bounds = (-4..4).flat_map(|power| [1.0, 2.5, 5.0].map(|digit| digit * 10_f64.powi(power)));
    bounds.filter(|bound| *bound < seconds).count()
}

#[test]
fn prometheus_sees_the_quantiles_of_the_load_and_evaluates_dashboard_and_alerts() {
    let Some(program) = programs::find("prometheus") else { return };
    let watched = Watched::start(&["--threads", "2"]);
    let (server, http) = (&watched.server, watched.http);
    let worker = worker(server);
    // A job of a type that no worker does, and whose name needs escapes.
    let mut other = watched.connect("other");
    other.send(r#"{"cmd":"do","id":1,"type":"it's \"odd\"\\\n"}"#);
    other.expect_nothing();
    let mut round_trips = submit(server, &ARGS[..1]);

    let prometheus = Prometheus::start(&program, http);
    let count = format!(r#"deputy_job_run_seconds_count{{type="{TYPE}"}}"#);
    // Rates are of what comes after the first sample.
    until("the first job", || (prometheus.value::<usize>(&count)? == 1).then_some(()));
    thread::scope(|scope| {
        let submitters: Vec<_> = (0..SUBMITTERS).map(|_| scope.spawn(|| submit(server, &ARGS))).collect();
        for submitter in submitters {
            round_trips.extend(submitter.join().unwrap());
        }
    });
    let jobs = round_trips.len();
    let done = format!(r#"deputy_jobs_total{{type="{TYPE}",outcome="done"}}"#);
    for (counter, jobs) in [(&*count, jobs), (&*done, jobs), ("deputy_jobs_accepted_total", jobs + 1)] {
        until(counter, || (prometheus.value::<usize>(counter)? == jobs).then_some(()));
    }

    check_quantiles(&prometheus, &Times::of(worker.lock().unwrap().clone()), &Times::of(round_trips));
    check_expressions(&prometheus);
    check_rules(&prometheus);
    // These alerts have to hold for minutes before they fire.
    let alert = prometheus.only_alert("DeputyJobsWithoutWorkers");
    assert_eq!(alert["labels"]["type"], "it's \"odd\"\\\n");
    let summary = r#"No worker does type "it's \"odd\"\\\n", and 1 jobs wait for one."#;
    assert_eq!(alert["annotations"]["summary"], summary);
    server.kill();
    let alert = prometheus.only_alert("DeputyDown");
    assert_eq!(alert["annotations"]["summary"], format!("Deputy at {http} does not answer."));
}

/// Compares with what the worker and the submitters measured. What the worker measures is a part of what the server does,
/// and that is a part of what a submitter does. So it is for each job, and therefore for each quantile.
fn check_quantiles(prometheus: &Prometheus, work: &Times, round_trips: &Times) {
    assert_eq!(work.0.len(), round_trips.0.len());
    for quantile in [0.5, 0.99] {
        let buckets = bucket(work.quantile(quantile))..=bucket(round_trips.quantile(quantile));
        let exact = format!(r#"histogram_quantile({quantile}, deputy_job_run_seconds_bucket{{type="{TYPE}"}})"#);
        let exact = prometheus.until_value(&exact);
        assert!(buckets.contains(&bucket(exact)), "{quantile}: {exact} is not in the buckets {buckets:?}");
        // A rate is estimated for each bucket by itself: one bucket more or less.
        let rated = format!(
            r#"histogram_quantile({quantile}, sum by (le, type) (rate(deputy_job_run_seconds_bucket{{type="{TYPE}"}}[5m])))"#
        );
        let rated = prometheus.until_value(&rated);
        let around = buckets.start().saturating_sub(1)..=buckets.end() + 1;
        assert!(around.contains(&bucket(rated)), "{quantile}: {rated} is not in the buckets {around:?}");
    }
    let wait = format!(r#"histogram_quantile(0.99, deputy_job_wait_seconds_bucket{{type="{TYPE}"}})"#);
    let wait = prometheus.until_value(&wait);
    assert!(bucket(wait) <= bucket(round_trips.quantile(0.99)), "{wait}");
    let sum = prometheus.until_value(&format!(r#"deputy_job_run_seconds_sum{{type="{TYPE}"}}"#));
    let [least, most] = [work, round_trips].map(|times| times.0.iter().sum::<Duration>().as_secs_f64());
    assert!((least..=most).contains(&sum), "{sum} is not between {least} and {most}");
}

/// Evaluates what the dashboard and the page show. Each has a result, unless it shows only what is wrong.
fn check_expressions(prometheus: &Prometheus) {
    let dashboard = grafana::dashboard();
    let expressions = grafana::expressions(&dashboard).into_iter().map(str::to_owned);
    for expression in expressions.chain(docs_table::expressions()) {
        let chosen =
            [("$__rate_interval", "1m"), ("$job", "deputy"), ("$instance", ".+"), ("$server", ".*"), ("$type", ".*")];
        let expression = chosen.iter().fold(expression, |text, (variable, value)| text.replace(variable, value));
        let may_be_empty = expression.contains("> 0") || expression.starts_with("ALERTS");
        until(&expression, || (!prometheus.evaluate(&expression).is_empty() || may_be_empty).then_some(()));
    }
}

/// Waits until Prometheus has evaluated all rules. It has no complaint about them or about the metrics.
fn check_rules(prometheus: &Prometheus) {
    until("a scrape without an error", || {
        let target = &prometheus.ask("targets")["activeTargets"][0];
        (target["health"] == "up" && target["lastError"] == "").then_some(())
    });
    let rules = until("the evaluation of all rules", || {
        let groups = prometheus.ask("rules");
        let rules = groups["groups"].as_array()?.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        let rules: Vec<Value> = rules.collect();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    for rule in &rules {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &Value::Null), "{rule}");
    }
}
