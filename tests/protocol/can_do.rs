//! `can_do`: types are added, all of a line or none.

use crate::play::{check, check_rows};
use crate::script::scripts;

/// Names for `can_do`: `"t0"`, `"t1"` and so on.
fn names(from: usize, to: usize) -> String {
    (from..to).map(|i| format!("\"t{i}\"")).collect::<Vec<_>>().join(",")
}

scripts! {
    types_are_added_to_those_given_before: r#"
        W> can_do a
        W> can_do b c
        A> do 1 a
        W< do 1 a
        W> did 1
        A< did 1
        A> do 2 b
        W< do 2 b
        W> did 2
        A< did 2
        A> do 3 c
        W< do 3 c
        W> did 3
        A< did 3"#;

    a_type_given_again_changes_nothing: r#"
        W> can_do t
        W> can_do t t
        W> {"cmd":"can_do","types":["t","\u0074","t"]}
        A> do 1 t; do 2 t
        W< do 1 t
        W quiet
        W> can_do t
        W quiet
        A> metrics
        A< metrics workers 1, workers_added 1, workers_idle 0, jobs_running 1, jobs_waiting 1
        W> did 1
        A< did 1
        W< do 2 t
        W> cant_do t
        W> did 2
        A< did 2
        A> do 3 t
        W quiet"#;

    an_empty_list_is_valid_and_makes_no_worker: r#"
        W> {"cmd":"can_do","types":[]}
        A> {"cmd":"metrics"}
        A< metrics workers 0, workers_added 0, workers_idle 0
        W> {"cmd":"can_do","types":[],"max_jobs":3}
        A> {"cmd":"metrics"}
        A< metrics workers 0, workers_added 0
        W> can_do t
        A> {"cmd":"metrics"}
        A< metrics workers 1, workers_added 1, workers_idle 1"#;
}

#[test]
fn f32_types_are_a_list_of_types() {
    for list in [
        "null", "true", "5", r#""t""#, r#"{"t":1}"#, "[null]", r#"["t",null]"#, r#"["t",5]"#, r#"[["t"]]"#,
        r#"["t",{}]"#, r#"["t",true]"#, r#"[""]"#, r#"["t",""]"#, r#"["<x*256>"]"#, r#"["t","<é*128>"]"#,
        r#"["t","\udfff"]"#,
    ] {
        for cmd in ["can_do", "cant_do"] {
            check_rows(&format!(
                r#"{{"cmd":"{cmd}","types":{list}}}          => error bad_request
                   {{"cmd":"{cmd}","types":{list},"id":"x"}} => error bad_request x"#
            ));
        }
    }
    check_rows(
        r#"{"cmd":"can_do"}                  => error bad_request
           {"cmd":"can_do","type":"t"}       => error bad_request
           {"cmd":"can_do","max_jobs":2}     => error bad_request
           {"cmd":"cant_do"}                 => error bad_request"#,
    );
}

scripts! {
    one_bad_element_refuses_the_whole_line: r#"
        W> {"cmd":"can_do","types":["a","b",""],"max_jobs":5}
        W< error bad_request
        A> metrics
        A< metrics workers 0, workers_added 0, protocol_errors 1
        A> do 1 a
        W quiet
        W> {"cmd":"can_do","types":["a"],"max_jobs":0}
        W< error bad_request
        W quiet
        W> {"cmd":"can_do","types":["a"]}
        W< do 1 a"#;
}

#[test]
fn f42_a_connection_has_at_most_1024_types() {
    let (all, last) = (names(0, 1_024), names(1_023, 1_024));
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{all}]}}
           A> do 1 t1023
           W< do 1 t1023
           W> did 1
           A< did 1
           W> {{"cmd":"can_do","types":["one more"]}}
           W< error bad_request
           W> {{"cmd":"can_do","types":[{all},{last}]}}
           W> {{"cmd":"can_do","types":["t5","t7","one more"],"max_jobs":2}}
           W< error bad_request
           A> do 2 t0
           W< do 2 t0
           W> did 2
           A< did 2
           W> {{"cmd":"cant_do","types":["t5"]}}
           W> {{"cmd":"can_do","types":["one more"]}}
           W> {{"cmd":"can_do","types":["t5"]}}
           W< error bad_request"#
    ));
}

#[test]
fn the_refusal_past_1024_types_carries_the_id() {
    let too_many = names(0, 1_025);
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{too_many}],"id":"x"}}
           W< error bad_request x"#
    ));
}

