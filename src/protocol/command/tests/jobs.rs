//! `do` and `did`.

use super::*;
use crate::limits::ID_BYTES_MAX;

#[test]
fn a_do_carries_id_and_arg_as_they_came() {
    check([
        (r#"{"cmd":"do","id":1,"type":"t","arg":2}"#, job("1", "t", Some("2"))),
        (r#"{"cmd":"do","id":"j","type":"t"}"#, job(r#""j""#, "t", None)),
        (r#"{"cmd":"do","id":1e400,"type":"t","arg":null}"#, job("1e400", "t", Some("null"))),
        (r#"{"arg": [ -0 , 1e999 ] ,"type":"t","id": -0 ,"cmd":"do"}"#, job("-0", "t", Some("[ -0 , 1e999 ]"))),
        (
            r#"{"cmd":"do","id":"\u0061\ud800","type":"t","arg":{"b":2.50,"a":"\/"}}"#,
            job(r#""\u0061\ud800""#, "t", Some(r#"{"b":2.50,"a":"\/"}"#)),
        ),
        (" \t{ \"cmd\" : \"do\" , \"id\" : 7 , \"type\" : \"t\" } \t", job("7", "t", None)),
    ]);
    let digits = "7".repeat(400);
    check([(&*format!(r#"{{"cmd":"do","id":{digits},"type":"t","arg":{digits}}}"#), job(&digits, "t", Some(&digits)))]);
}

#[test]
fn a_do_that_breaks_a_rule_is_refused_by_did_if_its_id_can_be_read() {
    for (line, reason) in [
        (r#"{"cmd":"do","id":1}"#, "type must be a string of 1 to 255 bytes"),
        (r#"{"cmd":"do","id":1,"type":null}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":7}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":""}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":["t"]}"#, "type must be"),
        (r#"{"cmd":"do","id":1,"type":"\ud800"}"#, "surrogate"),
        (r#"{"cmd":"do","id":1,"type":"a\udc00"}"#, "surrogate"),
        (r#"{"cmd":"do","id":1,"type":"t","type":"t"}"#, "type is given twice"),
        (r#"{"cmd":"do","id":1,"type":"t","arg":1,"\u0061rg":1}"#, "arg is given twice"),
        (r#"{"cmd":"do","id":1,"type":"t","max_jobs":1,"max_jobs":1}"#, "max_jobs is given twice"),
        (r#"{"code":1,"code":1,"type":"t","id":1,"cmd":"\u0064o"}"#, "code is given twice"),
    ] {
        check_refusal(line, Code::BadRequest, reason, Some("1"), true);
    }
}

#[test]
fn an_id_that_is_too_long_cannot_be_read() {
    let reason = "id must be a string or a number of at most 65536 bytes";
    assert!(reason.contains(&ID_BYTES_MAX.to_string()));
    let line = |bytes: usize| format!(r#"{{"cmd":"do","id":"{}","type":"t"}}"#, "x".repeat(bytes - 2));
    assert!(decoded(&line(ID_BYTES_MAX)).is_ok());
    check_errors(Code::BadRequest, [(&*line(ID_BYTES_MAX + 1), reason, None)]);
    let digits = "7".repeat(ID_BYTES_MAX + 1);
    for line in [
        format!(r#"{{"cmd":"did","id":{digits}}}"#),
        format!(r#"{{"cmd":"progress","id":{digits}}}"#),
        format!(r#"{{"cmd":"cancel","id":{digits}}}"#),
    ] {
        check_errors(Code::BadRequest, [(&*line, reason, None)]);
    }
    let line = format!(r#"{{"cmd":"did","id":{digits},"job":1}}"#);
    assert!(matches!(decoded(&line), Ok(Command::Did { job: JobRef::Lease(1), id: None, .. })));
}

#[test]
fn a_do_whose_id_cannot_be_read_is_an_error() {
    let reason = "id must be a string or a number";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"do","type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":null,"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":true,"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":[1],"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":{},"type":"t"}"#, reason, None),
            (r#"{"cmd":"do","id":1,"id":1,"type":"t"}"#, "id is given twice", None),
            (r#"{"cmd":"do","id":1,"i\u0064":1,"id":2,"type":"t"}"#, "id is given twice", None),
        ],
    );
}

#[test]
fn a_did_names_its_job_by_number_or_else_by_id() {
    check([
        (r#"{"cmd":"did","id": "j" }"#, did(JobRef::Id(r#""j""#), Some(r#""j""#), Outcome::Res(None))),
        (r#"{"cmd":"did","id":1.0}"#, did(JobRef::Id("1.0"), Some("1.0"), Outcome::Res(None))),
        (r#"{"cmd":"did","job":0}"#, did(JobRef::Lease(0), None, Outcome::Res(None))),
        (
            r#"{"cmd":"did","job":9007199254740991,"id":1}"#,
            did(JobRef::Lease((1 << 53) - 1), Some("1"), Outcome::Res(None)),
        ),
        (r#"{"cmd":"did","id":[null],"job":3}"#, did(JobRef::Lease(3), None, Outcome::Res(None))),
    ]);
}

#[test]
fn a_did_carries_its_outcome_as_it_came() {
    let by_one = |outcome| did(JobRef::Id("1"), Some("1"), outcome);
    check([
        (r#"{"cmd":"did","id":1,"res": {"a" : 1e400} }"#, by_one(Outcome::Res(Some(r#"{"a" : 1e400}"#.into())))),
        (r#"{"cmd":"did","id":1,"res":null}"#, by_one(Outcome::Res(Some("null".into())))),
        (r#"{"cmd":"did","id":1,"err":null}"#, by_one(Outcome::Err("null".into()))),
        (r#"{"cmd":"did","id":1,"err":"\ud800"}"#, by_one(Outcome::Err(r#""\ud800""#.into()))),
    ]);
}

#[test]
fn a_did_that_breaks_a_rule_is_an_error() {
    let job = "job must be a whole number below 9007199254740992";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"did"}"#, "job or id", None),
            (r#"{"cmd":"did","res":1}"#, "job or id", None),
            (r#"{"cmd":"did","id":null}"#, "id must be a string or a number", None),
            (r#"{"cmd":"did","id":1,"res":1,"err":1}"#, "res or err", Some("1")),
            (r#"{"cmd":"did","id":1,"res":null,"err":null}"#, "res or err", Some("1")),
            (r#"{"cmd":"did","id":1,"job":null}"#, job, Some("1")),
            (r#"{"cmd":"did","id":1,"job":"3"}"#, job, Some("1")),
            (r#"{"cmd":"did","job":-1}"#, job, None),
            (r#"{"cmd":"did","job":-0}"#, job, None),
            (r#"{"cmd":"did","job":1.0}"#, job, None),
            (r#"{"cmd":"did","job":1e2}"#, job, None),
            (r#"{"cmd":"did","job":9007199254740992}"#, job, None),
            (r#"{"cmd":"did","job":18446744073709551617}"#, job, None),
            (r#"{"cmd":"did","job":[3]}"#, job, None),
        ],
    );
    assert!(job.contains(&JOB_NUMBER_MAX.to_string()));
}
