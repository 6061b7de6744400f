//! Durable jobs: which workers they go to, what `stored` says and to whom, and how they end without a worker for them.

use crate::play::{check, check_rows};

#[test]
fn a_durable_job_goes_to_a_durable_worker_which_says_stored() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t "x" with durable
           B< do 1 t $a "x"
           A quiet
           B> stored $a
           A< {"cmd":"stored","id":1}
           B> did $a res 2
           A< did 1 res 2
           A> metrics
           A< metrics jobs_added 1, jobs_dispatched 1, jobs_done 1, jobs_failed 0, workers 1, workers_idle 1"#,
    );
}

/// The id comes back as it was sent.
#[test]
fn stored_carries_the_submitters_own_id() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> {"cmd":"do","id":"\u0061","type":"t","durable":true}
           B< {"cmd":"do","id":"\u0061","type":"t","job":$a}
           B> {"cmd":"stored","job":$a,"id":"of no use"}
           A< {"cmd":"stored","id":"\u0061"}
           B> did $a err 0
           A< {"cmd":"did","id":"\u0061","err":0,"code":"failed"}"#,
    );
}

#[test]
fn a_durable_job_never_goes_to_another_worker_and_another_job_never_to_a_durable_one() {
    check(
        r#"W> can_do t
           S> can_do t with spare
           B> can_do t max_jobs 9 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t
           W< do 2 t
           A> do 3 t
           S< do 3 t
           A> do 4 t
           A> do 5 t with durable
           B< do 5 t $b
           B quiet
           W> did 2
           A< did 2
           W< do 4 t"#,
    );
}

#[test]
fn without_a_durable_worker_it_ends_at_once_with_no_bridge() {
    check(
        r#"W> can_do t
           S> can_do t with spare
           B> can_do u max_jobs 9 with durable
           A> do 1 t with durable
           A< {"cmd":"did","id":1,"err":"…","code":"no_bridge"}
           A> metrics
           A< metrics jobs_added 1, jobs_failed 1, jobs_no_bridge 1, jobs_no_worker 0, jobs_refused 0, jobs_waiting 0, bytes_held 0
           A> do 2 t with durable false
           W< do 2 t"#,
    );
}

/// It says when there is no durable worker, not `no_worker`, and waits for one that is busy.
#[test]
fn need_worker_beside_it_is_not_looked_at() {
    check(
        r#"W> can_do t
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
           A< metrics jobs_no_worker 0, jobs_no_bridge 1"#,
    );
}

#[test]
fn a_durable_worker_is_none_for_a_job_that_needs_a_worker() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with need_worker
           A< did 1 no_worker
           B> can_do t
           A> do 2 t with need_worker
           B< do 2 t $a"#,
    );
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

#[test]
fn what_is_refused_changes_nothing() {
    check(
        r#"B> {"cmd":"can_do","types":["t"],"durable":true,"ref":true}
           B< error bad_request
           B> {"cmd":"can_do","types":["t"],"durable":1,"max_jobs":1}
           B< error bad_request
           B> can_do t
           A> do 1 t
           B< {"cmd":"do","id":1,"type":"t"}"#,
    );
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
               A> do 4 t
               A> do 5 t with durable
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

#[test]
fn cant_do_takes_all_away() {
    check(
        r#"B> can_do t max_jobs 2 with durable, spare
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
           A< metrics workers 0"#,
    );
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

#[test]
fn with_background_the_did_takes_the_place_of_stored() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable, background
           B< do 1 t $a
           A quiet
           B> stored $a
           A< {"cmd":"did","id":1}
           B> did $a res 2
           A quiet
           A> do 2 t with durable, background
           B< do 2 t $b
           B> stored $b
           A< did 2
           B> did $b err 0
           A quiet
           A> metrics
           A< metrics jobs_added 2, jobs_done 1, jobs_failed 1, results_dropped 0, bytes_held 0"#,
    );
}

#[test]
fn a_background_job_that_ends_before_it_is_stored_says_how() {
    check(
        r#"A> do 1 t with durable, background
           A< did 1 no_bridge
           B> can_do t max_jobs 1 with durable
           A> do 2 t with durable, background
           B< do 2 t $a
           B> did $a res "done at once"
           A< did 2 res "done at once"
           A> do 3 t with durable, background
           B< do 3 t $b
           B> did $b err "cannot"
           A< did 3 failed "cannot"
           A> do 4 t with durable, background
           B< do 4 t $c
           B gone
           A< did 4 no_bridge
           A> metrics
           A< metrics jobs_added 4, jobs_done 1, jobs_failed 3, jobs_no_bridge 2, results_dropped 0, bytes_held 0"#,
    );
}

