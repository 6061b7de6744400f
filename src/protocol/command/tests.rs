//! The rules of docs/protocol.md for a line, row by row: here those for any command.

use super::*;
use crate::protocol::members::RARE_NAMES;

mod jobs;
mod options;
mod progress;
mod types;

fn decoded(line: &str) -> Result<Command<'_>, Refusal<'_>> {
    decode(line.as_bytes())
}

/// Checks that each line is understood, and as what.
fn check<'a>(rows: impl IntoIterator<Item = (&'a str, Command<'a>)>) {
    for (line, command) in rows {
        assert_eq!(decoded(line), Ok(command), "{line}");
    }
}

/// Checks that each line is refused with `code`, for a reason that names what the row says, by `error`.
fn check_errors<'a>(code: Code, rows: impl IntoIterator<Item = (&'a str, &'a str, Option<&'a str>)>) {
    for (line, reason, id) in rows {
        check_refusal(line, code, reason, id, false);
    }
}

fn check_refusal(line: &str, code: Code, reason: &str, id: Option<&str>, is_do: bool) {
    let refusal = decoded(line).expect_err(line);
    assert_eq!((refusal.code, refusal.id, refusal.is_do), (code, id, is_do), "{line}");
    assert!(refusal.text.contains(reason), "{line}: {}", refusal.text);
    assert!(refusal.text.len() < 120, "{line}: {}", refusal.text);
    assert!(!refusal.text.is_empty());
}

fn job<'a>(id: &'a str, type_name: &'a str, arg: Option<&'a str>) -> Command<'a> {
    Command::Do { id, type_name: type_name.into(), arg: arg.map(Carried::Short), options: None }
}

fn did<'a>(job: JobRef<'a>, id: Option<&'a str>, outcome: Outcome<'a>) -> Command<'a> {
    Command::Did { job, id, outcome }
}

