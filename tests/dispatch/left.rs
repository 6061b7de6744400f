//! A submitter leaves, and clients that are their own workers.

use crate::script::scripts;

scripts! {
    f13_jobs_of_a_submitter_that_left_are_still_done_and_their_results_dropped: r#"
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t
        A gone
        W> did 1 res "x"
        W< do 2 t
        W> did 2 err "y"
        W< do 3 t
        W gone
        B> metrics
        B< metrics results_dropped 2, jobs_added 3, jobs_done 1, jobs_failed 1, jobs_waiting 1, connections_open 1"#;

    giving_up_drops_its_answer_too: r#"
        deputy --max-attempts 1
        A> do 1 t
        A gone
        W> can_do t
        W< do 1 t
        W gone
        B> metrics
        B< metrics results_dropped 1, jobs_failed 1, jobs_waiting 0, bytes_held 0"#;

    whoever_comes_in_its_place_receives_nothing: r#"
        W> can_do t
        A> do x t
        A gone
        A opens
        B opens
        C opens
        A> do x t "mine"
        W< do x t
        W> did x res 1
        A quiet
        B quiet
        C quiet
        W< do x t "mine"
        W> did x res 2
        A< did x res 2"#;

    f16_a_client_may_work_for_itself: r#"
        A> can_do t
        A> do x t [1]
        A< do x t [1]
        A> did x res [2]
        A< did x res [2]
        A> do y t
        A< do y t
        A> did y err 0
        A< did y failed 0"#;

    f16_a_client_that_worked_for_itself_leaves_its_job_to_others: r#"
        A> can_do t
        A> do x t
        A< do x t
        A gone
        W> can_do t
        W< do x t
        W> did x
        B> metrics
        B< metrics results_dropped 1, jobs_done 1, jobs_reassigned 1, jobs_running 0, jobs_waiting 0, workers 1, connections_open 2"#;

    a_worker_may_submit_to_others: r#"
        V> can_do outer
        W> can_do inner
        A> do x outer
        V< do x outer
        V> do x inner
        W< do x inner
        W> did x res 1
        V< did x res 1
        V> did x res 2
        A< did x res 2"#;
}