#[test]
fn stored_a_second_time_for_one_number_is_not_holding() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable
           B< do 1 t $a
           B> stored $a
           A< stored 1
           B> {"cmd":"stored","job":$a,"id":"x"}
           B< error not_holding "x"
           A quiet
           B> did $a
           A< did 1
           B> stored $a
           B< error not_holding
           A> metrics
           A< metrics protocol_errors 2, faults.not_holding 2"#,
    );
}

#[test]
fn stored_for_a_job_that_is_not_durable_or_not_held_is_not_holding() {
    check(
        r#"W> can_do t max_jobs 1
           B> can_do t max_jobs 1 with durable
           A> do 1 t
           W< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           W> stored $a
           W< error not_holding
           W> stored $b
           W< error not_holding
           A> stored $b
           A< error not_holding
           B> stored 7
           B< error not_holding
           B> did $b
           A< did 2
           W> did $a
           A< did 1"#,
    );
}

/// A worker without `max_jobs` cannot name a job so: its jobs have no number.
#[test]
fn stored_without_a_readable_number_is_a_bad_request() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           B> {"cmd":"stored","id":1}
           B< error bad_request 1
           B> {"cmd":"stored"}
           B< error bad_request
           B> {"cmd":"stored","job":-1}
           B< error bad_request
           B> stored $a
           A< stored 1"#,
    );
}

#[test]
fn stored_for_a_spent_slot_is_dropped_without_an_error() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable, cancellable
           B< do 1 t $a
           A> cancel 1
           A< did 1 cancelled
           B< cancel $a
           B> stored $a
           B> stored $a
           A quiet
           B quiet
           B> did $a
           A> metrics
           A< metrics protocol_errors 0, slots_spent 0, results_dropped 1, jobs_cancelled 1"#,
    );
}

#[test]
fn a_stored_job_whose_worker_leaves_waits_for_the_next_durable_worker_with_the_same_ref() {
    check(
        r#"B> can_do t max_jobs 1 with durable, ref
           A> do 1 t "x" with durable
           B< {"cmd":"do","id":1,"type":"t","job":$a,"ref":"$_.0","arg":"x"}
           B> stored $a
           A< stored 1
           B gone
           A quiet
           W> can_do t
           W quiet
           A> do 2 t with durable
           A< did 2 no_bridge
           C> can_do t max_jobs 1 with durable, ref
           C< {"cmd":"do","id":1,"type":"t","job":$b,"ref":"$_.0","arg":"x"}
           C> stored $b
           A quiet
           C quiet
           C> stored $b
           C< error not_holding
           C> did $b res 5
           A< did 1 res 5
           A> metrics
           A< metrics jobs_reassigned 1, jobs_dispatched 2, faults.left_holding 1, jobs_done 1, jobs_no_bridge 1"#,
    );
}

/// However often, and also if it may be tried once only: it may run more than once.
#[test]
fn a_lost_durable_worker_counts_no_attempt_and_makes_no_suspect() {
    check(
        r#"deputy --max-attempts 1
           B> can_do t max_jobs 2 with durable
           C> can_do t max_jobs 9 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable, attempts 1
           C< do 2 t $b
           A> do 3 t with durable
           B< do 3 t $c
           B> stored $a
           A< stored 1
           B gone
           C< do 1 t $d
           C< do 3 t $e
           C> metrics
           C< metrics jobs_running 3, faults.gave_up 0
           D> can_do t max_jobs 9 with durable
           C gone
           D< do 1 t $f
           D< do 2 t $g
           D< do 3 t $h
           D> did $f
           A< did 1
           D> did $g
           A< did 2
           D> did $h
           A< did 3
           A> metrics
           A< metrics jobs_reassigned 5, jobs_failed 0, faults.gave_up 0"#,
    );
}

/// Those that are stored first wait like the others, by priority and arrival.
#[test]
fn jobs_of_a_lost_durable_worker_keep_their_priority_and_place() {
    check(
        r#"B> can_do t max_jobs 3 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable, priority 5
           B< do 2 t $b
           A> do 3 t with durable
           B< do 3 t $c
           A> do 4 t with durable, priority 9
           B> stored $c
           A< stored 3
           B> stored $a
           A< stored 1
           B> stored $b
           A< stored 2
           C> can_do max_jobs 4
           B gone
           A< did 4 no_bridge
           C> can_do t with durable
           C< do 2 t $d
           C< do 1 t $e
           C< do 3 t $f
           C> did $d
           A< did 2
           C> did $e
           A< did 1
           C> did $f
           A< did 3"#,
    );
}

