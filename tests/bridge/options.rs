//! The command line, and a bridge without NATS.

use std::process::{Command, Output};

use crate::cluster::{BRIDGE, Bridge, Nats, Site};
use crate::wait::until;

fn run(line: &str) -> Output {
    Command::new(BRIDGE).args(line.split_whitespace()).env_remove("DEPUTY_URL").output().unwrap()
}

#[test]
fn help_and_version_are_printed() {
    let help = run("--help");
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().starts_with("Usage: deputy-bridge --node NAME [OPTION]...\n"));
    let version = run("--version");
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("deputy-bridge {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2_and_names_the_option() {
    for (line, part) in [("", "--node NAME"), ("--node a --replicas 2", "--replicas")] {
        let output = run(line);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("deputy-bridge: ") && text.contains(part), "{text}");
    }
    let text = String::from_utf8(run("--node a --frob --log-format json").stderr).unwrap();
    assert!(text.contains(r#""event":"usage_error""#), "{text}");
}

#[test]
fn files_that_cannot_be_used_end_it_with_1() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (empty, cut) = (file("empty", ""), file("cut", "-----BEGIN CERTIFICATE-----\nMIIB"));
    for (line, expected) in [
        ("--creds /does/not/exist".to_owned(), "cannot read the credentials /does/not/exist (--creds): ".to_owned()),
        ("--tls-ca /does/not/exist".to_owned(), "cannot use the certificate /does/not/exist (--tls-ca): ".to_owned()),
        (
            format!("--tls-ca {empty}"),
            format!("cannot use the certificate {empty} (--tls-ca): the file has no certificate in PEM format"),
        ),
        (format!("--tls-cert {cut} --tls-key {empty}"), format!("cannot use the certificate {cut} (--tls-cert): ")),
    ] {
        let output = run(&format!("--node a {line}"));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn without_nats_it_waits_and_says_so_to_probes() {
    let site = Site::start();
    // Port 1 of this machine: nothing listens there.
    let bridge = Bridge::start(&site, "a", "nats://127.0.0.1:1", &[]);
    let answer = until("a connection to the server", || {
        let answer = bridge.get("/readyz");
        answer.body.contains("NATS").then_some(answer)
    });
    assert_eq!((answer.status, bridge.get("/healthz").status, bridge.get("/").status), (503, 200, 404));
    assert_eq!((bridge.metric("server_up"), bridge.metric("nats_up")), (1, 0));
    let warning =
        "warning: cannot connect to NATS at 127.0.0.1:1 (--nats): Connection refused (os error 111) (no nats-server";
    until(warning, || bridge.process.stderr().contains(warning).then_some(()));
    bridge.stop();
}

/// Waits until a bridge has logged this.
fn until_logged(bridge: &Bridge, text: &str) {
    let what = || format!("{text:?} in {}", bridge.process.stderr());
    until(&what(), || bridge.process.stderr().contains(text).then_some(()));
}

#[test]
fn three_copies_at_one_server_and_doubtful_patterns_are_explained() {
    let Some(nats) = Nats::start() else { return };
    let site = Site::start();
    let bridge = Bridge::start(&site, "a", &nats.url(), &["--replicas", "3", "--types", "a,b", "--types", "img?"]);
    until_logged(&bridge, "this nats-server is alone: use --replicas 1, or join three nats-servers to a cluster");
    until_logged(&bridge, "'a,b' is one pattern with a comma in it; for several give --types a --types b");
    until_logged(&bridge, "'img?' matches only types with a ? in their names");
    bridge.stop();
}

#[test]
fn another_ack_wait_is_reported_with_the_type() {
    let Some(nats) = Nats::start() else { return };
    let (one, two) = (Site::start(), Site::start());
    let _workers = [one.worker("first", 1), two.worker("second", 1)];
    let first = Bridge::start(&one, "a", &nats.url(), &["--ack-wait", "9"]);
    first.until_metric("pull_slots", 1);
    let second = Bridge::start(&two, "b", &nats.url(), &["--ack-wait", "10"]);
    until_logged(&second, "the consumer of type t (dA of stream DEPUTY) has ack_wait 9 s, and --ack-wait is 10");
    first.stop();
    second.stop();
}

#[test]
fn both_of_two_bridges_with_one_name_say_so() {
    let Some(nats) = Nats::start() else { return };
    let sites = [Site::start(), Site::start()];
    let bridges = sites.each_ref().map(|site| Bridge::start(site, "a", &nats.url(), &[]));
    let processes = bridges.each_ref().map(|bridge| bridge.process.id());
    for (bridge, other) in bridges.iter().zip([processes[1], processes[0]]) {
        until_logged(bridge, &format!("error: another bridge is called a too: process {other} on "));
    }
    bridges.into_iter().for_each(Bridge::stop);
}
