//! `run_limit_ms` and `--run-limit`: how long a worker may hold a job.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_job_that_is_held_too_long_is_given_out_again: "
        W> can_do t max_jobs 1
        A> do 1 t [5] with run_limit_ms 1000
        W< do 1 t $a run_limit_ms 1000 [5]
        at 999
        W quiet
        at 1000
        W< cancel $a
        A quiet
        V> can_do t max_jobs 1
        V< do 1 t $b attempt 2 run_limit_ms 1000 [5]
        M> metrics
        M< metrics jobs_reassigned 0, jobs_dispatched 2, slots_spent 1, jobs_running 1, faults.overdue 1, protocol_errors 0
        W> did $a res 1
        A quiet
        V> did $b res 2
        A< did 1 res 2
        M> metrics
        M< metrics results_dropped 1, jobs_done 1, jobs_timed_out 0, slots_spent 0, bytes_held 0";
}

#[test]
fn when_the_attempts_are_used_up_it_ends_with_timed_out() {
    for (options, attempts) in [("", 3), (", attempts 1", 1), (", attempts 2", 2)] {
        let mut script = format!("W> can_do t max_jobs 9\nA> do 1 t with run_limit_ms 1000{options}\n");
        for nth in 1..=attempts {
            let attempt = if nth > 1 { format!(" attempt {nth}") } else { String::new() };
            let hold =
                format!("W< do 1 t $a{nth}{attempt} run_limit_ms 1000\nA quiet\nat {nth}000\nW< cancel $a{nth}\n");
            script.push_str(&hold);
        }
        check(&format!(
            "{script}A< {{\"cmd\":\"did\",\"id\":1,\"err\":\"…\",\"code\":\"timed_out\"}}
             A> metrics
             A< metrics jobs_timed_out 1, jobs_failed 1, slots_spent {attempts}, jobs_reassigned 0"
        ));
    }
}

#[test]
fn with_max_attempts_1_it_is_the_same_and_with_0_there_is_no_end() {
    check(
        "deputy --max-attempts 1
         W> can_do t max_jobs 2
         A> do 1 t with run_limit_ms 1000
         W< do 1 t $a run_limit_ms 1000
         at 1000
         W< cancel $a
         A< did 1 timed_out",
    );
    let again = (2..20).map(|nth| {
        format!("at {}000\nW< cancel $a{}\nW< do 1 t $a{nth} attempt {nth} run_limit_ms 1000\n", nth - 1, nth - 1)
    });
    let again = again.collect::<Vec<String>>().concat();
    check(&format!(
        "deputy --max-attempts 0
         W> can_do t max_jobs 30
         A> do 1 t with run_limit_ms 1000
         W< do 1 t $a1 run_limit_ms 1000
         {again}A quiet"
    ));
}

scripts! {
    progress_starts_the_limit_again: "
        W> can_do t max_jobs 1
        A> do 1 t with run_limit_ms 1000
        W< do 1 t $a run_limit_ms 1000
        at 900
        W> progress $a
        at 1899
        W quiet
        W> progress $a [1]
        at 2898
        W quiet
        at 2899
        W< cancel $a";
}

#[test]
fn the_server_gives_a_limit_to_jobs_that_give_none() {
    check(
        "deputy --run-limit 2
         W> can_do t max_jobs 2
         A> do 1 t; do 2 t with run_limit_ms 1000
         W< do 1 t $a run_limit_ms 2000; do 2 t $b run_limit_ms 1000
         at 1000
         W< cancel $b
         at 1500
         W> progress $a
         at 3499
         W quiet
         at 3500
         W< cancel $a",
    );
    check("W> can_do t max_jobs 1\nA> do 1 t\nW< do 1 t $a\nat 2592000000\nW quiet");
}

