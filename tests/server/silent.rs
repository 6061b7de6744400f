//! Peers that fall silent: a cable is pulled, and no end of a connection comes.

use std::fs;
use std::process::Command;
use std::time::Instant;

use super::fixture::killable_worker;
use crate::figures::show;
use crate::process::{Process, Server, Via};
use crate::programs;
use crate::wait::until;

const SERVER_IP: &str = "10.77.0.1";
const WORKERS_IP: &str = "10.77.0.2";

/// The command that makes a network of its own.
const OWN_NETWORK: [&str; 2] = ["unshare", "-rn"];

#[test]
fn f03_a_peer_behind_a_dead_link_is_found_and_its_jobs_go_to_others() {
    let may = ["ip", "link", "add", "name", "near", "type", "veth", "peer", "name", "far"];
    if programs::find("ip").is_none() || programs::find("nsenter").is_none() {
        return;
    }
    if !programs::permitted(&[&OWN_NETWORK[..], &may].concat()) {
        return;
    }
    let mut command = Command::new(OWN_NETWORK[0]);
    command.arg(OWN_NETWORK[1]).arg(std::env::current_exe().unwrap());
    let output =
        command.args(["--ignored", "--exact", "server::silent::alone_in_its_network", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| line.strip_prefix("measured: ")).for_each(|figure| show(format_args!("{figure}")));
}

/// Changes networks, so it runs in one of its own, see above.
#[test]
#[ignore = "run by f03_a_peer_behind_a_dead_link_is_found_and_its_jobs_go_to_others"]
fn alone_in_its_network() {
    let cable = Cable::plug_in();
    let server = Server::start(&["--threads", "2", "-h", SERVER_IP, "--keepalive", "1,1,2"]);
    let mut client = server.connect(Via::Unix, "the client");
    let mut live = server.connect(Via::Tcp, "a live peer that is as idle");
    live.expect_nothing();
    // One worker holds its job, and the server sends it nothing more; the other is sent a job after the link went dead.
    let _workers = ["taken", "sent"].map(|name| cable.start_worker(&server, name));
    client.until_metric("workers", 2);
    client.send(r#"{"cmd":"do","id":1,"type":"taken"}"#);
    client.until_metric("jobs_running", 1);
    cable.pull();
    let pulled = Instant::now();
    client.send(r#"{"cmd":"do","id":2,"type":"sent"}"#);
    client.until_metric("jobs_running", 2);
    client.until_metric("workers", 1);
    let first = pulled.elapsed();
    client.until_metric("workers", 0);
    show(format_args!("F03, with --keepalive 1,1,2: found after {first:.2?} and {:.2?}", pulled.elapsed()));
    assert_eq!(client.metrics()["jobs_reassigned"], 2);
    live.expect_nothing();
    let mut worker = server.connect(Via::Tcp, "the next worker");
    for (id, name) in [(1, "taken"), (2, "sent")] {
        worker.send(&format!(r#"{{"cmd":"can_do","types":["{name}"]}}"#));
        worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"{name}"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
    }
    drop((worker, live));
    client.until_metric("connections_open", 1);
    client.until_little_is_held();
}

/// A link from this network to that of the workers.
struct Cable {
    /// Keeps the other network, of which it is the first process.
    holder: Process,
}

impl Cable {
    fn plug_in() -> Self {
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let holder = Process::spawn(Command::new("unshare").args(["-n", "sleep", "1000"]), None);
        let other = format!("/proc/{}/ns/net", holder.id());
        until("the other network", || fs::read_link(&other).is_ok_and(|network| network != own).then_some(()));
        let cable = Self { holder };
        let id = cable.holder.id().to_string();
        run(&["ip", "link", "set", "lo", "up"]);
        run(&["ip", "link", "add", "name", "near", "type", "veth", "peer", "name", "far", "netns", &id]);
        run(&["ip", "address", "add", &format!("{SERVER_IP}/24"), "dev", "near"]);
        run(&["ip", "link", "set", "near", "up"]);
        cable.over_there(&["ip", "address", "add", &format!("{WORKERS_IP}/24"), "dev", "far"]);
        cable.over_there(&["ip", "link", "set", "far", "up"]);
        cable
    }

    fn pull(&self) {
        self.over_there(&["ip", "link", "set", "far", "down"]);
    }

    fn start_worker(&self, server: &Server, type_name: &str) -> Process {
        let id = self.holder.id().to_string();
        let address = server.tcp[0].to_string().into();
        Process::spawn(&mut killable_worker::workers(&["nsenter", "-n", "-t", &id], address, 1, type_name), None)
    }

    fn over_there(&self, command: &[&str]) {
        let id = self.holder.id().to_string();
        run(&[&["nsenter", "-n", "-t", &id], command].concat());
    }
}

fn run(command: &[&str]) {
    let status = Command::new(command[0]).args(&command[1..]).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
