//! How bytes become lines: line ends, segments, half-closed connections, bytes that no line may have.

use super::bystanders::Bystanders;
use super::script::everywhere;
use crate::client::Client;

const PING: &str = r#"{"cmd":"ping"}"#;
const PONG: &str = r#"{"cmd":"pong"}"#;

#[test]
fn f24_lines_end_with_crlf_or_lf_and_empty_ones_are_ignored() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(b"\n\r\n \t \r\n\t\n{\"cmd\":\"ping\"}\r\n\r\n");
        client.send_bytes(b"  {\"cmd\" : \"ping\"}\t \n\n{\"cmd\":\"ping\"}\r\n");
        for _ in 0..3 {
            client.expect(PONG);
        }
        client.expect_nothing();
        assert_eq!(client.metrics()["protocol_errors"], 0);
    });
}

#[test]
fn f20_a_session_may_come_one_byte_at_a_time() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        let session = [
            (b"{\"cmd\":\"can_do\",\"types\":[\"t\"]}\r\n".as_slice(), 1),
            (b"\r\n{\"cmd\":\"do\",\"id\":\"\\u00e9\xc3\xa9\",\"type\":\"t\",\"arg\":[1,{}]}\n".as_slice(), 0),
        ];
        for (bytes, who) in session {
            for byte in bytes {
                [&mut client, &mut worker][who].send_bytes(&[*byte]);
            }
        }
        worker.expect(r#"{"cmd":"do","id":"\u00e9é","type":"t","arg":[1,{}]}"#);
    });
}

#[test]
fn f20_a_line_may_be_cut_anywhere() {
    let line = "{\"cmd\":\"do\",\"id\":1,\"arg\":\"\\\"\u{e9}\"}\r\n{\"cmd\":\"ping\"}\r\n".as_bytes();
    everywhere(&[], |net| {
        for cut in 0..=line.len() {
            let mut client = net.connect("the client");
            client.send_bytes(&line[..cut]);
            net.connect("another").expect_nothing();
            client.send_bytes(&line[cut..]);
            assert!(client.line().ends_with(r#","code":"bad_request"}"#));
            client.expect(PONG);
        }
    });
}

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
fn f14_whole_lines_before_the_end_of_input_are_obeyed_and_answered() {
    everywhere(&[], |net| {
        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect_nothing();
        let mut client = net.connect("the client");
        client.send_bytes(b"{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"arg\":7}\n{\"cmd\":\"do\",\"id\":2}\n[]\n{\"cmd\":\"ping\"}\n{\"cmd\":\"pi");
        client.end_input();
        assert!(client.line().starts_with(r#"{"cmd":"did","id":2,"#));
        client.expect_error("bad_json", None);
        client.expect(PONG);
        client.expect_closed();
        worker.expect(r#"{"cmd":"do","id":1,"type":"t","arg":7}"#);
        worker.send(r#"{"cmd":"did","id":1}"#);
        worker.expect_nothing();
        worker.until_metric("results_dropped", 1);
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

#[test]
fn a_first_line_that_is_only_refused_does_not_close() {
    everywhere(&[], |net| {
        for first in ["{}", r#"{"cmd":"fly"}"#, r#"{"cmd":"do","id":1}"#] {
            let mut client = net.connect("the client");
            client.send(first);
            client.line();
            client.send("[]");
            client.expect_error("bad_json", None);
            client.expect_nothing();
        }
    });
}

#[test]
fn a_cr_waits_for_the_byte_after_it() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(b"\r");
        net.connect("another").expect_nothing();
        client.send_bytes(b"\n");
        client.expect_nothing();
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

/// Sends a line with `open` containers inside of the line's object, in an unknown member or in the argument.
fn send_nested(client: &mut Client, member: &str, open: usize) {
    let nested = format!("{}{}", r#"[{"a":"#.repeat(open / 2) + &"[".repeat(open % 2), "]".repeat(open % 2));
    let nested = if open.is_multiple_of(2) {
        format!("{nested}0{}", "}]".repeat(open / 2))
    } else {
        nested + &"}]".repeat(open / 2)
    };
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","{member}":{nested}}}"#));
}

#[test]
fn f28_a_hundred_and_twenty_eight_open_containers_pass_and_one_more_does_not() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.expect_nothing();
        for member in ["arg", "unknown"] {
            for open in [126, 127] {
                send_nested(&mut client, member, open);
                client.expect_nothing();
            }
            send_nested(&mut client, member, 128);
            client.expect_error("bad_json", None);
            send_nested(&mut client, member, 100_000);
            client.expect_error("bad_json", None);
        }
        assert_eq!(client.metrics()["jobs_added"], 4);
    });
}
