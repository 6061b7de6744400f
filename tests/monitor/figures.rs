//! The figures by type: labels, names of every kind, and what Prometheus' own checker says of them.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::Client;
use crate::fixture::Watched;
use crate::programs;
use crate::wait::until;

/// Submits a job of a type, and does it.
fn do_job(client: &mut Client, worker: &mut Client, type_name: &str) {
    let name = Value::from(type_name);
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":{name}}}"#));
    worker.send(&format!(r#"{{"cmd":"can_do","types":[{name}]}}"#));
    worker.expect(&format!(r#"{{"cmd":"do","id":1,"type":{name}}}"#));
    worker.send(r#"{"cmd":"did","id":1,"res":null}"#);
    client.expect(r#"{"cmd":"did","id":1,"res":null}"#);
    worker.send(&format!(r#"{{"cmd":"cant_do","types":[{name}]}}"#));
}

/// Names that a format or a page may stumble over.
fn strange_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "plain",
        "a\"b\\c",
        "\\n",
        "\\",
        "\"",
        "line\nend",
        "\r\n",
        "\t",
        "\u{1}\u{7f}",
        "\u{202e}right to left",
        "_other",
        "</script><script>alert(1)</script>",
        "{type=\"x\"} 1",
        "# EOF",
        "\u{1f600}",
        "\u{feff}",
        "\u{2028}",
        " ",
        "\0",
        "a\0b",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(255));
    names.push("\"".repeat(255));
    names
}

#[test]
fn names_of_every_kind_have_figures_that_can_be_read() {
    let watched = Watched::start(&["--threads", "2"]);
    let (mut client, mut worker) = (watched.connect("client"), watched.connect("worker"));
    let names = strange_names();
    for name in &names {
        do_job(&mut client, &mut worker, name);
    }
    let all = f64::from(u32::try_from(names.len()).unwrap());
    // Of a job, one shard counts that it was accepted and another one that it is done.
    until("figures of all jobs", || {
        let metrics = watched.get("/metrics");
        let is_done = |name: &String| {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            metrics.sample(&format!("deputy_jobs_total{{type=\"{escaped}\",outcome=\"done\"}}")) == Some(1.0)
        };
        let accepted = metrics.sample("deputy_jobs_accepted_total") == Some(all);
        (accepted && names.iter().all(is_done)).then_some(())
    });

    let status = watched.get("/status.json").json();
    let mut listed: Vec<String> = status["servers"][0]["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = names.clone();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for name in &names {
        let encoded = name.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let row = watched.get(&format!("/status.json?type={encoded}")).json()["servers"][0]["types"][0].take();
        assert_eq!((&row["name"], &row["done_total"], &row["outcomes"]["done"]), (&json!(name), &json!(1), &json!(1)));
    }
}

/// Returns what promtool says of a text.
fn promtool(text: &str) -> String {
    let command = &mut Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    format!("{}{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn promtool_has_no_remark() {
    if programs::find("promtool").is_none() {
        return;
    }
    let watched = Watched::start(&["--threads", "2"]);
    let (mut client, mut worker) = (watched.connect("client"), watched.connect("worker"));
    for name in strange_names() {
        do_job(&mut client, &mut worker, &name);
    }
    let metrics =
        until("figures by type", || Some(watched.get("/metrics")).filter(|metrics| metrics.body.contains("</script>")));
    assert_eq!(promtool(&metrics.body), "exit status: 0");
    assert!(
        promtool(&metrics.body.replace("# HELP deputy_up ", "# ")).contains("deputy_up"),
        "it checks what it is given"
    );
}

#[test]
fn open_metrics_are_served_to_those_who_ask_for_them() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    browser.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n\r\n");
    let answer = browser.answer();
    assert_eq!(answer.field("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(answer.body.contains("# TYPE deputy_jobs_accepted counter\n") && answer.body.ends_with("\n# EOF\n"));
    assert_eq!(answer.sample("deputy_jobs_accepted_total"), Some(0.0));
}

#[test]
fn types_past_the_limit_are_summed_up() {
    let watched = Watched::start(&["--http-types", "2", "--threads", "2"]);
    let (mut client, mut worker) = (watched.connect("client"), watched.connect("worker"));
    let done = |label: &str| {
        let name = format!("deputy_jobs_total{{type=\"{label}\",outcome=\"done\"}}");
        let count = format!("deputy_job_run_seconds_count{{type=\"{label}\"}}");
        // Figures may be half a second old.
        let metrics = watched.get("/metrics");
        assert_eq!(metrics.sample(&name), metrics.sample(&count));
        metrics.sample(&name)
    };
    for name in ["one", "two"] {
        do_job(&mut client, &mut worker, name);
        until("a label", || done(name));
    }
    for name in ["three", "four", "one", "three"] {
        do_job(&mut client, &mut worker, name);
    }
    until("all jobs", || (done("_other") == Some(3.0)).then_some(()));
    assert_eq!(["one", "two", "three"].map(done), [Some(2.0), Some(1.0), None]);
}

#[test]
fn the_status_shows_what_a_type_does() {
    let watched = Watched::start(&["--threads", "2"]);
    let mut client = watched.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"resize"}"#);
    client.expect_nothing();
    let row = until("the job", || {
        let mut status = watched.get("/status.json?type=resize").json();
        let row = status["servers"][0]["types"][0].take();
        (row["waiting"] == 1).then_some(row)
    });
    assert!(row["why"][0].as_str().unwrap().contains("no worker does that type"), "{row}");
    let mut worker = watched.connect("worker");
    do_job(&mut client, &mut worker, "other");
    let status = until("the job done", || {
        let status = watched.get("/status.json").json();
        (status["servers"][0]["totals"]["jobs_done"] == 1).then_some(status)
    });
    let server = &status["servers"][0];
    assert_eq!(
        (&server["up"], &server["error"], &server["healthy"], &server["ready"]),
        (&json!(true), &Value::Null, &json!(true), &json!(true))
    );
    assert_eq!(server["shards"].as_array().unwrap().len(), 2);
    assert_eq!(server["name"].as_str().unwrap(), watched.server.tcp[0].to_string());
    let types = server["types"].as_array().unwrap();
    let other = types.iter().find(|row| row["name"] == "other").unwrap();
    assert!(other["wait_p50_ms"].is_number() && other["run_p99_ms"].is_number(), "{other}");
}
