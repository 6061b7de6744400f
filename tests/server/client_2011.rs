//! Programs that speak only what the clients of 2011 spoke, unchanged, as submitter and as worker.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Process, Server, Via};
use crate::programs;

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
