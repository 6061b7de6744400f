//! Encodes the metrics in JSON: the totals and the tables.

use super::carried::{LongText, LongTextBuilder};
use super::reply::put;
use super::string::escape;
use crate::metrics::{
    BOUNDS_US, Fault, Figures, Histogram, METRICS, OtherTypes, ShardRow, Tables, Totals, TypeRow, Value,
};

/// Returns the metrics with these tables as a JSON object.
pub fn metrics_object(totals: &Totals, tables: &Tables) -> String {
    let mut out = vec![b'{'];
    put_totals(&mut out, totals);
    put_tables(&mut out, tables);
    out.push(b'}');
    String::from_utf8(out).expect("names and numbers are UTF-8")
}

/// Appends a member's name and its colon, after a comma if it is not the first.
fn put_name(out: &mut Vec<u8>, i: usize, name: &str) {
    put(out, if i == 0 { b"\"" } else { b",\"" }, name);
    out.extend_from_slice(b"\":");
}

/// Appends a member whose value is a number.
fn put_number(out: &mut Vec<u8>, i: usize, name: &str, number: u64) {
    put_name(out, i, name);
    put(out, b"", itoa::Buffer::new().format(number));
}

/// Appends the members of the metrics.
pub(super) fn put_totals(out: &mut Vec<u8>, totals: &Totals) {
    for (i, metric) in METRICS.iter().enumerate() {
        match (metric.get)(totals) {
            Value::Number(number) => put_number(out, i, metric.name, number),
            Value::Flag(flag) => {
                put_name(out, i, metric.name);
                put(out, b"", if flag { "true" } else { "false" });
            }
            Value::Text(text) => {
                put_name(out, i, metric.name);
                put(out, b"\"", &escape(text));
                out.push(b'"');
            }
            Value::Faults(faults) => {
                put_name(out, i, metric.name);
                out.push(b'{');
                for (i, &fault) in Fault::ALL.iter().enumerate() {
                    put_number(out, i, fault.name(), faults.of(fault));
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends the tables, of which `types` is the last.
pub(super) fn put_tables(out: &mut Vec<u8>, tables: &Tables) {
    if let Some(rows) = &tables.shards {
        put_shards(out, rows);
    }
    let Some(rows) = &tables.types else { return };
    if tables.histograms {
        put_numbers(out, br#","bounds_us":["#, &BOUNDS_US);
    }
    out.extend_from_slice(br#","types":{"#);
    for (i, (name, row)) in rows.iter().enumerate() {
        put_name(out, i, name);
        out.push(b'{');
        put_row(out, row, tables.histograms);
        out.push(b'}');
    }
    out.push(b'}');
}

/// The members of the metrics with the table of all types, encoded row by row. They are large, so all receivers share
/// them.
#[derive(Debug)]
pub struct TypesText {
    text: LongTextBuilder,
    histograms: bool,
    rows: usize,
    /// A row, before it is appended to the text.
    scratch: Vec<u8>,
}

impl TypesText {
    /// Begins with the members before the table. A table with histograms has a row for all types without figures of
    /// their own.
    pub fn new(others: Option<&OtherTypes>) -> Self {
        let (mut text, mut scratch) = (LongTextBuilder::default(), Vec::new());
        if let Some(others) = others {
            put_numbers(&mut scratch, br#","bounds_us":["#, &BOUNDS_US);
            scratch.extend_from_slice(br#","other_types":{"#);
            put_row(&mut scratch, &others.sum, true);
            put(&mut scratch, br#","types":"#, itoa::Buffer::new().format(others.in_use));
            scratch.push(b'}');
        }
        scratch.extend_from_slice(br#","types":{"#);
        text.push(&scratch);
        Self { text, histograms: others.is_some(), rows: 0, scratch }
    }

    /// Appends a type.
    pub fn push(&mut self, name: &str, row: &TypeRow) {
        self.scratch.clear();
        put_name(&mut self.scratch, self.rows, name);
        self.scratch.push(b'{');
        put_row(&mut self.scratch, row, self.histograms);
        self.scratch.push(b'}');
        self.text.push(&self.scratch);
        self.rows += 1;
    }

    /// Returns the text.
    pub fn finish(mut self) -> LongText {
        self.text.push(b"}");
        self.text.finish()
    }
}

fn put_shards(out: &mut Vec<u8>, rows: &[ShardRow]) {
    out.extend_from_slice(br#","shards":["#);
    for (i, row) in rows.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{" } else { b",{" });
        put_members(out, &row.members());
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends the members of a row.
fn put_row(out: &mut Vec<u8>, row: &TypeRow, histograms: bool) {
    put_members(out, &row.members());
    let workers: [(&[u8], _); 2] =
        [(br#","oldest_running_worker":""#, &row.oldest_running), (br#","oldest_here_worker":""#, &row.oldest_here)];
    for (member, oldest) in workers {
        if let Some(oldest) = oldest {
            put(out, member, &escape(&oldest.worker));
            out.push(b'"');
        }
    }
    if histograms {
        put(out, br#","has_figures":"#, if row.figures.is_some() { "true" } else { "false" });
    }
    if let Some(figures) = row.figures.as_ref().filter(|_| histograms) {
        put_figures(out, figures);
    }
}

fn put_figures(out: &mut Vec<u8>, figures: &Figures) {
    out.extend_from_slice(br#","outcomes":{"#);
    put_members(out, &figures.outcomes.members());
    out.extend_from_slice(br#"},"wait":"#);
    put_histogram(out, &figures.wait);
    out.extend_from_slice(br#","run":"#);
    put_histogram(out, &figures.run);
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    put(out, br#"{"sum_us":"#, itoa::Buffer::new().format(histogram.sum_us));
    put_numbers(out, br#","counts":["#, &histogram.counts);
    out.push(b'}');
}

/// Appends fixed text that ends with a bracket, then the numbers of a list.
fn put_numbers(out: &mut Vec<u8>, fixed: &[u8], numbers: &[u64]) {
    out.extend_from_slice(fixed);
    for (i, &number) in numbers.iter().enumerate() {
        put(out, if i == 0 { b"" } else { b"," }, itoa::Buffer::new().format(number));
    }
    out.push(b']');
}

/// Appends members whose values are numbers, the first without a comma.
fn put_members(out: &mut Vec<u8>, members: &[(&str, u64)]) {
    for (i, &(name, number)) in members.iter().enumerate() {
        put_number(out, i, name, number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::limits::{CLIENT_LINE_BYTES_LEAST, FIGURE_TYPES_MAX, TYPE_BYTES_MAX, TYPE_ROWS_MAX};
    use crate::metrics::{BUCKETS, Counts, OldestRunning, Outcomes};
    use crate::protocol::reply::Reply;

    #[test]
    fn the_metrics_are_an_object_with_a_table_by_type() {
        let totals = Totals { threads: 2, draining: true, ..Totals::default() };
        let oldest_running = Some(OldestRunning { ms: 9, worker: "[::1]:1".to_owned() });
        let row = TypeRow {
            waiting: 1,
            running: 2,
            workers: 3,
            done: 4,
            oldest_ms: 5,
            suspects: 6,
            lost: 7,
            last_lost_ms: 8,
            delayed: 9,
            spent: 10,
            free: 11,
            spare_workers: 14,
            durable_waiting: 12,
            durable_workers: 13,
            passed_on: 15,
            oldest_running,
            oldest_here: Some(OldestRunning { ms: 7, worker: "[::1]:2".to_owned() }),
            figures: None,
        };
        let types = vec![(r#"a\"b"#.into(), row), ("c".into(), TypeRow::default())];
        let tables = Tables { types: Some(types), ..Tables::default() };
        let mut out = Vec::new();
        Reply::Metrics { totals: &totals, tables: &tables, types: None }.encode(&mut out);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let metrics = line["metrics"].as_object().unwrap();
        assert_eq!(metrics.len(), METRICS.len() + 1);
        assert_eq!((&metrics["threads"], &metrics["draining"]), (&2.into(), &true.into()));
        assert_eq!(metrics["faults"].as_object().unwrap().len(), Fault::ALL.len());
        let table = serde_json::json!({
            "a\"b": {
                "waiting": 1, "running": 2, "workers": 3, "done": 4, "oldest_ms": 5, "suspects": 6, "lost": 7,
                "last_lost_ms": 8, "delayed": 9, "spent": 10, "free": 11, "spare_workers": 14, "durable_waiting": 12, "durable_workers": 13,
                "passed_on": 15, "oldest_running_ms": 9, "oldest_running_worker": "[::1]:1", "oldest_here_ms": 7,
                "oldest_here_worker": "[::1]:2",
            },
            "c": {
                "waiting": 0, "running": 0, "workers": 0, "done": 0, "oldest_ms": 0, "suspects": 0, "lost": 0,
                "last_lost_ms": 0, "delayed": 0, "spent": 0, "free": 0, "spare_workers": 0, "durable_waiting": 0, "durable_workers": 0,
                "passed_on": 0, "oldest_running_ms": 0, "oldest_here_ms": 0,
            },
        });
        assert_eq!(metrics["types"], table);
        let object: serde_json::Value = serde_json::from_str(&metrics_object(&totals, &Tables::default())).unwrap();
        assert_eq!(object.as_object().unwrap().len(), METRICS.len());
    }

    /// Returns the metrics object of a reply with these tables.
    fn object_of(tables: &Tables, types: Option<&LongText>) -> serde_json::Value {
        let mut out = Vec::new();
        Reply::Metrics { totals: &Totals::default(), tables, types }.encode(&mut out);
        let mut line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        line["metrics"].take()
    }

    /// A histogram with `sum_us` and one duration in each of these buckets.
    fn histogram(sum_us: u64, buckets: &[usize]) -> (Histogram, serde_json::Value) {
        let counts = std::array::from_fn(|i| u64::from(buckets.contains(&i)));
        (Histogram { sum_us, counts }, serde_json::json!({ "sum_us": sum_us, "counts": counts }))
    }

    #[test]
    fn rows_have_their_figures_if_they_were_asked_for() {
        let ((wait, wait_json), (run, run_json)) = (histogram(5, &[0]), histogram(7, &[3, 24]));
        let outcomes = Outcomes { done: 2, workers_lost: 1, ..Outcomes::default() };
        let row = TypeRow { figures: Some(Box::new(Figures { outcomes, wait, run })), ..TypeRow::default() };
        let rows: Vec<(Arc<str>, TypeRow)> = vec![("a".into(), row.clone()), ("b".into(), TypeRow::default())];
        let mut text = TypesText::new(Some(&OtherTypes { in_use: 7, sum: row.clone() }));
        for (name, row) in &rows {
            text.push(name, row);
        }
        let named = object_of(&Tables { types: Some(rows), histograms: true, ..Tables::default() }, None);
        let metrics = object_of(&Tables::default(), Some(&text.finish()));
        assert_eq!(
            (&metrics["bounds_us"], &named["bounds_us"]),
            (&serde_json::json!(BOUNDS_US), &serde_json::json!(BOUNDS_US))
        );
        assert!(metrics["types"] == named["types"] && named.get("other_types").is_none());
        for own in [&metrics["types"]["a"], &metrics["other_types"]] {
            assert_eq!((&own["waiting"], &own["has_figures"]), (&0.into(), &true.into()));
            assert_eq!((&own["wait"], &own["run"]), (&wait_json, &run_json));
            let outcomes = own["outcomes"].as_object().unwrap();
            assert_eq!((outcomes.len(), &outcomes["done"], &outcomes["workers_lost"]), (10, &2.into(), &1.into()));
        }
        assert_eq!((&metrics["other_types"]["types"], metrics["types"]["a"].get("types")), (&7.into(), None));
        let other = metrics["types"]["b"].as_object().unwrap();
        assert_eq!((other.len(), &other["has_figures"]), (TypeRow::default().members().len() + 1, &false.into()));
    }

    #[test]
    fn a_table_of_all_types_is_the_same_whether_it_is_long_or_short() {
        for rows in [0, 1, 3, 1_000] {
            let mut text = TypesText::new(None);
            (0..rows).for_each(|nth| text.push(&format!("t{nth}"), &TypeRow { waiting: nth, ..TypeRow::default() }));
            let metrics = object_of(&Tables::default(), Some(&text.finish()));
            let table = metrics["types"].as_object().unwrap();
            assert_eq!(table.len() as u64, rows);
            assert!((0..rows).all(|nth| table[&format!("t{nth}")]["waiting"] == nth));
            assert_eq!(metrics.as_object().unwrap().len(), METRICS.len() + 1);
        }
    }

    /// The largest numbers that a server comes to: of microseconds since 1970, and of jobs of some centuries.
    #[test]
    fn the_largest_table_fits_into_what_a_client_accepts() {
        const MANY: u64 = 9_999_999_999_999_999;
        let histogram = Histogram { sum_us: u64::MAX, counts: [MANY; BUCKETS] };
        let outcomes = Outcomes { done: MANY, failed: MANY, workers_lost: MANY, ..Outcomes::default() };
        let row = TypeRow {
            waiting: MANY,
            running: MANY,
            done: MANY,
            oldest_ms: MANY,
            passed_on: MANY,
            oldest_running: Some(OldestRunning { ms: MANY, worker: "x".repeat(64) }),
            oldest_here: Some(OldestRunning { ms: MANY, worker: "x".repeat(64) }),
            figures: Some(Box::new(Figures { outcomes, wait: histogram, run: histogram })),
            ..TypeRow::default()
        };
        let name = r"\u0001".repeat(TYPE_BYTES_MAX);
        let mut out = Vec::new();
        put_name(&mut out, 1, &name);
        put_row(&mut out, &row, true);
        let bytes = out.len() * (FIGURE_TYPES_MAX + TYPE_ROWS_MAX);
        assert!(bytes + 100_000 < CLIENT_LINE_BYTES_LEAST, "{} bytes per row, {bytes} in all", out.len());
    }

    #[test]
    fn a_row_per_shard_is_a_list() {
        let counts = Counts { shard_turns: 1, jobs_running: 8, ..Counts::default() };
        let rows = vec![ShardRow { counts, busy_us: 4, longest_turn_us: 5 }, ShardRow::default()];
        let metrics = object_of(&Tables { shards: Some(rows), ..Tables::default() }, None);
        let first = serde_json::json!({
            "turns": 1, "messages": 0, "wakes": 0, "busy_us": 4, "longest_turn_us": 5, "connections": 0, "waiting": 0,
            "running": 8,
        });
        assert_eq!((metrics["shards"].as_array().unwrap().len(), &metrics["shards"][0]), (2, &first));
        assert!(metrics.get("types").is_none() && metrics.get("bounds_us").is_none());
    }
}
