//! Progress of jobs.

use super::*;

#[test]
fn a_report_that_was_sent_starts_the_time_again() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give_with(1, r#","run_limit_ms":3600000"#);
    let less = |job: &Job| {
        let left = job.time_left().unwrap();
        while job.time_left().unwrap() == left {}
        job.time_left().unwrap()
    };
    for again in [|job: &Job| job.progress(&1), Job::keep_alive] {
        let before = less(&job);
        again(&job).unwrap();
        assert!(job.time_left().unwrap() > before);
    }
    assert_eq!(fixture.reports.len(), 2);
    job.progress(&f64::NAN).unwrap_err();
    fixture.cancel(1);
    let before = less(&job);
    assert!(matches!(job.progress(&1), Err(Error::Cancelled(_))));
    assert!(matches!(job.keep_alive(), Err(Error::Cancelled(_))));
    assert!(job.time_left().unwrap() <= before);
    assert_eq!(fixture.reports.len(), 2);
}

#[test]
fn reports_are_sent_until_the_job_is_lost() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let job = fixture.give(1);
    fixture.sent();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert_eq!(fixture.sent(), r#"{"cmd":"progress","job":1,"data":""#.to_owned() + "\"");
    job.keep_alive().unwrap();
    let (origin, line) = fixture.reports.try_recv().unwrap();
    assert_eq!(String::from_utf8(line.clone()).unwrap(), "{\"cmd\":\"progress\",\"job\":1}\n");
    fixture.disconnect();
    fixture.connect();
    fixture.sent();
    // One that was on its way to the link when the connection was lost.
    let error = fixture.session.report(&origin, &line, &mut fixture.sent).unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.reason == "gone"), "{error:?}");
    assert!(matches!(job.progress(&1), Err(Error::Disconnected(_))));
    assert!(fixture.reports.is_empty());
    assert_eq!(fixture.sent(), "");
}

#[test]
fn a_long_report_waits_until_the_limit_is_known() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.sent();
    let known = fixture.report(&one, 3_000).unwrap().unwrap();
    fixture.finish_long(&two, 2_000);
    assert_eq!(fixture.sent(), "metrics");
    assert!(known.wait(Some(std::time::Instant::now()), Outcome::is_ok).is_none());
    fixture.read(r#"{"cmd":"metrics","metrics":{"max_line":3000}}"#).unwrap();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(true));
    assert_eq!(fixture.sent(), "did 2 ");
    match fixture.report(&one, 3_000) {
        Err(Error::TooLong(text)) => assert!(text.contains("the limit is 3000"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(fixture.report(&one, 2_900).unwrap().is_none());
    assert!(fixture.sent().starts_with(r#"{"cmd":"progress","job":1,"data":"#));
}

#[test]
fn a_handler_that_waits_to_report_goes_on_when_the_answer_cannot_come() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.disconnect();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(false));

    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.session.end_jobs();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(false));
    drop(job);

    // The server knows no metrics: every report is sent.
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.read(r#"{"cmd":"error","code":"unknown_cmd","error":"metrics"}"#).unwrap();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(true));
    assert!(fixture.report(&job, 2_000).unwrap().is_none());
}

#[test]
fn a_server_that_does_not_know_reports_gets_no_more_of_them() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    assert!(fixture.report(&job, 4).unwrap().is_none());
    fixture.sent();
    let refusal = r#"{"cmd":"error","code":"unknown_cmd","error":"cmd must be can_do"}"#;
    fixture.read(refusal).unwrap();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert!(fixture.report(&job, 4_000).unwrap().is_none());
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1");
    assert!(fixture.outcome().is_none(), "it goes on");
    // The next server may know them.
    fixture.disconnect();
    fixture.connect();
    fixture.pong();
    let job = fixture.give(2);
    fixture.sent();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert!(fixture.sent().starts_with(r#"{"cmd":"progress","job":2"#));
}