fn names(types: &[&'static str]) -> Vec<TypeName<'static>> {
    types.iter().copied().map(Cow::Borrowed).collect()
}

fn can_do(types: &[&'static str], max_jobs: Option<u32>) -> Command<'static> {
    Command::CanDo { types: names(types), max_jobs, options: WorkerOptions::default(), id: None }
}

#[test]
fn escapes_are_honoured_in_names_and_cmd() {
    check([
        (r#"{"cmd":"\u0064o","id":1,"type":"t"}"#, job("1", "t", None)),
        (r#"{"\u0063\u006d\u0064":"ping"}"#, Command::Ping),
        (r#"{"c\u006dd":"do","\u0069d":1,"typ\u0065":"t","\u0061rg":0}"#, job("1", "t", Some("0"))),
    ]);
}

#[test]
fn a_line_with_cmd_twice_is_an_error_whatever_it_says() {
    for line in [
        r#"{"cmd":"do","cmd":"do","id":1,"type":"t"}"#,
        r#"{"cmd":"do","id":1,"type":"t","\u0063md":"ping"}"#,
        r#"{"cmd":"ping","cmd":"do","id":1,"type":"t","type":"t"}"#,
        r#"{"cmd":1,"cmd":2,"id":1}"#,
    ] {
        check_refusal(line, Code::BadRequest, "cmd is given twice", Some("1"), false);
    }
}

#[test]
fn members_given_twice_are_refused_before_cmd_is_looked_at() {
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"quit","job":1,"job":1}"#, "job is given twice", None),
            (r#"{"id":1,"res":1,"res":1}"#, "res is given twice", Some("1")),
            (r#"{"cmd":"ping","id":1,"id":1}"#, "id is given twice", None),
            (r#"{"cmd":"did","id":"a","err":1,"err":1}"#, "err is given twice", Some(r#""a""#)),
        ],
    );
    for name in RARE_NAMES {
        let reason = format!("{name} is given twice");
        for cmd in ["ping", "did", "cancel", "quit"] {
            let line = format!(r#"{{"cmd":"{cmd}","{name}":1,"id":"a","{name}":1}}"#);
            check_errors(Code::BadRequest, [(&*line, &*reason, Some(r#""a""#))]);
        }
    }
}

#[test]
fn unknown_members_are_ignored_even_twice() {
    check([
        (r#"{"x":1,"cmd":"ping","x":2,"CMD":"do","cmd ":1,"":{"cmd":1}}"#, Command::Ping),
        (r#"{"\ud800":1,"cmd":"ping","\udc00\ud800":1,"\ud800":2,"a\ud800\n":1}"#, Command::Ping),
    ]);
}

#[test]
fn members_that_a_command_does_not_use_may_be_of_any_kind() {
    check([
        (
            r#"{"cmd":"ping","id":[],"type":1,"types":"x","arg":0,"res":1,"err":2,"code":{},"max_jobs":-1,"job":"x"}"#,
            Command::Ping,
        ),
        (
            r#"{"cmd":"do","id":1,"type":"t","types":1,"res":1,"err":1,"code":1,"max_jobs":"x","job":{}}"#,
            job("1", "t", None),
        ),
        (r#"{"cmd":"can_do","types":["t"],"id":null,"type":0,"job":-1,"res":1,"err":1}"#, can_do(&["t"], None)),
        (r#"{"cmd":"cant_do","types":["t"],"max_jobs":0}"#, Command::CantDo { types: names(&["t"]) }),
        (
            r#"{"cmd":"did","id":1,"code":1,"type":2,"types":3,"max_jobs":{},"arg":null}"#,
            did(JobRef::Id("1"), Some("1"), Outcome::Res(None)),
        ),
        (r#"{"cmd":"metrics","max_jobs":0,"id":{},"type":3}"#, Command::Metrics(MetricsAsked::default())),
        (r#"{"cmd":"do","id":1,"type":"t","data":[]}"#, job("1", "t", None)),
        (
            r#"{"cmd":"did","id":1,"priority":"x","key":0,"data":1}"#,
            did(JobRef::Id("1"), Some("1"), Outcome::Res(None)),
        ),
        (r#"{"cmd":"cancel","id":1,"job":"x","type":0,"cancellable":5}"#, Command::Cancel { id: "1" }),
    ]);
    for name in RARE_NAMES {
        for value in ["null", "true", "-1", "0.5", r#""\ud800""#, "[]", "{}"] {
            let line = format!(r#"{{"cmd":"ping","{name}":{value}}}"#);
            check([(&*line, Command::Ping)]);
        }
    }
}

#[test]
fn cmd_must_be_a_string_that_names_a_command() {
    check_errors(
        Code::BadRequest,
        [
            ("{}", "cmd must be a string", None),
            (r#"{"id":1}"#, "cmd must be a string", Some("1")),
            (r#"{"id":1,"cmd":null}"#, "cmd must be a string", Some("1")),
            (r#"{"id":1,"cmd":["do"]}"#, "cmd must be a string", Some("1")),
        ],
    );
    let reason = "can_do, cant_do, do, did, progress, stored, cancel, metrics or ping";
    for cmd in ["", "DO", "do ", "pong", "error", "quit", r"\ud800", r"do\u0000"] {
        let line = format!(r#"{{"cmd":"{cmd}","id":"x","type":"t"}}"#);
        check_errors(Code::UnknownCmd, [(&*line, reason, Some(r#""x""#))]);
    }
}

#[test]
fn what_is_no_json_object_has_no_id_and_is_no_do() {
    check_errors(
        Code::BadJson,
        [
            ("1", "not a JSON object", None),
            (r#"["cmd"]"#, "not a JSON object", None),
            (r#""{}""#, "not a JSON object", None),
            ("\u{feff}{}", "a byte order mark", None),
            (r#"{"cmd":"do","id":1,"type":"t"} x"#, "trailing characters at column 32", None),
            (r#"{"cmd":"do","id":1,"type":"t""#, "EOF", None),
            (r#"{"id":1,2:3}"#, "key must be a string at column 9", None),
            ("{\"id\":1,\"a\":\"\u{1}\"}", r"\u0000-\u001F", None),
            ("{\"id\":1,\"a\":\0}", "column 13", None),
            ("{\"id\":1,\r\"a\":1}", "CR that is not at the line's end, at column 9", None),
            ("{\"id\":1,\"a\":\"\r\"}", "CR", None),
            ("{\"id\":1}\r", "CR", None),
        ],
    );
    let refusal = decode(b"{\"id\":1,\"a\":\"\xff\"}").unwrap_err();
    assert_eq!((refusal.code, &*refusal.text), (Code::BadJson, "not UTF-8 at column 14"));
    for line in [vec![b'x'; 100_000], [b"\"".to_vec(), vec![b'x'; 100_000], b"\"".to_vec()].concat()] {
        assert!(decode(&line).unwrap_err().text.len() < 80, "what the peer sent is not quoted");
    }
}

#[test]
fn a_line_nested_too_deep_is_no_json_even_in_values_that_nobody_reads() {
    for name in ["arg", "x", "cmd"] {
        for (depth, code) in [(127, None), (128, Some(Code::BadJson)), (100_000, Some(Code::BadJson))] {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let line = format!(r#"{{"id":1,"{name}":{nested}}}"#);
            let refusal = decoded(&line).expect_err("there is no cmd");
            assert_eq!(refusal.code, code.unwrap_or(Code::BadRequest), "{name} {depth}");
        }
    }
}
