//! Types and their lists: `can_do`, `cant_do`, `metrics`.

use super::*;
use crate::limits::{JOBS_PER_WORKER_MAX, TYPES_PER_CONNECTION_MAX};

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
fn a_can_do_lists_types_in_order_each_once() {
    check([
        (r#"{"cmd":"can_do","types":["b","a","b"]}"#, can_do(&["b", "a"], None)),
        (r#"{"cmd":"can_do","types":[ ]}"#, can_do(&[], None)),
        (r#"{"cmd":"can_do","types":[ "\u0061" , "\"" ]}"#, can_do(&["a", r#"\""#], None)),
        (r#"{"cmd":"can_do","types":[],"max_jobs":1}"#, can_do(&[], Some(1))),
        (r#"{"cmd":"can_do","types":["a"],"max_jobs": 65535 }"#, can_do(&["a"], Some(65_535))),
        (r#"{"cmd":"cant_do","types":["a","a"]}"#, Command::CantDo { types: names(&["a"]) }),
    ]);
}

#[test]
fn a_can_do_may_ask_for_ref() {
    let asks = |wants_ref| Command::CanDo {
        types: names(&["a"]),
        max_jobs: None,
        options: WorkerOptions { wants_ref, ..WorkerOptions::default() },
        id: None,
    };
    check([
        (r#"{"cmd":"can_do","types":["a"],"ref":true}"#, asks(true)),
        (r#"{"cmd":"can_do","types":["a"],"ref": false }"#, asks(false)),
        (r#"{"cmd":"cant_do","types":["a"],"ref":5}"#, Command::CantDo { types: names(&["a"]) }),
    ]);
    for value in ["null", "0", r#""true""#, "[true]", "{}"] {
        let line = format!(r#"{{"cmd":"can_do","id":5,"types":["a"],"ref":{value}}}"#);
        check_errors(Code::BadRequest, [(&*line, "ref must be true or false", Some("5"))]);
    }
}

#[test]
fn a_can_do_may_give_its_types_as_spare() {
    let can_do = |spare| Command::CanDo {
        types: names(&["a"]),
        max_jobs: Some(2),
        options: WorkerOptions { spare, ..WorkerOptions::default() },
        id: None,
    };
    check([
        (r#"{"cmd":"can_do","types":["a"],"max_jobs":2,"spare":true}"#, can_do(true)),
        (r#"{"cmd":"can_do","types":["a"],"max_jobs":2,"spare": false }"#, can_do(false)),
        (r#"{"cmd":"cant_do","types":["a"],"spare":5}"#, Command::CantDo { types: names(&["a"]) }),
    ]);
    for value in ["null", "0", r#""true""#, "[true]", "{}"] {
        let line = format!(r#"{{"cmd":"can_do","id":5,"types":["a"],"spare":{value}}}"#);
        check_errors(Code::BadRequest, [(&*line, "spare must be true or false", Some("5"))]);
    }
}

#[test]
fn the_numbers_of_classes_are_their_places() {
    for (at, class) in Class::ALL.into_iter().enumerate() {
        assert_eq!(class as usize, at);
    }
}

#[test]
fn one_bad_element_or_number_refuses_the_whole_can_do() {
    let (types, max_jobs) =
        ("types must be a list of at most 1024 different strings", "max_jobs must be a whole number from 1 to 65535");
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
    let asked = |types| Command::Metrics(MetricsAsked { types, ..MetricsAsked::default() });
    check([
        (r#"{"cmd":"metrics"}"#, asked(TypesAsked::None)),
        (r#"{"cmd":"metrics","types": false }"#, asked(TypesAsked::None)),
        (r#"{"cmd":"metrics","types":true}"#, asked(TypesAsked::All)),
        (r#"{"cmd":"metrics","types":[]}"#, asked(TypesAsked::Named(vec![]))),
        (r#"{"cmd":"metrics","types":["b","\u0061"]}"#, asked(TypesAsked::Named(names(&["b", "a"])))),
    ]);
    let reason = "types must be true, false or a list of at most 1024 different strings";
    for value in ["null", "0", r#""true""#, r#""t""#, "{}", "[1]", r#"["a",""]"#, "[true]"] {
        let line = format!(r#"{{"cmd":"metrics","types":{value}}}"#);
        check_errors(Code::BadRequest, [(&*line, reason, None)]);
    }
    assert!(reason.contains(&TYPES_PER_CONNECTION_MAX.to_string()));
}

#[test]
fn metrics_may_ask_for_histograms_and_shards() {
    let asked = |types, histograms, shards| Command::Metrics(MetricsAsked { types, histograms, shards });
    check([
        (r#"{"cmd":"metrics","histograms":true}"#, asked(TypesAsked::None, true, false)),
        (r#"{"cmd":"metrics","shards": true }"#, asked(TypesAsked::None, false, true)),
        (r#"{"cmd":"metrics","histograms":false,"types":true,"shards":false}"#, asked(TypesAsked::All, false, false)),
        (
            r#"{"cmd":"metrics","shards":true,"types":["a"],"histograms":true}"#,
            asked(TypesAsked::Named(names(&["a"])), true, true),
        ),
    ]);
    for value in ["null", "0", "1", r#""true""#, "{}", "[true]"] {
        for (name, reason) in
            [("histograms", "histograms must be true or false"), ("shards", "shards must be true or false")]
        {
            let line = format!(r#"{{"cmd":"metrics","types":true,"{name}":{value}}}"#);
            check_errors(Code::BadRequest, [(&*line, reason, None)]);
        }
    }
}

#[test]
fn a_list_has_at_most_1024_different_types() {
    for cmd in ["metrics", "can_do", "cant_do"] {
        for (count, legal) in [(1_024, true), (1_025, false)] {
            let names = (0..count).map(|nth| format!("\"t{nth}\",\"t0\"")).collect::<Vec<_>>().join(",");
            let line = format!(r#"{{"cmd":"{cmd}","types":[{names}]}}"#);
            assert_eq!(decoded(&line).is_ok(), legal, "{cmd} {count}");
        }
    }
}
