//! What a real server serves over HTTP, and whether an expression names only that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::fixture::Watched;
use crate::page;
use crate::promql::{self, Names, Selector};
use crate::wait::until;

/// The labels that Prometheus adds when it scrapes, and the one of `deputy web`.
const ADDED: [&str; 3] = ["job", "instance", "server"];

/// A family of metrics.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// Its labels, each with its values. Without `le`, which only buckets have.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
}

/// Has a job of this type done.
pub(crate) fn do_a_job(server: &Watched, name: &str) {
    let mut worker = server.connect("worker");
    worker.send(&format!(r#"{{"cmd":"can_do","types":["{name}"]}}"#));
    let mut client = server.connect("client");
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"{name}"}}"#));
    worker.line();
    worker.send(r#"{"cmd":"did","id":1}"#);
    client.expect(r#"{"cmd":"did","id":1}"#);
}

/// The families of a server that has done a job, by their names.
pub(crate) fn families() -> &'static BTreeMap<String, Family> {
    static FAMILIES: OnceLock<BTreeMap<String, Family>> = OnceLock::new();
    FAMILIES.get_or_init(|| {
        let server = Watched::start(&["--threads", "2"]);
        do_a_job(&server, "resize");
        until("the metrics of the type", || {
            let text = server.get("/metrics").body;
            text.contains(r#"type="resize""#).then(|| read(&text))
        })
    })
}

/// Reads the text format of Prometheus.
fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            families.insert(name.to_owned(), Family { kind: kind.to_owned(), ..Family::default() });
        } else if !line.starts_with('#') {
            let sample = promql::names(line).selectors.remove(0);
            let name = family_of(&families, &sample.metric).unwrap_or_else(|| panic!("{line} has no TYPE"));
            let family = families.get_mut(&name).unwrap();
            for [label, _, value] in sample.matchers.into_iter().filter(|[label, ..]| label != "le") {
                family.labels.entry(label).or_default().insert(value);
            }
        }
    }
    families
}

/// Returns the family that a series with this name belongs to.
fn family_of(families: &BTreeMap<String, Family>, series: &str) -> Option<String> {
    let is_histogram = |name: &str| families.get(name).is_some_and(|family| family.kind == "histogram");
    let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| series.strip_suffix(part));
    let whole = || Some(series).filter(|name| families.contains_key(*name) && !is_histogram(name));
    parts.into_iter().find(|name| is_histogram(name)).or_else(whole).map(str::to_owned)
}

/// Returns what an expression names that no server has. `recorded` are the names that rules record.
pub(crate) fn unknown(expression: &str, recorded: &[String]) -> Vec<String> {
    let families = families();
    let Names { selectors, grouped } = promql::names(expression);
    let mut wrong: Vec<String> =
        selectors.iter().flat_map(|selector| unknown_of(families, selector, recorded)).collect();
    wrong.extend(grouped.into_iter().filter(|label| !is_label(label)).map(|label| format!("{label} in {expression}")));
    wrong
}

/// Whether any series has this label.
pub(crate) fn is_label(label: &str) -> bool {
    let of_a_family = |family: &Family| family.labels.contains_key(label);
    label == "le" || ADDED.contains(&label) || families().values().any(of_a_family)
}

/// The metrics of `deputy-bridge`, which is not built with this test: its own tests hold them to this page.
fn is_of_bridge(metric: &str) -> bool {
    static PAGE: OnceLock<BTreeSet<String>> = OnceLock::new();
    let names = PAGE.get_or_init(|| {
        let rows = page::table(&page::read("docs/scale-out.md"), "| metric | meaning, and what to do |");
        rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).map(str::to_owned).collect()
    });
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| metric.strip_suffix(part));
    names.contains(of_histogram.filter(|name| name.ends_with("_seconds")).unwrap_or(metric))
}

fn unknown_of(families: &BTreeMap<String, Family>, selector: &Selector, recorded: &[String]) -> Vec<String> {
    let metric = &selector.metric;
    if is_of_bridge(metric) {
        let known = |label: &str| ["type", "le"].contains(&label) || ADDED.contains(&label);
        let wrong = selector.matchers.iter().filter(|[label, ..]| !known(label));
        return wrong.map(|matcher| format!("{metric}{{{}}}", matcher.concat())).collect();
    }
    let known = match family_of(families, metric) {
        Some(name) => &families[&name].labels,
        None if metric == "up" || metric == "ALERTS" || recorded.contains(metric) => return Vec::new(),
        None => return vec![metric.clone()],
    };
    let is_wrong = |[label, _, value]: &&[String; 3]| {
        let is_added = ADDED.contains(&label.as_str()) || label == "le" && metric.ends_with("_bucket");
        match known.get(label) {
            // Types, shards and versions are any; the others are words of ours.
            Some(values) if ["outcome", "kind"].contains(&label.as_str()) => {
                value.split('|').any(|value| !values.contains(value))
            }
            Some(_) => false,
            None => !is_added,
        }
    };
    let wrong = selector.matchers.iter().filter(is_wrong);
    wrong.map(|matcher| format!("{metric}{{{}}}", matcher.concat())).collect()
}

#[test]
fn names_that_no_server_has_are_found() {
    let recorded = ["deputy:p99".to_owned()];
    for right in [
        "up == 0 or deputy_up{server=~\"$server\"} == 0",
        r#"sum by (type, le) (rate(deputy_job_run_seconds_bucket{type="any",le="1"}[5m]))"#,
        r#"deputy_jobs_total{outcome!~"done|failed"} > deputy:p99"#,
        r#"deputy_bridge_stream_waiting{type="any"} > rate(deputy_bridge_stream_seconds_bucket{le="1"}[5m])"#,
    ] {
        assert_eq!(unknown(right, &recorded), [""; 0], "{right}");
    }
    for wrong in [
        "deputy_ups",
        "deputy_job_run_seconds",
        "sum by (kinds) (deputy_up)",
        r#"deputy_up{type="t"}"#,
        r#"deputy_jobs_total{outcome="don"}"#,
        r#"deputy_job_run_seconds_sum{le="1"}"#,
        "deputy:p50",
        "deputy_bridge_stream",
        r#"deputy_bridge_nodes{node="a"}"#,
    ] {
        assert_eq!(unknown(wrong, &recorded).len(), 1, "{wrong}");
    }
}
