//! What is answered to a line that is not obeyed: every code that does not need a state of the whole server.

use super::script::{everywhere, play};

/// Lines that are answered by `error`, the code, and the id that the answer names.
const ERRORS: [(&str, &str, Option<&str>); 44] = [
    // Not a JSON object. The connection has said a good line before, so it goes on.
    ("[]", "bad_json", None),
    ("1", "bad_json", None),
    ("null", "bad_json", None),
    ("hello", "bad_json", None),
    ("{", "bad_json", None),
    (r#"{"cmd":"ping"} {"cmd":"ping"}"#, "bad_json", None),
    (r#"{"cmd":"ping",}"#, "bad_json", None),
    (r"{'cmd':'ping'}", "bad_json", None),
    (r#"{"cmd":"do","id":1,"type":"t","arg":01}"#, "bad_json", None),
    (r#"{"cmd":"do","id":1,"type":"t","arg":NaN}"#, "bad_json", None),
    ("{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"arg\":\"\u{1}\"}", "bad_json", None),
    (r#"{"cmd":"do","id":1,"type":"t","arg":"\x"}"#, "bad_json", None),
    // No such command.
    ("{}", "bad_request", None),
    (r#"{"cmd":null}"#, "bad_request", None),
    (r#"{"cmd":7,"id":7}"#, "bad_request", Some("7")),
    (r#"{"cmd":"fly"}"#, "unknown_cmd", None),
    (r#"{"cmd":"fly","id":"x"}"#, "unknown_cmd", Some(r#""x""#)),
    (r#"{"cmd":"DO","id":1,"type":"t"}"#, "unknown_cmd", Some("1")),
    (r#"{"cmd":"pong"}"#, "unknown_cmd", None),
    (r#"{"cmd":"error"}"#, "unknown_cmd", None),
    // A known member twice, in any spelling.
    (r#"{"cmd":"ping","cmd":"ping"}"#, "bad_request", None),
    (r#"{"cmd":"do","cmd":"do","id":1,"type":"t"}"#, "bad_request", Some("1")),
    (r#"{"cmd":"do","id":1,"id":1,"type":"t"}"#, "bad_request", None),
    (r#"{"cmd":"ping","err":1,"\u0065rr":1}"#, "bad_request", None),
    // A job without an id that could name it.
    (r#"{"cmd":"do","type":"t"}"#, "bad_request", None),
    (r#"{"cmd":"do","id":null,"type":"t"}"#, "bad_request", None),
    (r#"{"cmd":"do","id":[1],"type":"t"}"#, "bad_request", None),
    // Workers.
    (r#"{"cmd":"can_do"}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":"t"}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":["t",""]}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":["t",1],"id":5}"#, "bad_request", Some("5")),
    (r#"{"cmd":"can_do","types":["t"],"max_jobs":0}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":["t"],"max_jobs":65536}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":["t"],"max_jobs":1.0}"#, "bad_request", None),
    (r#"{"cmd":"can_do","types":["t"],"max_jobs":null}"#, "bad_request", None),
    (r#"{"cmd":"cant_do","types":["t",null]}"#, "bad_request", None),
    (r#"{"cmd":"cant_do"}"#, "bad_request", None),
    (r#"{"cmd":"did","res":1}"#, "bad_request", None),
    (r#"{"cmd":"did","id":1,"res":1,"err":1}"#, "bad_request", Some("1")),
    (r#"{"cmd":"did","id":1,"job":"1"}"#, "bad_request", Some("1")),
    (r#"{"cmd":"did","job":9007199254740992}"#, "bad_request", None),
    (r#"{"cmd":"did","id":"nothing held"}"#, "not_holding", Some(r#""nothing held""#)),
    (r#"{"cmd":"did","job":1}"#, "not_holding", None),
    // Metrics.
    (r#"{"cmd":"metrics","types":"t"}"#, "bad_request", None),
];

#[test]
fn a_bad_line_is_answered_by_an_error_and_the_connection_goes_on() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.expect_nothing();
        for (line, code, id) in ERRORS {
            client.send(line);
            client.expect_error(code, id);
        }
        client.expect_nothing();
        assert_eq!(client.metrics()["protocol_errors"], ERRORS.len());
        assert_eq!(client.metrics()["workers_added"], 0);
    });
}

#[test]
fn a_refused_job_whose_id_can_be_read_is_answered_by_did() {
    let long_type = "t".repeat(256);
    let too_long = format!(r#"{{"cmd":"do","id":7,"type":"{long_type}"}}"#);
    let lines = [
        r#"{"cmd":"do","id":7}"#,
        r#"{"cmd":"do","id":7,"type":null}"#,
        r#"{"cmd":"do","id":7,"type":""}"#,
        r#"{"cmd":"do","id":7,"type":"\ud800"}"#,
        r#"{"cmd":"do","id":7,"type":"t","type":"t"}"#,
        r#"{"cmd":"do","id":7,"type":"t","res":1,"res":2}"#,
        &too_long,
    ];
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        for line in lines {
            client.send(line);
            let answer = client.line();
            assert!(answer.starts_with(r#"{"cmd":"did","id":7,"err":""#), "{answer}");
            assert!(answer.ends_with(r#","code":"bad_request"}"#), "{answer}");
        }
        let metrics = client.metrics();
        assert_eq!(metrics["jobs_refused"], lines.len());
        assert_eq!(metrics["jobs_added"], 0);
        assert_eq!(metrics["protocol_errors"], 0);
    });
}

#[test]
fn a_type_may_be_of_255_bytes_and_of_any_characters() {
    let longest = "t".repeat(255);
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        for (sent, told) in [
            (longest.as_str(), longest.as_str()),
            ("__proto__", "__proto__"),
            (r"\u00e9\/\n", r"é/\n"),
            (r"\u0000", r"\u0000"),
        ] {
            worker.send(&format!(r#"{{"cmd":"can_do","types":["{told}"]}}"#));
            client.send(&format!(r#"{{"cmd":"do","id":1,"type":"{sent}"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":1,"type":"{told}"}}"#));
            worker.send(r#"{"cmd":"did","id":1}"#);
            client.expect(r#"{"cmd":"did","id":1}"#);
        }
    });
}

#[test]
fn a_known_member_that_the_command_does_not_use_may_be_of_any_kind() {
    play(
        r#"
        C> {"cmd":"ping","types":7,"id":[],"job":{},"max_jobs":"many","type":0}
        C< {"cmd":"pong"}
        W> {"cmd":"can_do","types":["t"],"type":5,"job":"x"}
        C> {"cmd":"do","id":1,"type":"t","types":0,"max_jobs":0,"job":null,"res":1,"err":2}
        W< {"cmd":"do","id":1,"type":"t"}
        "#,
    );
}

#[test]
fn replies_to_bad_lines_pings_and_refused_jobs_keep_their_order() {
    play(
        r#"
        C> {"cmd":"ping"}
        C> []
        C> {"cmd":"do","id":1}
        C> {"cmd":"ping"}
        C> {"cmd":"no"}
        C> {"cmd":"do","id":2}
        C< {"cmd":"pong"}
        C< {"cmd":"error","code":"bad_json","error":"..."}
        C< {"cmd":"did","id":1,"err":"...","code":"bad_request"}
        C< {"cmd":"pong"}
        C< {"cmd":"error","code":"unknown_cmd","error":"..."}
        C< {"cmd":"did","id":2,"err":"...","code":"bad_request"}
        "#,
    );
}

#[test]
fn a_refused_line_changes_nothing() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t","u",7]}
        W< {"cmd":"error","code":"bad_request","error":"..."}
        workers = 0
        W> {"cmd":"can_do","types":["t"],"max_jobs":2}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t","job":$a}
        W> {"cmd":"cant_do","types":["t",7]}
        W< {"cmd":"error","code":"bad_request","error":"..."}
        W> {"cmd":"did","job":$a,"res":1,"err":1}
        W< {"cmd":"error","code":"bad_request","error":"..."}
        C quiet
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":2,"type":"t","job":$b}
        W> {"cmd":"did","job":$a,"res":1}
        C< {"cmd":"did","id":1,"res":1}
        "#,
    );
}

#[test]
fn f10_only_the_holder_may_answer_and_only_once() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        X> {"cmd":"can_do","types":["x"]}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        X> {"cmd":"did","id":1,"res":"forged"}
        X< {"cmd":"error","code":"not_holding","error":"...","id":1}
        C> {"cmd":"did","id":1,"res":"forged"}
        C< {"cmd":"error","code":"not_holding","error":"...","id":1}
        W> {"cmd":"did","id":2}
        W< {"cmd":"error","code":"not_holding","error":"...","id":2}
        C quiet
        W> {"cmd":"did","id":1,"res":"true"}
        C< {"cmd":"did","id":1,"res":"true"}
        W> {"cmd":"did","id":1,"res":"again"}
        W< {"cmd":"error","code":"not_holding","error":"...","id":1}
        C quiet
        "#,
    );
}
