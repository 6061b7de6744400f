//! `deadline_ms`: a job that must have ended by then.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_job_that_waits_expires: r#"
        A> do 1 t with deadline_ms 1000; do 2 t
        at 999
        A quiet
        at 1000
        A< {"cmd":"did","id":1,"err":"…","code":"expired"}
        A> metrics
        A< metrics jobs_expired 1, jobs_failed 1, jobs_waiting 1
        W> can_do t
        W< do 2 t"#;

    a_job_that_is_held_expires_and_its_worker_gets_a_cancel: "
        W> can_do t max_jobs 1
        A> do 1 t with deadline_ms 1000; do 2 t
        W< do 1 t $a
        at 1000
        A< did 1 expired
        W< cancel $a
        W> progress $a 1
        W> did $a res 5
        W< do 2 t $b
        A quiet
        A> metrics
        A< metrics jobs_expired 1, results_dropped 1, protocol_errors 0";

    a_job_that_was_answered_in_time_does_not_expire: "
        W> can_do t
        A> do 1 t with deadline_ms 1000
        W< do 1 t
        at 999
        W> did 1
        A< did 1
        at 5000
        A quiet
        A> metrics
        A< metrics jobs_done 1, jobs_expired 0, bytes_held 0";

    a_job_that_was_given_back_expires: "
        W> can_do t
        A> do 1 t with deadline_ms 1000
        W< do 1 t
        W gone
        at 1000
        A< did 1 expired
        V> can_do t
        V quiet
        A> metrics
        A< metrics jobs_expired 1, jobs_reassigned 1, jobs_waiting 0";

    a_deadline_holds_after_the_submitter_left: "
        W> can_do t max_jobs 1
        A> do 1 t with deadline_ms 1000; do 2 t with deadline_ms 1000
        W< do 1 t $a
        A leaves
        W quiet
        at 1000
        W< cancel $a
        M> metrics
        M< metrics jobs_expired 2, jobs_waiting 0, slots_spent 1, results_dropped 2
        W> did $a
        W quiet";

    progress_does_not_move_a_deadline: "
        W> can_do t max_jobs 1
        A> do 1 t with deadline_ms 1000, progress
        W< do 1 t $a
        at 900
        W> progress $a 1
        A< progress 1 1
        at 1000
        A< did 1 expired
        W< cancel $a";
}

#[test]
fn each_member_of_a_key_has_its_own_deadline() {
    check(
        r#"W> can_do t max_jobs 1
           A> do 1 t with key "k", deadline_ms 1000
           B> do 2 t with key "k"
           C> do 3 t with key "k", deadline_ms 2000
           W< do 1 t $a
           at 1000
           A< did 1 expired
           W quiet
           at 1500
           W> did $a res 5
           B< did 2 res 5
           C< did 3 res 5
           at 2000
           C quiet"#,
    );
    check(
        r#"W> can_do t max_jobs 1
           A> do 1 t with key "k", deadline_ms 1000
           B> do 2 t with key "k", deadline_ms 2000
           W< do 1 t $a
           at 1999
           A< did 1 expired
           W quiet
           at 2000
           B< did 2 expired
           W< cancel $a"#,
    );
}

scripts! {
    a_deadline_and_a_cancel_end_a_job_once: "
        A> do 1 t with deadline_ms 1000, cancellable; do 2 t with deadline_ms 1000, cancellable
        A> cancel 1
        A< did 1 cancelled
        at 1000
        A< did 2 expired
        A> cancel 2
        A quiet
        A> metrics
        A< metrics jobs_cancelled 1, jobs_expired 1, jobs_failed 2, bytes_held 0";

    while_the_server_stops_deadlines_go_on: "
        W> can_do t max_jobs 1
        A> do 1 t with deadline_ms 1000
        W< do 1 t $a
        stop
        A quiet
        at 1000
        A< did 1 expired
        W< cancel $a
        A> metrics
        A< metrics jobs_expired 1, bytes_held 0";

    thirty_days_are_the_most: "
        A> do 1 t with deadline_ms 2592000000; do 2 t with deadline_ms 2592000001
        A< did 2 bad_request
        A> do 3 t with deadline_ms 0
        A< did 3 bad_request
        at 2591999999
        A quiet
        at 2592000000
        A< did 1 expired";
}