#[test]
fn when_the_last_durable_worker_goes_what_is_not_stored_ends_with_no_bridge() {
    for end in ["B gone", "B leaves"] {
        check(&format!(
            r#"B> can_do t max_jobs 2 with durable
               C> can_do t max_jobs 1 with durable
               A> do held t with durable
               B< do held t $a
               A> do other t with durable
               C< do other t $b
               A> do stored t with durable
               B< do stored t $c
               A> do waits t with durable
               B> stored $c
               A< stored stored
               C gone
               A quiet
               {end}
               A< did other no_bridge
               A< did waits no_bridge
               A< did held no_bridge
               A> metrics
               A< metrics jobs_waiting 1, jobs_failed 3, jobs_no_bridge 3
               D> can_do t max_jobs 1 with durable
               D< do stored t $d
               D> did $d
               A< did stored"#
        ));
    }
}

/// What the worker holds it may finish.
#[test]
fn when_the_last_durable_worker_takes_the_type_back_what_waits_ends_with_no_bridge() {
    check(
        r#"B> can_do t u max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           A> do 3 u with durable
           B> cant_do t
           A< did 2 no_bridge
           B> stored $a
           A< stored 1
           B> did $a
           A< did 1
           B< do 3 u $b"#,
    );
}

/// It is given back without being stored, and there is no worker any more.
#[test]
fn what_is_held_after_cant_do_and_given_back_ends_with_no_bridge() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           B> cant_do t
           A quiet
           B> stored $b
           A< stored 2
           B gone
           A< did 1 no_bridge
           C> can_do t max_jobs 1 with durable
           C< do 2 t $c
           C> did $c
           A< did 2"#,
    );
}

#[test]
fn a_durable_job_that_is_stored_can_be_cancelled() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable, cancellable
           B< do 1 t $a
           B> stored $a
           A< stored 1
           A> cancel 1
           A< did 1 cancelled
           B< cancel $a
           B> did $a
           A> do 2 t with durable, cancellable
           B< do 2 t $b
           A> do 3 t with durable, cancellable
           B> stored $b
           A< stored 2
           A> cancel 3
           A< did 3 cancelled
           B gone
           A> cancel 2
           A< did 2 cancelled
           A> metrics
           A< metrics jobs_waiting 0, jobs_cancelled 3, bytes_held 0"#,
    );
}

#[test]
fn the_end_of_its_submitter_ends_a_cancellable_one_and_no_other() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable, cancellable
           B< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           B> stored $a
           A< stored 1
           A gone
           B< cancel $a
           B> did $a
           B> stored $b
           B> did $b
           B> metrics
           B< metrics jobs_cancelled 1, jobs_done 1, results_dropped 3"#,
    );
}

/// The `did` that says that it is stored counts as an answer, and what becomes of it does not.
#[test]
fn a_background_job_whose_submitter_left_is_stored_and_counted() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable, background
           B< do 1 t $a
           A> do 2 t with durable, background
           B< do 2 t $b
           A gone
           B> stored $a
           B> did $a
           B> did $b
           B> metrics
           B< metrics jobs_done 2, results_dropped 2"#,
    );
}

#[test]
fn a_deadline_ends_it_wherever_it_is_stored_or_not() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable, deadline_ms 50
           B< do 1 t $a
           A> do 2 t with durable, deadline_ms 60
           B< do 2 t $b
           A> do 3 t with durable, deadline_ms 70
           B> stored $b
           A< stored 2
           at 100
           A< did 1 expired
           A< did 2 expired
           A< did 3 expired
           B< cancel $a
           B< cancel $b
           B> did $a
           B> did $b"#,
    );
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable, deadline_ms 50
           B< do 1 t $a
           B> stored $a
           A< stored 1
           B gone
           at 100
           A< did 1 expired
           A> metrics
           A< metrics jobs_waiting 0, jobs_expired 1"#,
    );
}

