//! Many connections and many requests at once.

use std::thread;

use deputy::server::raise_descriptor_limit;

use crate::browser::{Browser, get};
use crate::fixture::Watched;
use crate::proc;

/// Connections at once: more than the server keeps, and fewer than a process may usually have.
const MANY: usize = 3_000;

#[test]
fn f81_thousands_of_connections_take_no_more_than_some_descriptors() {
    // Without it there are fewer connections, which show less.
    let _ = raise_descriptor_limit();
    let watched = Watched::start(&[]);
    assert_eq!(watched.get("/healthz").status, 200);
    let before = proc::descriptors(watched.process());
    let mut crowd: Vec<Browser> = Vec::new();
    for index in 0..MANY {
        let mut browser = watched.browse();
        if index % 3 == 0 {
            browser.try_send(b"GET /healthz HTTP/1.1\r\n");
        }
        crowd.push(browser);
    }
    let mut client = watched.connect("client");
    client.expect_nothing();
    assert_eq!(watched.get("/healthz").status, 200, "the last one is served");
    if let (Some(before), Some(now)) = (before, proc::descriptors(watched.process())) {
        assert!(now < before + 80, "{before}, then {now}");
    }
}

#[test]
fn requests_of_many_clients_at_once_are_all_answered() {
    let watched = Watched::start(&["--threads", "2"]);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut browser = watched.browse();
                for target in ["/metrics", "/status.json", "/", "/healthz"].iter().cycle().take(40) {
                    assert_eq!(browser.get(target).status, 200);
                }
                browser.send(&get("/readyz").repeat(30));
                for _ in 0..30 {
                    assert_eq!(browser.answer().status, 200);
                }
            });
        }
    });
}
