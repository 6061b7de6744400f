//! A job that kills its workers is given up; the jobs beside it are not.

use crate::play::check;
use crate::script::scripts;

/// A worker comes, is sent the job, and leaves.
fn death(name: &str) -> String {
    format!("{name}> can_do t\n{name}< do 1 t\n{name} gone\n")
}

#[test]
fn f07_after_max_attempts_losses_a_job_is_given_up() {
    for (attempts, deaths) in [("1", 1), ("2", 2), ("3", 3), ("5", 5)] {
        let lost: String = (1..deaths).map(|i| death(&format!("W{i}")) + "A quiet\n").collect();
        check(&format!(
            r#"deputy --max-attempts {attempts}
               A> do 1 t
               {lost}{}
               A< {{"cmd":"did","id":1,"err":"…","code":"gave_up"}}
               V> can_do t
               V quiet
               A> metrics
               A< metrics jobs_failed 1, jobs_done 0, jobs_waiting 0, jobs_running 0, jobs_added 1, jobs_dispatched {deaths}"#,
            death("X")
        ));
    }
}

#[test]
fn three_is_the_default() {
    check(&format!("A> do 1 t\n{}{}A quiet\n{}A< did 1 gave_up", death("W1"), death("W2"), death("W3")));
}

#[test]
fn with_0_there_is_no_end() {
    let deaths: String = (0..50).map(|i| death(&format!("W{i}"))).collect();
    check(&format!("deputy --max-attempts 0\nA> do 1 t\n{deaths}A quiet\nV> can_do t\nV< do 1 t\nV> did 1\nA< did 1"));
}

scripts! {
    a_loss_in_company_does_not_count_the_first_time: r#"
        deputy --max-attempts 1
        A> do 1 t; do 2 t
        W> can_do t max_jobs 2
        W< do 1 t $a; do 2 t $b
        W gone
        A quiet
        V> can_do t
        V< do 1 t
        V gone
        A< did 1 gave_up
        U> can_do t
        U< do 2 t
        U> did 2
        A< did 2"#;

    a_loss_counts_when_the_job_was_all_that_the_worker_still_held: r#"
        deputy --max-attempts 1
        A> do 1 t; do 2 t
        W> can_do t max_jobs 2
        W< do 1 t $a; do 2 t $b
        W> did $a
        A< did 1
        W gone
        A< did 2 gave_up"#;

    a_job_given_back_before_counts_in_company_too: r#"
        deputy --max-attempts 1
        A> do 1 t; do 2 t
        W> can_do t max_jobs 2
        W< do 1 t $a; do 2 t $b
        W gone
        V> can_do t max_jobs 2
        V< do 1 t $c
        A> do 3 t
        V< do 3 t $d
        V gone
        A< did 1 gave_up
        U> can_do t
        U< do 2 t
        U> did 2
        A< did 2
        U< do 3 t
        U> did 3
        A< did 3"#;

    f07_a_poison_job_ends_after_one_more_death_and_takes_no_neighbour_along: r#"
        deputy --max-attempts 2
        A> do poison t; do 2 t; do 3 t; do 4 t
        W1> can_do t max_jobs 2
        W1< do poison t $a; do 2 t $b
        W1 gone
        W2> can_do t max_jobs 2
        W2< do poison t $c; do 3 t $d
        W2 gone
        W3> can_do t max_jobs 2
        W3< do poison t $e attempt 2; do 4 t $f
        W3 gone
        A< did poison gave_up
        W4> can_do t
        W4< do 2 t
        W4> did 2
        A< did 2
        W4< do 3 t
        W4> did 3
        A< did 3
        W4< do 4 t
        W4> did 4
        A< did 4"#;
}

#[test]
fn a_job_that_is_lost_and_then_done_is_done() {
    check(&format!("A> do 1 t\n{}{}V> can_do t\nV< do 1 t\nV> did 1 res 5\nA< did 1 res 5", death("W1"), death("W2")));
}

#[test]
fn a_worker_that_fails_a_job_it_got_back_ends_it() {
    check(&format!("A> do 1 t\n{}V> can_do t\nV< do 1 t\nV> did 1 err 5\nA< did 1 failed 5", death("W1")));
}

scripts! {
    cant_do_is_no_loss: r#"
        deputy --max-attempts 1
        A> do 1 t
        W> can_do t
        W< do 1 t
        W> cant_do t
        W> can_do t
        W> did 1
        A< did 1"#;
}
