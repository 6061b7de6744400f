//! Worker processes to be killed: this program, started once more.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use socket2::SockAddr;

use super::net::Net;
use crate::client::Client;
use crate::process::{Process, Via};

/// Says to [`workers_that_never_answer`] where the server is: an IP address and port, or a path.
const ADDRESS: &str = "DEPUTY_TEST_WORKER_ADDRESS";
/// Says how many workers the process is.
const WORKERS: &str = "DEPUTY_TEST_WORKERS";
/// Says what each does.
const TYPE: &str = "DEPUTY_TEST_WORKER_TYPE";

/// Not a test: a process of workers of one job.
#[test]
#[ignore = "the worker process of other tests"]
fn workers_that_never_answer() {
    let Some(address) = env::var_os(ADDRESS) else {
        return;
    };
    let address = match address.to_str().and_then(|text| text.parse::<std::net::SocketAddr>().ok()) {
        Some(address) => address.into(),
        None => SockAddr::unix(address).unwrap(),
    };
    let can_do = format!(r#"{{"cmd":"can_do","types":["{}"]}}"#, env::var(TYPE).unwrap());
    let workers = env::var(WORKERS).unwrap().parse().unwrap();
    let mut workers: Vec<Client> = (0..workers).map(|_| Client::connect("a worker process", &address)).collect();
    for worker in &mut workers {
        worker.send(&can_do);
    }
    for worker in &mut workers {
        while worker.next_line().is_some() {}
    }
}

/// The command for a process of so many workers, started by another program that is given it as its last arguments.
pub(crate) fn workers(wrapper: &[&str], address: OsString, workers: usize, type_name: &str) -> Command {
    let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
    words.push(env::current_exe().unwrap().into_os_string());
    words.extend(["--ignored", "--exact", "server::doomed::workers_that_never_answer"].map(OsString::from));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(ADDRESS, address).env(WORKERS, workers.to_string()).env(TYPE, type_name);
    command
}

/// Starts a process of so many workers of type `t`.
pub(crate) fn start_workers(net: &Net, workers: usize) -> Process {
    let address = match net.via {
        Via::Tcp => net.server.tcp[0].to_string().into(),
        Via::Unix => net.server.sock.clone().into_os_string(),
    };
    Process::spawn(&mut self::workers(&[], address, workers, "t"), None)
}
