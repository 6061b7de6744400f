//! A server that stops: what it still does, and for which peers.

use crate::play::check;

#[test]
fn waiting_jobs_and_new_ones_are_answered_shutdown() {
    check(
        r#"A> do 1 t
           B> do 2 u
           A> do 3 t
           A quiet
           B quiet
           stop
           A< {"cmd":"did","id":1,"err":"…","code":"shutdown"}
           A< did 3 shutdown
           B< did 2 shutdown
           A> do 4 t
           A< did 4 shutdown
           B> do 5 nobody
           B< did 5 shutdown
           A quiet
           B quiet
           M> metrics
           M< metrics draining true, jobs_added 3, jobs_failed 3, jobs_refused 2, jobs_waiting 0"#,
    );
}

#[test]
fn did_ping_and_metrics_are_served() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t
           A> do 2 t
           W< do 1 t $a
           W< do 2 t $b
           stop
           A> ping
           A< pong
           W> did $a res 5
           A< did 1 res 5
           W> did $b err 6
           A< did 2 failed 6
           W> did $b
           W< error not_holding
           A> metrics
           A< metrics draining true, jobs_done 1, jobs_failed 1, jobs_running 0
           A> {"cmd":"metrics","types":["t"]}
           A< metrics draining true
           A> {"cmd":"nope"}
           A< error unknown_cmd
           A> {"cmd":"do","id":9}
           A< did 9 bad_request"#,
    );
}

#[test]
fn jobs_held_may_finish_but_nothing_new_is_handed_out() {
    check(
        r#"W> can_do t
           V> can_do t
           A> do 1 t
           W< do 1 t
           stop
           A> do 2 t
           A< did 2 shutdown
           V quiet
           W> did 1
           A< did 1
           W quiet
           X> can_do t max_jobs 3
           X> cant_do t
           X> can_do t u
           X quiet"#,
    );
}

#[test]
fn when_the_time_is_over_they_are_answered_shutdown() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t
           B> do 2 t
           W< do 1 t $a
           W< do 2 t $b
           stop
           A quiet
           W> did $b res "just in time"
           B< did 2 res "just in time"
           drain over
           A< did 1 shutdown
           B quiet"#,
    );
}

#[test]
fn a_result_after_that_is_not_a_second_answer() {
    check(
        r#"W> can_do t
           A> do 1 t
           W< do 1 t
           stop
           drain over
           A< did 1 shutdown
           W> did 1
           W< error not_holding 1
           A quiet"#,
    );
}

#[test]
fn a_job_given_back_meanwhile_is_answered_shutdown() {
    check(
        r#"W> can_do t
           V> can_do t
           A> do 1 t
           W< do 1 t
           stop
           W gone
           A< did 1 shutdown
           V quiet
           drain over
           A quiet"#,
    );
}

#[test]
fn several_given_back_are_answered_once_each() {
    check(
        r#"W> can_do t u max_jobs 3
           A> do 1 t
           A> do 2 t
           B> do 3 u
           W< do 1 t $a
           W< do 2 t $b
           W< do 3 u $c
           stop
           W> did $a
           A< did 1
           W gone
           A< did 2 shutdown
           B< did 3 shutdown"#,
    );
}

#[test]
fn suspects_that_wait_are_answered_too() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t
           A> do 2 t
           W< do 1 t $a
           W< do 2 t $b
           W gone
           V> can_do t max_jobs 2
           V< do 1 t $c
           stop
           A< did 2 shutdown
           V> did $c
           A< did 1"#,
    );
}

#[test]
fn results_for_submitters_that_left_are_dropped_as_ever() {
    check(
        r#"W> can_do t
           A> do 1 t
           A> do 2 t
           W< do 1 t
           A gone
           stop
           W> did 1
           M> metrics
           M< metrics results_dropped 2, jobs_done 1, jobs_failed 1"#,
    );
}

#[test]
fn a_client_that_works_for_itself_may_finish() {
    check(
        r#"A> can_do t
           A> do 1 t
           A< do 1 t
           stop
           A> did 1 res 2
           A< did 1 res 2"#,
    );
}

#[test]
fn a_paused_worker_gets_nothing_when_it_reads_on() {
    check(
        r#"W> can_do t max_jobs 2
           W stops reading
           A> do 1 t "<x*1100000>"
           A> do 2 t
           stop
           A< did 2 shutdown
           W reads on
           W< do 1 t $a "<x*1100000>"
           W> did $a
           A< did 1"#,
    );
}

#[test]
fn told_twice_it_stops_once() {
    check(
        r#"W> can_do t
           A> do 1 t
           A> do 2 t
           W< do 1 t
           stop
           A< did 2 shutdown
           stop
           A quiet
           drain over
           A< did 1 shutdown
           drain over
           A quiet"#,
    );
}
