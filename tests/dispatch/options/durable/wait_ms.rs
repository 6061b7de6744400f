//! `wait_ms` of durable jobs: it limits how long they wait until they are stored.

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_durable_job_must_come_to_a_durable_worker_in_time: "
        D> can_do t max_jobs 1 with durable
        W> can_do t
        A> do 1 t with durable, wait_ms 1000
        D< do 1 t $a
        A> do 2 t with durable, wait_ms 1000; do 3 t with durable, wait_ms 0
        A< did 3 no_worker
        at 1000
        A< did 2 no_worker
        D> did $a
        A< did 1
        A> do 4 t with durable, wait_ms 0
        D< do 4 t $b
        D gone
        A< did 4 no_bridge
        W quiet";

    without_a_durable_worker_a_durable_job_ends_with_no_bridge_whatever_time_is_left: "
        W> can_do t max_jobs 9
        A> do 1 t with durable, wait_ms 0
        A< did 1 no_bridge
        A> do 2 t with durable, wait_ms 1000
        A< did 2 no_bridge
        D> can_do t max_jobs 1 with durable
        A> do 3 t with durable
        D< do 3 t $a
        A> do 4 t with durable, wait_ms 1000
        at 500
        D gone
        A< did 4 no_bridge; did 3 no_bridge
        at 2000
        A quiet
        A> metrics
        A< metrics jobs_no_bridge 4, jobs_no_worker 0, bytes_held 0";

    a_durable_job_that_comes_back_unstored_waits_for_the_rest_of_its_time: "
        D> can_do t max_jobs 2 with durable
        A> do 1 t with durable, wait_ms 1000; do 2 t with durable, wait_ms 0
        D< do 1 t $a; do 2 t $b
        E> can_do t max_jobs 1 with durable
        A> do 3 t with durable
        E< do 3 t $c
        at 600
        D gone
        A< did 2 no_worker
        at 999
        A quiet
        at 1000
        A< did 1 no_worker
        E> did $c
        A< did 3
        A> metrics
        A< metrics jobs_no_worker 2, jobs_no_bridge 0, jobs_reassigned 2, bytes_held 0";
}

/// It must not end while it is stored: what has stored it goes on with it.
#[test]
fn a_job_that_is_stored_has_all_the_time_there_is() {
    for wait_ms in [0, 1_000] {
        check(&format!(
            r#"D> can_do t max_jobs 1 with durable
               A> do 1 t with durable, wait_ms {wait_ms}
               D< do 1 t $a
               D> {{"cmd":"stored","job":$a}}
               A< {{"cmd":"stored","id":1}}
               at 500
               D gone
               at 2000
               A quiet
               A> metrics
               A< metrics jobs_waiting 1
               E> can_do t max_jobs 1 with durable
               E< do 1 t $b
               E gone
               A quiet
               F> can_do t max_jobs 1 with durable
               F< do 1 t $c
               F> did $c
               A< did 1"#
        ));
    }
}

scripts! {
    /// Its `did` comes when it is stored, and says how it ended if it was not.
    the_did_of_a_durable_job_in_the_background_has_its_end: r#"
        D> can_do t max_jobs 1 with durable
        A> do 1 t with durable, background, wait_ms 1000
        A> do 2 t with durable, background, wait_ms 1000
        D< do 1 t $a
        D> {"cmd":"stored","job":$a}
        A< did 1
        at 1000
        A< did 2 no_worker
        D> did $a
        A> metrics
        A< metrics jobs_done 1, jobs_no_worker 1, bytes_held 0"#;
}
