//! Every member of every command with a value of every kind. One server is sent all values of a member.

use crate::play::check_rows;

/// Values of every kind, size and range that some member minds.
const VALUES: [&str; 24] = [
    "null", "true", "false", "0", "-0", "1", "-1", "65535", "65536", "9007199254740991", "9007199254740992", "1.0",
    "1e2", "1e999", r#""""#, r#""x""#, r#""1""#, r#""\ud800""#, "[]", r#"["t"]"#, "[1]", r#"["t",null]"#, "{}",
    r#"{"t":1}"#,
];

const NUMBERS: [&str; 11] =
    ["0", "-0", "1", "-1", "65535", "65536", "9007199254740991", "9007199254740992", "1.0", "1e2", "1e999"];
const STRINGS: [&str; 4] = [r#""""#, r#""x""#, r#""1""#, r#""\ud800""#];
const BAD: &str = "error bad_request";

/// Sends `line` with each value in the place of `%`. If the value is one of `right`, the server sends `reply`, otherwise
/// `other_reply`.
fn check_member(line: &str, right: &[&str], reply: &str, other_reply: &str) {
    let rows = VALUES.map(|value| {
        let reply = if right.contains(&value) { reply } else { other_reply };
        format!("{} => {}", line.replace('%', value), reply.replace('%', value))
    });
    check_rows(&rows.join("\n"));
}

#[test]
fn f32_a_cmd_of_any_kind_but_a_string_is_a_bad_request() {
    check_member(r#"{"id":7,"cmd":%}"#, &STRINGS, "error unknown_cmd 7", "error bad_request 7");
}

#[test]
fn f32_a_do_with_a_member_of_the_wrong_kind_is_refused() {
    let ids = [&NUMBERS[..], &STRINGS].concat();
    check_member(r#"{"cmd":"do","id":%,"type":"t"}"#, &ids, "", BAD);
    check_member(r#"{"cmd":"do","id":%,"type":""}"#, &ids, "did % bad_request", BAD);
    check_member(r#"{"cmd":"do","id":7,"type":%}"#, &[r#""x""#, r#""1""#], "", "did 7 bad_request");
    check_member(r#"{"cmd":"do","id":7,"type":"t","arg":%}"#, &VALUES, "", "");
}

/// The job can be cancelled, so nothing remains of it when its submitter leaves.
#[test]
fn f32_a_do_with_an_option_of_the_wrong_kind_is_refused() {
    // Not `deadline_ms`: the deadline of some of the values passes in the test, and is answered.
    let (flags, months) = (["true", "false"], ["1", "65535", "65536"]);
    for (member, right) in [
        ("priority", &["0", "1", "-1"][..]),
        ("delay_ms", &["0", "1", "65535", "65536"]),
        ("run_limit_ms", &months),
        ("attempts", &["1"]),
        ("progress", &flags),
        ("key", &[r#""x""#, r#""1""#]),
    ] {
        let line = format!(r#"{{"cmd":"do","id":7,"type":"t","cancellable":true,"{member}":%}}"#);
        check_member(&line, right, "", "did 7 bad_request");
    }
    check_member(r#"{"cmd":"do","id":7,"type":"t","cancellable":%}"#, &flags, "", "did 7 bad_request");
    let line = r#"{"cmd":"do","id":7,"type":"t","delay_ms":3600000,"cancellable":true,"wait_ms":%}"#;
    check_member(line, &["0", "1", "65535", "65536"], "", "did 7 bad_request");
    check_member(&line.replace("delay_ms\":3600000", "key\":\"k\""), &[], "", "did 7 bad_request");
    check_member(r#"{"cmd":"do","id":7,"type":"t","data":%}"#, &VALUES, "", "");
    for right in [r#""cancellable":true"#, r#""progress":true"#, r#""deadline_ms":3600000"#] {
        let line = format!(r#"{{"cmd":"do","id":7,"type":"t","background":%,{right}}}"#);
        check_member(&line, &["false"], "", "did 7 bad_request");
    }
}

#[test]
fn f32_a_cancel_without_an_id_is_refused() {
    let ids = [&NUMBERS[..], &STRINGS].concat();
    check_member(r#"{"cmd":"cancel","id":%}"#, &ids, "", BAD);
    check_member(r#"{"cmd":"cancel","id":7,"job":%}"#, &VALUES, "", "");
}

#[test]
fn f32_a_did_with_a_member_of_the_wrong_kind_is_refused() {
    let ids = [&NUMBERS[..], &STRINGS].concat();
    check_member(r#"{"cmd":"did","id":%}"#, &ids, "error not_holding %", BAD);
    let numbers = ["0", "1", "65535", "65536", "9007199254740991"];
    check_member(r#"{"cmd":"did","job":%}"#, &numbers, "error not_holding", BAD);
    check_member(r#"{"cmd":"did","id":7,"job":%}"#, &numbers, "error not_holding 7", "error bad_request 7");
    for member in ["res", "err"] {
        check_member(&format!(r#"{{"cmd":"did","id":7,"{member}":%}}"#), &VALUES, "error not_holding 7", "");
    }
    check_member(r#"{"cmd":"did","id":7,"res":%,"err":%}"#, &VALUES, "error bad_request 7", "");
}

#[test]
fn f32_a_stored_without_a_number_is_refused() {
    let numbers = ["0", "1", "65535", "65536", "9007199254740991"];
    check_member(r#"{"cmd":"stored","job":%}"#, &numbers, "error not_holding", BAD);
    check_member(r#"{"cmd":"stored","id":7,"job":%}"#, &numbers, "error not_holding 7", "error bad_request 7");
    let ids = [&NUMBERS[..], &STRINGS].concat();
    check_member(r#"{"cmd":"stored","id":%}"#, &ids, "error bad_request %", BAD);
}

#[test]
fn f32_types_and_max_jobs_of_the_wrong_kind_are_refused() {
    let lists = ["[]", r#"["t"]"#];
    for cmd in ["can_do", "cant_do"] {
        check_member(&format!(r#"{{"cmd":"{cmd}","types":%}}"#), &lists, "", BAD);
    }
    check_member(r#"{"cmd":"can_do","types":["t"],"max_jobs":%}"#, &["1", "65535"], "", BAD);
    for member in ["ref", "spare"] {
        check_member(&format!(r#"{{"cmd":"can_do","types":["t"],"{member}":%}}"#), &["true", "false"], "", BAD);
    }
    check_member(r#"{"cmd":"can_do","types":["t"],"max_jobs":1,"durable":%}"#, &["true", "false"], "", BAD);
    for member in ["max_jobs", "ref", "spare", "durable"] {
        check_member(&format!(r#"{{"cmd":"cant_do","types":["t"],"{member}":%}}"#), &VALUES, "", "");
    }
    check_member(r#"{"cmd":"do","id":7,"type":"t","cancellable":true,"ref":%}"#, &VALUES, "", "");
    let asked = ["true", "false", "[]", r#"["t"]"#];
    check_member(r#"{"cmd":"metrics","types":%}"#, &asked, "metrics workers 0", BAD);
}

#[test]
fn f32_a_ping_minds_no_kind_of_any_member() {
    for member in [
        "id", "type", "types", "arg", "res", "err", "code", "max_jobs", "job", "data", "key", "priority", "wait_ms",
        "x",
    ] {
        check_member(&format!(r#"{{"cmd":"ping","{member}":%}}"#), &VALUES, "pong", "");
    }
}
