//! `/healthz` and `/readyz` while the server stops, while memory is used up, and while a shard hangs.

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Watched;
use crate::proc;
use crate::programs;
use crate::wait::until;

#[test]
fn probes_and_metrics_see_a_server_that_stops_until_its_jobs_are_done() {
    let watched = Watched::start(&["--threads", "2", "--drain-timeout", "60"]);
    let (mut client, mut worker) = (watched.connect("client"), watched.connect("worker"));
    worker.send(r#"{"cmd":"can_do","types":["a"]}"#);
    client.send(r#"{"cmd":"do","id":1,"type":"a"}"#);
    worker.expect(r#"{"cmd":"do","id":1,"type":"a"}"#);
    let mut browser = watched.browse();
    assert_eq!(browser.get("/readyz").status, 200);

    watched.server.process.signal(Signal::TERM);
    let not_ready =
        until("a probe that sees the stop", || Some(browser.get("/readyz")).filter(|answer| answer.status == 503));
    assert_eq!(not_ready.body, "the server is stopping\n");
    assert_eq!(browser.get("/healthz").status, 200, "it is as healthy as before");
    // New connections are served too, and so are figures by type.
    until("figures of the stop", || {
        let metrics = watched.get("/metrics");
        let running = metrics.sample("deputy_jobs_running{type=\"a\"}");
        (metrics.sample("deputy_draining") == Some(1.0) && running == Some(1.0)).then_some(())
    });
    assert_eq!(watched.get("/status.json").json()["servers"][0]["not_ready"], "the server is stopping");

    worker.send(r#"{"cmd":"did","id":1,"res":1}"#);
    client.expect(r#"{"cmd":"did","id":1,"res":1}"#);
    browser.expect_end();
    assert_eq!(watched.server.process.ended().status.code(), Some(0));
}

#[test]
fn a_server_without_memory_for_a_job_is_not_ready_until_it_has_some() {
    const BUDGET: usize = 1 << 20;
    const FIXED: usize = 384;

    let watched = Watched::start(&["--max-memory", "1M", "--max-line", "2M"]);
    let mut client = watched.connect("client");
    let arg = "x".repeat(BUDGET - FIXED - 100);
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"a","arg":"{arg}"}}"#));
    client.expect_nothing();
    let not_ready = watched.get("/readyz");
    assert_eq!(
        (not_ready.status, not_ready.body.as_str()),
        (503, "the memory budget is used up: new jobs are refused\n")
    );
    client.send(r#"{"cmd":"do","id":2,"type":"a"}"#);
    let refused = client.line();
    assert!(refused.ends_with(r#","code":"queue_full"}"#), "{refused}");
    assert_eq!(watched.get("/healthz").status, 200);
    assert_eq!(watched.get("/metrics").sample("deputy_ready"), Some(0.0));

    let mut worker = watched.connect("worker");
    worker.send(r#"{"cmd":"can_do","types":["a"]}"#);
    worker.line();
    worker.send(r#"{"cmd":"did","id":1,"res":1}"#);
    client.expect(r#"{"cmd":"did","id":1,"res":1}"#);
    assert_eq!(watched.get("/readyz").body, "ok\n");
}

/// strace delays one system call of the shard: the registration of one of many connections. No other thread registers as
/// many sockets: the thread of HTTP has one connection, and the main thread registers some at the start.
#[test]
fn f82_a_shard_that_hangs_is_named_and_does_not_hold_up_anything() {
    if !programs::permitted(&["strace", "-f", "-o", "/dev/null", "true"]) {
        return;
    }
    let inject = "inject=epoll_ctl:delay_enter=60s:when=40";
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=epoll_ctl", "-e", inject];
    let watched = Watched::start_under(&strace, &["--threads", "1"]);
    let mut browser = watched.browse();
    until("figures by type", || browser.get("/metrics").sample("deputy_jobs_waiting{type=\"_other\"}"));
    assert_eq!(browser.get("/healthz").status, 200);

    let crowd: Vec<_> = (0..50).map(|_| watched.connect("one of many")).collect();
    let answer = until("a probe that finds it", || Some(browser.get("/healthz")).filter(|answer| answer.status == 503));
    assert!(answer.body.starts_with("shard 0 has been in one turn for "), "{}", answer.body);
    assert_eq!(browser.get("/readyz").status, 200, "it is not that jobs are refused");
    let metrics = until("metrics without figures by type", || {
        let metrics = browser.get("/metrics");
        assert_eq!(metrics.status, 200);
        metrics.sample("deputy_jobs_waiting{type=\"_other\"}").is_none().then_some(metrics)
    });
    assert_eq!(metrics.sample("deputy_up"), Some(1.0));
    assert_eq!(metrics.sample("deputy_shard_stuck{shard=\"0\"}"), Some(1.0));
    assert_eq!(metrics.sample("deputy_connections_total"), Some(50.0));
    // A query that was made before the shard counted as stuck has another error.
    let server = until("an error that names the shard", || {
        let server = browser.get("/status.json").json()["servers"][0].take();
        server["error"].as_str()?.starts_with("shard 0 has been in one turn for ").then_some(server)
    });
    assert_eq!((server["healthy"].as_bool(), server["up"].as_bool()), (Some(false), Some(true)));
    assert_eq!(server["types"].as_array().unwrap().len(), 0);
    drop(crowd);

    // Without strace the call goes on.
    let tracer = proc::status(watched.process(), "TracerPid").parse().unwrap();
    kill_process(Pid::from_raw(tracer).unwrap(), Signal::KILL).unwrap();
    until("a probe that finds it well", || (browser.get("/healthz").status == 200).then_some(()));
    until("figures by type", || browser.get("/metrics").sample("deputy_jobs_waiting{type=\"_other\"}"));
}
