//! The memory budget: which jobs it allows.

use deputy::limits::JOB_FIXED_BYTES;

use crate::play::check;
use crate::script::scripts;

scripts! {
    a_job_that_does_not_fit_is_refused_and_what_waits_stays: r#"
        deputy --max-memory 1M
        A> do 1 t "<x*900000>"; do 2 t "<y*200000>"
        A< did 2 queue_full
        A> do 3 t "small"
        B> do 4 t "<y*200000>"
        B< did 4 queue_full
        W> can_do t
        W< do 1 t "<x*900000>"
        W> did 1
        A< did 1
        W< do 3 t "small""#;

    a_job_counts_until_it_is_answered: r#"
        deputy --max-memory 1M
        W> can_do t
        A> do 1 t "<x*900000>"
        W< do 1 t "<x*900000>"
        A> do 2 t "<y*200000>"
        A< did 2 queue_full
        W> did 1
        A< did 1
        A> do 2 t "<y*200000>"
        W< do 2 t "<y*200000>""#;
}

#[test]
fn text_and_fixed_cost_fill_the_budget_to_the_byte() {
    let text = (1 << 20) - JOB_FIXED_BYTES - r#"1t"""#.len() as u64;
    check(&format!("deputy --max-memory 1M\nA> do 1 t \"<x*{text}>\"\nA> do 2 t\nA< did 2 queue_full"));
    check(&format!("deputy --max-memory 1M\nA> do 1 t \"<x*{}>\"\nA< did 1 queue_full", text + 1));
}

#[test]
fn small_jobs_fill_it_too() {
    let jobs = (1 << 20) / (JOB_FIXED_BYTES + 2);
    let accepted = r#"{"cmd":"do","id":1,"type":"t"}\n"#.repeat(usize::try_from(jobs).unwrap());
    check(&format!(
        r#"deputy --max-memory 1M
           A sends {accepted}
           A> ping
           A< pong
           A> do 2 t
           A< did 2 queue_full
           M> metrics
           M< metrics jobs_added {jobs}, jobs_waiting {jobs}, jobs_refused 1"#
    ));
}

scripts! {
    unsent_bytes_count: r#"
        deputy --max-memory 1M
        V> can_do u
        A> do 1 u
        A stops reading
        V< do 1 u
        V> did 1 res "<x*700000>"
        B> do 2 t "<y*400000>"
        B< did 2 queue_full
        A reads on
        A< did 1 res "<x*700000>"
        B> do 2 t "<y*400000>"
        W> can_do t
        W< do 2 t "<y*400000>""#;

    half_lines_do_not_count_for_a_job: r#"
        deputy --max-memory 1M
        B sends {"cmd":"<x*900000>
        A> do 1 t "<y*200000>"
        A quiet
        M> metrics
        M< metrics jobs_added 1, jobs_refused 0
        B< error queue_full
        B closed explained"#;

    a_job_given_back_is_never_refused: r#"
        deputy --max-memory 1M
        W> can_do t
        A> do 1 t "<x*900000>"
        W< do 1 t "<x*900000>"
        V> can_do u
        A> do 2 u "<y*140000>"
        V< do 2 u "<y*140000>"
        W gone
        W opens
        W> can_do t
        W< do 1 t "<x*900000>"
        W> did 1
        A< did 1"#;

    a_submitter_that_left_holds_its_share_until_its_jobs_are_done: r#"
        deputy --max-memory 1M
        A> do 1 t "<x*900000>"
        A gone
        B> do 2 t "<y*200000>"
        B< did 2 queue_full
        W> can_do t
        W< do 1 t "<x*900000>"
        W> did 1
        B> do 2 t "<y*200000>"
        W< do 2 t "<y*200000>""#;

    a_job_larger_than_the_budget_is_refused_alone: r#"
        deputy --max-memory 1M
        W> can_do t
        A> do 1 t "<x*1048576>"
        A< did 1 queue_full
        W quiet
        A> do 2 t
        W< do 2 t"#;

    results_are_carried_whatever_the_budget: r#"
        deputy --max-memory 1M
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> did 1 res "<x*2000000>"
        A< did 1 res "<x*2000000>""#;
}
