use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::*;
use crate::monitor::http::listening::Registered;
use crate::server::{Level, Log, LogFormat};

/// More than a socket takes at once.
const BODY_BYTES: usize = 16 << 20;

/// Answers each request at once, with figures.
struct Figures;

impl Service for Figures {
    fn answer(&mut self, request: &Request, now: Instant) -> Option<Response> {
        Some(self.answer_now(request, now))
    }

    fn answer_now(&mut self, _: &Request, _: Instant) -> Response {
        Response::of(200, "text/plain", Arc::new(vec![b'x'; BODY_BYTES]))
    }

    fn needs_figures(&self, _: &Request) -> bool {
        true
    }
}

/// Connects a peer that asks at once. Returns it with the index of its connection.
fn ask<F: FnMut(Stream)>(http: &mut HttpThread<F, Figures>, now: Instant) -> (UnixStream, usize) {
    let (own, mut peer) = UnixStream::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    peer.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    http.open(Stream::Unix(mio::net::UnixStream::from_std(own)), now);
    (peer, http.work.pop().unwrap())
}

#[test]
fn an_answer_that_is_being_sent_does_not_wait_for_processor_time() {
    let poll = Poll::new().unwrap();
    let (log, _thread) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
    let listening = Registered::new(Vec::new(), poll.registry()).unwrap().listen(log);
    let mut http = HttpThread::new(poll, listening, Figures, Vec::new(), Arc::default());
    let now = Instant::now();
    let (mut first, sending) = ask(&mut http, now);
    http.serve(sending, now);
    http.figures.spend(3_600_000_000_000, now);
    let (_second, waiting) = ask(&mut http, now);
    http.serve(waiting, now);
    let (mut received, mut bytes) = (0, vec![0; 1 << 20]);
    while received < BODY_BYTES {
        match first.read(&mut bytes) {
            Ok(count) => received += count,
            Err(error) => {
                assert_eq!((error.kind(), http.conns[sending].is_sending()), (ErrorKind::WouldBlock, true));
                let sent_before = received;
                http.serve(sending, now);
                received += first.read(&mut bytes).unwrap_or_else(|error| panic!("{error} after {sent_before} bytes"));
            }
        }
    }
    assert!(http.conns[waiting].waiting().is_some(), "a new answer waits");
}