/// Its worker does not run it.
#[test]
fn a_run_limit_is_told_to_the_durable_worker_and_does_not_bind_it() {
    check(
        r#"deputy --run-limit 1
           B> can_do t max_jobs 2 with durable
           W> can_do t max_jobs 1
           A> do 1 t with durable, run_limit_ms 20, attempts 1
           B< do 1 t $a run_limit_ms 20
           A> do 2 t with durable
           B< do 2 t $b
           A> do 3 t
           W< do 3 t $c run_limit_ms 1000
           B> progress $a
           at 5000
           W< cancel $c
           W> did $c
           W< do 3 t $d attempt 2 run_limit_ms 1000
           W> did $d
           A< did 3
           B> did $a
           A< did 1
           B> did $b
           A< did 2
           A> metrics
           A< metrics jobs_timed_out 0, faults.overdue 1"#,
    );
}

#[test]
fn its_progress_reaches_its_submitter() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable, progress
           B< do 1 t $a
           B> progress $a 1
           A< progress 1 1
           B> stored $a
           A< stored 1
           B> progress $a 2
           A< progress 1 2
           B gone
           C> can_do t max_jobs 1 with durable
           C< do 1 t $b
           C> progress $b 3
           A< progress 1 3
           C> did $b
           A< did 1"#,
    );
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           B> progress $a 1
           A quiet
           B> did $a
           A< did 1"#,
    );
}

#[test]
fn the_higher_priority_goes_first() {
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           A> do 3 t with durable, priority 1
           B> did $a
           A< did 1
           B< do 3 t $b
           B> did $b
           A< did 3
           B< do 2 t $c"#,
    );
}

#[test]
fn two_jobs_of_one_id_are_stored_and_answered_each() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t "x" with durable
           B< do 1 t $a "x"
           A> do 1 t "y" with durable
           B< do 1 t $b "y"
           B> stored $b
           A< stored 1
           B> stored $a
           A< stored 1
           B> did $b res 2
           A< did 1 res 2
           B> did $a res 1
           A< did 1 res 1"#,
    );
}

#[test]
fn a_stopping_server_answers_what_waits_and_lets_workers_store_and_finish() {
    check(
        r#"B> can_do t max_jobs 3 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           A> do 3 t with durable, background
           B< do 3 t $c
           A> do 4 t with durable
           A> do 5 t with durable, background
           stop
           A< did 4 shutdown
           A< did 5 shutdown
           A> do 6 t with durable
           A< did 6 shutdown
           B> stored $a
           A< stored 1
           B> stored $c
           A< did 3
           B> did $a
           A< did 1
           drain over
           A< did 2 shutdown
           A> metrics
           A< metrics jobs_no_bridge 0, jobs_done 1"#,
    );
}

/// Stored or not: the server that starts next knows nothing of it.
#[test]
fn what_comes_back_to_a_stopping_server_is_answered_shutdown() {
    check(
        r#"B> can_do t max_jobs 2 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           B> stored $a
           A< stored 1
           stop
           B gone
           A< did 1 shutdown
           A< did 2 shutdown"#,
    );
    check(
        r#"B> can_do t max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           B> stored $a
           A< stored 1
           B gone
           stop
           A< did 1 shutdown"#,
    );
}

/// Its options and its ticket: 256 bytes each, as for other jobs.
#[test]
fn it_counts_in_the_memory_budget_until_it_is_answered() {
    check(
        r#"deputy --max-memory 1000
           B> can_do t max_jobs 1 with durable
           A> do 1 t with durable
           B< do 1 t $a
           A> do 2 t with durable
           A< did 2 queue_full
           B> stored $a
           A< stored 1
           B> did $a
           A< did 1
           A> metrics
           A< metrics bytes_held 0"#,
    );
}

#[test]
fn a_paused_durable_worker_is_sent_nothing_and_is_there_all_the_same() {
    check(
        r#"B> can_do t max_jobs 9 with durable
           B stops reading
           A> {"cmd":"do","id":1,"type":"t","durable":true,"arg":"<x*1100000>"}
           A> do 2 t with durable
           A quiet
           B reads on
           B< {"cmd":"do","id":1,"type":"t","job":$a,"arg":"<x*1100000>"}
           B< do 2 t $b"#,
    );
}

#[test]
fn jobs_that_a_bridge_holds_beside_others_are_company_for_those() {
    check(
        r#"deputy --max-attempts 1
           B> can_do t max_jobs 2 with durable, spare
           A> do 1 t
           B< do 1 t $a
           A> do 2 t with durable
           B< do 2 t $b
           B gone
           A< did 2 no_bridge
           C> can_do t max_jobs 2
           C< do 1 t $c
           C gone
           A< did 1 gave_up"#,
    );
}
