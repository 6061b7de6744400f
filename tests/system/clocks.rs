//! Wall clocks that jump by years, forwards and backwards. Only the monotonic clock decides anything.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Signal, kill_process};

use crate::client::Client;
use crate::proc::child_of;
use crate::process::{Server, Via};
use crate::programs;
use crate::wait::until;

const DAY_MS: u64 = 86_400_000;
/// An answer that is more than 1 MiB, so that it is watched how it moves.
const MUCH_BYTES: usize = 4 << 20;

/// A clock that a server sees, at the last given distance from the real one.
struct Clock(PathBuf);

impl Clock {
    fn jump(&self, offset: &str) {
        // The program reads it at any time, and must never find half of it.
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }
}

/// A server that starts 400 days from now.
fn start_in_the_future(clock: &Clock) -> Server {
    clock.jump("+400d");
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.0.display());
    // An offset in the environment would stay the same; the file can be replaced.
    let wrapper =
        ["faketime", "-m", "--exclude-monotonic", "-f", "+0d", "env", "-u", "FAKETIME", "FAKETIME_NO_CACHE=1"];
    Server::start_under(&[&wrapper[..], &[&file]].concat(), &["--threads", "2", "--drain-timeout", "3600"])
}

#[test]
fn f65_a_wall_clock_that_jumps_changes_nothing() {
    if programs::find("faketime").is_none() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock(folder.path().join("clock"));
    let server = start_in_the_future(&clock);
    let [mut client, mut worker, mut lazy] =
        ["the client", "the worker", "the lazy client"].map(|name| server.connect(Via::Unix, name));
    let up_since = client.metrics()["up_since"].take();
    let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    assert!(up_since.as_u64().unwrap() > now + 399 * DAY_MS, "the server sees another clock: {up_since}, {now}");

    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    lazy.send(r#"{"cmd":"do","id":0,"type":"t"}"#);
    worker.expect(r#"{"cmd":"do","id":0,"type":"t"}"#);
    worker.send(&format!(r#"{{"cmd":"did","id":0,"res":"{}"}}"#, "x".repeat(MUCH_BYTES)));
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    client.until_metric("jobs_waiting", 1);
    for offset in ["+800d", "-800d"] {
        clock.jump(offset);
        expect_nothing_happened(&mut client, &up_since);
    }

    // The program around the server waits for it, and passes no signal on.
    let process = until("the server's own process", || child_of(server.process.id()));
    kill_process(process, Signal::TERM).unwrap();
    assert!(client.line().ends_with(r#","code":"shutdown"}"#));
    clock.jump("+1600d");
    expect_draining(&mut worker);
    worker.send(r#"{"cmd":"did","id":1}"#);
    client.expect(r#"{"cmd":"did","id":1}"#);
    assert!(lazy.line().len() > MUCH_BYTES);
    lazy.expect_closed();
    assert_eq!(server.process.ended().status.code(), Some(0));
}

fn expect_nothing_happened(client: &mut Client, up_since: &serde_json::Value) {
    let metrics = client.metrics_with(r#","types":true"#);
    assert_eq!(metrics["up_since"], *up_since);
    assert!(metrics["uptime_ms"].as_u64().unwrap() < DAY_MS, "{metrics}");
    assert_eq!((&metrics["connections_open"], &metrics["jobs_running"]), (&3.into(), &1.into()));
    assert!(metrics["types"]["t"]["oldest_ms"].as_u64().unwrap() < DAY_MS, "{metrics}");
}

fn expect_draining(client: &mut Client) {
    let metrics = client.metrics();
    assert_eq!((&metrics["draining"], &metrics["jobs_running"]), (&true.into(), &1.into()));
}

/// Returns every source file in a folder and its subfolders.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Where the wall clock is read, and for whom. Nothing is decided by it.
const READERS: [(&str, &str); 6] = [
    ("src/server/shared.rs", "the time of the start, in the metrics"),
    ("src/server/log/", "the times of log lines"),
    ("src/monitor/sampler.rs", "the times of the graphs"),
    ("src/monitor/http/", "the field Date"),
    ("src/bin/deputy/", "how long a server has been up that does not say so"),
    ("src/bin/deputy-bridge/engine/", "how long a job was in the stream, in the metrics"),
];

#[test]
fn f65_the_wall_clock_is_read_only_to_show_times() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = [false; READERS.len()];
    for path in sources(&root.join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if text.lines().any(|line| !line.trim().starts_with("//") && line.contains("SystemTime::now")) {
            let reader = READERS.iter().position(|(place, _)| path.starts_with(place));
            found[reader.unwrap_or_else(|| panic!("{path} reads the wall clock"))] = true;
        }
    }
    assert_eq!(found, [true; READERS.len()], "each of {READERS:?} reads it");
}
