//! Threads end when their client or worker ends. They are counted in a process of its own, because other tests have threads.

use std::fs;
use std::thread;

use deputy::client::Worker;

use crate::alone;
use crate::fake::Fake;
use crate::fixture::{Running, Soon, connect, quick_retry, url};
use crate::process::{Server, Via};
use crate::wait::until;

/// Counts the threads that the library has started in this process.
fn own_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.unwrap().path().join("comm"));
    tasks.filter_map(|task| name(task).ok()).filter(|name| name.starts_with("deputy ")).count()
}

#[test]
#[cfg(target_os = "linux")]
fn clients_and_workers_leave_no_thread_behind() {
    alone::run(&[], "threads::counted_alone");
}

#[test]
#[ignore = "run by clients_and_workers_leave_no_thread_behind"]
fn counted_alone() {
    let server = Server::start(&[]);
    let clients = [(); 3].map(|()| connect(&server));
    let clones = clients.clone();
    until("two threads per client", || (own_threads() == 6).then_some(()));
    drop(clients);
    for client in &clones {
        client.ping().unwrap();
    }
    drop(clones);
    until("the end of the threads", || (own_threads() == 0).then_some(()));

    // With jobs open, and with a server that neither reads nor closes.
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    thread::scope(|scope| {
        scope.spawn(|| peer.answer_metrics());
        drop(client.submit::<_, ()>("t", &"x".repeat(10 << 20)));
    });
    drop(client);
    until("the end of the threads", || (own_threads() == 0).then_some(()));

    let worker = || Worker::new(&url(&server, Via::Unix)).handle("t", |_| Ok::<_, String>(1)).max_jobs(3);
    let running = Running::start(worker());
    let client = connect(&server);
    assert_eq!(client.submit::<_, u8>("t", &0).soon().unwrap(), 1);
    until("its threads", || (own_threads() == 2 + 2 + 3).then_some(()));
    drop(running);
    until("the end of the threads", || (own_threads() == 2).then_some(()));

    // While there is no connection.
    server.kill();
    let running = Running::start(worker());
    until("its threads", || (own_threads() == 2 + 2 + 3).then_some(()));
    drop(running);
    drop(client);
    until("the end of the threads", || (own_threads() == 0).then_some(()));
}
