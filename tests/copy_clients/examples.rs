//! The worker of docs/examples, with more than one line on its way.

use std::path::Path;
use std::process::Command;

use crate::process::{Process, Server, Via};
use crate::programs;

const JOBS: usize = 5_000;

#[test]
fn the_example_worker_loses_no_line_and_fails_what_is_not_json() {
    let Some(python) = programs::find("python3") else { return };
    let server = Server::start(&[]);
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/worker.py");
    let port = server.tcp[0].port().to_string();
    let worker = Process::spawn(Command::new(python).arg(worker).args(["127.0.0.1", &port]), None);
    let mut submitter = server.connect(Via::Tcp, "the submitter");
    for id in 0..JOBS {
        let numbers = if id % 7 == 0 { "[1e308,1e308]" } else { "[1,2]" };
        submitter.send(&format!(r#"{{"cmd":"do","id":{id},"type":"add","arg":{numbers}}}"#));
    }
    for id in 0..JOBS {
        let line = submitter.line();
        let failed = line.starts_with(&format!(r#"{{"cmd":"did","id":{id},"err":"#)) && line.contains("not JSON");
        let done = line == format!(r#"{{"cmd":"did","id":{id},"res":3}}"#);
        assert!(if id % 7 == 0 { failed } else { done }, "{line}: {}", worker.stderr());
    }
}
