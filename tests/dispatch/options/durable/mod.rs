//! Durable jobs: which workers they go to, and what is refused.

mod ends;
mod lost;
mod stored;
mod wait_ms;

use crate::play::{check, check_rows};
use crate::script::scripts;

scripts! {
    a_durable_job_goes_to_a_durable_worker_which_says_stored: r#"
        B> can_do t max_jobs 2 with durable
        A> do 1 t "x" with durable
        B< do 1 t $a "x"
        A quiet
        B> stored $a
        A< {"cmd":"stored","id":1}
        B> did $a res 2
        A< did 1 res 2
        A> metrics
        A< metrics jobs_added 1, jobs_dispatched 1, jobs_done 1, jobs_failed 0, workers 1, workers_idle 1"#;

    a_durable_job_never_goes_to_another_worker_and_another_job_never_to_a_durable_one: r#"
        W> can_do t
        S> can_do t with spare
        B> can_do t max_jobs 9 with durable
        A> do 1 t with durable
        B< do 1 t $a
        A> do 2 t
        W< do 2 t
        A> do 3 t
        S< do 3 t
        A> do 4 t; do 5 t with durable
        B< do 5 t $b
        B quiet
        W> did 2
        A< did 2
        W< do 4 t"#;

    without_a_durable_worker_it_ends_at_once_with_no_bridge: r#"
        W> can_do t
        S> can_do t with spare
        B> can_do u max_jobs 9 with durable
        A> do 1 t with durable
        A< {"cmd":"did","id":1,"err":"…","code":"no_bridge"}
        A> metrics
        A< metrics jobs_added 1, jobs_failed 1, jobs_no_bridge 1, jobs_no_worker 0, jobs_refused 0, jobs_waiting 0, bytes_held 0
        A> do 2 t with durable false
        W< do 2 t"#;

    /// It says when there is no durable worker, not `no_worker`, and waits for one that is busy.
    need_worker_beside_it_is_not_looked_at: r#"
        W> can_do t
        A> do 1 t with durable, need_worker
        A< did 1 no_bridge
        B> can_do t max_jobs 1 with durable
        A> do 2 t with durable, need_worker
        B< do 2 t $a
        A> do 3 t with durable, need_worker
        A quiet
        B> did $a
        A< did 2
        B< do 3 t $b
        B> did $b
        A< did 3
        A> metrics
        A< metrics jobs_no_worker 0, jobs_no_bridge 1"#;

    a_durable_worker_is_none_for_a_job_that_needs_a_worker: r#"
        B> can_do t max_jobs 1 with durable
        A> do 1 t with need_worker
        A< did 1 no_worker
        B> can_do t
        A> do 2 t with need_worker
        B< do 2 t $a"#;
}

#[test]
fn can_do_with_durable_needs_max_jobs_now_or_before() {
    let none = r#"{"cmd":"can_do","types":[],"durable":true}"#;
    for refused in ["can_do t with durable", "can_do t u with durable, spare", none] {
        check(&format!(
            r#"B> {refused}
               B< error bad_request
               A> do 1 t with durable
               A< did 1 no_bridge
               A> do 2 t
               B quiet
               A> metrics
               A< metrics workers 0, workers_added 0, faults.bad_request 1"#
        ));
    }
    check(
        r#"B> can_do max_jobs 2
           B> can_do t with durable
           B> can_do u with durable false
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 u
           B< do 2 u $b"#,
    );
}

scripts! {
    what_is_refused_changes_nothing: r#"
        B> {"cmd":"can_do","types":["t"],"durable":true,"ref":true}
        B< error bad_request
        B> {"cmd":"can_do","types":["t"],"durable":1,"max_jobs":1}
        B< error bad_request
        B> can_do t
        A> do 1 t
        B< {"cmd":"do","id":1,"type":"t"}"#;
}

#[test]
fn durable_in_can_do_is_true_or_false() {
    for value in ["null", "0", "1", r#""""#, r#""true""#, "[true]", "{}"] {
        check_rows(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":1,"durable":{value}}} => error bad_request"#));
        check_rows(&format!(r#"{{"cmd":"do","id":7,"type":"t","durable":{value}}} => did 7 bad_request"#));
    }
    check_rows(r#"{"cmd":"do","id":7,"type":"t","durable":true} => did 7 no_bridge"#);
}

#[test]
fn one_connection_may_take_both_and_its_slots_are_shared() {
    for line in ["can_do t max_jobs 2 with durable, spare", "can_do t max_jobs 2 with spare, durable"] {
        check(&format!(
            r#"B> {line}
               W> can_do t
               A> do 1 t
               W< do 1 t
               A> do 2 t
               B< do 2 t $a
               A> do 3 t with durable
               B< do 3 t $b
               A> do 4 t; do 5 t with durable
               B quiet
               B> did $b
               A< did 3
               B< do 4 t $c
               B> did $c
               A< did 4
               B< do 5 t $d
               B> metrics
               B< metrics workers 2, jobs_running 3, jobs_waiting 0"#
        ));
    }
}

#[test]
fn a_second_line_adds_the_types_as_ordinary_or_as_durable() {
    for lines in [["can_do t max_jobs 2 with durable", "can_do t"], ["can_do t max_jobs 2", "can_do t with durable"]] {
        let [first, second] = lines;
        check(&format!(
            r#"B> {first}
               B> {second}
               B> {first}
               A> do 1 t
               B< do 1 t $a
               A> do 2 t with durable
               B< do 2 t $b
               B> stored $a
               B< error not_holding
               B> stored $b
               A< stored 2
               B> metrics
               B< metrics workers 1, workers_added 1"#
        ));
    }
}

scripts! {
    cant_do_takes_all_away: r#"
        B> can_do t max_jobs 2 with durable, spare
        A> do 1 t with durable
        B< do 1 t $a
        B> cant_do t
        A> do 2 t with durable
        A< did 2 no_bridge
        A> do 3 t with need_worker
        A< did 3 no_worker
        B> stored $a
        A< stored 1
        B> did $a
        A< did 1
        A> metrics
        A< metrics workers 0"#;
}

#[test]
fn with_a_key_or_a_delay_it_is_refused() {
    check_rows(
        r#"{"cmd":"do","id":1,"type":"t","durable":true,"key":"k"}    => did 1 bad_request
           {"cmd":"do","id":1,"type":"t","durable":true,"delay_ms":1} => did 1 bad_request
           {"cmd":"do","id":1,"type":"t","durable":true,"delay_ms":0} => did 1 no_bridge"#,
    );
    check(
        r#"A> do 1 t with durable, key "k"
           A< did 1 bad_request
           A> metrics
           A< metrics jobs_added 0, jobs_refused 1, faults.bad_request 1"#,
    );
}
