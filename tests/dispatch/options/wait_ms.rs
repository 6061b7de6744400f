//! `wait_ms`: a job that a worker must be sent within that time. With 0 it is the subject of `no_wait`.

use crate::script::scripts;

scripts! {
    a_job_that_waits_too_long_ends: r#"
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000; do 2 t with wait_ms 1000; do 3 t
        W< do 1 t $a
        at 999
        A quiet
        at 1000
        A< {"cmd":"did","id":2,"err":"…","code":"no_worker"}
        A> metrics
        A< metrics jobs_no_worker 1, jobs_failed 1, jobs_waiting 1, jobs_running 1
        W> did $a
        A< did 1
        W< do 3 t $b"#;

    a_job_that_came_to_a_worker_in_time_has_as_long_as_any: "
        A> do 1 t with wait_ms 1000
        at 999
        W> can_do t
        W< do 1 t
        at 5000
        A quiet
        W> did 1 res 5
        A< did 1 res 5
        A> metrics
        A< metrics jobs_done 1, jobs_no_worker 0, bytes_held 0";

    given_back_in_time_it_waits_for_the_rest_of_it: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000; do 2 t with wait_ms 1000
        W< do 1 t $a
        at 600
        W gone
        A quiet
        V> can_do t max_jobs 1
        V< do 1 t $b attempt 2
        at 800
        V gone
        A> metrics
        A< metrics jobs_waiting 2
        at 1000
        A< did 1 no_worker; did 2 no_worker
        A> metrics
        A< metrics jobs_waiting 0, jobs_reassigned 2, jobs_no_worker 2, bytes_held 0";

    given_back_too_late_it_ends_at_once: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000
        W< do 1 t $a
        V> can_do t
        at 1000
        A quiet
        W gone
        A< did 1 no_worker
        V quiet
        A> metrics
        A< metrics jobs_reassigned 1, jobs_no_worker 1, jobs_waiting 0, bytes_held 0";

    held_past_its_run_limit_it_ends_if_its_time_is_over: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000, run_limit_ms 900
        W< do 1 t $a run_limit_ms 900
        at 500
        V> can_do t max_jobs 1
        at 900
        W< cancel $a
        V< do 1 t $b attempt 2 run_limit_ms 900
        X> can_do t
        at 1800
        V< cancel $b
        A< did 1 no_worker
        X quiet
        A> metrics
        A< metrics jobs_no_worker 1, jobs_timed_out 0, slots_spent 2";

    gave_up_and_timed_out_go_first: "
        W> can_do t max_jobs 2
        A> do 1 t with wait_ms 100, run_limit_ms 200, attempts 1; do 2 t with wait_ms 100, attempts 1
        W< do 1 t $a run_limit_ms 200; do 2 t $b
        at 200
        A< did 1 timed_out
        W< cancel $a
        W gone
        A< did 2 gave_up
        A> metrics
        A< metrics jobs_no_worker 0, jobs_timed_out 1, jobs_failed 2";

    after_a_delay_the_time_runs_from_when_the_job_is_due: "
        A> do 1 t with delay_ms 1000, wait_ms 500; do 2 t with delay_ms 1000, wait_ms 0
        A> do 3 t with delay_ms 1000, wait_ms 500
        at 999
        A quiet
        at 1000
        A< did 2 no_worker
        at 1499
        A quiet
        W> can_do t
        W< do 1 t
        at 1500
        A< did 3 no_worker
        W> did 1
        A< did 1
        A> metrics
        A< metrics jobs_delayed 0, jobs_waiting 0, bytes_held 0";

    of_a_background_job_the_end_is_only_counted: "
        A> do 1 t with wait_ms 500, background
        A< did 1
        A> do 2 t with delay_ms 500, wait_ms 500, background
        A< did 2
        A> do 3 t with wait_ms 700, background
        A< did 3
        at 600
        M> metrics
        M< metrics jobs_no_worker 1, jobs_failed 1, jobs_waiting 2
        W> can_do t
        W< do 3 t
        W> did 3
        W< do 2 t
        at 3000
        W> did 2 err 5
        A quiet
        M> metrics
        M< metrics jobs_done 1, jobs_failed 2, jobs_no_worker 1, results_dropped 0, bytes_held 0";

    a_background_job_that_is_delayed_is_counted_at_the_stop: "
        A> do 1 t with delay_ms 500, wait_ms 500, background
        A< did 1
        stop
        A> metrics
        A< metrics jobs_failed 1, jobs_no_worker 0, results_dropped 0, bytes_held 0";

    it_counts_after_the_submitter_left: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000; do 2 t with wait_ms 1000
        W< do 1 t $a
        A leaves
        at 1000
        M> metrics
        M< metrics jobs_no_worker 1, jobs_waiting 0, jobs_running 1, results_dropped 1
        W gone
        M> metrics
        M< metrics jobs_no_worker 2, jobs_failed 2, results_dropped 2, bytes_held 0";

    it_is_cancelled_and_expires_like_any_other: "
        A> do 1 t with wait_ms 1000, cancellable; do 2 t with wait_ms 1000, deadline_ms 500
        A> do 3 t with wait_ms 500, deadline_ms 1000
        A> cancel 1
        A< did 1 cancelled
        at 500
        A< did 2 expired; did 3 no_worker
        at 2000
        A quiet
        A> metrics
        A< metrics jobs_cancelled 1, jobs_expired 1, jobs_no_worker 1, jobs_failed 3, bytes_held 0";

    /// Its time is over, and goes on to have a deadline.
    a_job_that_is_held_expires_after_its_time: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 500, deadline_ms 1000, progress
        W< do 1 t $a
        at 700
        W> progress $a 1
        A< progress 1 1
        at 1000
        A< did 1 expired
        W< cancel $a
        A> metrics
        A< metrics jobs_expired 1, jobs_no_worker 0";

    /// Of both at once the deadline is what it ends with.
    a_deadline_goes_before_it: "
        A> do 1 t with wait_ms 500, deadline_ms 500
        A> do 2 t with delay_ms 300, wait_ms 200, deadline_ms 500
        at 500
        A< did 1 expired; did 2 expired";

    while_the_server_stops_it_is_as_with_any_other: "
        W> can_do t max_jobs 1
        A> do 1 t with wait_ms 1000; do 2 t with wait_ms 1000
        W< do 1 t $a
        stop
        A< did 2 shutdown
        A> do 3 t with wait_ms 0
        A< did 3 shutdown
        at 1000
        A quiet
        W gone
        A< did 1 shutdown
        A> metrics
        A< metrics jobs_no_worker 0, bytes_held 0";

    need_worker_is_judged_first: "
        A> do 1 t with wait_ms 1000, need_worker
        A< did 1 no_worker
        W> can_do t
        A> do 2 t with wait_ms 1000, need_worker
        W< do 2 t
        A> do 3 t with wait_ms 1000, need_worker
        W> cant_do t
        at 1000
        A< did 3 no_worker";

    thirty_days_are_the_most: "
        A> do 1 t with wait_ms 2592000000; do 2 t with wait_ms 2592000001
        A< did 2 bad_request
        at 2591999999
        A quiet
        at 2592000000
        A< did 1 no_worker";
}
