//! Clients and workers that continue whatever happens to their connections, and check what they receive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use socket2::SockAddr;

use super::peer::Peer;
use crate::process::{Server, Via};

/// The numbers of clients, jobs and workers; half of the peers use TCP, half the UNIX socket.
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) jobs_each: usize,
    pub(crate) workers: usize,
}

/// Runs until every client has an answer to each of its jobs on the connection that submitted it. A client whose connection
/// ends submits its unanswered jobs again. Needs a server with `--max-attempts 0`.
pub(crate) fn run(server: &Server, load: &Load) {
    let over = AtomicBool::new(false);
    let address = |i| server.address(if i % 2 == 0 { Via::Tcp } else { Via::Unix });
    thread::scope(|scope| {
        for i in 0..load.workers {
            let (address, over) = (address(i), &over);
            scope.spawn(move || work(&address, i, over));
        }
        let _over = SetAtEnd(&over); // Also if a client fails, else the workers would go on.
        let clients: Vec<_> = (0..load.clients)
            .map(|i| {
                let address = address(i);
                scope.spawn(move || submit(&address, load.jobs_each))
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Echoes until the load is over. Every second worker takes up to four jobs at once.
fn work(address: &SockAddr, i: usize, over: &AtomicBool) {
    let max_jobs = if (i / 2).is_multiple_of(2) { "" } else { r#","max_jobs":4"# };
    while !over.load(Ordering::Relaxed) {
        let mut worker = Peer::connect(address);
        worker.send(&format!(r#"{{"cmd":"can_do","types":["a","b"]{max_jobs}}}"#));
        while let Some(line) = worker.line(|| over.load(Ordering::Relaxed)) {
            let job: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(job["cmd"], "do", "{line}");
            let name = if job["job"].is_number() { "job" } else { "id" };
            worker.send(&format!(r#"{{"cmd":"did","{name}":{},"res":{}}}"#, job[name], job["arg"]));
        }
    }
}

fn submit(address: &SockAddr, jobs: usize) {
    let mut left: BTreeSet<usize> = (0..jobs).collect();
    while !left.is_empty() {
        submit_on(&mut Peer::connect(address), &mut left);
    }
}

/// Submits the jobs in `left`, and removes those that are answered, until none is left or the connection ends.
fn submit_on(client: &mut Peer, left: &mut BTreeSet<usize>) {
    /// No two connections submit the same argument.
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    let own = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    for id in left.iter() {
        let type_name = ["a", "b"][id % 2];
        client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}","arg":"{own}.{id}"}}"#));
    }
    let mut unanswered = left.clone();
    while !unanswered.is_empty() {
        let Some(line) = client.line(|| false) else { return };
        let answer: Value = serde_json::from_str(&line).unwrap();
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        assert!(unanswered.remove(&id), "{id} was not asked for, or was answered already: {line}");
        assert_eq!(line, format!(r#"{{"cmd":"did","id":{id},"res":"{own}.{id}"}}"#));
        left.remove(&id);
    }
    client.send(r#"{"cmd":"ping"}"#);
    let next = client.line(|| false);
    assert!(next.as_deref().is_none_or(|line| line == r#"{"cmd":"pong"}"#), "an answer too many: {next:?}");
}
