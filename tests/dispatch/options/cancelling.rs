//! `cancel`, and the end of a submitter's connection: which jobs end, and what their workers receive.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_waiting_job_that_is_cancelled_leaves_the_line: r#"
        A> do 1 t with cancellable; do 2 t with cancellable; do 3 t
        A> cancel 2
        A< {"cmd":"did","id":2,"err":"…","code":"cancelled"}
        W> can_do t max_jobs 3
        W< do 1 t $a; do 3 t $b
        A> metrics
        A< metrics jobs_added 3, jobs_cancelled 1, jobs_failed 1, jobs_waiting 0, jobs_running 2, results_dropped 0"#;

    /// The job that comes next may have the same id.
    a_worker_without_job_numbers_gets_no_cancel: r#"
        W> can_do t
        A> do 1 t with cancellable
        W< do 1 t
        A> cancel 1
        A< did 1 cancelled
        A> do 1 t
        W quiet
        W> did 2
        W< error not_holding 2
        W> did 1 res "of the first"
        A quiet
        W< do 1 t
        W> did 1 res "of the second"
        A< did 1 res "of the second"
        A> metrics
        A< metrics results_dropped 1, jobs_cancelled 1, jobs_done 1, slots_spent 0, bytes_held 0"#;

    nothing_is_sent_if_there_is_nothing_to_cancel: r#"
        W> can_do t max_jobs 4
        A> cancel 9
        A> do 1 t; do 2 t with progress, deadline_ms 100000; do 3 t with cancellable false
        B> do 4 t with cancellable
        W< do 1 t $a; do 2 t $b; do 3 t $c; do 4 t $d
        A> cancel 1; cancel 2; cancel 3; cancel 4
        W quiet
        A quiet
        B quiet
        W> did $d
        B< did 4
        B> cancel 4
        B quiet
        W quiet
        A> metrics
        A< metrics jobs_cancelled 0, protocol_errors 0"#;

    a_second_cancel_finds_nothing: r#"
        W> can_do t max_jobs 1
        A> do 1 t with cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        A> cancel 1
        A quiet
        W quiet
        W> did $a
        A> cancel 1
        A quiet"#;

    all_cancellable_jobs_of_one_id_end_and_no_other: r#"
        W> can_do u max_jobs 1
        A> do 1 t with cancellable; do 1 u with cancellable; do 1 t; do 2 t with cancellable
        B> do 1 t with cancellable
        W< do 1 u $a
        A> cancel 1
        A< did 1 cancelled; did 1 cancelled
        W< cancel $a
        A quiet
        B quiet
        A> metrics
        A< metrics jobs_waiting 3, jobs_cancelled 2"#;
}

/// As everywhere: strings by their meaning, numbers by their value.
#[test]
fn an_id_may_be_written_in_another_way() {
    for (id, other) in [(r#""x""#, r#""\u0078""#), ("10", "1e1"), ("0", "-0"), (r#""\ud800""#, r#""\uD800""#)] {
        check(&format!("A> do {id} t with cancellable\nA> cancel {other}\nA< did {id} cancelled"));
    }
    for (id, other) in [("\"1\"", "1"), ("x", "X"), ("1", "2")] {
        check(&format!("A> do {id} t with cancellable\nA> cancel {other}\nA quiet"));
    }
}

#[test]
fn the_end_of_a_connection_cancels_what_can_be_cancelled() {
    for end in ["A leaves", "A gone"] {
        check(&format!(
            r#"W> can_do t max_jobs 1
               A> do 1 t with cancellable; do 2 t with cancellable; do 3 t; do 4 t with progress
               B> do 1 t with cancellable
               W< do 1 t $a
               {end}
               W< cancel $a
               W> did $a
               W< do 3 t $b
               W> progress $b 1
               W> did $b
               W< do 4 t $c
               W> progress $c 1
               W> did $c
               W< do 1 t $d
               W> did $d
               B< did 1
               B> metrics
               B< metrics jobs_cancelled 2, jobs_done 3, results_dropped 5, progress_dropped 0, bytes_held 0"#
        ));
    }
}

scripts! {
    a_job_of_the_worker_itself_can_be_cancelled: r#"
        W> can_do t max_jobs 1
        W> do 1 t with cancellable
        W< do 1 t $a
        W> cancel 1
        W< did 1 cancelled
        W< cancel $a
        W> did $a
        W> do 2 t with cancellable
        W< do 2 t $b
        W gone
        B> metrics
        B< metrics jobs_cancelled 2, slots_spent 0, bytes_held 0"#;

    /// It has no number by which the worker could be asked to end it.
    a_job_that_was_sent_without_a_number_has_none_later: r#"
        W> can_do t
        A> do 1 t with cancellable
        W< do 1 t
        W> can_do t max_jobs 2
        A> cancel 1
        A< did 1 cancelled
        W quiet
        A> do 1 t
        W< do 1 t $a
        A> do 2 t
        W quiet
        W> did 1
        W< do 2 t $b
        A quiet"#;

    /// The last line that it is sent says why.
    a_connection_that_the_server_closes_cancels_its_jobs_silently: r#"
        deputy --max-line 64
        W> can_do t max_jobs 1
        A> do 1 t with cancellable; do 2 t with cancellable
        W< do 1 t $a
        A sends {"<a*80>
        A< error too_long
        A closed explained
        W< cancel $a
        M> metrics
        M< metrics jobs_cancelled 2, jobs_waiting 0, results_dropped 2"#;
}
