//! A worker is lost: what it held is first in its queue, and suspects are kept apart.

use crate::script::scripts;

scripts! {
    what_it_held_is_first_in_its_queue: r#"
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t
        W gone
        V> can_do t
        V< do 1 t
        V> did 1 res "of V"
        A< did 1 res "of V"
        V< do 2 t
        V> did 2
        A< did 2
        V< do 3 t"#;

    it_goes_to_a_worker_that_is_idle_at_once: r#"
        W> can_do t
        V> can_do t
        A> do 1 t
        W< do 1 t
        V quiet
        W gone
        V< do 1 t
        V> did 1
        A< did 1"#;

    requeued_jobs_keep_their_order_of_arrival: r#"
        U> can_do t
        V> can_do t
        A> do 1 t; do 2 t; do 3 t
        U< do 1 t
        V< do 2 t
        V gone
        U gone
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        W< do 2 t
        W> did 2
        A< did 2
        W< do 3 t"#;

    all_that_it_held_is_requeued_in_order_of_arrival: r#"
        W> can_do a b max_jobs 4
        A> do 1 a; do 2 b; do 3 a; do 4 a
        W< do 1 a $a; do 2 b $b; do 3 a $c; do 4 a $d
        W> did $a
        A< did 1
        W gone
        V> can_do a
        V< do 3 a
        V> did 3
        A< did 3
        V< do 4 a
        V> can_do b
        V> did 4
        A< did 4
        V< do 2 b"#;

    a_worker_holds_one_suspect_at_most: r#"
        W> can_do t max_jobs 3
        A> do 1 t; do 2 t; do 3 t; do 4 t
        W< do 1 t $a; do 2 t $b; do 3 t $c
        W gone
        V> can_do t max_jobs 3
        V< do 1 t $d; do 4 t $e
        V quiet
        U> can_do t max_jobs 2
        U< do 2 t $f
        U quiet
        V> did $e
        A< did 4
        V quiet
        V> did $d
        A< did 1
        V< do 3 t $g
        V quiet"#;

    also_when_they_are_of_different_types: r#"
        deputy --threads 1
        W> can_do a b max_jobs 2
        A> do 1 a; do 2 b
        W< do 1 a $a; do 2 b $b
        V> can_do a b max_jobs 2
        W gone
        V< do 1 a $c
        V quiet
        V gone
        U> can_do b
        U< do 2 b
        X> can_do a
        X< do 1 a"#;

    fresh_jobs_pass_a_suspect_that_no_worker_may_take: r#"
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t
        W< do 1 t $a; do 2 t $b
        W gone
        V> can_do t max_jobs 2
        V< do 1 t $c
        V quiet
        A> do 3 t
        V< do 3 t $d
        V> did $c
        A< did 1
        V< do 2 t $e"#;

    f17_an_answer_and_the_end_together_lose_no_job: r#"
        W> can_do t
        A> do 1 t; do 2 t
        W< do 1 t
        W sends {"cmd":"did","id":1,"res":5}\n
        W gone
        A< did 1 res 5
        W< do 2 t
        V> can_do t
        V< do 2 t"#;

    a_worker_that_comes_back_may_be_sent_its_job_again: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W gone
        W opens
        W> did 1
        W< error not_holding 1
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1"#;

    it_is_not_counted_again_as_added: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W gone
        A> metrics
        A< metrics jobs_added 1, jobs_dispatched 1, jobs_reassigned 1, jobs_waiting 1, jobs_running 0, workers 0, workers_idle 0
        V> can_do t
        V< do 1 t
        V> did 1
        A< did 1
        A> metrics
        A< metrics jobs_added 1, jobs_dispatched 2, jobs_reassigned 1, jobs_done 1, jobs_waiting 0, jobs_running 0, workers_added 2"#;

    /// A job that is no suspect may go to a worker that holds one.
    a_worker_that_holds_a_suspect_gets_jobs_as_any_other: r#"
        D> can_do t
        A> do 1 t
        D< do 1 t
        W> can_do t max_jobs 2
        V> can_do t
        D gone
        W< do 1 t $a attempt 2
        A> do 2 t
        V< do 2 t
        V> did 2
        A< did 2
        A> do 3 t
        W< do 3 t $b"#;
}
