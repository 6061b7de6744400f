//! The rules of docs/protocol.md for a line, row by row.

use super::*;

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
    let text: String =
        serde_json::from_str(&format!("\"{}\"", refusal.text)).expect("the text is the inside of a string");
    assert!(!text.is_empty());
}

fn job<'a>(id: &'a str, type_name: &'a str, arg: Option<&'a str>) -> Command<'a> {
    Command::Do { id, type_name: type_name.into(), arg }
}

fn did<'a>(job: JobName<'a>, id: Option<&'a str>, outcome: Outcome<'a>) -> Command<'a> {
    Command::Did { job, id, outcome }
}

fn names(types: &[&'static str]) -> Vec<TypeName<'static>> {
    types.iter().copied().map(Cow::Borrowed).collect()
}

fn can_do(types: &[&'static str], max_jobs: Option<u32>) -> Command<'static> {
    Command::CanDo { types: names(types), max_jobs }
}

#[test]
fn a_do_carries_id_and_arg_as_they_came() {
    check([
        (r#"{"cmd":"do","id":1,"type":"t","arg":2}"#, job("1", "t", Some("2"))),
        (r#"{"cmd":"do","id":"j","type":"t"}"#, job(r#""j""#, "t", None)),
        (r#"{"cmd":"do","id":1e400,"type":"t","arg":null}"#, job("1e400", "t", Some("null"))),
        (r#"{"arg": [ -0 , 1e999 ] ,"type":"t","id": -0 ,"cmd":"do"}"#, job("-0", "t", Some("[ -0 , 1e999 ]"))),
        (
            r#"{"cmd":"do","id":"\u0061\ud800","type":"t","arg":{"b":2.50,"a":"\/"}}"#,
            job(r#""\u0061\ud800""#, "t", Some(r#"{"b":2.50,"a":"\/"}"#)),
        ),
        (" \t{ \"cmd\" : \"do\" , \"id\" : 7 , \"type\" : \"t\" } \t", job("7", "t", None)),
    ]);
    let digits = "7".repeat(400);
    check([(&*format!(r#"{{"cmd":"do","id":{digits},"type":"t","arg":{digits}}}"#), job(&digits, "t", Some(&digits)))]);
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
fn a_type_becomes_its_canonical_text() {
    for (raw, canonical) in [
        ("t", "t"),
        ("__proto__", "__proto__"),
        ("a b/\u{e9}\u{7f}", "a b/\u{e9}\u{7f}"),
        (r"\u0061\/\u00e9", "a/\u{e9}"),
        (r#"\u0022\u005c\"\\"#, r#"\"\\\"\\"#),
        (r"\u0008\u000c\u000A\u000d\u0009", r"\b\f\n\r\t"),
        (r"\u0000\u001F\u007f", "\\u0000\\u001f\u{7f}"),
        (r"\ud83d\ude00", "\u{1f600}"),
    ] {
        let line = format!(r#"{{"cmd":"do","id":1,"type":"{raw}"}}"#);
        check([(&*line, job("1", canonical, None))]);
    }
}

#[test]
fn a_type_is_borrowed_unless_it_has_an_escape() {
    for (raw, borrowed) in [("t", true), ("\u{e9}", true), (r"\u0061", false)] {
        let line = format!(r#"{{"cmd":"do","id":1,"type":"{raw}"}}"#);
        let Ok(Command::Do { type_name, .. }) = decoded(&line) else { panic!("{line}") };
        assert_eq!(matches!(type_name, Cow::Borrowed(_)), borrowed);
    }
}

#[test]
fn a_type_has_1_to_255_bytes_unescaped() {
    for (type_name, legal) in [
        ("x".repeat(255), true),
        ("x".repeat(256), false),
        (r"\u0078".repeat(255), true),
        (r"\u0078".repeat(256), false),
        ("\u{e9}".repeat(127), true),
        ("\u{e9}".repeat(128), false),
        (r"\u00e9".repeat(128), false),
        (String::new(), false),
    ] {
        for line in [
            format!(r#"{{"cmd":"do","id":1,"type":"{type_name}"}}"#),
            format!(r#"{{"cmd":"can_do","types":["a","{type_name}"]}}"#),
            format!(r#"{{"cmd":"metrics","types":["{type_name}"]}}"#),
        ] {
            assert_eq!(decoded(&line).is_ok(), legal, "{line}");
        }
    }
}

#[test]
fn a_do_that_breaks_a_rule_is_refused_by_did_if_its_id_can_be_read() {
    for (line, reason) in [
        (r#"{"cmd":"do","id":1}"#, "type must be a string of 1 to 255 bytes"),
        (r#"{"cmd":"do","id":1,"type":null}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":7}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":""}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":["t"]}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":"\ud800"}"#, "surrogate"),
        (r#"{"cmd":"do","id":1,"type":"a\udc00"}"#, "surrogate"),
        (r#"{"cmd":"do","id":1,"type":"t","type":"t"}"#, "type is given twice"),
        (r#"{"cmd":"do","id":1,"type":"t","arg":1,"\u0061rg":1}"#, "arg is given twice"),
        (r#"{"cmd":"do","id":1,"type":"t","max_jobs":1,"max_jobs":1}"#, "max_jobs is given twice"),
        (r#"{"code":1,"code":1,"type":"t","id":1,"cmd":"\u0064o"}"#, "code is given twice"),
    ] {
        check_refusal(line, Code::BadRequest, reason, Some("1"), true);
    }
}

#[test]
fn a_do_whose_id_cannot_be_read_is_an_error() {
    let reason = "id must be a string or a number";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"do","type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":null,"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":true,"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":[1],"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":{},"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":1,"id":1,"type":"t"}"#, "id is given twice", None),
            (r#"{"cmd":"do","id":1,"i\u0064":1,"id":2,"type":"t"}"#, "id is given twice", None),
        ],
    );
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
            did(JobName::Id("1"), Some("1"), Outcome::Res(None)),
        ),
        (r#"{"cmd":"metrics","max_jobs":0,"id":{},"type":3}"#, Command::Metrics { types: TypesAsked::None }),
    ]);
}

#[test]
fn a_did_names_its_job_by_number_or_else_by_id() {
    check([
        (r#"{"cmd":"did","id": "j" }"#, did(JobName::Id(r#""j""#), Some(r#""j""#), Outcome::Res(None))),
        (r#"{"cmd":"did","id":1.0}"#, did(JobName::Id("1.0"), Some("1.0"), Outcome::Res(None))),
        (r#"{"cmd":"did","job":0}"#, did(JobName::Number(0), None, Outcome::Res(None))),
        (
            r#"{"cmd":"did","job":9007199254740991,"id":1}"#,
            did(JobName::Number((1 << 53) - 1), Some("1"), Outcome::Res(None)),
        ),
        (r#"{"cmd":"did","id":[null],"job":3}"#, did(JobName::Number(3), None, Outcome::Res(None))),
    ]);
}

#[test]
fn a_did_carries_its_outcome_as_it_came() {
    let by_one = |outcome| did(JobName::Id("1"), Some("1"), outcome);
    check([
        (r#"{"cmd":"did","id":1,"res": {"a" : 1e400} }"#, by_one(Outcome::Res(Some(r#"{"a" : 1e400}"#)))),
        (r#"{"cmd":"did","id":1,"res":null}"#, by_one(Outcome::Res(Some("null")))),
        (r#"{"cmd":"did","id":1,"err":null}"#, by_one(Outcome::Err("null"))),
        (r#"{"cmd":"did","id":1,"err":"\ud800"}"#, by_one(Outcome::Err(r#""\ud800""#))),
    ]);
}

#[test]
fn a_did_that_breaks_a_rule_is_an_error() {
    let job = "job must be a whole number below 9007199254740992";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"did"}"#, "job or id", None),
            (r#"{"cmd":"did","res":1}"#, "job or id", None),
            (r#"{"cmd":"did","id":null}"#, "id must be a string or a number", None),
            (r#"{"cmd":"did","id":1,"res":1,"err":1}"#, "res or err", Some("1")),
            (r#"{"cmd":"did","id":1,"res":null,"err":null}"#, "res or err", Some("1")),
            (r#"{"cmd":"did","id":1,"job":null}"#, job, Some("1")),
            (r#"{"cmd":"did","id":1,"job":"3"}"#, job, Some("1")),
            (r#"{"cmd":"did","job":-1}"#, job, None),
            (r#"{"cmd":"did","job":-0}"#, job, None),
            (r#"{"cmd":"did","job":1.0}"#, job, None),
            (r#"{"cmd":"did","job":1e2}"#, job, None),
            (r#"{"cmd":"did","job":9007199254740992}"#, job, None),
            (r#"{"cmd":"did","job":18446744073709551617}"#, job, None),
            (r#"{"cmd":"did","job":[3]}"#, job, None),
        ],
    );
    assert!(job.contains(&JOB_NUMBER_MAX.to_string()));
}

#[test]
fn a_can_do_lists_types_in_order() {
    check([
        (r#"{"cmd":"can_do","types":["b","a","b"]}"#, can_do(&["b", "a", "b"], None)),
        (r#"{"cmd":"can_do","types":[ ]}"#, can_do(&[], None)),
        (r#"{"cmd":"can_do","types":[ "\u0061" , "\"" ]}"#, can_do(&["a", r#"\""#], None)),
        (r#"{"cmd":"can_do","types":[],"max_jobs":1}"#, can_do(&[], Some(1))),
        (r#"{"cmd":"can_do","types":["a"],"max_jobs": 65535 }"#, can_do(&["a"], Some(65_535))),
        (r#"{"cmd":"cant_do","types":["a","a"]}"#, Command::CantDo { types: names(&["a", "a"]) }),
    ]);
}

#[test]
fn one_bad_element_or_number_refuses_the_whole_can_do() {
    let (types, max_jobs) = ("types must be a list of strings", "max_jobs must be a whole number from 1 to 65535");
    for value in
        [r#""a""#, "null", "true", "1", "{}", "[1]", r#"["a",null]"#, r#"["a",""]"#, r#"[["a"]]"#, r#"["\udfff"]"#]
    {
        for cmd in ["can_do", "cant_do"] {
            let line = format!(r#"{{"cmd":"{cmd}","id":5,"types":{value}}}"#);
            check_errors(Code::BadRequest, [(&*line, types, Some("5"))]);
        }
    }
    check_errors(Code::BadRequest, [(r#"{"cmd":"can_do"}"#, types, None), (r#"{"cmd":"cant_do"}"#, types, None)]);
    for value in ["0", "65536", "4294967297", "-1", "-0", "1.0", "1e2", r#""1""#, "null", "true", "[1]", "1e400"] {
        let line = format!(r#"{{"cmd":"can_do","types":["a"],"max_jobs":{value}}}"#);
        check_errors(Code::BadRequest, [(&*line, max_jobs, None)]);
    }
    assert!(max_jobs.contains(&JOBS_PER_WORKER_MAX.to_string()));
}

#[test]
fn metrics_may_ask_for_no_all_or_some_types() {
    let asked = |types| Command::Metrics { types };
    check([
        (r#"{"cmd":"metrics"}"#, asked(TypesAsked::None)),
        (r#"{"cmd":"metrics","types": false }"#, asked(TypesAsked::None)),
        (r#"{"cmd":"metrics","types":true}"#, asked(TypesAsked::All)),
        (r#"{"cmd":"metrics","types":[]}"#, asked(TypesAsked::Named(vec![]))),
        (r#"{"cmd":"metrics","types":["b","\u0061"]}"#, asked(TypesAsked::Named(names(&["b", "a"])))),
    ]);
    let reason = "types must be true, false or a list of at most 1024 strings";
    for value in ["null", "0", r#""true""#, r#""t""#, "{}", "[1]", r#"["a",""]"#, "[true]"] {
        let line = format!(r#"{{"cmd":"metrics","types":{value}}}"#);
        check_errors(Code::BadRequest, [(&*line, reason, None)]);
    }
    assert!(reason.contains(&TYPES_PER_CONNECTION_MAX.to_string()));
}

#[test]
fn metrics_list_at_most_1024_types_and_other_lists_have_no_limit_here() {
    for (cmd, count, legal) in
        [("metrics", 1_024, true), ("metrics", 1_025, false), ("can_do", 1_025, true), ("cant_do", 5_000, true)]
    {
        let line = format!(r#"{{"cmd":"{cmd}","types":[{}]}}"#, vec![r#""t""#; count].join(","));
        assert_eq!(decoded(&line).is_ok(), legal, "{cmd} {count}");
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
    let reason = "can_do, cant_do, do, did, metrics or ping";
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
            ("\u{feff}{}", "not a JSON object", None),
            (r#"{"cmd":"do","id":1,"type":"t"} x"#, "trailing characters at column 32", None),
            (r#"{"cmd":"do","id":1,"type":"t""#, "EOF", None),
            (r#"{"id":1,2:3}"#, "key must be a string at column 9", None),
            ("{\"id\":1,\"a\":\"\u{1}\"}", r"\\u0000-\\u001F", None),
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