#[test]
fn the_line_past_1024_types_is_refused_whole() {
    let (half, more, too_many) = (names(0, 600), names(500, 1_024), names(600, 1_025));
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{half}]}}
           W> {{"cmd":"can_do","types":[{too_many}],"max_jobs":2}}
           W< error bad_request
           A> do 1 t600
           W quiet
           A> do 2 t0
           W< do 2 t0
           A> do 3 t1
           W quiet
           W> did 2
           A< did 2
           W< do 3 t1
           W> did 3
           A< did 3
           W> {{"cmd":"can_do","types":[{more}]}}
           W< do 1 t600
           W> did 1
           A< did 1"#
    ));
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{}]}}
           W< error bad_request"#,
        names(0, 1_025)
    ));
}

#[test]
fn f42_types_given_again_do_not_count_twice() {
    let (all, half) = (names(0, 1_024), names(0, 512));
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{half}]}}
           W> {{"cmd":"can_do","types":[{all},{half}]}}
           W> {{"cmd":"can_do","types":[{all}]}}
           W quiet
           V> {{"cmd":"can_do","types":[{all},{all}]}}
           V quiet
           V> {{"cmd":"can_do","types":["u"]}}
           V< error bad_request"#
    ));
}

scripts! {
    a_worker_that_takes_a_waiting_type_gets_a_job_at_once: r#"
        A> do 1 t; do 2 u
        W> can_do t
        W< do 1 t
        W> can_do u
        W quiet
        W> did 1
        A< did 1
        W< do 2 u
        W> did 2
        A< did 2"#;
}

#[test]
fn spare_is_true_or_false() {
    for value in ["null", "0", "1", r#""true""#, "[]", "{}", "[true]"] {
        check_rows(&format!(
            r#"{{"cmd":"can_do","types":["t"],"spare":{value}}}          => error bad_request
               {{"cmd":"can_do","types":["t"],"id":"x","spare":{value}}} => error bad_request x
               {{"cmd":"can_do","types":[],"spare":{value}}}             => error bad_request
               {{"cmd":"cant_do","types":["t"],"spare":{value}}}
               {{"cmd":"do","id":1,"type":"","spare":{value}}}           => did 1 bad_request
               {{"cmd":"ping","spare":{value}}}                          => pong"#
        ));
    }
    check_rows(
        r#"{"cmd":"can_do","types":["t"],"spare":true,"spare":true} => error bad_request
           {"cmd":"can_do","types":["t"],"spare":true}
           {"cmd":"can_do","types":["t"],"spare":false}"#,
    );
}

scripts! {
    a_wrong_spare_refuses_the_whole_line: r#"
        W> {"cmd":"can_do","types":["a"],"max_jobs":5,"spare":"yes"}
        W< error bad_request
        A> metrics
        A< metrics workers 0, workers_added 0, protocol_errors 1
        A> do 1 a
        W quiet
        W> can_do a
        W< do 1 a
        W quiet"#;

    a_type_keeps_its_class_until_it_is_taken_back: r#"
        S> can_do t max_jobs 9 with spare
        W> can_do t
        # It stays spare, whatever is said again.
        S> can_do t
        S> can_do t with spare false
        A> do 1 t
        W< do 1 t
        # It stays ordinary.
        W> can_do t with spare
        W> did 1
        A< did 1
        A> do 2 t
        W< do 2 t
        W> did 2
        A< did 2
        # Both change.
        S> cant_do t
        S> can_do t
        W> cant_do t
        W> can_do t with spare
        A> do 3 t
        S< do 3 t $a
        W quiet"#;
}

#[test]
fn types_of_both_classes_count_for_the_most_of_a_connection() {
    let (half, rest, one) = (names(0, 512), names(512, 1_024), names(1_024, 1_025));
    check(&format!(
        r#"W> {{"cmd":"can_do","types":[{half}]}}
           W> {{"cmd":"can_do","types":[{rest}],"spare":true}}
           W> {{"cmd":"can_do","types":[{half},{rest}],"spare":true}}
           W quiet
           W> {{"cmd":"can_do","types":[{one}],"spare":true}}
           W< error bad_request
           W> {{"cmd":"cant_do","types":["t0","t1023"]}}
           W> {{"cmd":"can_do","types":[{one}],"spare":true}}
           W quiet"#
    ));
}
