//! The command line, and a bridge without NATS.

use std::process::{Command, Output};

use crate::cluster::{BRIDGE, Bridge, Site};
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
            format!("cannot use the certificate {empty} (--tls-ca): it has no certificate in PEM format"),
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
    until("the warning", || bridge.process.stderr().contains("warning: cannot connect to NATS at").then_some(()));
    bridge.stop();
}
