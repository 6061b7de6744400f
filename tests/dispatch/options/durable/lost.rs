//! Durable jobs whose workers leave or take the type back.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_stored_job_whose_worker_leaves_waits_for_the_next_durable_worker_with_the_same_ref: r#"
        B> can_do t max_jobs 1 with durable, ref
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
        A< metrics jobs_reassigned 1, jobs_dispatched 2, faults.left_holding 1, jobs_done 1, jobs_no_bridge 1"#;

    /// However often, and also if it may be tried once only: it may run more than once.
    a_lost_durable_worker_counts_no_attempt_and_makes_no_suspect: r#"
        deputy --max-attempts 1
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
        C< do 1 t $d; do 3 t $e
        C> metrics
        C< metrics jobs_running 3, faults.gave_up 0
        D> can_do t max_jobs 9 with durable
        C gone
        D< do 1 t $f; do 2 t $g; do 3 t $h
        D> did $f
        A< did 1
        D> did $g
        A< did 2
        D> did $h
        A< did 3
        A> metrics
        A< metrics jobs_reassigned 5, jobs_failed 0, faults.gave_up 0"#;

    /// Those that are stored first wait like the others, by priority and arrival.
    jobs_of_a_lost_durable_worker_keep_their_priority_and_place: r#"
        B> can_do t max_jobs 3 with durable
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
        C< do 2 t $d; do 1 t $e; do 3 t $f
        C> did $d
        A< did 2
        C> did $e
        A< did 1
        C> did $f
        A< did 3"#;
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
               A< did other no_bridge; did waits no_bridge; did held no_bridge
               A> metrics
               A< metrics jobs_waiting 1, jobs_failed 3, jobs_no_bridge 3
               D> can_do t max_jobs 1 with durable
               D< do stored t $d
               D> did $d
               A< did stored"#
        ));
    }
}

scripts! {
    /// What the worker holds it may finish.
    when_the_last_durable_worker_takes_the_type_back_what_waits_ends_with_no_bridge: r#"
        B> can_do t u max_jobs 1 with durable
        A> do 1 t with durable
        B< do 1 t $a
        A> do 2 t with durable; do 3 u with durable
        B> cant_do t
        A< did 2 no_bridge
        B> stored $a
        A< stored 1
        B> did $a
        A< did 1
        B< do 3 u $b"#;

    /// It is given back without being stored, and there is no worker any more.
    what_is_held_after_cant_do_and_given_back_ends_with_no_bridge: r#"
        B> can_do t max_jobs 2 with durable
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
        A< did 2"#;
}
