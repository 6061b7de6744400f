//! How bytes become lines: line ends, segments, half-closed connections, bytes that no line may have.

use super::fixture::bystanders::Bystanders;
use super::fixture::net::everywhere;

const PING: &str = r#"{"cmd":"ping"}"#;
const PONG: &str = r#"{"cmd":"pong"}"#;

#[test]
fn many_lines_may_come_in_one_segment() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(format!("{PING}\n").repeat(5_000).as_bytes());
        for _ in 0..5_000 {
            client.expect(PONG);
        }
        client.expect_nothing();
    });
}

#[test]
fn f14_replies_that_the_system_does_not_take_at_once_are_sent_before_the_close() {
    // Their bytes pass what a socket holds, many times over.
    let count = 200_000;
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(format!("{PING}\n").repeat(count).as_bytes());
        client.end_input();
        assert_eq!(client.drain(), count * (PONG.len() + "\r\n".len()));
    });
}

#[test]
fn f14_metrics_by_type_are_answered_after_the_end_of_input() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(
            b"{\"cmd\":\"do\",\"id\":1,\"type\":\"a\"}\n{\"cmd\":\"do\",\"id\":2,\"type\":\"b\"}\n{\"cmd\":\"metrics\",\"types\":[\"a\",\"b\",\"c\"]}\n{\"cmd\":\"metrics\"}\n",
        );
        client.end_input();
        let mut answers: Vec<serde_json::Value> = Vec::new();
        while let Some(line) = client.next_line() {
            answers.push(serde_json::from_str(&line).unwrap());
        }
        assert_eq!(answers.len(), 2, "{answers:?}");
        let tables: Vec<_> = answers.iter().filter(|answer| answer["metrics"]["types"].is_object()).collect();
        assert_eq!(tables.len(), 1, "{answers:?}");
        assert_eq!(tables[0]["metrics"]["types"]["b"]["waiting"], 1);
        assert_eq!(tables[0]["metrics"]["jobs_added"], 2);
    });
}

#[test]
fn f17_an_answer_and_the_end_of_input_together_are_both_seen() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
        client.expect_nothing();
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        worker.send(r#"{"cmd":"did","id":1,"res":"last words"}"#);
        worker.end_input();
        client.expect(r#"{"cmd":"did","id":1,"res":"last words"}"#);
        // The worker may still be sent the second job, but it is gone: the job waits for another.
        worker.drain();
        client.until_metric("jobs_waiting", 1);
    });
}

/// Lines of bytes that are bad after a good line, and close nothing.
fn check_bad_json(lines: &[(&str, &[u8])]) {
    everywhere(&[], |net| {
        let mut bystanders = Bystanders::new(net);
        for (name, bytes) in lines {
            let mut client = net.connect(name);
            client.expect_nothing();
            client.send_bytes(bytes);
            client.expect_error("bad_json", None);
            client.expect_nothing();
            bystanders.are_served();
        }
    });
}

#[test]
fn f25_what_is_not_utf_8_is_bad_json_and_the_connection_goes_on() {
    check_bad_json(&[
        ("no UTF-8", b"{\"cmd\":\"ping\",\"a\":\"\xff\"}\n"),
        ("an overlong form", b"{\"cmd\":\"ping\",\"a\":\"\xc0\xaf\"}\n"),
        ("a surrogate in UTF-8", b"{\"cmd\":\"ping\",\"a\":\"\xed\xa0\x80\"}\n"),
        ("a character cut short", b"{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"arg\":\"\xf0\x9f\x98\"}\n"),
        ("in a name", b"{\"cmd\":\"ping\",\"\x80\":1}\n"),
    ]);
}

#[test]
fn f26_a_raw_nul_is_bad_json_and_the_connection_goes_on() {
    check_bad_json(&[
        ("in a string", b"{\"cmd\":\"ping\",\"a\":\"\0\"}\n"),
        ("in a type", b"{\"cmd\":\"do\",\"id\":1,\"type\":\"t\0\"}\n"),
        ("after the object", b"{\"cmd\":\"ping\"}\0\n"),
        ("alone", b"\0\r\n"),
    ]);
}

#[test]
fn f27_a_cr_that_ends_no_line_is_bad_json_and_the_connection_goes_on() {
    check_bad_json(&[
        ("between members", b"{\"cmd\":\"ping\",\r\"a\":1}\n"),
        ("before the object", b"\r{\"cmd\":\"ping\"}\n"),
        ("before the CR of the end", b"{\"cmd\":\"ping\"}\r\r\n"),
        ("in a string", b"{\"cmd\":\"ping\",\"a\":\"\r\"}\n"),
        (
            "and a line behind it",
            b"{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"arg\":\"\r{\"cmd\":\"did\",\"id\":1}\r\"}\n",
        ),
    ]);
}
