//! A server that stops: what it still does, and for which peers.

use crate::play::check;
use crate::script::scripts;
use crate::world::World;

scripts! {
    waiting_jobs_and_new_ones_are_answered_shutdown: r#"
        A> do 1 t
        B> do 2 u
        A> do 3 t
        A quiet
        B quiet
        stop
        A< {"cmd":"did","id":1,"err":"…","code":"shutdown"}
        A< did 3 shutdown
        B< did 2 shutdown
        A> do 4 t
        A< did 4 shutdown
        B> do 5 nobody
        B< did 5 shutdown
        A quiet
        B quiet
        M> metrics
        M< metrics draining true, jobs_added 3, jobs_failed 3, jobs_refused 2, jobs_waiting 0"#;

    did_ping_and_metrics_are_served: r#"
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t
        W< do 1 t $a; do 2 t $b
        stop
        A> ping
        A< pong
        W> did $a res 5
        A< did 1 res 5
        W> did $b err 6
        A< did 2 failed 6
        W> did $b
        W< error not_holding
        A> metrics
        A< metrics draining true, jobs_done 1, jobs_failed 1, jobs_running 0
        A> {"cmd":"metrics","types":["t"]}
        A< metrics draining true
        A> {"cmd":"nope"}
        A< error unknown_cmd
        A> {"cmd":"do","id":9}
        A< did 9 bad_request"#;

    jobs_held_may_finish_but_nothing_new_is_handed_out: r#"
        W> can_do t
        V> can_do t
        A> do 1 t
        W< do 1 t
        stop
        A> do 2 t
        A< did 2 shutdown
        V quiet
        W> did 1
        A< did 1
        W quiet
        X> can_do t max_jobs 3
        X> cant_do t
        X> can_do t u
        X quiet"#;

    when_the_time_is_over_they_are_answered_shutdown: r#"
        W> can_do t max_jobs 2
        A> do 1 t
        B> do 2 t
        W< do 1 t $a; do 2 t $b
        stop
        A quiet
        W> did $b res "just in time"
        B< did 2 res "just in time"
        drain over
        A< did 1 shutdown
        B quiet"#;

    a_result_after_that_is_not_a_second_answer: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        stop
        drain over
        A< did 1 shutdown
        W> did 1
        W< error not_holding 1
        A quiet"#;

    a_job_given_back_meanwhile_is_answered_shutdown: r#"
        W> can_do t
        V> can_do t
        A> do 1 t
        W< do 1 t
        stop
        W gone
        A< did 1 shutdown
        V quiet
        drain over
        A quiet"#;

    several_given_back_are_answered_once_each: r#"
        W> can_do t u max_jobs 3
        A> do 1 t; do 2 t
        B> do 3 u
        W< do 1 t $a; do 2 t $b; do 3 u $c
        stop
        W> did $a
        A< did 1
        W gone
        A< did 2 shutdown
        B< did 3 shutdown"#;

    suspects_that_wait_are_answered_too: r#"
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t
        W< do 1 t $a; do 2 t $b
        W gone
        V> can_do t max_jobs 2
        V< do 1 t $c
        stop
        A< did 2 shutdown
        V> did $c
        A< did 1"#;

    results_for_submitters_that_left_are_dropped_as_ever: r#"
        W> can_do t
        A> do 1 t; do 2 t
        W< do 1 t
        A gone
        stop
        W> did 1
        M> metrics
        M< metrics results_dropped 2, jobs_done 1, jobs_failed 1"#;

    a_client_that_works_for_itself_may_finish: r#"
        A> can_do t
        A> do 1 t
        A< do 1 t
        stop
        A> did 1 res 2
        A< did 1 res 2"#;

    a_paused_worker_gets_nothing_when_it_reads_on: r#"
        W> can_do t max_jobs 2
        W stops reading
        A> do 1 t "<x*1100000>"; do 2 t
        stop
        A< did 2 shutdown
        W reads on
        W< do 1 t $a "<x*1100000>"
        W> did $a
        A< did 1"#;

    two_stops_are_as_one: r#"
        W> can_do t
        A> do 1 t; do 2 t
        W< do 1 t
        stop
        A< did 2 shutdown
        stop
        A quiet
        drain over
        A< did 1 shutdown
        drain over
        A quiet"#;

    jobs_that_are_held_can_still_be_cancelled: r#"
        W> can_do t max_jobs 3
        A> do 1 t with cancellable
        B> do 2 t with cancellable
        C> do 3 t with progress
        W< do 1 t $a; do 2 t $b; do 3 t $c
        stop
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a
        B leaves
        W< cancel $b
        W> progress $c 1
        C< progress 3 1
        W> did $a; did $c
        C< did 3
        C> metrics
        C< metrics jobs_cancelled 2, slots_spent 1, results_dropped 2, bytes_held 0"#;
}

#[test]
fn new_jobs_are_refused_whatever_they_ask_for() {
    for options in ["need_worker", "background", "delay_ms 5", "cancellable, progress", r#"key "k""#, "deadline_ms 5"] {
        check(&format!(
            "A> ping
             A< pong
             stop
             A> do 1 t with {options}
             A< did 1 shutdown
             A> metrics
             A< metrics jobs_refused 1, jobs_added 0"
        ));
    }
}

scripts! {
    waiting_jobs_with_options_are_answered_shutdown: r#"
        A> do 1 t with cancellable, priority 5
        C> do 2 t with deadline_ms 5000
        D> do 3 t with key "k"
        B> do 4 t with key "k", progress
        A> do 5 t with background
        A< did 5
        W> can_do u max_jobs 2
        E> do 6 u with run_limit_ms 1000
        F> do 7 u with run_limit_ms 1000
        W< do 6 u $a run_limit_ms 1000; do 7 u $b run_limit_ms 1000
        at 1000
        W< cancel $a; cancel $b
        stop
        A< did 1 shutdown
        C< did 2 shutdown
        D< did 3 shutdown
        E< did 6 shutdown
        F< did 7 shutdown
        B< did 4 shutdown
        at 9000
        A quiet
        A> metrics
        A< metrics jobs_failed 7, jobs_expired 0, jobs_waiting 0, slots_spent 2, bytes_held 0"#;
}

/// What the slots of a worker say of suspects is true when the drain is over too.
#[test]
fn no_worker_holds_a_suspect_when_the_drain_is_over() {
    let mut world = World::of(1);
    let client = world.open(0);
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
    let first = world.worker(0, &["t"], None);
    world.end(first);
    world.worker(0, &["t"], Some(2));
    world.settle();
    let holds_suspect = |world: &World| world.audit(0).workers.iter().any(|worker| worker.holds_suspect);
    assert!(holds_suspect(&world));
    world.stop(0);
    world.drain_over(0);
    assert!(!holds_suspect(&world));
}
