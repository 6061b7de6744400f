//! Many threads, many jobs at once.

use std::thread;

use deputy::client::Worker;

use crate::fixture::{Running, Soon, url, with_client};
use crate::process::{Server, Via};

/// Jobs that are open at the same time.
const JOBS: u64 = 10_000;

/// Threads that submit over one connection.
const THREADS: u64 = 16;

#[test]
fn each_of_ten_thousand_jobs_in_flight_gets_its_own_answer() {
    let (server, client) = with_client(Server::start(&["--threads", "2"]));
    let submit = &|thread: u64| {
        let numbers = (0..JOBS).filter(move |number| number % THREADS == thread);
        numbers.map(|number| (number, client.submit::<_, u64>("square", &number))).collect::<Vec<_>>()
    };
    let handles: Vec<_> = thread::scope(|scope| {
        let submitting: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || submit(thread))).collect();
        submitting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    client.ping().unwrap();
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.jobs_added, metrics.jobs_done, metrics.connections_open), (JOBS, 0, 1));
    let worker = Worker::new(&url(&server, Via::Unix))
        .handle_typed("square", |number: u64| Ok::<_, String>(number * number))
        .max_jobs(8);
    let _worker = Running::start(worker);
    thread::scope(|scope| {
        for handles in handles {
            scope.spawn(move || {
                for (number, handle) in handles {
                    assert_eq!(handle.soon().unwrap(), number * number);
                }
            });
        }
    });
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.jobs_done, metrics.jobs_failed, metrics.protocol_errors), (JOBS, 0, 0));
}

#[test]
fn a_call_beyond_the_limit_of_unsent_bytes_waits_until_there_is_room() {
    let server = Server::start(&[]);
    let client = deputy::client::Options::new().max_unsent(1_000).connect(&url(&server, Via::Tcp)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for size in [10, 400, 999, 5_000] {
                    drop(client.submit::<_, ()>("no worker", &"x".repeat(size)));
                }
            });
        }
    });
    client.ping().unwrap();
    assert_eq!(client.metrics().unwrap().jobs_added, 16);
}

#[test]
fn questions_from_many_threads_are_all_answered() {
    let (_server, client) = with_client(Server::start(&["--threads", "4"]));
    drop(client.submit::<_, ()>("counted", &0));
    thread::scope(|scope| {
        for thread in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for _ in 0..25 {
                    client.ping().unwrap();
                    // The two kinds of answers overtake each other in the server.
                    let by_type = client.metrics_of(&["counted"]).unwrap();
                    assert_eq!(by_type.types.len(), 1, "thread {thread}");
                    assert!(client.metrics().unwrap().types.is_empty(), "thread {thread}");
                }
            });
        }
    });
}
