//! `progress`, `stored` and `cancel`.

use super::*;

fn progress<'a>(job: JobRef<'a>, id: Option<&'a str>, data: Option<&'a str>) -> Command<'a> {
    Command::Progress { job, id, data: data.map(Carried::Short) }
}

#[test]
fn a_progress_names_its_job_as_a_did_does() {
    check([
        (r#"{"cmd":"progress","id": "j" }"#, progress(JobRef::Id(r#""j""#), Some(r#""j""#), None)),
        (r#"{"cmd":"progress","job":0}"#, progress(JobRef::Lease(0), None, None)),
        (
            r#"{"cmd":"progress","job":9007199254740991,"id":1}"#,
            progress(JobRef::Lease((1 << 53) - 1), Some("1"), None),
        ),
        (r#"{"cmd":"pr\u006fgress","id":[null],"job":3}"#, progress(JobRef::Lease(3), None, None)),
    ]);
    let job = "job must be a whole number below 9007199254740992";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"progress"}"#, "progress must name its job by job or id", None),
            (r#"{"cmd":"progress","data":1}"#, "progress must name its job by job or id", None),
            (r#"{"cmd":"progress","id":null}"#, "id must be a string or a number", None),
            (r#"{"cmd":"progress","id":1,"job":null}"#, job, Some("1")),
            (r#"{"cmd":"progress","job":"3","id":"x"}"#, job, Some(r#""x""#)),
            (r#"{"cmd":"progress","job":-0}"#, job, None),
            (r#"{"cmd":"progress","job":9007199254740992}"#, job, None),
        ],
    );
}

#[test]
fn a_progress_carries_its_data_as_it_came() {
    for data in ["null", "-0", "1e400", r#""\ud800\/""#, "[ 1 , {\"a\" : 2.50} ]", "false"] {
        let line = format!(r#"{{"cmd":"progress","job":3,"data": {data} }}"#);
        check([(&*line, progress(JobRef::Lease(3), None, Some(data)))]);
    }
    check([(r#"{"cmd":"progress","job":3,"d\u0061ta":5}"#, progress(JobRef::Lease(3), None, Some("5")))]);
    check_errors(
        Code::BadRequest,
        [(r#"{"cmd":"progress","job":3,"data":1,"d\u0061ta":1}"#, "data is given twice", None)],
    );
}

#[test]
fn a_stored_names_its_job_by_its_number_alone() {
    check([
        (r#"{"cmd":"stored","job":0}"#, Command::Stored { job: 0, id: None }),
        (
            r#"{"cmd":"stored","id":"j","job":9007199254740991}"#,
            Command::Stored { job: (1 << 53) - 1, id: Some(r#""j""#) },
        ),
        (r#"{"cmd":"st\u006fred","id":[],"job":3,"res":1,"err":1,"data":1}"#, Command::Stored { job: 3, id: None }),
    ]);
    let job = "job must be a whole number below 9007199254740992";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"stored"}"#, "stored must name its job by job", None),
            (r#"{"cmd":"stored","id":"j"}"#, "stored must name its job by job", Some(r#""j""#)),
            (r#"{"cmd":"stored","id":1,"job":null}"#, job, Some("1")),
            (r#"{"cmd":"stored","job":"3"}"#, job, None),
            (r#"{"cmd":"stored","job":-0}"#, job, None),
            (r#"{"cmd":"stored","job":9007199254740992}"#, job, None),
            (r#"{"cmd":"stored","job":3,"job":3}"#, "job is given twice", None),
        ],
    );
}

#[test]
fn a_cancel_names_jobs_by_their_id() {
    check([
        (r#"{"cmd":"cancel","id": "j\u0061" }"#, Command::Cancel { id: r#""j\u0061""# }),
        (r#"{"cmd":"cancel","id":-0.50}"#, Command::Cancel { id: "-0.50" }),
        (r#"{"cmd":"c\u0061ncel","job":{},"id":7}"#, Command::Cancel { id: "7" }),
    ]);
    let reason = "id must be a string or a number";
    check_errors(
        Code::BadRequest,
        [
            (r#"{"cmd":"cancel"}"#, reason, None),
            (r#"{"cmd":"cancel","job":3}"#, reason, None),
            (r#"{"cmd":"cancel","id":null}"#, reason, None),
            (r#"{"cmd":"cancel","id":["j"]}"#, reason, None),
            (r#"{"cmd":"cancel","id":1,"id":1}"#, "id is given twice", None),
        ],
    );
}
