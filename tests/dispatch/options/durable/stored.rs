//! Durable jobs: what `stored` says, to whom, and what a repeated or a wrong one does.

use crate::script::scripts;

scripts! {
    /// The id comes back as it was sent.
    stored_carries_the_submitters_own_id: r#"
        B> can_do t max_jobs 1 with durable
        A> {"cmd":"do","id":"\u0061","type":"t","durable":true}
        B< {"cmd":"do","id":"\u0061","type":"t","job":$a}
        B> {"cmd":"stored","job":$a,"id":"of no use"}
        A< {"cmd":"stored","id":"\u0061"}
        B> did $a err 0
        A< {"cmd":"did","id":"\u0061","err":0,"code":"failed"}"#;

    with_background_the_did_takes_the_place_of_stored: r#"
        B> can_do t max_jobs 2 with durable
        A> do 1 t with durable, background
        B< do 1 t $a
        A quiet
        B> stored $a
        A< {"cmd":"did","id":1}
        B> did $a res 2
        A quiet
        A> do 2 t with durable, background
        B< do 2 t $b
        B> stored $b
        A< did 2
        B> did $b err 0
        A quiet
        A> metrics
        A< metrics jobs_added 2, jobs_done 1, jobs_failed 1, results_dropped 0, bytes_held 0"#;

    a_background_job_that_ends_before_it_is_stored_says_how: r#"
        A> do 1 t with durable, background
        A< did 1 no_bridge
        B> can_do t max_jobs 1 with durable
        A> do 2 t with durable, background
        B< do 2 t $a
        B> did $a res "done at once"
        A< did 2 res "done at once"
        A> do 3 t with durable, background
        B< do 3 t $b
        B> did $b err "cannot"
        A< did 3 failed "cannot"
        A> do 4 t with durable, background
        B< do 4 t $c
        B gone
        A< did 4 no_bridge
        A> metrics
        A< metrics jobs_added 4, jobs_done 1, jobs_failed 3, jobs_no_bridge 2, results_dropped 0, bytes_held 0"#;

    stored_a_second_time_for_one_number_is_not_holding: r#"
        B> can_do t max_jobs 2 with durable
        A> do 1 t with durable
        B< do 1 t $a
        B> stored $a
        A< stored 1
        B> {"cmd":"stored","job":$a,"id":"x"}
        B< error not_holding "x"
        A quiet
        B> did $a
        A< did 1
        B> stored $a
        B< error not_holding
        A> metrics
        A< metrics protocol_errors 2, faults.not_holding 2"#;

    stored_for_a_job_that_is_not_durable_or_not_held_is_not_holding: r#"
        W> can_do t max_jobs 1
        B> can_do t max_jobs 1 with durable
        A> do 1 t
        W< do 1 t $a
        A> do 2 t with durable
        B< do 2 t $b
        W> stored $a
        W< error not_holding
        W> stored $b
        W< error not_holding
        A> stored $b
        A< error not_holding
        B> stored 7
        B< error not_holding
        B> did $b
        A< did 2
        W> did $a
        A< did 1"#;

    /// A worker without `max_jobs` cannot name a job so: its jobs have no number.
    stored_without_a_readable_number_is_a_bad_request: r#"
        B> can_do t max_jobs 1 with durable
        A> do 1 t with durable
        B< do 1 t $a
        B> {"cmd":"stored","id":1}
        B< error bad_request 1
        B> {"cmd":"stored"}
        B< error bad_request
        B> {"cmd":"stored","job":-1}
        B< error bad_request
        B> stored $a
        A< stored 1"#;

    stored_for_a_spent_slot_is_dropped_without_an_error: r#"
        B> can_do t max_jobs 1 with durable
        A> do 1 t with durable, cancellable
        B< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        B< cancel $a
        B> stored $a; stored $a
        A quiet
        B quiet
        B> did $a
        A> metrics
        A< metrics protocol_errors 0, slots_spent 0, results_dropped 1, jobs_cancelled 1"#;
}
