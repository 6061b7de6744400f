//! Many connections and many requests at once.

use std::thread;

use rustix::process::Signal;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::browser::{Browser, get};
use crate::fixture::Watched;
use crate::proc;

#[test]
fn f81_many_connections_take_no_more_than_some_descriptors() {
    let watched = Watched::start(&[]);
    assert_eq!(watched.get("/healthz").status, 200);
    let before = proc::descriptors(watched.process());
    let mut crowd: Vec<Browser> = Vec::new();
    for _ in 0..4 {
        // Fewer than may wait to be accepted, so that none of them has to connect twice.
        for index in 0..100 {
            let mut browser = watched.browse();
            if index % 3 == 0 {
                browser.try_send(b"GET /healthz HTTP/1.1\r\n");
            }
            crowd.push(browser);
        }
        assert_eq!(watched.get("/healthz").status, 200, "the last one is served");
    }
    watched.connect("client").expect_nothing();
    if let (Some(before), Some(now)) = (before, proc::descriptors(watched.process())) {
        assert!(now < before + 80, "{before}, then {now}");
    }
}

/// A connection waits behind all that came before it, and a share of a core is little. So few may wait.
#[test]
fn f81_few_connections_wait_to_be_accepted() {
    let watched = Watched::start(&[]);
    watched.server.process.signal(Signal::STOP);
    let address = SockAddr::from(watched.http);
    let crowd: Vec<Socket> = (0..500)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // It is in progress where the system does not connect at once.
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    let connected = crowd.iter().filter(|socket| socket.peer_addr().is_ok()).count();
    assert!((100..300).contains(&connected), "{connected} connections wait");
    drop(crowd);
    watched.server.process.signal(Signal::CONT);
    assert_eq!(watched.get("/healthz").status, 200);
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
