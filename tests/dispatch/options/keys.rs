//! Jobs with a key: which lines share a job, and what each of them receives.

use crate::play::check;
use crate::script::scripts;

#[test]
fn each_member_gets_the_answer_to_the_one_job() {
    for (outcome, answer) in [("res [5]", "res [5]"), ("err 5", "failed 5"), ("", "")] {
        check(&format!(
            r#"A> do a1 t 1 with key "k"
               B> do b1 t 2 with key "k"
               A> do a2 t 3 with key "k"
               W> can_do t max_jobs 3
               W< do a1 t $a 1
               B> do b2 t 4 with key "k"
               W quiet
               A> metrics
               A< metrics jobs_added 4, jobs_joined 3, jobs_waiting 0, jobs_running 1, jobs_dispatched 1
               W> did $a {outcome}
               A< did a1 {answer}; did a2 {answer}
               B< did b1 {answer}; did b2 {answer}
               A> metrics
               A< metrics jobs_running 0, bytes_held 0"#
        ));
    }
}

scripts! {
    whoever_came_first_decides_what_the_job_is: r#"
        A> do 1 t with priority -1, key "k"; do 2 t with priority 100, attempts 1, key "k"; do 3 t
        W> can_do t max_jobs 1
        W< do 3 t $a
        W> did $a
        A< did 3
        W< do 1 t $b
        W gone
        A quiet
        V> can_do t max_jobs 1
        V< do 1 t $c attempt 2
        V> did $c
        A< did 1; did 2"#;

    after_the_answer_the_key_makes_a_new_job: r#"
        W> can_do t max_jobs 2
        A> do 1 t with key "k"
        W< do 1 t $a
        W> did $a res 1
        A< did 1 res 1
        A> do 2 t with key "k"
        W< do 2 t $b
        W> did $b res 2
        A< did 2 res 2
        A> metrics
        A< metrics jobs_joined 0, jobs_done 2"#;
}

#[test]
fn keys_are_of_a_type_and_are_compared_unescaped() {
    check(
        r#"A> do 1 t with key "k"; do 2 u with key "k"; do 3 t with key "\u006b"; do 4 t with key "K"
           A> do 5 \u0074 with key "k"; do 6 t with key "k "; do 7 t
           A> metrics
           A< metrics jobs_added 7, jobs_joined 2, jobs_waiting 5"#,
    );
    for (one, other) in [(r#""é""#, r#""\u00e9""#), (r#""\"/""#, r#""\u0022\/""#), (r#""\u0000""#, r#""\u0000""#)] {
        check(&format!(
            "A> do 1 t with key {one}\nA> do 2 t with key {other}\nA> metrics\nA< metrics jobs_joined 1, jobs_waiting 1"
        ));
    }
}

scripts! {
    a_key_has_1_to_255_bytes: r#"
        A> do 1 t with key "<x*255>"; do 2 t with key "<x*256>"
        A< did 2 bad_request
        A> do 3 t with key "<é*127>"; do 4 t with key "<é*128>"
        A< did 4 bad_request
        A> do 5 t with key "<\u0078*255>"; do 6 t with key ""
        A< did 6 bad_request
        A> do 7 t with key "\ud800"
        A< did 7 bad_request
        A> metrics
        A< metrics jobs_added 3, jobs_joined 1"#;

    a_member_that_cancels_leaves_the_others_their_job: r#"
        W> can_do t max_jobs 2
        A> do 1 t with key "k", cancellable
        B> do 2 t with key "k", cancellable
        C> do 3 t with key "k"
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled
        B leaves
        W quiet
        C> metrics
        C< metrics jobs_cancelled 2, jobs_running 1, slots_spent 0
        W> did $a res 1
        C< did 3 res 1
        A quiet"#;
}

#[test]
fn when_the_last_member_cancels_the_job_ends() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t with key "k", cancellable
           B> do 2 t with key "k", cancellable
           W< do 1 t $a
           A> cancel 1
           A< did 1 cancelled
           B> cancel 2
           B< did 2 cancelled
           W< cancel $a
           A> do 3 t with key "k"
           W< do 3 t $b
           W> did $a res "old"
           A quiet
           W> did $b res "new"
           A< did 3 res "new"
           A> metrics
           A< metrics jobs_joined 1, results_dropped 1, bytes_held 0"#,
    );
    check(
        r#"A> do 1 t with key "k", cancellable; do 2 t with key "k", cancellable; do 3 t
           A> cancel 2
           A< did 2 cancelled
           A> cancel 1
           A< did 1 cancelled
           A> metrics
           A< metrics jobs_waiting 1
           W> can_do t
           W< do 3 t"#,
    );
}

scripts! {
    /// A plain one is done although its submitter has left.
    a_member_that_cannot_be_cancelled_stays_when_it_leaves: r#"
        A> do 1 t with key "k"
        B> do 2 t with key "k", cancellable
        A leaves
        B> cancel 2
        B< did 2 cancelled
        W> can_do t
        W< do 1 t
        W> did 1
        B> metrics
        B< metrics jobs_done 1, jobs_cancelled 1, results_dropped 1, bytes_held 0"#;

    one_client_may_have_a_key_twice: r#"
        W> can_do t max_jobs 1
        A> do 1 t with key "k", cancellable; do 1 t with key "k", cancellable
        W< do 1 t $a
        A> cancel 1
        A< did 1 cancelled; did 1 cancelled
        W< cancel $a"#;

    giving_up_is_answered_to_each_member: r#"
        deputy --max-attempts 1
        A> do 1 t with key "k"
        B> do 2 t with key "k"
        W> can_do t
        W< do 1 t
        W gone
        A< did 1 gave_up
        B< did 2 gave_up
        A> metrics
        A< metrics jobs_failed 2, faults.gave_up 1, bytes_held 0"#;

    progress_is_sent_to_each_member_that_asked: r#"
        W> can_do t max_jobs 1
        A> do 1 t with key "k"
        B> do 2 t with key "k", progress
        W< do 1 t $a
        W> progress $a 1
        B< progress 2 1
        C> do 3 t with key "k", progress
        W> progress $a 2
        B< progress 2 2
        C< progress 3 2
        A quiet
        W> did $a
        A< did 1
        B< did 2
        C< did 3"#;

    a_background_member_is_only_counted: r#"
        A> do 1 t with key "k", background
        A< did 1
        A> do 2 t with key "k"; do 3 t with key "k", background
        A< did 3
        W> can_do t
        W< do 1 t
        W> did 1 res 5
        A< did 2 res 5
        A> metrics
        A< metrics jobs_added 3, jobs_joined 2, jobs_done 3, results_dropped 0, bytes_held 0"#;
}
