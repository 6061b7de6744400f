//! The metrics by type: what waits and runs, who does it, and which workers were lost.

use crate::play::check;
use crate::script::scripts;

scripts! {
    the_table_covers_all_shards: r#"
        U> can_do t
        V> can_do t
        W> can_do t u
        A> do 1 t
        B> do 2 t
        C> do 3 t
        D> do 4 t
        U< do 1 t
        V< do 2 t
        W< do 3 t
        M> {"cmd":"metrics","types":["t","u"]}
        M< metrics types {"t":{"waiting":1,"running":3,"workers":3,"done":0,"oldest_ms":0},"u":{"waiting":0,"running":0,"workers":1,"done":0,"oldest_ms":0}}
        V> did 2
        B< did 2
        V< do 4 t
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":0,"running":3,"workers":3,"done":1,"oldest_ms":0}}"#;

    true_lists_the_types_that_have_jobs_or_workers: r#"
        W> can_do a b
        A> do 1 a
        W< do 1 a
        at 500
        A> do 2 a; do 3 c
        at 700
        A> {"cmd":"metrics","types":true}
        A< metrics types {"a":{"waiting":1,"running":1,"workers":1,"done":0,"oldest_ms":200},"b":{"waiting":0,"running":0,"workers":1,"done":0,"oldest_ms":0},"c":{"waiting":1,"running":0,"workers":0,"done":0,"oldest_ms":200}}
        A> {"cmd":"metrics","types":["c","nobody"]}
        A< metrics types {"c":{"waiting":1,"running":0,"workers":0,"done":0,"oldest_ms":200},"nobody":{"waiting":0,"running":0,"workers":0,"done":0,"oldest_ms":0}}"#;

    the_age_of_the_oldest_waiting_job_is_reported: r#"
        A> do 1 t
        at 1000
        A> do 2 t
        at 1500
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":2,"running":0,"workers":0,"done":0,"oldest_ms":1500}}
        W> can_do t
        W< do 1 t
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":1,"running":1,"workers":1,"done":0,"oldest_ms":500}}
        W> did 1
        A< did 1
        W< do 2 t
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":0,"running":1,"workers":1,"done":1,"oldest_ms":0}}"#;

    a_job_given_back_keeps_its_age: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        at 4000
        W gone
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":1,"running":0,"workers":0,"done":0,"oldest_ms":4000}}"#;

    lost_workers_and_the_jobs_requeued_for_it_are_counted_by_type: r#"
        deputy --max-attempts 3
        A> do 1 t; do 2 u
        W> can_do t u max_jobs 2
        W< do 1 t $a; do 2 u $b
        at 1000
        W gone
        at 1500
        M> {"cmd":"metrics","types":["t","u","v"]}
        M< metrics types {"t":{"waiting":1,"suspects":1,"lost":1,"last_lost_ms":500},"u":{"suspects":1,"lost":1},"v":{"lost":0,"last_lost_ms":0}}
        V> can_do t
        V< do 1 t
        at 1700
        V gone
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"workers":0,"suspects":1,"lost":2,"last_lost_ms":0,"oldest_running_ms":0}}
        X> can_do t
        X< do 1 t
        X> did 1
        A< did 1
        X gone
        at 1800
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":0,"workers":0,"suspects":0,"lost":2,"last_lost_ms":100}}
        M> {"cmd":"metrics","types":true}
        M< metrics types {"u":{"waiting":1,"suspects":1}}"#;

    a_worker_that_leaves_with_two_jobs_of_a_type_is_lost_once: r#"
        A> do 1 t; do 2 t
        W> can_do t max_jobs 2
        W< do 1 t $a; do 2 t $b
        W gone
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"waiting":2,"suspects":2,"lost":1}}"#;
}

#[test]
fn the_oldest_running_job_is_reported_with_its_worker() {
    // Peers are numbered as they come.
    check(
        r#"A> do 1 t
           W> can_do t
           W< do 1 t
           at 300
           A> do 2 t
           V> can_do t max_jobs 2
           V< do 2 t $a
           at 1000
           M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"running":2,"oldest_running_ms":1000,"oldest_running_worker":"peer 1"}}
           W> did 1
           A< did 1
           M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"running":1,"oldest_running_ms":700,"oldest_running_worker":"peer 2"}}"#,
    );
}

#[test]
fn jobs_that_a_worker_passes_on_are_counted_apart() {
    // A spare worker without `ref` runs its jobs itself.
    check(
        r#"D> can_do t max_jobs 9 with durable
           A> do 1 t with durable
           D< do 1 t $a
           at 100
           S> can_do t max_jobs 1 with spare, ref
           A> do 2 t
           S< {"cmd":"do","id":2,"type":"t","job":$b,"ref":"…"}
           at 1000
           M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"running":2,"passed_on":2,"oldest_running_ms":1000,"oldest_here_ms":0}}
           P> can_do t max_jobs 1 with spare
           A> do 3 t
           P< do 3 t $c
           at 1700
           M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"running":3,"passed_on":2,"oldest_running_ms":1700,"oldest_here_ms":700,"oldest_here_worker":"peer 4"}}"#,
    );
}

