//! Clients that exist already: a pipe into `nc`, and the programs of 2011.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Process, Server, Via};
use crate::programs::{self, pass_over};
use crate::server::fixture::net::everywhere;

fn script(python: &PathBuf, name: &str, server: &Server, arguments: &[&str]) -> Process {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let port = server.tcp[0].port().to_string();
    Process::spawn(Command::new(python).arg(path).arg(port).args(arguments), None)
}

#[test]
fn a_client_and_workers_of_2011_work_unchanged() {
    let Some(python) = programs::find("python3") else {
        return;
    };
    for shards in ["1", "2"] {
        let server = Server::start(&["--threads", shards]);
        let workers =
            [script(&python, "worker_2011.py", &server, &[]), script(&python, "worker_2011.py", &server, &[])];
        let mut observer = server.connect(Via::Tcp, "the observer");
        observer.until_metric("workers", 2);
        // Two clients at once, whose ids are the same.
        let clients = ["50", "70"].map(|jobs| script(&python, "client_2011.py", &server, &[jobs]));
        for (client, jobs) in clients.iter().zip(["50", "70"]) {
            let ended = client.ended();
            assert!(ended.status.success(), "{ended:?}");
            assert_eq!(ended.stdout, format!("{jobs} results\n"), "{ended:?}");
        }
        let metrics = observer.metrics();
        assert_eq!(metrics["jobs_done"], 120);
        assert_eq!(metrics["workers_added"], 2);
        for worker in &workers {
            assert_eq!(worker.status(), None, "{}", worker.stderr());
        }
    }
}

#[test]
fn a_worker_of_2011_that_is_killed_loses_no_job() {
    let Some(python) = programs::find("python3") else {
        return;
    };
    let server = Server::start(&["--threads", "2"]);
    let mut client = server.connect(Via::Tcp, "the client");
    let slow = script(&python, "worker_2011.py", &server, &["--never-answer"]);
    client.send(r#"{"cmd":"do","id":"a","type":"add","arg":[1,2]}"#);
    client.until_metric("jobs_running", 1);
    slow.signal(rustix::process::Signal::KILL);
    let _worker = script(&python, "worker_2011.py", &server, &[]);
    client.expect(r#"{"cmd":"did","id":"a","res":3}"#);
}

/// Whether there is an `nc` that can close its side.
fn can_end_its_input() -> bool {
    if programs::find("nc").is_none() {
        return false;
    }
    let help = Command::new("nc").arg("-h").output().unwrap();
    let can = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains("-N");
    if !can {
        pass_over("nc has no -N here");
    }
    can
}

#[test]
fn f14_what_is_piped_into_nc_is_obeyed_and_answered_to_its_last_whole_line() {
    if !can_end_its_input() {
        return;
    }
    let lines = [
        r#"{"cmd":"do","id":1,"type":"t","arg":7}"#,
        r#"{"cmd":"do","id":2}"#,
        "{",
        r#"{"cmd":"ping"}"#,
        r#"{"cmd":"metrics","types":["t"]}"#,
        r#"{"cmd":"ping"#,
    ];
    everywhere(&[], |net| {
        let mut worker = net.connect("the worker");
        let way = match net.via {
            Via::Tcp => format!("127.0.0.1 {}", net.server.tcp[0].port()),
            Via::Unix => format!("-U {}", net.server.sock.display()),
        };
        // The lines with LF between them, and none after the last.
        let script = format!(r#"(printf '%s' "$1"; shift; printf '\n%s' "$@") | nc -N {way}"#);
        let output = Command::new("sh").args(["-c", &script, "sh"]).args(lines).output().unwrap();
        let received = String::from_utf8(output.stdout).unwrap();
        let received: Vec<&str> = received.lines().collect();
        let starts = [
            r#"{"cmd":"did","id":2,"err":""#,
            r#"{"cmd":"error","code":"bad_json","#,
            r#"{"cmd":"pong"}"#,
            r#"{"cmd":"metrics","metrics":{"#,
        ];
        assert!(
            received.len() == 4 && received.iter().zip(starts).all(|(line, start)| line.starts_with(start)),
            "{received:?}"
        );
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t","arg":7}"#);
        worker.send(r#"{"cmd":"did","id":1}"#);
        worker.expect_nothing();
        worker.until_metric("results_dropped", 1);
    });
}
