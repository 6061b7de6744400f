//! The scripts themselves: what their short forms stand for, and that one which does not go as written fails.

use std::panic::catch_unwind;

use crate::play::check;
use crate::script::{Expected, expected, parse, repeated, sent_line};
use crate::wildcard::Numbers;

#[test]
fn short_forms_stand_for_lines() {
    for (short, line) in [
        ("ping", r#"{"cmd":"ping"}"#),
        ("metrics", r#"{"cmd":"metrics"}"#),
        ("can_do a b", r#"{"cmd":"can_do","types":["a","b"]}"#),
        ("can_do a max_jobs 2", r#"{"cmd":"can_do","types":["a"],"max_jobs":2}"#),
        ("can_do max_jobs 2", r#"{"cmd":"can_do","types":[],"max_jobs":2}"#),
        ("cant_do a", r#"{"cmd":"cant_do","types":["a"]}"#),
        ("do j1 t", r#"{"cmd":"do","id":"j1","type":"t"}"#),
        ("do 1 t [1, 2]", r#"{"cmd":"do","id":1,"type":"t","arg":[1, 2]}"#),
        ("did -0", r#"{"cmd":"did","id":-0}"#),
        ("did \"x\" res {}", r#"{"cmd":"did","id":"x","res":{}}"#),
        ("did $a err null", r#"{"cmd":"did","job":$a,"err":null}"#),
        ("do 1 t with cancellable", r#"{"cmd":"do","id":1,"type":"t","cancellable":true}"#),
        (
            "do 1 t [2] with priority -5, key \"x\"",
            r#"{"cmd":"do","id":1,"type":"t","arg":[2],"priority":-5,"key":"x"}"#,
        ),
        ("cancel x", r#"{"cmd":"cancel","id":"x"}"#),
        ("progress 1 [2]", r#"{"cmd":"progress","id":1,"data":[2]}"#),
        ("progress $a", r#"{"cmd":"progress","job":$a}"#),
        ("stored $a", r#"{"cmd":"stored","job":$a}"#),
        ("[raw]", "[raw]"),
    ] {
        assert_eq!(sent_line(short).as_deref(), Some(line));
    }
    for (short, line) in [
        ("pong", r#"{"cmd":"pong"}"#),
        ("do j1 t", r#"{"cmd":"do","id":"j1","type":"t"}"#),
        ("do 1 t $a", r#"{"cmd":"do","id":1,"type":"t","job":$a}"#),
        ("do 1 t $a [1, 2]", r#"{"cmd":"do","id":1,"type":"t","job":$a,"arg":[1, 2]}"#),
        ("do 1 t $a attempt 2", r#"{"cmd":"do","id":1,"type":"t","job":$a,"attempt":2}"#),
        ("do 1 t $a run_limit_ms 7 5", r#"{"cmd":"do","id":1,"type":"t","job":$a,"run_limit_ms":7,"arg":5}"#),
        ("cancel $a", r#"{"cmd":"cancel","job":$a}"#),
        ("stored x", r#"{"cmd":"stored","id":"x"}"#),
        ("progress x [1, 2]", r#"{"cmd":"progress","id":"x","data":[1, 2]}"#),
        ("did 1", r#"{"cmd":"did","id":1}"#),
        ("did 1 res 5", r#"{"cmd":"did","id":1,"res":5}"#),
        ("did 1 failed 5", r#"{"cmd":"did","id":1,"err":5,"code":"failed"}"#),
        ("did 1 gave_up", r#"{"cmd":"did","id":1,"err":"…","code":"gave_up"}"#),
        ("error bad_json", r#"{"cmd":"error","code":"bad_json","error":"…"}"#),
        ("error not_holding x", r#"{"cmd":"error","code":"not_holding","error":"…","id":"x"}"#),
    ] {
        assert_eq!(expected(short), Some(Expected::Line(line.to_owned())));
    }
    assert_eq!(sent_line("nonsense"), None);
    assert_eq!(expected("nonsense"), None);
}

#[test]
fn short_lines_of_a_peer_may_share_a_line() {
    let apart = "A> ping\nA> do 1 t \"x\"\nA< pong\nA< did 1\nA sends {\"x\":\"a; b\"}\nA> {\"x\":\"a; b\"}";
    let shared = "A> ping; do 1 t \"x\"\nA< pong; did 1\nA sends {\"x\":\"a; b\"}\nA> {\"x\":\"a; b\"}";
    let steps = |script| parse(script).into_iter().map(|line| line.step).collect::<Vec<_>>();
    assert_eq!(steps(apart), steps(shared));
    assert_eq!(parse(shared).iter().map(|line| line.place).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 3]);
}

#[test]
fn repetitions_are_written_out() {
    assert_eq!(repeated("a<xy*3>b<*>c<é*0>d<1"), "axyxyxyb<*>cd<1");
}

#[test]
fn wildcards_match_a_text_or_a_number() {
    let mut numbers = Numbers::default();
    assert!(numbers.fits(r#"{"a":$a,"t":"…"}"#, r#"{"a":17,"t":"say \"x\""}"#));
    assert!(!numbers.fits(r#"{"t":"…"}"#, r#"{"t":""}"#), "an empty text");
    assert!(!numbers.fits(r#"{"t":"…"}"#, r#"{"t":"x","y":1}"#), "more than was said");
    assert!(numbers.fits("$a", "17"), "the same number again");
    assert!(!numbers.fits("$a", "18"), "another number");
    assert!(!numbers.fits("$b", "17"), "a number that has a name");
    assert!(!numbers.fits("$b", "x"));
    assert!(numbers.fits("$c $_ $c", "5 17 5"), "a number without a name may be any");
    assert!(!numbers.fits("$_", "-1"), "no digit");
    assert!(numbers.fits(r#"{$*,"t":1}"#, r#"{"a":{"t":1},"t":1}"#));
    assert!(!numbers.fits(r#"{$*,"t":1}"#, r#"{"a":{"t":1}}"#), "the end is missing");
    assert_eq!(numbers.fill("did $a and $b"), "did 17 and $b");
}

#[test]
fn a_script_that_does_not_go_as_written_fails() {
    for wrong in [
        "A> ping",
        "A> ping\nA< error bad_json",
        "A quiet\nA< pong",
        "A> ping\nA quiet\nA< pong",
        "A> ping\nA< pong\nA closed explained",
        "A sends x\nA< error bad_json",
        "A sends x\nA< error bad_json\nA closed flushed",
        "A> do 1 t\nA> metrics\nA< metrics jobs_added 2",
        "A> metrics\nA< metrics no_such_figure 0",
        "A does something",
        "deputy --no-such-option 1",
    ] {
        assert!(catch_unwind(|| check(wrong)).is_err(), "it passed: {wrong}");
    }
}
