//! `did`: how it names the job, and what it may say.

use crate::play::{check, check_rows};
use crate::script::scripts;

scripts! {
    a_job_without_a_number_is_named_by_its_id: r#"
        W> can_do t
        A> do x t
        W< do x t
        W> {"cmd":"did","id":"x","res":{"a":[1]}}
        A< {"cmd":"did","id":"x","res":{"a":[1]}}"#;
}

#[test]
fn a_job_with_a_number_is_named_by_it_and_the_id_is_not_looked_at() {
    for id in ["", r#","id":"x""#, r#","id":"other""#, r#","id":null"#, r#","id":[1]"#] {
        check(&format!(
            r#"W> can_do t max_jobs 2
               A> do x t
               W< do x t $a
               W> {{"cmd":"did","job":$a,"res":1{id}}}
               A< did x res 1"#
        ));
    }
}

scripts! {
    a_numbered_job_is_not_found_by_its_id: r#"
        W> can_do t max_jobs 2
        A> do x t
        W< do x t $a
        W> did x
        W< error not_holding x
        A quiet
        W> did $a
        A< did x"#;

    a_job_that_came_without_a_number_is_named_by_its_id_also_later: r#"
        W> can_do t
        A> do x t
        W< do x t
        W> can_do max_jobs 3
        A> do x t; do 5 t
        W< do x t $a; do 5 t $b
        W> did 5
        W< error not_holding 5
        W> did x res "unnumbered"
        A< did x res "unnumbered"
        W> did x
        W< error not_holding x
        W> did $a res "numbered"
        A< did x res "numbered"
        W> did $b
        A< did 5"#;

    the_number_decides_where_both_are_given: r#"
        W> can_do t
        A> do x t
        W< do x t
        W> {"cmd":"did","id":"x","job":7000000000000000}
        W< error not_holding x
        W> can_do max_jobs 2
        A> do y t
        W< do y t $a
        W> {"cmd":"did","id":"x","job":$a}
        A< did y
        W> did x
        A< did x"#;

    one_of_the_two_is_required: check_rows r#"
        {"cmd":"did"}                         => error bad_request
        {"cmd":"did","res":1}                 => error bad_request
        {"cmd":"did","err":1}                 => error bad_request"#;
}

#[test]
fn an_id_is_a_string_or_a_number() {
    for id in ["null", "true", "[]", r#"["x"]"#, "{}"] {
        check_rows(&format!(r#"{{"cmd":"did","id":{id}}} => error bad_request"#));
    }
}

#[test]
fn a_number_is_digits_below_2_to_the_53() {
    for job in [
        "-1", "-0", "1.0", "1e0", "0.5", "null", "true", r#""1""#, "[1]", "{}", "9007199254740992", "<9*400>",
        "18446744073709551617",
    ] {
        check_rows(&format!(
            r#"{{"cmd":"did","job":{job}}}            => error bad_request
               {{"cmd":"did","job":{job},"id":"x"}}   => error bad_request x"#
        ));
    }
    check_rows(
        r#"{"cmd":"did","job":9007199254740991}  => error not_holding
           {"cmd":"did","job":0}                 => error not_holding
           {"cmd":"did","job":1,"id":"x"}        => error not_holding x
           {"cmd":"did","job":1,"id":null}       => error not_holding"#,
    );
}

scripts! {
    a_bad_number_beside_the_id_leaves_the_job_held: r#"
        W> can_do t
        A> do x t
        W< do x t
        W> {"cmd":"did","id":"x","job":"1"}
        W< error bad_request x
        A quiet
        W> did x
        A< did x"#;

    a_result_may_be_left_out_and_null_is_one: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> {"cmd":"did","id":1}
        A< {"cmd":"did","id":1}
        A> do 2 t
        W< do 2 t
        W> {"cmd":"did","id":2,"res":null}
        A< {"cmd":"did","id":2,"res":null}"#;
}

#[test]
fn err_fails_the_job_and_it_is_not_tried_again() {
    for err in [r#""no disk""#, "null", "false", "0", "[]", r#"{"code":"x"}"#] {
        check(&format!(
            r#"W> can_do t
               A> do 1 t
               W< do 1 t
               W> {{"cmd":"did","id":1,"err":{err}}}
               A< {{"cmd":"did","id":1,"err":{err},"code":"failed"}}
               W quiet
               A> metrics
               A< metrics jobs_failed 1, jobs_done 0, jobs_waiting 0, jobs_running 0, jobs_reassigned 0"#
        ));
    }
}

#[test]
fn res_beside_err_is_a_bad_request_and_the_job_stays_held() {
    for (res, err) in [("1", "2"), ("null", "2"), ("1", "null"), ("null", "null")] {
        check(&format!(
            r#"W> can_do t
               A> do x t
               W< do x t
               W> {{"cmd":"did","id":"x","res":{res},"err":{err}}}
               W< error bad_request x
               A quiet
               W> did x res 3
               A< did x res 3
               W> can_do max_jobs 2
               A> do y t
               W< do y t $a
               W> {{"cmd":"did","job":$a,"err":{err},"res":{res}}}
               W< error bad_request
               A quiet
               W> did $a
               A< did y"#
        ));
    }
}
