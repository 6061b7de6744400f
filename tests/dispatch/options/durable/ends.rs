//! Durable jobs: how they end by cancelling, time, a stop or their submitter, and what else they share with other jobs.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_durable_job_that_is_stored_can_be_cancelled: r#"
        B> can_do t max_jobs 1 with durable
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
        A< metrics jobs_waiting 0, jobs_cancelled 3, bytes_held 0"#;

    the_end_of_its_submitter_ends_a_cancellable_one_and_no_other: r#"
        B> can_do t max_jobs 2 with durable
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
        B< metrics jobs_cancelled 1, jobs_done 1, results_dropped 3"#;

    /// The `did` that says that it is stored counts as an answer, and what becomes of it does not.
    a_background_job_whose_submitter_left_is_stored_and_counted: r#"
        B> can_do t max_jobs 2 with durable
        A> do 1 t with durable, background
        B< do 1 t $a
        A> do 2 t with durable, background
        B< do 2 t $b
        A gone
        B> stored $a
        B> did $a; did $b
        B> metrics
        B< metrics jobs_done 2, results_dropped 2"#;
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
           A< did 1 expired; did 2 expired; did 3 expired
           B< cancel $a; cancel $b
           B> did $a; did $b"#,
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

scripts! {
    /// Its worker does not run it.
    a_run_limit_is_sent_to_the_durable_worker_and_does_not_bind_it: r#"
        deputy --run-limit 1
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
        A< metrics jobs_timed_out 0, faults.overdue 1"#;
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

scripts! {
    the_higher_priority_goes_first: r#"
        B> can_do t max_jobs 1 with durable
        A> do 1 t with durable
        B< do 1 t $a
        A> do 2 t with durable; do 3 t with durable, priority 1
        B> did $a
        A< did 1
        B< do 3 t $b
        B> did $b
        A< did 3
        B< do 2 t $c"#;

    two_jobs_of_one_id_are_stored_and_answered_each: r#"
        B> can_do t max_jobs 2 with durable
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
        A< did 1 res 1"#;

    a_stopping_server_answers_what_waits_and_lets_workers_store_and_finish: r#"
        B> can_do t max_jobs 3 with durable
        A> do 1 t with durable
        B< do 1 t $a
        A> do 2 t with durable
        B< do 2 t $b
        A> do 3 t with durable, background
        B< do 3 t $c
        A> do 4 t with durable; do 5 t with durable, background
        stop
        A< did 4 shutdown; did 5 shutdown
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
        A< metrics jobs_no_bridge 0, jobs_done 1"#;
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
           A< did 1 shutdown; did 2 shutdown"#,
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

scripts! {
    /// Its options and its ticket: 256 bytes each, as for other jobs.
    it_counts_in_the_memory_budget_until_it_is_answered: r#"
        deputy --max-memory 1000
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
        A< metrics bytes_held 0"#;

    a_paused_durable_worker_is_sent_nothing_and_is_there_all_the_same: r#"
        B> can_do t max_jobs 9 with durable
        B stops reading
        A> {"cmd":"do","id":1,"type":"t","durable":true,"arg":"<x*1100000>"}
        A> do 2 t with durable
        A quiet
        B reads on
        B< {"cmd":"do","id":1,"type":"t","job":$a,"arg":"<x*1100000>"}
        B< do 2 t $b"#;

    jobs_that_a_bridge_holds_beside_others_are_company_for_those: r#"
        deputy --max-attempts 1
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
        A< did 1 gave_up"#;
}
