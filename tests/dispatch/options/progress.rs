//! `progress`: of which jobs, and which submitters receive it.

use crate::script::scripts;

scripts! {
    a_submitter_that_asked_receives_each_data: r#"
        W> can_do t max_jobs 1
        A> do 1 t with progress
        W< do 1 t $a
        W> progress $a [1,  2]
        A< {"cmd":"progress","id":1,"data":[1,  2]}
        W> progress $a
        A quiet
        W> progress $a null
        A< progress 1 null
        W> progress $a 1e999
        A< progress 1 1e999
        W> did $a res 2
        A< did 1 res 2
        W quiet"#;

    who_did_not_ask_receives_nothing: r#"
        W> can_do t max_jobs 3
        A> do 1 t; do 2 t with cancellable, deadline_ms 100000; do 3 t with progress false
        W< do 1 t $a; do 2 t $b; do 3 t $c
        W> progress $a 1
        W> progress $b 1
        W> progress $c 1
        A quiet
        W quiet
        A> metrics
        A< metrics progress_dropped 0, protocol_errors 0"#;

    a_worker_names_its_job_as_in_a_did: r#"
        W> can_do t
        A> do x t with progress
        W< do x t
        W> progress x {"done":0.5}
        A< progress x {"done":0.5}
        W> {"cmd":"progress","id":"\u0078","data":2}
        A< progress x 2
        W> {"cmd":"progress","data":3}
        W< error bad_request
        W> did x
        A< did x"#;

    progress_of_a_job_that_is_not_held_is_an_error: r#"
        W> can_do t max_jobs 1
        V> can_do t max_jobs 1
        A> do 1 t with progress
        W< do 1 t $a
        V> progress $a 1
        V< error not_holding
        A> progress $a 1
        A< error not_holding
        W> progress 1 1
        W< error not_holding 1
        W> {"cmd":"progress","job":$a,"id":"mine","data":1}
        A< progress 1 1
        W> did $a
        A< did 1
        W> {"cmd":"progress","job":$a,"id":"mine","data":1}
        W< error not_holding "mine"
        A> metrics
        A< metrics protocol_errors 4, faults.not_holding 4, progress_dropped 0"#;

    progress_of_a_spent_slot_is_dropped_without_an_error: r#"
        W> can_do t max_jobs 1
        V> can_do u
        A> do 1 t with progress, cancellable; do 2 u with progress, cancellable
        W< do 1 t $a
        V< do 2 u
        W> progress $a 1
        A< progress 1 1
        A> cancel 1
        A< did 1 cancelled
        A> cancel 2
        A< did 2 cancelled
        W< cancel $a
        W> progress $a 2
        V> progress 2 2
        A quiet
        W quiet
        V quiet
        W> did $a
        A> metrics
        A< metrics progress_dropped 0, protocol_errors 0, results_dropped 1"#;

    the_next_attempt_is_reported_too: r#"
        W> can_do t max_jobs 1
        A> do 1 t with progress
        W< do 1 t $a
        W> progress $a 1
        A< progress 1 1
        W gone
        V> can_do t max_jobs 1
        V< do 1 t $b attempt 2
        V> progress $b 0
        A< progress 1 0
        V> did $b
        A< did 1"#;
}
