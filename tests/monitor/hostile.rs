//! Peers that speak HTTP wrongly, slowly or without end.

use crate::browser::{Browser, get};
use crate::fixture::Watched;
use crate::proc;
use crate::wait::until;

/// Connections that the server keeps.
const CONNECTIONS_MAX: usize = 64;

#[test]
fn f81_what_is_no_request_is_refused_and_its_connection_closed() {
    let watched = Watched::start(&[]);
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(9_000));
    let many = "X: y\r\n".repeat(100);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 405),
        ("PUT /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n", 405),
        ("DELETE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET /\r\n", 400),
        ("{\"cmd\":\"ping\"}\n", 400),
        ("\u{16}\u{3}\u{1}\n", 400),
        (&long, 431),
        (&format!("GET / HTTP/1.1\r\n{many}\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "y".repeat(9_000)), 431),
    ] {
        let mut browser = watched.browse();
        browser.send(request);
        // What follows a refused request is not taken for another one.
        browser.try_send(get("/healthz").as_bytes());
        let answer = browser.answer();
        assert_eq!((answer.status, answer.field("connection")), (status, Some("close")), "{request}");
        browser.expect_end();
    }
    assert_eq!(watched.get("/healthz").status, 200);
}

#[test]
fn f81_a_connection_that_is_cut_at_any_byte_leaves_nothing() {
    let watched = Watched::start(&[]);
    let request = get("/status.json");
    let before = watched.get("/healthz");
    assert_eq!(before.status, 200);
    for cut in 0..request.len() {
        watched.browse().send(&request[..cut]);
    }
    // Connections are handled in the order in which they came.
    assert_eq!(watched.get("/healthz").status, 200);
}

#[test]
fn f81_connections_that_send_nothing_or_half_a_head_make_room() {
    let watched = Watched::start(&[]);
    let mut idle: Vec<Browser> = (0..CONNECTIONS_MAX)
        .map(|index| {
            let mut browser = watched.browse();
            if index % 2 == 1 {
                browser.send("GET / HTTP/1.1\r\nHost: lo");
            }
            browser
        })
        .collect();
    let mut served = watched.browse();
    for _ in 0..3 {
        assert_eq!(served.get("/healthz").status, 200);
    }
    idle[0].expect_end();
    assert_eq!(idle[2].get("/healthz").status, 200, "it is still there");
}

/// Readers that take nothing have the server's connections until their time is over. Memory does not grow with them.
#[test]
fn f81_connections_that_do_not_read_are_not_fed_and_others_are_refused() {
    let watched = Watched::start(&["--threads", "2", "--http-types", "700"]);
    let mut client = watched.connect("client");
    for i in 0..700 {
        client.send(&format!(r#"{{"cmd":"do","id":1,"type":"{}{i}"}}"#, "x".repeat(240)));
    }
    client.expect_nothing();
    until("figures of all types", || {
        let answer = watched.get(&format!("/status.json?type={}699", "x".repeat(240)));
        (answer.status == 200 && answer.json()["servers"][0]["types"][0]["waiting"] == 1).then_some(())
    });
    // It may have to wait for the processor time that the questions before it took.
    let metrics = until("figures", || Some(watched.get("/metrics")).filter(|answer| answer.status == 200));
    let bytes = metrics.body.len();
    assert!(bytes > 12 << 20, "{bytes} bytes may fit into sockets");
    let before = proc::status_bytes(watched.process(), "VmRSS");
    let requests = get("/metrics").repeat(50);
    // More than there is room for: those that have not asked yet when others come make room for them.
    let lazy: Vec<Browser> = (0..2 * CONNECTIONS_MAX)
        .map(|_| {
            let mut browser = watched.browse();
            browser.try_send(requests.as_bytes());
            browser
        })
        .collect();
    for _ in 0..3 {
        let refused = watched.browse().answer();
        assert_eq!((refused.status, refused.body.as_str()), (503, "too many connections; try again\n"));
    }
    let after = proc::status_bytes(watched.process(), "VmRSS");
    let grown = after.saturating_sub(before) >> 20;
    assert!(grown < 200, "{grown} MiB more for {} readers of {} MiB", lazy.len(), bytes >> 20);
    drop(lazy);
    until("room", || {
        let mut browser = watched.browse();
        browser.try_send(get("/healthz").as_bytes());
        browser.try_answer(true).filter(|answer| answer.status == 200)
    });
}
