//! TCP connects a port to itself if a client tries a port that it happens to have been given as its own. A worker that
//! tries again and again for a server that is down gets there in the end, and then no server can have the port.

use std::net::TcpListener;
use std::process::Command;

use crate::language::{ALL, Language, start};
use crate::process::{Process, Server};
use crate::programs;
use crate::wait::until;

/// A port of which the system has but two to give. It gives the even one first, so the first attempt is enough.
const PORT: &str = "40002";
const PORTS: &str = "net.ipv4.ip_local_port_range=40002 40003";
/// Closed connections leave nothing behind. For the shell, because nc has no option to reset a connection.
const NO_TIME_WAIT: &str = "net.ipv4.tcp_max_tw_buckets=0";

#[test]
fn a_worker_connected_to_itself_leaves_the_port_to_the_server() {
    let own_network = ["unshare", "-rn"];
    if programs::find("ip").is_none() || programs::find("sysctl").is_none() {
        return;
    }
    if !programs::permitted(&[&own_network[..], &["sysctl", "-qw", PORTS]].concat()) {
        return;
    }
    for language in ALL {
        let mut command = Command::new(own_network[0]);
        command.arg(own_network[1]).arg(std::env::current_exe().unwrap()).env("LANGUAGE_FILE", language.file);
        let test = "self_connected::alone_in_its_network";
        let output = command.args(["--ignored", "--exact", test, "--nocapture"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{}: {text}{stderr}", language.file);
    }
}

/// Changes the network, so it runs in one of its own, see above.
#[test]
#[ignore = "run by a_worker_connected_to_itself_leaves_the_port_to_the_server"]
fn alone_in_its_network() {
    let file = std::env::var("LANGUAGE_FILE").unwrap();
    let language: &Language = ALL.into_iter().find(|language| language.file == file).unwrap();
    let Some(client) = language.words() else { return };
    assert!(programs::succeeds(&["ip", "link", "set", "lo", "up"]));
    assert!(programs::succeeds(&["sysctl", "-qw", PORTS]));
    assert!(language.file != "deputy.sh" || programs::succeeds(&["sysctl", "-qw", NO_TIME_WAIT]));
    let worker = start(&client, ["work", "nap"], &format!("tcp://127.0.0.1:{PORT}"));
    // Go's library refuses such a connection itself, as if nothing listened there.
    let notice = if language.file == "deputy.go" { "deputy: " } else { "itself" };
    until_logged(&worker, notice);
    if language.file == "deputy.sh" {
        refuse_some();
    }
    let server = Server::start(&["-p", PORT]);
    assert_eq!(server.tcp[0].port().to_string(), PORT);
    server.connect(crate::process::Via::Unix, "the asker").until_metric("workers", 1);
}

/// Takes the port as soon as it is free, closes the worker's next connections, and frees the port. The worker then waits
/// for 0.4 s or more before it tries again, so a server can have the port. Otherwise it might be connected to itself again:
/// nc ends some time after it is killed.
fn refuse_some() {
    let listener = until("the port to be free", || TcpListener::bind(format!("127.0.0.1:{PORT}")).ok());
    listener.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        until("the worker's next attempt", || listener.accept().ok());
    }
}

fn until_logged(worker: &Process, words: &str) {
    until(words, || {
        assert_eq!(worker.status(), None, "{}", worker.stderr());
        worker.stderr().contains(words).then_some(())
    });
}
