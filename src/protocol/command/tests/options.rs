//! What a `do` may ask for beside its type and argument.

use super::*;
use crate::limits::{JOB_MS_MAX, KEY_BYTES_MAX};

/// Returns the line of a `do` with these members beside id and type.
fn line(members: &str) -> String {
    format!(r#"{{"cmd":"do","id":1,"type":"t",{members}}}"#)
}

/// Checks what a `do` with these members asks for.
fn check_options<'a>(rows: impl IntoIterator<Item = (&'a str, JobOptions<'a>)>) {
    for (members, options) in rows {
        let line = line(members);
        let expected = Command::Do { id: "1", type_name: "t".into(), arg: None, options: Some(Box::new(options)) };
        assert_eq!(decoded(&line), Ok(expected), "{line}");
    }
}

/// Checks that a `do` with these members is refused for this reason.
fn check_refused(members: &str, reason: &str) {
    check_refusal(&line(members), Code::BadRequest, reason, Some("1"), true);
}

fn none() -> JobOptions<'static> {
    JobOptions::default()
}

#[test]
fn a_do_without_options_has_none() {
    check([
        (r#"{"cmd":"do","id":1,"type":"t"}"#, job("1", "t", None)),
        (r#"{"cmd":"do","id":1,"type":"t","Priority":1,"delay":2,"keys":3,"attempt":4}"#, job("1", "t", None)),
        (r#"{"cmd":"do","id":1,"type":"t","data":{"priority":1}}"#, job("1", "t", None)),
    ]);
}

#[test]
fn each_option_is_read_up_to_the_edges_of_its_range() {
    check_options([
        (r#""priority":0"#, none()),
        (r#""priority":127"#, JobOptions { priority: 127, ..none() }),
        (r#""priority":-128"#, JobOptions { priority: -128, ..none() }),
        (r#""priority": -1 "#, JobOptions { priority: -1, ..none() }),
        (r#""delay_ms":0"#, none()),
        (r#""delay_ms":1"#, JobOptions { delay_ms: 1, ..none() }),
        (r#""delay_ms":2592000000"#, JobOptions { delay_ms: 2_592_000_000, ..none() }),
        (r#""deadline_ms":1"#, JobOptions { deadline_ms: Some(1), ..none() }),
        (r#""deadline_ms":2592000000"#, JobOptions { deadline_ms: Some(2_592_000_000), ..none() }),
        (r#""run_limit_ms":1"#, JobOptions { run_limit_ms: Some(1), ..none() }),
        (r#""run_limit_ms":2592000000"#, JobOptions { run_limit_ms: Some(2_592_000_000), ..none() }),
        (r#""attempts":1"#, JobOptions { attempts: Some(1), ..none() }),
        (r#""attempts":255"#, JobOptions { attempts: Some(255), ..none() }),
        (r#""cancellable":true"#, JobOptions { cancellable: true, ..none() }),
        (r#""cancellable":false"#, none()),
        (r#""progress":true"#, JobOptions { progress: true, ..none() }),
        (r#""progress":false"#, none()),
        (r#""key":"k""#, JobOptions { key: Some("k".into()), ..none() }),
        (r#""need_worker":true"#, JobOptions { need_worker: true, ..none() }),
        (r#""need_worker":false"#, none()),
        (r#""background":true"#, JobOptions { background: true, ..none() }),
        (r#""background":false"#, none()),
        (r#""durable":true"#, JobOptions { durable: true, ..none() }),
        (r#""durable":false"#, none()),
        (r#""wait_ms":0"#, JobOptions { wait_ms: Some(0), ..none() }),
        (r#""wait_ms":2592000000"#, JobOptions { wait_ms: Some(2_592_000_000), ..none() }),
    ]);
}

#[test]
fn options_stand_together_in_any_order_under_any_spelling_of_their_names() {
    let all = JobOptions {
        priority: -7,
        delay_ms: 8,
        deadline_ms: Some(9),
        run_limit_ms: Some(10),
        attempts: Some(11),
        cancellable: true,
        progress: true,
        key: Some("k".into()),
        need_worker: true,
        background: false,
        durable: false,
        wait_ms: None,
    };
    let forwards = [
        r#""priority":-7,"delay_ms":8,"deadline_ms":9,"run_limit_ms":10,"attempts":11"#,
        r#""cancellable":true,"progress":true,"key":"k","need_worker":true,"background":false,"durable":false"#,
    ];
    let backwards = [
        r#""durable":false,"background" : false , "need_worker" : true,"key":"k", "progress":true,"cancellable":true"#,
        r#""attempts":11,"run_limit_ms":10,"deadline_ms":9,"delay_ms":8,"priority": -7"#,
    ];
    check_options([
        (&*forwards.join(","), all.clone()),
        (&*backwards.join(","), all),
        (r#""pr\u0069ority":5,"\u006bey":"k""#, JobOptions { priority: 5, key: Some("k".into()), ..none() }),
        (r#""w\u0061it_ms":5,"delay_ms":6"#, JobOptions { delay_ms: 6, wait_ms: Some(5), ..none() }),
    ]);
    let line = r#"{"key":"k","arg":[1],"priority":1,"type":"t","id":"x","data":0,"cmd":"do"}"#;
    let options = Some(Box::new(JobOptions { priority: 1, key: Some("k".into()), ..none() }));
    check([(line, Command::Do { id: r#""x""#, type_name: "t".into(), arg: Some("[1]".into()), options })]);
}

#[test]
fn an_option_of_the_wrong_kind_or_range_is_refused() {
    let priority = "priority must be a whole number from -128 to 127";
    let delay = "delay_ms must be a whole number from 0 to 2592000000";
    let deadline = "deadline_ms must be a whole number from 1 to 2592000000";
    let run_limit = "run_limit_ms must be a whole number from 1 to 2592000000";
    let attempts = "attempts must be a whole number from 1 to 255";
    let wait = "wait_ms must be a whole number from 0 to 2592000000";
    let wrong_kinds = ["null", "true", "[1]", "{}", r#""1""#, "1.0", "5.0", "1e1", "1E0", "-0", "0.5", "1e400"];
    for (name, beyond, reason) in [
        ("priority", ["128", "-129", "256", "4294967296"], priority),
        ("delay_ms", ["-1", "2592000001", "18446744073709551615", "18446744073709551616"], delay),
        ("deadline_ms", ["0", "-1", "2592000001", "18446744073709551617"], deadline),
        ("run_limit_ms", ["0", "-1", "2592000001", "18446744073709551617"], run_limit),
        ("attempts", ["0", "-1", "256", "257"], attempts),
        ("wait_ms", ["-1", "2592000001", "18446744073709551615", "18446744073709551616"], wait),
    ] {
        for value in wrong_kinds.into_iter().chain(beyond) {
            check_refused(&format!(r#""{name}":{value}"#), reason);
        }
    }
    for name in ["cancellable", "progress", "need_worker", "background", "durable"] {
        for value in ["null", "0", "1", r#""true""#, r#""""#, "[true]", "{}"] {
            check_refused(&format!(r#""{name}":{value}"#), &format!("{name} must be true or false"));
        }
    }
    assert!([delay, deadline, run_limit, wait].iter().all(|text| text.ends_with(&JOB_MS_MAX.to_string())));
}

/// JSON itself forbids them.
#[test]
fn a_number_with_a_plus_or_a_leading_zero_is_no_json() {
    for name in ["priority", "delay_ms", "deadline_ms", "run_limit_ms", "attempts", "wait_ms"] {
        for value in ["+5", "01", "-01", "00", "0x1", "1."] {
            check_refusal(&line(&format!(r#""{name}":{value}"#)), Code::BadJson, "column", None, false);
        }
    }
}

#[test]
fn a_key_becomes_its_canonical_text() {
    for (raw, canonical) in [
        (" ", " "),
        ("\u{e9}\u{7f}", "\u{e9}\u{7f}"),
        (r"\u0061\/\u00e9", "a/\u{e9}"),
        (r#"\u0022\u005c\"\\"#, r#"\"\\\"\\"#),
        (r"\u0000\u001F\u000A", r"\u0000\u001f\n"),
        (r"\ud83d\ude00", "\u{1f600}"),
    ] {
        let members = format!(r#""key":"{raw}""#);
        check_options([(&*members, JobOptions { key: Some(canonical.into()), ..none() })]);
    }
}

#[test]
fn a_key_is_borrowed_unless_it_has_an_escape() {
    for (raw, borrowed) in [("k", true), ("\u{e9}", true), (r"\u006b", false)] {
        let line = line(&format!(r#""key":"{raw}""#));
        let Ok(Command::Do { options: Some(options), .. }) = decoded(&line) else { panic!("{line}") };
        assert_eq!(matches!(options.key, Some(Cow::Borrowed(_))), borrowed, "{line}");
    }
}

#[test]
fn a_key_is_a_string_of_1_to_255_bytes_unescaped() {
    let text = "key must be a string of 1 to 255 bytes, without lone surrogates";
    for key in ["x".repeat(255), r"\u0078".repeat(255), "\u{e9}".repeat(127), r"\u20ac".repeat(85)] {
        assert!(decoded(&line(&format!(r#""key":"{key}""#))).is_ok(), "{key}");
    }
    let long = ["x".repeat(256), r"\u0078".repeat(256), "\u{e9}".repeat(128), r"\u20ac".repeat(86)];
    let bad = ["", r"\ud800", r"a\udc00"].map(str::to_owned);
    for key in long.iter().chain(&bad) {
        check_refused(&format!(r#""key":"{key}""#), text);
    }
    for value in ["null", "true", "1", "[]", r#"["k"]"#, "{}"] {
        check_refused(&format!(r#""key":{value}"#), text);
    }
    assert!(text.contains(&KEY_BYTES_MAX.to_string()));
}

#[test]
fn background_jobs_cannot_ask_for_what_needs_their_submitter() {
    let text = "background jobs cannot have cancellable, progress or deadline_ms";
    for members in [r#""cancellable":true"#, r#""progress":true"#, r#""deadline_ms":5"#] {
        check_refused(&format!(r#""background":true,{members}"#), text);
        check_refused(&format!(r#"{members},"background":true"#), text);
        assert!(decoded(&line(&format!(r#""background":false,{members}"#))).is_ok(), "{members}");
    }
    let background = JobOptions { background: true, ..none() };
    check_options([
        (r#""background":true,"cancellable":false,"progress":false"#, background.clone()),
        (
            r#""background":true,"priority":1,"delay_ms":2,"run_limit_ms":3,"attempts":4,"key":"k","need_worker":true"#,
            JobOptions {
                priority: 1,
                delay_ms: 2,
                run_limit_ms: Some(3),
                attempts: Some(4),
                key: Some("k".into()),
                need_worker: true,
                ..background
            },
        ),
    ]);
}

/// Its group would end with it, while others still wait.
#[test]
fn jobs_with_a_key_cannot_have_wait_ms() {
    for wait in ["0", "5"] {
        check_refused(&format!(r#""wait_ms":{wait},"key":"k""#), "jobs with a key cannot have wait_ms");
        check_refused(&format!(r#""key":"k","wait_ms":{wait}"#), "jobs with a key cannot have wait_ms");
    }
    let background = JobOptions { background: true, delay_ms: 2, wait_ms: Some(5), ..none() };
    check_options([(r#""background":true,"wait_ms":5,"delay_ms":2"#, background)]);
}

#[test]
fn durable_jobs_cannot_have_a_key_or_a_delay() {
    let text = "durable jobs cannot have key or delay_ms";
    for members in [r#""key":"k""#, r#""delay_ms":1"#, r#""key":"k","delay_ms":1"#] {
        check_refused(&format!(r#""durable":true,{members}"#), text);
        check_refused(&format!(r#"{members},"durable":true"#), text);
        assert!(decoded(&line(&format!(r#""durable":false,{members}"#))).is_ok(), "{members}");
    }
    let durable = JobOptions { durable: true, ..none() };
    check_options([
        (r#""durable":true,"delay_ms":0"#, durable.clone()),
        (
            r#""durable":true,"priority":1,"deadline_ms":2,"run_limit_ms":3,"attempts":4,"cancellable":true,"progress":true"#,
            JobOptions {
                priority: 1,
                deadline_ms: Some(2),
                run_limit_ms: Some(3),
                attempts: Some(4),
                cancellable: true,
                progress: true,
                ..durable.clone()
            },
        ),
        (
            r#""durable":true,"background":true,"need_worker":true"#,
            JobOptions { background: true, need_worker: true, ..durable },
        ),
    ]);
}

#[test]
fn an_option_given_twice_is_refused_also_in_another_spelling() {
    for name in RARE_NAMES {
        let escaped = format!("\\u00{:02x}{}", name.as_bytes()[0], &name[1..]);
        for second in [name, &*escaped] {
            check_refused(&format!(r#""{name}":1,"x":0,"{second}":1"#), &format!("{name} is given twice"));
        }
    }
    check_refused(r#""key":"a","arg":1,"key":"a","arg":1"#, "arg is given twice");
}

#[test]
fn id_and_type_are_checked_before_the_options() {
    let line = r#"{"cmd":"do","type":"t","priority":1000}"#;
    check_errors(Code::BadRequest, [(line, "id must be a string or a number", None)]);
    let line = r#"{"cmd":"do","id":1,"type":"","priority":1000}"#;
    check_refusal(line, Code::BadRequest, "type must be", Some("1"), true);
}
