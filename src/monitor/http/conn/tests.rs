use std::os::unix::net::UnixStream;

use super::*;

/// A connection, its peer, and the time.
struct Pair {
    conn: Conn,
    peer: UnixStream,
    start: Instant,
}

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

impl Pair {
    fn new() -> Self {
        let (own, peer) = UnixStream::pair().unwrap();
        own.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let start = Instant::now();
        Self { conn: Conn::new(Stream::Unix(mio::net::UnixStream::from_std(own)), start), peer, start }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn send(&mut self, text: &str) {
        (&self.peer).write_all(text.as_bytes()).unwrap();
        self.conn.set_readable();
    }

    fn drive(&mut self, ms: u64) -> Next {
        self.conn.drive(self.at(ms))
    }

    /// Drives the connection to a request, and returns that request.
    #[track_caller]
    fn request(&mut self, ms: u64) -> Request {
        match self.drive(ms) {
            Next::Answer(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, request: &Request, response: &Response, ms: u64) -> Next {
        self.conn.answer(request, response, self.at(ms));
        self.drive(ms)
    }

    fn deadline_ms(&self) -> u128 {
        (self.conn.deadline() - self.start).as_millis()
    }

    /// Returns the bytes that the peer has received, and whether the connection ended after them.
    fn received(&mut self) -> (String, bool) {
        let (mut all, mut bytes) = (Vec::new(), [0; 4_096]);
        loop {
            match (&self.peer).read(&mut bytes) {
                Ok(0) => return (String::from_utf8(all).unwrap(), true),
                Ok(count) => all.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (String::from_utf8(all).unwrap(), false),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_connection_without_a_request_is_idle_for_a_while() {
    let mut pair = Pair::new();
    assert_eq!(pair.drive(0), Next::Idle);
    assert_eq!(pair.deadline_ms(), u128::from(HTTP_IDLE_MS));
    assert!(pair.conn.idle_since().is_some());
    assert_eq!(pair.conn.expire(pair.at(HTTP_IDLE_MS)), Next::End);
}

#[test]
fn a_head_must_come_to_its_end_in_five_seconds() {
    let mut pair = Pair::new();
    for (index, byte) in "GET / HTTP/1.1\r\nHost: a\r\nX: ".chars().enumerate() {
        pair.send(&byte.to_string());
        assert_eq!(pair.drive(1_000 + index as u64), Next::Idle);
    }
    assert_eq!(pair.deadline_ms(), u128::from(1_000 + HTTP_HEAD_MS), "bytes that trickle in do not make it later");
    assert!(pair.conn.idle_since().is_some(), "it may be closed to make room");
    assert_eq!(pair.conn.expire(pair.at(6_000)), Next::Idle);
    let (text, ended) = pair.received();
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("Connection: close\r\n") && ended, "{text}");
    assert_eq!(pair.deadline_ms(), u128::from(6_000 + LINGER_MS));
    assert_eq!(pair.conn.expire(pair.at(7_000)), Next::End);
}

#[test]
fn a_head_has_at_most_eight_kibibytes() {
    for line_end in ["", "\r\n"] {
        let mut pair = Pair::new();
        let head = format!("GET / HTTP/1.1\r\nX: {}{line_end}", "x".repeat(HTTP_HEAD_BYTES_MAX));
        pair.send(&head);
        assert_eq!(pair.drive(0), Next::Idle);
        let (text, ended) = pair.received();
        assert!(text.starts_with("HTTP/1.1 431 ") && ended, "{text}");
        drop(pair.peer);
        pair.conn.set_readable();
        assert_eq!(pair.conn.drive(pair.start), Next::End);
    }
}

#[test]
fn pipelined_requests_are_answered_one_after_the_other() {
    let mut pair = Pair::new();
    pair.send(&format!("{}GET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c", REQUEST.repeat(3)));
    for number in 0..3 {
        let request = pair.request(0);
        assert_eq!(request.path, "/metrics");
        // The connection reads nothing before the request is answered.
        pair.conn.wait(request.clone(), pair.at(0));
        assert_eq!(pair.drive(0), Next::Idle);
        pair.conn.answer(&request, &Response::line(200, &format!("answer {number}")), pair.at(0));
    }
    let Next::Answer(request) = pair.drive(0) else { panic!() };
    assert_eq!(request.path, "/b");
    assert_eq!(pair.answer(&request, &Response::line(200, "last"), 0), Next::Idle);
    let (text, ended) = pair.received();
    let bodies: Vec<&str> = text.lines().filter(|line| line.starts_with("answer") || *line == "last").collect();
    assert_eq!((bodies, ended), (vec!["answer 0", "answer 1", "answer 2", "last"], false));
    pair.send(" HTTP/1.0\r\n\r\n");
    assert_eq!(pair.request(0).path, "/c");
}

#[test]
fn a_request_waits_for_figures_for_two_seconds() {
    let mut pair = Pair::new();
    pair.send(REQUEST);
    let request = pair.request(100);
    pair.conn.wait(request.clone(), pair.at(100));
    pair.conn.wait(request.clone(), pair.at(1_500)); // Asked again, it has no longer time.
    assert_eq!(pair.deadline_ms(), u128::from(100 + HTTP_WAIT_MS));
    assert_eq!((pair.conn.waiting(), pair.conn.idle_since()), (Some(&request), None));
    assert_eq!(pair.conn.expire(pair.at(2_100)), Next::Answer(request));
}

#[test]
fn an_answer_that_is_not_read_is_given_up() {
    let mut pair = Pair::new();
    pair.send(REQUEST);
    let request = pair.request(0);
    let large = Response::of(200, "text/plain", Arc::new(vec![b'x'; 16 << 20]));
    assert_eq!(pair.answer(&request, &large, 50), Next::Idle);
    assert!(pair.conn.is_sending() && pair.conn.idle_since().is_none());
    let (some, _) = pair.received();
    assert!(!some.is_empty());
    assert_eq!(pair.drive(9_000), Next::Idle);
    assert_eq!(pair.deadline_ms(), u128::from(50 + HTTP_WRITE_MS), "a slow reader has no longer time");
    assert_eq!(pair.conn.expire(pair.at(10_050)), Next::End);
}

#[test]
fn a_large_answer_arrives_whole() {
    let mut pair = Pair::new();
    pair.send(&REQUEST.repeat(2));
    let body: Vec<u8> = (0..1_000_000_u32).map(|i| b'a' + u8::try_from(i % 26).unwrap()).collect();
    let request = pair.request(0);
    let mut next = pair.answer(&request, &Response::of(200, "text/plain", Arc::new(body.clone())), 0);
    let mut text = String::new();
    while next == Next::Idle {
        text += &pair.received().0;
        next = pair.drive(0);
    }
    text += &pair.received().0;
    assert!(matches!(next, Next::Answer(_)), "the next request follows");
    assert_eq!(text.split_once("\r\n\r\n").unwrap().1.as_bytes(), body);
}

#[test]
fn head_has_no_body_and_its_length() {
    let mut pair = Pair::new();
    pair.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let request = pair.request(0);
    pair.answer(&request, &Response::line(200, "1234"), 0);
    let (text, ended) = pair.received();
    assert!(text.contains("Content-Length: 5\r\n") && text.ends_with("\r\n\r\n") && ended, "{text}");
}

#[test]
fn a_peer_that_has_sent_all_is_still_answered() {
    let mut pair = Pair::new();
    pair.send(&REQUEST.repeat(2));
    pair.peer.shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..2 {
        let request = pair.request(0);
        pair.conn.answer(&request, &Response::line(200, "ok"), pair.at(0));
    }
    assert_eq!(pair.drive(0), Next::End);
    drop(pair.conn);
    let (mut text, mut peer) = (String::new(), &pair.peer);
    peer.set_nonblocking(false).unwrap();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("\nok\n").count(), 2);
}

#[test]
fn a_peer_that_leaves_ends_the_connection() {
    for sent in ["", "GET / HT"] {
        let mut pair = Pair::new();
        pair.send(sent);
        pair.peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(pair.drive(0), Next::End, "{sent}");
    }
}

#[test]
fn a_peer_that_sends_on_after_a_refusal_does_not_hold_up_others() {
    let mut pair = Pair::new();
    pair.send("nonsense\r\n\r\n");
    assert_eq!(pair.drive(0), Next::Idle);
    let more = vec![b'x'; 150 << 10];
    (&pair.peer).write_all(&more).unwrap();
    pair.conn.set_readable();
    assert_eq!(pair.drive(1), Next::Idle, "a part is discarded in each turn");
    assert!(pair.received().0.starts_with("HTTP/1.1 400 "));
    assert_eq!(pair.conn.expire(pair.at(LINGER_MS)), Next::End);
}