#[test]
fn free_slots_count_in_each_type_of_their_worker() {
    // The second worker has more types than the question, the third fewer.
    check(
        r#"M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"workers":0,"free":0}}
           U> can_do t
           M> {"cmd":"metrics","types":["t"]}
           M< metrics types {"t":{"workers":1,"free":1}}
           V> can_do t u v w max_jobs 3
           M> {"cmd":"metrics","types":["t","u"]}
           M< metrics types {"t":{"workers":2,"free":4},"u":{"workers":1,"free":3}}
           W> can_do w max_jobs 5
           M> {"cmd":"metrics","types":["t","x","w"]}
           M< metrics types {"t":{"free":4},"x":{"free":0},"w":{"workers":2,"free":8}}
           M> {"cmd":"metrics","types":true}
           M< metrics types {"t":{"free":4},"u":{"free":3},"v":{"free":3},"w":{"free":8}}
           A> do 1 u
           V< do 1 u $a
           M> {"cmd":"metrics","types":["t","u","v","w"]}
           M< metrics types {"t":{"free":3},"u":{"free":2},"v":{"free":2},"w":{"free":7}}
           V> cant_do u
           M> {"cmd":"metrics","types":["t","u","w"]}
           M< metrics types {"t":{"free":3},"u":{"workers":0,"running":1,"free":0},"w":{"free":7}}
           V gone
           M> {"cmd":"metrics","types":["t","u","w"]}
           M< metrics types {"t":{"free":1},"u":{"free":0},"w":{"free":5}}"#,
    );
}

scripts! {
    free_slots_are_max_jobs_less_held_and_spent_ones_and_never_negative: r#"
        W> can_do t max_jobs 3
        A> do 1 t with cancellable; do 2 t
        W< do 1 t $a; do 2 t $b
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"running":2,"spent":0,"free":1}}
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"running":1,"spent":1,"free":1}}
        W> can_do t max_jobs 1
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"running":1,"spent":1,"free":0}}
        W> did $a; did $b
        A< did 2
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"running":0,"spent":0,"free":1}}"#;

    a_worker_that_does_not_read_has_no_free_slot: r#"
        W> can_do t u max_jobs 4
        W stops reading
        A> do 1 t "<x*1048577>"
        M> {"cmd":"metrics","types":["t","u"]}
        M< metrics types {"t":{"running":1,"free":0},"u":{"free":0}}
        W reads on
        W< do 1 t $a "<x*1048577>"
        M> {"cmd":"metrics","types":["t","u"]}
        M< metrics types {"t":{"running":1,"free":3},"u":{"free":3}}"#;

    no_slot_is_free_while_the_server_stops: r#"
        W> can_do t max_jobs 2
        A> do 1 t
        W< do 1 t $a
        stop
        M> {"cmd":"metrics","types":["t"]}
        M< metrics types {"t":{"workers":1,"running":1,"free":0}}
        W> did $a
        A< did 1"#;

    shards_are_reported_one_by_one: r#"
        deputy --threads 3
        W> can_do t
        A> do 1 t
        B> ping
        B< pong
        W< do 1 t
        A> {"cmd":"metrics","shards":true}
        A< metrics shards.0.connections 1, shards.1.connections 1, shards.2.connections 1, shards.0.running 1, shards.1.running 0, types null
        A> {"cmd":"metrics","shards":true,"types":["t"]}
        A< metrics shards.0.running 1, types {"t":{"running":1}}, types.t.wait null, bounds_us null"#;

    a_question_for_histograms_without_types_has_the_plain_answer: r#"
        A> {"cmd":"metrics","histograms":true}
        A< metrics types null, bounds_us null, other_types null"#;

    types_beyond_the_number_count_together_and_their_gauges_too: r#"
        deputy --threads 1 --figure-types 1
        W> can_do a b c
        A> do 1 b
        W< do 1 b
        W> did 1
        A< did 1
        A> do 2 a
        W< do 2 a
        A> do 3 c; do 4 d
        M> {"cmd":"metrics","types":true,"histograms":true}
        M< metrics types {"a":{"running":1,"has_figures":false},"b":{"running":0,"has_figures":true},"c":{"waiting":1,"has_figures":false},"d":{"waiting":1,"has_figures":false}}, types.a.outcomes null, types.b.outcomes.done 1, other_types.types 3, other_types.running 1, other_types.waiting 2, other_types.workers 2, other_types.outcomes.done 0, other_types.wait.sum_us 0, other_types.has_figures true
        W> did 2
        A< did 2
        W< do 3 c
        W leaves
        V> can_do a c
        V< do 3 c
        M> {"cmd":"metrics","types":["a","b","x"],"histograms":true}
        M< metrics types {"a":{"has_figures":false},"b":{"has_figures":true},"x":{"has_figures":false}}, other_types null
        M> {"cmd":"metrics","types":true,"histograms":true}
        M< metrics other_types.outcomes.done 1, other_types.outcomes.workers_lost 1, other_types.running 1, types.b.outcomes.done 1"#;
}
