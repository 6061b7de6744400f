//! Spent slots: the job has ended, and its worker has not answered.

use crate::play::check;
use crate::script::scripts;

#[test]
fn a_worker_gets_a_cancel_and_its_slot_stays_taken_until_it_answers() {
    for answer in ["did $a", "did $a res 5", "did $a err 5"] {
        check(&format!(
            r#"W> can_do t max_jobs 1
               A> do 1 t with cancellable
               W< do 1 t $a
               A> cancel 1
               A< did 1 cancelled
               W< {{"cmd":"cancel","job":$a}}
               A> do 2 t
               W quiet
               A> metrics
               A< metrics slots_spent 1, jobs_running 0, jobs_waiting 1, workers 1, workers_idle 0, results_dropped 0
               A> {{"cmd":"metrics","types":["t"]}}
               A< metrics types {{"t":{{"waiting":1,"running":0,"spent":1,"workers":1,"done":0}}}}
               W> {answer}
               W< do 2 t $b
               A quiet
               A> metrics
               A< metrics slots_spent 0, results_dropped 1, protocol_errors 0, jobs_done 0, jobs_failed 1
               W> did $a
               W< error not_holding
               W> did $b
               A< did 2"#
        ));
    }
}

scripts! {
    the_other_slots_of_the_worker_go_on: r#"
        W> can_do t max_jobs 2
        A> do 1 t with cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        A> do 2 t
        W< do 2 t $b
        A> do 3 t
        W> did $b
        A< did 2
        W< do 3 t $c
        A> do 4 t
        W quiet
        W> can_do max_jobs 3
        W< do 4 t $d
        W> did $a
        W quiet"#;

    a_worker_that_leaves_with_spent_slots_alone_loses_nothing: r#"
        W> can_do t max_jobs 2
        A> do 1 t with cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        W gone
        V> can_do t max_jobs 1
        V quiet
        A> metrics
        A< metrics slots_spent 0, jobs_reassigned 0, results_dropped 0, workers_idle 1, faults.left_holding 0"#;

    /// What it was lost of may be the job that was cancelled, so its neighbour has no attempt less.
    a_spent_slot_is_company: r#"
        deputy --max-attempts 1
        W> can_do t max_jobs 2
        A> do poison t with cancellable; do 2 t
        W< do poison t $a; do 2 t $b
        A> cancel poison
        A< did poison cancelled
        W< cancel $a
        W gone
        A quiet
        V> can_do t max_jobs 2
        V< do 2 t $c
        V> did $c
        A< did 2"#;

    a_worker_of_a_spent_slot_may_take_its_type_back: r#"
        W> can_do t max_jobs 1
        A> do 1 t with cancellable
        W< do 1 t $a
        W> cant_do t
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        A> do 2 u
        W> can_do u
        W quiet
        W> did $a
        W< do 2 u $b"#;

    /// The line may have been meant as the `did` for the slot, which would stay taken for ever.
    a_worker_of_a_spent_slot_is_closed_after_a_line_that_is_no_json: r#"
        W> can_do t max_jobs 1
        A> do 1 t with cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        W> {"cmd":"did","job":$a,"res":}
        W< error bad_json
        W closed explained
        A> metrics
        A< metrics slots_spent 0"#;
}
