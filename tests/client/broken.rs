//! Servers that send anything: tables of exact bytes, from a server that the test plays.

use deputy::client::{Client, Error, JobHandle};
use deputy::limits::CLIENT_LINE_BYTES_LEAST;

use crate::fake::{Fake, Peer};
use crate::fixture::{Soon, quick_retry};

/// Submits a job, and returns the server's side of the connection.
fn submitted(fake: &Fake, client: &Client) -> (JobHandle<u32>, Peer) {
    let mut peer = fake.accept();
    let handle = client.submit("t", &[7]);
    peer.expect(r#"{"cmd":"do","id":1,"type":"t","arg":[7]}"#);
    (handle, peer)
}

/// Returns the outcome of a job with the id 1 when the server sends these bytes, and then closes if `closes`.
fn outcome(bytes: &[u8], closes: bool) -> Result<u32, Error> {
    let fake = Fake::start();
    let client = quick_retry().connect(&fake.url()).unwrap();
    let (handle, mut peer) = submitted(&fake, &client);
    peer.send(bytes);
    if closes {
        peer.end_output();
    }
    handle.soon()
}

#[test]
fn each_code_is_an_error_of_its_own() {
    let error = |line: &str| outcome(format!("{line}\r\n").as_bytes(), false).unwrap_err();
    let did = |code: &str, err: &str| error(&format!(r#"{{"cmd":"did","id":1,"err":{err},"code":"{code}"}}"#));
    assert!(matches!(did("failed", "[1e400]"), Error::Failed(err) if err.get() == "[1e400]"));
    assert!(matches!(did("gave_up", "\"w\\u0068y\""), Error::GaveUp(text) if text == "why"));
    assert!(matches!(did("queue_full", "\"why\""), Error::QueueFull(text) if text == "why"));
    assert!(matches!(did("shutdown", "\"why\""), Error::Shutdown(text) if text == "why"));
    assert!(matches!(did("bad_request", "\"why\""), Error::BadRequest(text) if text == "why"));
    assert!(matches!(did("later", "{}"), Error::Unknown { code, err } if code == "later" && err.get() == "{}"));
    let refused = |code: &str| error(&format!(r#"{{"cmd":"error","code":"{code}","error":"why","id":1}}"#));
    assert!(matches!(refused("bad_json"), Error::BadJson(text) if text == "why"));
    assert!(matches!(refused("too_long"), Error::TooLong(text) if text == "why"));
    assert!(matches!(refused("unknown_cmd"), Error::UnknownCmd(text) if text == "why"));
    assert!(matches!(refused("not_holding"), Error::NotHolding(text) if text == "why"));
    assert!(matches!(refused("later"), Error::Unknown { code, .. } if code == "later"));
}

#[test]
fn a_connection_that_ends_fails_its_jobs_with_the_reason() {
    let closes = "the server closed the connection";
    let wrong = "a line came that is not one of a deputy server";
    let strange = "is this a deputy server?";
    for (bytes, says, code) in [
        (&b""[..], closes, None),
        (b"{\"cmd\":\"did\",\"id\":1,\"res\":1", closes, None),
        (b"{\"cmd\":\"error\",\"code\":\"too_long\",\"error\":\"x\"}\r\n", "too_long: x", Some("too_long")),
        (b"{\"cmd\":\"error\",\"code\":\"bad_json\",\"error\":\"x\"}\r\n", "bad_json: x", Some("bad_json")),
        (b"{\"cmd\":\"error\",\"code\":\"queue_full\",\"error\":\"x\"}\r\n", "queue_full: x", Some("queue_full")),
        (b"{\"cmd\":\"error\",\"code\":\"too_long\",\"error\":\"x\"}\r\n{\"cmd\":\"later\"}\r\n", closes, None),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", strange, None),
        (b"-ERR unknown command\r\n", strange, None),
        (b"\xff\xfe\x00\n", strange, None),
        (b"[\"did\"]\r\n", strange, None),
        (b"{\"cmd\":\"pong\"}\r\n-ERR\r\n", wrong, None),
        (b"{\"cmd\":\"pong\"}\r\n[]\r\n", wrong, None),
        (b"{\"cmd\":\"did\",\"id\":1,\"res\":}\r\n", wrong, None),
        (b"{\"cmd\":\"did\",\"id\":1,\"res\":1,\"id\":1}\r\n", wrong, None),
        (b"{\"cmd\":\"did\",\"id\":1,\"res\":\"\xff\"}\r\n", wrong, None),
        (b"{\"cmd\":\"did\",\"res\":1}\r\n", wrong, None),
        (b"{\"cmd\":\"did\",\"id\":1,\"res\":1}x\r\n", wrong, None),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        match outcome(bytes, true) {
            Err(Error::Disconnected(lost)) => {
                assert!(lost.reason.contains(says) && lost.code.as_deref() == code, "{shown}: {lost:?}");
                assert!(lost.to_string().contains("tcp://127.0.0.1:"), "{lost}");
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[test]
fn a_line_that_does_not_end_closes_the_connection() {
    let error = outcome(format!("{{\"x\":\"{}", "x".repeat(CLIENT_LINE_BYTES_LEAST + (1 << 20))).as_bytes(), false)
        .unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.reason.contains("max_line")), "{error:?}");
}

#[test]
fn unknown_lines_and_members_are_ignored() {
    for line in [
        r#"{"cmd":"later","id":1,"res":2}"#,
        r#"{"id":1,"res":2}"#,
        r#"{"cmd":7,"id":1}"#,
        r#"{"cmd":"did","id":2,"res":2}"#,
        r#"{"cmd":"did","id":"1","res":2}"#,
        r#"{"cmd":"error","code":"later","error":"x"}"#,
        r#"{"cmd":"pong"}"#,
        r#"{"cmd":"metrics","metrics":{}}"#,
        r#"{"cmd":"do","id":1,"type":"t","job":1}"#,
        "",
        " \t ",
    ] {
        let answer = r#"{ "later" : [] , "res" : 9 , "id" : 1 , "cmd" : "did" }"#;
        assert_eq!(outcome(format!("{line}\n{answer}\n").as_bytes(), false).unwrap(), 9, "{line}");
    }
}

#[test]
fn answers_are_the_same_however_they_are_cut() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    // The id has three digits in every round.
    for _ in 0..99 {
        drop(client.submit::<_, ()>("t", &0));
        peer.next_line();
    }
    let answer =
        |id: u64| format!("{{\"cmd\":\"did\",\"id\":{id},\"res\":\"{id} caf\u{e9}\"}}\r\n{{\"cmd\":\"pong\"}}\r\n");
    let length = answer(100).len();
    for (cut, id) in (0..=length).zip(100..) {
        let handle = client.submit::<_, String>("t", &cut);
        let pinging = std::thread::spawn({
            let client = client.clone();
            move || client.ping()
        });
        peer.next_line();
        peer.expect(r#"{"cmd":"ping"}"#);
        let answer = answer(id).into_bytes();
        if cut == length {
            for byte in answer {
                peer.send([byte]);
            }
        } else {
            peer.send(&answer[..cut]);
            peer.send(&answer[cut..]);
        }
        assert_eq!(handle.soon().unwrap(), format!("{id} caf\u{e9}"));
        pinging.join().unwrap().unwrap();
    }
}

#[test]
fn an_answer_without_its_end_is_no_answer() {
    let answer = b"{\"cmd\":\"did\",\"id\":1,\"res\":12345}\r\n";
    for cut in 0..answer.len() - 1 {
        let outcome = outcome(&answer[..cut], true);
        assert!(matches!(outcome, Err(Error::Disconnected(_))), "after {cut} bytes: {outcome:?}");
    }
    assert_eq!(outcome(answer, true).unwrap(), 12_345);
}

#[test]
fn an_error_without_an_id_is_for_the_question() {
    let fake = Fake::start();
    let client = quick_retry().connect(&fake.url()).unwrap();
    let (job, mut peer) = submitted(&fake, &client);
    let pinging = std::thread::spawn({
        let client = client.clone();
        move || client.ping()
    });
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"error","code":"unknown_cmd","error":"no ping here"}"#);
    assert!(matches!(pinging.join().unwrap(), Err(Error::UnknownCmd(text)) if text == "no ping here"));
    assert!(job.try_wait().is_none());
}
