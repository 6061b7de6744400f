//! What the server says on stderr while it runs: the metrics of `-v`, and the levels of `--log`.

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

#[test]
fn an_address_that_others_can_reach_gets_a_warning_and_a_loopback_one_does_not() {
    let server = Server::start(&["--host", "0.0.0.0"]);
    let told = server.process.stderr();
    assert!(told.lines().any(|line| !line.contains("listening on") && line.contains("0.0.0.0")), "{told}");
    assert_eq!(Server::start(&[]).process.stderr().lines().count(), 1);
}
