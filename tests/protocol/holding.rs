//! `not_holding`: only who holds a job may answer it.

use crate::play::{check, check_rows};
use crate::script::scripts;

#[test]
fn f10_who_holds_nothing_gets_not_holding_also_before_can_do() {
    check_rows(
        r#"{"cmd":"did","id":"x"}                => error not_holding x
           {"cmd":"did","id":1,"err":null}       => error not_holding 1
           {"cmd":"did","job":1,"res":[]}        => error not_holding"#,
    );
    check(
        r#"W> can_do t
           W> did x
           W< error not_holding x"#,
    );
}

scripts! {
    f10_a_wrong_id_changes_nothing: r#"
        W> can_do t
        A> do x t
        W< do x t
        W> did y res 1
        W< error not_holding y
        A quiet
        W> did x res 2
        A< did x res 2"#;

    f10_a_second_did_gets_not_holding: r#"
        W> can_do t max_jobs 1
        A> do x t
        W< do x t $a
        W> did $a res 1
        A< did x res 1
        W> did $a res 2
        W< error not_holding
        W> did $a err 3
        W< error not_holding
        A quiet"#;
}

#[test]
fn f10_only_the_holder_may_answer() {
    check(
        r#"W> can_do t
           V> can_do t
           A> do x t
           W< do x t
           V> did x res "stolen"
           V< error not_holding x
           A> did x res "my own"
           A< error not_holding x
           B> did x
           B< error not_holding x
           W> did x res 1
           A< did x res 1"#,
    );
    check(
        r#"W> can_do t max_jobs 2
           V> can_do t max_jobs 2
           A> do x t
           W< do x t $a
           V> did $a
           V< error not_holding
           W> did $a
           A< did x"#,
    );
}

scripts! {
    a_job_that_waits_is_held_by_nobody: r#"
        A> do x t
        W> did x
        W< error not_holding x
        W> can_do t
        W< do x t"#;

    f12_a_worker_that_comes_back_does_not_hold_what_it_held: r#"
        W> can_do t max_jobs 1
        A> do x t
        W< do x t $a
        W gone
        W opens
        W> can_do u max_jobs 1
        W> did $a
        W< error not_holding
        V> can_do t max_jobs 1
        V< do x t $b attempt 2
        W> did $a
        W< error not_holding
        V> did $a
        V< error not_holding
        V> did $b
        A< did x"#;

    it_is_counted_as_a_protocol_error: r#"
        W> did 1
        W< error not_holding 1
        W> {
        W< error bad_json
        A> metrics
        A< metrics protocol_errors 2, jobs_done 0"#;
}

#[test]
fn bad_json_of_a_worker_that_holds_a_job_closes_it_and_requeues_the_job() {
    check(
        r#"A> do 1 t
           W> can_do t
           W< do 1 t
           W> {"cmd":"did","id":1,"res":Infinity}
           W< error bad_json
           W closed explained
           V> can_do t
           V< do 1 t
           V> did 1 res 5
           A< did 1 res 5"#,
    );
    // As from any lost worker: the loss counts.
    check(
        r#"deputy --max-attempts 1
           A> do 1 t
           W> can_do t max_jobs 2
           W< do 1 t $a
           W> {"cmd":"did","job":$a,"res":NaN}
           W< error bad_json
           W closed explained
           A< did 1 gave_up"#,
    );
}

scripts! {
    a_worker_that_holds_a_job_keeps_its_connection_after_a_line_that_could_be_read: r#"
        A> do 1 t
        W> can_do t
        W< do 1 t
        W> did 2
        W< error not_holding 2
        W> {"cmd":"did","id":1,"res":1,"err":2}
        W< error bad_request 1
        W> {"cmd":"dance"}
        W< error unknown_cmd
        W> did 1
        A< did 1"#;

    bad_json_of_a_worker_that_holds_no_job_leaves_it_open: r#"
        A> do 1 t
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        W> {"cmd":"did","id":1,"res":Infinity}
        W< error bad_json
        W> ping
        W< pong"#;
}
