//! The order in which jobs of one type are sent, and workers get them.

use crate::script::scripts;

scripts! {
    a_job_waits_for_a_worker_of_its_type: r#"
        A> do j1 resize
        B> can_do encode
        B quiet
        C> can_do resize
        C< do j1 resize
        C> did j1
        A< did j1"#;

    jobs_are_handed_out_in_the_order_in_which_they_came: r#"
        A> do 1 t
        B> do 2 t
        A> do 3 t
        C> do 4 t
        B> do 5 t
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        W< do 2 t
        W> did 2
        B< did 2
        W< do 3 t
        W> did 3
        A< did 3
        W< do 4 t
        W> did 4
        C< did 4
        W< do 5 t"#;

    waiting_jobs_fill_all_slots_of_a_worker_in_order: r#"
        A> do 1 t; do 2 t; do 3 t; do 4 t
        W> can_do t max_jobs 3
        W< do 1 t $a; do 2 t $b; do 3 t $c
        W quiet
        W> did $b
        A< did 2
        W< do 4 t $d"#;

    the_worker_that_is_idle_longest_is_next: r#"
        deputy --threads 1
        U> can_do t
        V> can_do t
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        U< do 1 t
        V< do 2 t
        W< do 3 t
        W> did 3
        A< did 3
        U> did 1
        A< did 1
        A> do 4 t
        W< do 4 t
        V> did 2
        A< did 2
        A> do 5 t
        U< do 5 t
        A> do 6 t
        V< do 6 t"#;

    also_among_workers_of_several_slots: r#"
        deputy --threads 1
        U> can_do t max_jobs 2
        V> can_do t max_jobs 2
        A> do 1 t; do 2 t
        U< do 1 t $a
        V< do 2 t $b
        V> did $b
        A< did 2
        U> did $a
        A< did 1
        A> do 3 t
        V< do 3 t $c
        A> do 4 t
        U< do 4 t $d"#;

    workers_on_several_shards_take_turns: r#"
        U> can_do t
        V> can_do t
        W> can_do t
        A> do 1 t; do 2 t; do 3 t; do 4 t
        U< do 1 t
        V< do 2 t
        W< do 3 t
        V> did 2
        A< did 2
        V< do 4 t"#;

    other_types_do_not_hold_up_a_job: r#"
        W> can_do a
        A> do 1 b; do 2 b; do 3 a
        W< do 3 a
        V> can_do b
        V< do 1 b"#;

    answers_come_when_they_are_ready: r#"
        W> can_do t max_jobs 3
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t $a; do 2 t $b; do 3 t $c
        W> did $c res "c"
        A< did 3 res "c"
        W> did $a res "a"
        A< did 1 res "a"
        W> did $b err "b"
        A< did 2 failed "b""#;

    no_job_waits_beside_a_free_slot: r#"
        V> can_do a b
        W> can_do b c
        A> do 1 b; do 2 b; do 3 b
        V< do 1 b
        W< do 2 b
        W> did 2
        A< did 2
        W< do 3 b
        A> do 4 c; do 5 a
        V> did 1
        A< did 1
        V< do 5 a
        W> did 3
        A< did 3
        W< do 4 c"#;
}
