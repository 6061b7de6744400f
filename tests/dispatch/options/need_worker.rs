//! `need_worker`: a job that ends at once if no worker does its type.

use crate::play::check;
use crate::script::scripts;

scripts! {
    without_a_worker_of_the_type_the_job_ends_at_once: r#"
        W> can_do u
        A> do 1 t with need_worker
        A< {"cmd":"did","id":1,"err":"…","code":"no_worker"}
        A> do 2 t with need_worker false
        A> metrics
        A< metrics jobs_added 2, jobs_failed 1, jobs_no_worker 1, jobs_waiting 1, jobs_refused 0"#;

    a_busy_worker_is_one: r#"
        W> can_do t max_jobs 1
        A> do 1 t with need_worker, cancellable
        W< do 1 t $a
        A> do 2 t with need_worker
        A quiet
        W> can_do u
        A> do 3 u with need_worker
        A quiet
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        A> do 4 t with need_worker
        A quiet
        A> metrics
        A< metrics jobs_no_worker 0, jobs_waiting 3"#;
}

#[test]
fn a_worker_that_left_the_type_is_none() {
    for end in ["W gone", "W> cant_do t", "W leaves"] {
        check(&format!(
            r#"W> can_do t max_jobs 1
               V> can_do t
               V> cant_do t
               A> do 1 t with need_worker
               W< do 1 t $a
               W> did $a
               A< did 1
               {end}
               A> do 2 t with need_worker
               A< did 2 no_worker
               V> can_do t
               A> do 3 t with need_worker
               V< do 3 t"#
        ));
    }
}

scripts! {
    /// Whether the job is new, given back or waiting.
    it_is_judged_once: r#"
        W> can_do t max_jobs 1
        A> do 1 t with need_worker; do 2 t with need_worker
        W< do 1 t $a
        W gone
        A quiet
        A> do 3 t with need_worker
        A< did 3 no_worker
        V> can_do t max_jobs 1
        V< do 1 t $b attempt 2
        V> did $b
        A< did 1
        V< do 2 t $c"#;

    one_that_joins_is_not_judged: r#"
        A> do 1 t with need_worker, key "k"
        A< did 1 no_worker
        A> do 2 t with key "k"; do 3 t with need_worker, key "k"
        A quiet
        A> metrics
        A< metrics jobs_joined 1, jobs_waiting 1, jobs_no_worker 1"#;
}

#[test]
fn with_every_other_option_it_is_the_same() {
    for option in ["priority 5", "run_limit_ms 5", "deadline_ms 100000", "attempts 1", "cancellable", "progress"] {
        check(&format!(
            r#"A> do 1 t with need_worker, {option}
               A< did 1 no_worker
               A> cancel 1
               A quiet
               A> metrics
               A< metrics jobs_no_worker 1, jobs_cancelled 0, bytes_held 0"#
        ));
    }
}
