//! A real Prometheus that scrapes a server with the project's own configuration and rules.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fmt::{Debug, Write as _};
use std::fs;
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use serde_json::Value;
use tempfile::TempDir;

use crate::page;
use crate::process::Process;
use crate::process::port::Port;
use crate::wait::{PATIENCE, until};

/// A Prometheus that runs.
pub(crate) struct Prometheus {
    process: Process,
    port: Port,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with the project's own configuration and rules, but for the server's address and the intervals.
    pub(crate) fn start(program: &Path, server: SocketAddr) -> Self {
        Self::start_with(program, &[("127.0.0.1:9746", &server.to_string()), ("15s", "500ms")])
    }

    /// Starts it with the project's own rules, and with these changes of its configuration.
    pub(crate) fn start_with(program: &Path, changes: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let put = |name: &str, changes: &[(&str, &str)]| {
            let mut text = page::read(&format!("docs/monitoring/{name}"));
            for (old, new) in changes {
                assert!(text.contains(old), "{name} has no {old}");
                text = text.replace(old, new);
            }
            fs::write(folder.path().join(name), text).unwrap();
        };
        put("prometheus.yml", changes);
        put("alerts.yml", &[("interval: 1m", "interval: 250ms")]);
        let port = Port::keep(); // Prometheus cannot choose a port itself.
        let mut command = Command::new(program);
        command.arg(format!("--web.listen-address={}", port.address)).arg("--log.level=warn").current_dir(&folder);
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        let process = Process::spawn(&mut command, None);
        until("a Prometheus that is ready", || {
            assert_eq!(process.status(), None, "Prometheus ended: {}", process.stderr());
            get(port.address, "/-/ready").is_ok_and(|(status, _)| status == 200).then_some(())
        });
        Self { process, port, _folder: folder }
    }

    /// Asks its API. Returns the member `data`.
    pub(crate) fn ask(&self, path: &str) -> Value {
        assert_eq!(self.process.status(), None, "Prometheus ended: {}", self.process.stderr());
        let (status, body) = get(self.port.address, &format!("/api/v1/{path}")).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"].take()
    }

    /// Returns the alert with this name, when it is the only one that fires or is about to.
    pub(crate) fn only_alert(&self, name: &str) -> Value {
        let what = format!("the alert {name}, and no other");
        until(&what, || {
            let mut alerts = self.ask("alerts")["alerts"].take();
            let names: Vec<&Value> = alerts.as_array()?.iter().map(|alert| &alert["labels"]["alertname"]).collect();
            (names == [name]).then(|| alerts[0].take())
        })
    }

    /// Waits for an alert with this name that fires or is about to.
    pub(crate) fn until_alert(&self, name: &str) -> Value {
        until(name, || {
            let alerts = self.ask("alerts")["alerts"].take();
            alerts.as_array()?.iter().find(|alert| alert["labels"]["alertname"] == name).cloned()
        })
    }

    /// Evaluates an expression whose result has one series at most. Returns its value.
    pub(crate) fn value<T: FromStr<Err: Debug>>(&self, expression: &str) -> Option<T> {
        let series = self.evaluate(expression);
        assert!(series.len() <= 1, "{expression}: {series:?}");
        Some(series.first()?["value"][1].as_str().unwrap().parse().unwrap())
    }

    /// As [`Prometheus::value`], but waits for it: where a scrape took too long, there is none until the next one.
    pub(crate) fn until_value<T: FromStr<Err: Debug>>(&self, expression: &str) -> T {
        until(expression, || self.value(expression))
    }

    /// Evaluates an expression. Returns the series of its result.
    pub(crate) fn evaluate(&self, expression: &str) -> Vec<Value> {
        let mut path = "query?query=".to_owned();
        for byte in expression.bytes() {
            write!(path, "%{byte:02X}").unwrap();
        }
        let data = self.ask(&path);
        data["result"].as_array().unwrap().clone()
    }
}

/// Asks Prometheus for a path. Returns the status and the body.
fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // Without chunks, and with an end.
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer:?}"));
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}
