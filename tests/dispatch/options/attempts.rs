//! `attempts`, and what a worker learns of the attempts before.

use crate::play::check;
use crate::script::scripts;

#[test]
fn a_job_may_have_more_or_fewer_attempts_than_the_server_gives() {
    for (attempts, deaths) in [(1, 1), (2, 2), (5, 5)] {
        let lost = |nth: usize| {
            let attempt = if nth > 1 { format!(" attempt {nth}") } else { String::new() };
            format!("A quiet\nW{nth}> can_do t max_jobs 1\nW{nth}< do 1 t $a{nth}{attempt}\nW{nth} gone\n")
        };
        let lost: String = (1..=deaths).map(lost).collect();
        check(&format!("A> do 1 t with attempts {attempts}\n{lost}A< did 1 gave_up"));
    }
}

scripts! {
    a_job_of_one_attempt_is_never_given_to_a_second_worker: r#"
        W> can_do t max_jobs 2
        V> can_do t
        A> do 1 t with attempts 1
        W< do 1 t $a
        A> do 2 t
        V< do 2 t
        A> do 3 t
        W< do 3 t $b
        V> did 2
        A< did 2
        W gone
        A< did 1 gave_up
        V< do 3 t
        V> did 3
        A< did 3"#;

    /// The option of the server spares the neighbours, as it did.
    with_max_attempts_1_a_loss_in_company_does_not_count: r#"
        deputy --max-attempts 1
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t with attempts 1
        W< do 1 t $a; do 2 t $b
        W gone
        A< did 2 gave_up
        A quiet
        V> can_do t max_jobs 1
        V< do 1 t $c
        V gone
        A< did 1 gave_up"#;

    a_loss_in_company_leaves_the_number_of_the_attempt: r#"
        W> can_do t max_jobs 2
        A> do 1 t [5] with run_limit_ms 86400000; do 2 t
        W< do 1 t $a run_limit_ms 86400000 [5]; do 2 t $b
        W gone
        V> can_do t max_jobs 1
        V< do 1 t $c run_limit_ms 86400000 [5]
        V gone
        U> can_do t max_jobs 2
        U< do 1 t $d attempt 2 run_limit_ms 86400000 [5]"#;

    a_worker_without_job_numbers_is_sent_neither: r#"
        A> do 1 t with run_limit_ms 86400000
        W> can_do t
        W< do 1 t
        W gone
        V> can_do t
        V< do 1 t"#;

    with_max_attempts_0_the_attempts_of_a_job_still_count: r#"
        deputy --max-attempts 0
        A> do 1 t with attempts 1
        W> can_do t
        W< do 1 t
        W gone
        A< did 1 gave_up"#;
}
