//! `wait_ms` 0: a job that ends at once unless a slot is free for it.

use crate::play::check;
use crate::script::scripts;

scripts! {
    without_a_free_slot_the_job_ends_at_once: r#"
        A> do 1 t with wait_ms 0
        A< {"cmd":"did","id":1,"err":"…","code":"no_worker"}
        W> can_do t max_jobs 1
        A> do 2 t with wait_ms 0
        W< do 2 t $a
        A> do 3 t with wait_ms 0
        A< did 3 no_worker
        A> do 4 t
        A> metrics
        A< metrics jobs_added 4, jobs_failed 2, jobs_no_worker 2, jobs_waiting 1, jobs_refused 0"#;

    its_worker_is_sent_it_like_any_other_and_answers: r#"
        W> can_do t max_jobs 1
        A> do 1 t [5] with wait_ms 0
        W< do 1 t $a [5]
        W> did $a res 6
        A< did 1 res 6
        A> metrics
        A< metrics jobs_done 1, jobs_no_worker 0, bytes_held 0"#;

    a_spent_slot_is_not_free: r#"
        W> can_do t max_jobs 1
        A> do 1 t with cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        A> do 2 t with wait_ms 0
        A< did 2 no_worker"#;

    a_job_that_waits_goes_first: r#"
        A> do 1 t; do 2 t with wait_ms 0, priority 127
        A< did 2 no_worker
        W> can_do t
        W< do 1 t"#;

    given_back_it_ends: r#"
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 0
        W< do 1 t $a
        V> can_do t
        W gone
        A< did 1 no_worker
        A> metrics
        A< metrics jobs_reassigned 1, jobs_failed 1, jobs_no_worker 1, jobs_waiting 0, bytes_held 0
        V quiet"#;

    when_its_attempts_are_used_up_that_is_what_it_ends_with: r#"
        W> can_do t
        A> do 1 t with wait_ms 0, attempts 1
        W< do 1 t
        W gone
        A< did 1 gave_up
        A> metrics
        A< metrics jobs_failed 1, jobs_no_worker 0"#;

    /// Both types of W are offered, and one of the offers is stale.
    a_slot_that_another_type_has_taken_is_not_free: r#"
        W> can_do t u
        A> do 1 t
        W< do 1 t
        A> do 2 u with wait_ms 0
        A< did 2 no_worker
        A> do 3 u with wait_ms 0
        A< did 3 no_worker
        A> metrics
        A< metrics jobs_waiting 0, jobs_no_worker 2"#;
}

#[test]
fn after_a_stale_offer_another_worker_gets_it() {
    for workers in ["U> can_do t u\nV> can_do u", "V> can_do u\nU> can_do t u"] {
        check(&format!(
            r#"{workers}
               A> do 1 t
               U< do 1 t
               A> do 2 u with wait_ms 0
               V< do 2 u
               A quiet
               A> do 3 u with wait_ms 0
               A< did 3 no_worker
               V> did 2
               A< did 2"#
        ));
    }
}

scripts! {
    its_submitter_need_not_be_there: r#"
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 0
        W< do 1 t $a
        A gone
        W gone
        M> metrics
        M< metrics jobs_no_worker 1, jobs_failed 1, results_dropped 1, bytes_held 0"#;

    of_a_background_job_the_end_is_only_counted: r#"
        A> do 1 t with wait_ms 0, background
        A< did 1
        A> metrics
        A< metrics jobs_no_worker 1, jobs_failed 1, results_dropped 0, bytes_held 0"#;
}

#[test]
fn with_every_other_option_it_is_the_same() {
    for option in
        ["priority 5", "run_limit_ms 5", "deadline_ms 100000", "attempts 1", "cancellable", "progress", "need_worker"]
    {
        check(&format!(
            r#"W> can_do t max_jobs 1
               A> do 1 t
               W< do 1 t $a
               A> do 2 t with wait_ms 0, {option}
               A< did 2 no_worker
               A> cancel 2
               A quiet
               W> did $a
               A< did 1
               A> metrics
               A< metrics jobs_no_worker 1, jobs_cancelled 0, bytes_held 0"#
        ));
    }
}