scripts! {
    the_time_in_line_does_not_count: "
        A> do 1 t with run_limit_ms 1000
        at 5000
        A quiet
        W> can_do t max_jobs 1
        W< do 1 t $a run_limit_ms 1000
        at 5999
        W quiet
        at 6000
        W< cancel $a";

    a_worker_without_job_numbers_gets_no_cancel: "
        W> can_do t
        A> do 1 t with run_limit_ms 1000, attempts 1
        W< do 1 t
        at 1000
        A< did 1 timed_out
        A> do 2 t
        W quiet
        W> progress 1 5
        W quiet
        W> did 1 res 5
        W< do 2 t
        A quiet";

    /// It was not given back: it keeps its priority and its place of arrival.
    an_overdue_job_keeps_its_place: "
        W> can_do t max_jobs 2
        A> do 1 t with run_limit_ms 1000, priority 1; do 2 t with run_limit_ms 1000
        W< do 1 t $a run_limit_ms 1000; do 2 t $b run_limit_ms 1000
        A> do 3 t with priority 2; do 4 t with priority 1; do 5 t
        at 1000
        W< cancel $a; cancel $b
        V> can_do t max_jobs 5
        V< do 3 t $c; do 1 t $d attempt 2 run_limit_ms 1000; do 4 t $e
        V< do 2 t $f attempt 2 run_limit_ms 1000; do 5 t $g";

    /// It is no suspect: it is given to a worker beside another that is one.
    an_overdue_job_is_not_kept_apart: "
        D> can_do t
        A> do 1 t
        D< do 1 t
        D gone
        W> can_do t max_jobs 3
        W< do 1 t $a attempt 2
        A> do 2 t with run_limit_ms 1000
        W< do 2 t $b run_limit_ms 1000
        at 1000
        W< cancel $b
        W< do 2 t $c attempt 2 run_limit_ms 1000";
}

#[test]
fn a_job_that_ends_in_time_has_no_limit_left() {
    for end in ["W> did $a", "W> did $a err 5"] {
        check(&format!(
            "W> can_do t max_jobs 1
             A> do 1 t with run_limit_ms 1000
             W< do 1 t $a run_limit_ms 1000
             at 999
             {end}
             A< did 1{}
             at 5000
             W quiet
             M> metrics
             M< metrics faults.overdue 0, jobs_timed_out 0, slots_spent 0",
            if end.ends_with('5') { " failed 5" } else { "" }
        ));
    }
}

scripts! {
    /// The limit begins again with the next worker.
    a_loss_begins_the_limit_again: "
        W> can_do t max_jobs 1
        A> do 1 t with run_limit_ms 1000
        W< do 1 t $a run_limit_ms 1000
        at 500
        W gone
        V> can_do t max_jobs 1
        V< do 1 t $b attempt 2 run_limit_ms 1000
        at 1499
        V quiet
        at 1500
        V< cancel $b
        V> did $b
        V< do 1 t $c attempt 3 run_limit_ms 1000
        at 2500
        V< cancel $c
        A< did 1 timed_out";

    each_member_of_a_key_is_answered_that_the_job_timed_out: r#"
        W> can_do t max_jobs 1
        A> do 1 t with key "k", run_limit_ms 1000, attempts 1
        B> do 2 t with key "k", run_limit_ms 1
        W< do 1 t $a run_limit_ms 1000
        at 1000
        W< cancel $a
        A< did 1 timed_out
        B< did 2 timed_out
        A> do 3 t with key "k"
        A> metrics
        A< metrics jobs_timed_out 2, jobs_joined 1, jobs_waiting 1
        W> did $a
        W< do 3 t $b"#;
}

#[test]
fn while_the_server_stops_an_overdue_job_ends_at_once() {
    for (options, code) in [("", "shutdown"), (", attempts 1", "timed_out")] {
        check(&format!(
            "W> can_do t max_jobs 1
             A> do 1 t with run_limit_ms 1000{options}
             W< do 1 t $a run_limit_ms 1000
             stop
             at 999
             A quiet
             at 1000
             W< cancel $a
             A< did 1 {code}
             W> did $a
             A quiet"
        ));
    }
}

scripts! {
    what_drains_too_long_leaves_no_limit_and_no_spent_slot: "
        W> can_do t max_jobs 2
        A> do 1 t with run_limit_ms 1000, cancellable; do 2 t with cancellable
        W< do 1 t $a run_limit_ms 1000; do 2 t $b
        A> cancel 2
        A< did 2 cancelled
        W< cancel $b
        stop
        drain over
        A< did 1 shutdown
        at 5000
        W quiet
        M> metrics
        M< metrics jobs_running 0, slots_spent 0, bytes_held 0";
}
