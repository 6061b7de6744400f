//! `delay_ms`: a job that is accepted now, and in line later.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_delayed_job_is_in_line_when_it_is_due_and_not_before: r#"
        W> can_do t max_jobs 2
        A> do 1 t [5] with delay_ms 1000
        A quiet
        W quiet
        at 999
        W quiet
        A> metrics
        A< metrics jobs_added 1, jobs_delayed 1, jobs_waiting 0, jobs_running 0
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":0,"delayed":1,"workers":1}}
        at 1000
        W< do 1 t $a [5]
        A> metrics
        A< metrics jobs_delayed 0, jobs_running 1
        W> did $a
        A< did 1"#;

    it_is_in_line_as_if_it_had_arrived_then: r#"
        A> do 1 t with delay_ms 2000; do 2 t with delay_ms 1000; do 3 t
        at 1000
        A> do 4 t
        at 2000
        A> do 5 t
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":5,"delayed":0,"oldest_ms":2000}}
        W> can_do t max_jobs 5
        W< do 3 t $a; do 2 t $b; do 4 t $c; do 1 t $d; do 5 t $e"#;

    /// What was accepted later may be due first, and what is due at once comes in the order of acceptance.
    jobs_of_many_delays_are_due_in_their_order: r#"
        W> can_do t max_jobs 9
        A> do 1 t with delay_ms 2592000000; do 2 t with delay_ms 70000; do 3 t with delay_ms 1
        A> do 4 t with delay_ms 70000; do 5 t with delay_ms 0
        W< do 5 t $a
        at 1
        W< do 3 t $b
        at 69999
        W quiet
        at 70000
        W< do 2 t $c; do 4 t $d
        at 2591999999
        W quiet
        at 2592000000
        W< do 1 t $e"#;
}

#[test]
fn if_the_deadline_is_not_above_the_delay_it_wins() {
    for (delay, deadline) in [(1_000, 1_000), (1_001, 1_000), (2_592_000_000_u64, 1_000)] {
        check(&format!(
            "W> can_do t
             A> do 1 t with delay_ms {delay}, deadline_ms {deadline}
             at 999
             A quiet
             at 1000
             A< did 1 expired
             A> metrics
             A< metrics jobs_expired 1, jobs_delayed 0, bytes_held 0
             at 2592000000
             W quiet"
        ));
    }
}

scripts! {
    the_deadline_counts_from_when_the_job_was_accepted: "
        A> do 1 t with delay_ms 1000, deadline_ms 1500
        at 1000
        A> metrics
        A< metrics jobs_waiting 1, jobs_delayed 0
        at 1499
        A quiet
        at 1500
        A< did 1 expired
        A> metrics
        A< metrics jobs_waiting 0";

    a_delayed_job_can_be_cancelled: "
        W> can_do t
        A> do 1 t with delay_ms 1000, cancellable; do 2 t with delay_ms 1000
        A> cancel 1
        A< did 1 cancelled
        A> cancel 2
        A quiet
        at 1000
        W< do 2 t
        W> did 2
        A< did 2
        A> metrics
        A< metrics jobs_cancelled 1, jobs_delayed 0, bytes_held 0";

    /// It is still cancellable when it is due.
    a_job_that_was_delayed_can_be_cancelled: "
        W> can_do t max_jobs 1
        A> do 1 t with delay_ms 1000, cancellable
        at 1000
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        W< cancel $a";

    delayed_jobs_outlive_their_submitter_unless_they_can_be_cancelled: "
        W> can_do t max_jobs 4
        A> do 1 t with delay_ms 1000; do 2 t with delay_ms 1000, cancellable
        A> do 3 t with delay_ms 1000, progress; do 4 t with delay_ms 1000, background
        A< did 4
        A leaves
        M> metrics
        M< metrics jobs_delayed 3, jobs_cancelled 1
        at 1000
        W< do 1 t $a; do 3 t $c; do 4 t $d
        W> progress $c 1
        W> did $a; did $c; did $d
        M> metrics
        M< metrics jobs_done 3, results_dropped 3, jobs_delayed 0, bytes_held 0";
}

#[test]
fn a_server_that_stops_answers_shutdown_to_delayed_jobs() {
    check(
        "A> do 1 t with delay_ms 1000; do 2 t with delay_ms 1000, cancellable, deadline_ms 500
         A> do 3 t with delay_ms 1000, background
         A< did 3
         B> do 4 t with delay_ms 1000, key \"k\"
         C> do 5 t with delay_ms 1000
         C leaves
         stop
         A< did 1 shutdown; did 2 shutdown
         B< did 4 shutdown
         A> do 6 t with delay_ms 1000
         A< did 6 shutdown
         A> cancel 2
         at 5000
         A quiet
         A> metrics
         A< metrics jobs_delayed 0, jobs_failed 5, jobs_refused 1, results_dropped 1, bytes_held 0",
    );
}

scripts! {
    whether_there_is_a_worker_is_judged_when_the_job_is_due: "
        W> can_do t
        A> do 1 t with delay_ms 1000, need_worker; do 2 t with delay_ms 2000, need_worker
        W gone
        at 1000
        A< did 1 no_worker
        V> can_do t
        at 2000
        V< do 2 t";

    a_delayed_job_with_a_key_joins_and_is_joined_when_it_is_due: r#"
        A> do 1 t 1 with delay_ms 1000, key "k"; do 2 t 2 with key "k"
        A> metrics
        A< metrics jobs_joined 0, jobs_waiting 1, jobs_delayed 1
        W> can_do t max_jobs 1
        W< do 2 t $a 2
        at 1000
        A> metrics
        A< metrics jobs_joined 1, jobs_waiting 0, jobs_delayed 0
        W> did $a res 2
        A< did 2 res 2; did 1 res 2
        A> do 3 t 3 with delay_ms 1000, key "k"
        at 2000
        W< do 3 t $b 3
        A> do 4 t 4 with key "k"
        W> did $b res 3
        A< did 3 res 3; did 4 res 3"#;

    a_type_of_delayed_jobs_alone_is_in_the_table: r#"
        A> do 1 t with delay_ms 1000
        B> do 2 t with delay_ms 1000
        A> {"cmd":"metrics","types":true}
        A< metrics types {"t":{"waiting":0,"delayed":2,"workers":0}}
        at 1000
        A> {"cmd":"metrics","types":true}
        A< metrics types {"t":{"waiting":2,"delayed":0,"workers":0}}"#;
}
