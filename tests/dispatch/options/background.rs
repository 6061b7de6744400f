//! `background`: a job whose submitter learns only that it was accepted.

use crate::play::check;
use crate::script::scripts;

scripts! {
    its_did_comes_when_it_is_accepted: r#"
        A> do 1 t [7] with background
        A< {"cmd":"did","id":1}
        A> metrics
        A< metrics jobs_added 1, jobs_done 0, jobs_waiting 1
        W> can_do t max_jobs 1
        W< do 1 t $a [7]
        W> did $a res 5
        A quiet
        A> metrics
        A< metrics jobs_done 1, jobs_failed 0, results_dropped 0, bytes_held 0"#;

    what_becomes_of_it_is_only_counted: r#"
        A> do 1 t with background
        A< did 1
        A> do 2 t with background, attempts 1
        A< did 2
        A> do 3 u with background, need_worker
        A< did 3
        W> can_do t max_jobs 1
        W< do 1 t $a
        W> progress $a 1
        W> did $a err 5
        W< do 2 t $b
        W gone
        A quiet
        A> metrics
        A< metrics jobs_added 3, jobs_done 0, jobs_failed 3, jobs_no_worker 1, results_dropped 0, progress_dropped 0, bytes_held 0, faults.gave_up 1"#;

    it_is_done_whether_its_submitter_is_there_or_not: r#"
        A> do 1 t with background
        A< did 1
        A leaves
        W> can_do t
        W< do 1 t
        W> did 1
        B> metrics
        B< metrics jobs_done 1, results_dropped 0"#;

    it_cannot_be_cancelled: r#"
        A> do 1 t with background
        A< did 1
        A> cancel 1
        A quiet
        W> can_do t
        W< do 1 t"#;
}

#[test]
fn what_would_send_its_submitter_lines_is_refused_beside_it() {
    for option in ["cancellable", "progress", "deadline_ms 60000"] {
        check(&format!(
            r#"A> do 1 t with background, {option}
               A< {{"cmd":"did","id":1,"err":"background jobs cannot have cancellable, progress or deadline_ms","code":"bad_request"}}
               A> do 2 t with background false, {option}
               A> metrics
               A< metrics jobs_added 1, jobs_refused 1"#
        ));
    }
    for option in ["cancellable false", "progress false", "priority 1", "attempts 2", "run_limit_ms 5"] {
        check(&format!("A> do 1 t with background, {option}\nA< did 1"));
    }
}
