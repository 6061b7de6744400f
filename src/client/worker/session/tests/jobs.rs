//! What a job knows, and lines that are no jobs.

use super::*;

#[test]
fn a_cancel_is_for_the_job_of_its_number_while_that_is_held() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let jobs = [1, 2, 3].map(|number| fixture.give(number));
    fixture.sent();
    fixture.finish(&jobs[2]);
    for number in [2, 3, 4] {
        fixture.cancel(number);
    }
    assert_eq!(jobs.each_ref().map(Job::is_cancelled), [false, true, false]);
    assert!(!jobs[1].is_lost());
    // A handler that ignores it is answered as ever. Its slot is taken until then.
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":5}"#).unwrap();
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":6}"#).unwrap_err();
    fixture.finish(&jobs[1]);
    fixture.cancel(2);
    assert_eq!(fixture.sent(), "did 3, did 2");
    // The number may come again.
    assert!(!fixture.give(2).is_cancelled());
}

#[test]
fn a_lost_job_is_not_a_cancelled_one() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let lost = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    let job = fixture.give(1);
    fixture.cancel(1);
    assert_eq!((lost.is_lost(), lost.is_cancelled()), (true, false));
    assert_eq!((job.is_lost(), job.is_cancelled()), (false, true));
}

#[test]
fn lines_that_it_does_not_know_are_ignored() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.sent();
    for line in [
        r#"{"cmd":"later","job":1}"#,
        r#"{"cmd":"progress","id":1,"data":1}"#,
        r#"{"cmd":"did","id":1,"res":1}"#,
        r#"{"cmd":7}"#,
    ] {
        fixture.read(line).unwrap();
    }
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1");
    assert!(fixture.outcome().is_none());
}

#[test]
fn a_job_knows_its_attempt_its_time_and_its_reference() {
    let mut fixture = Fixture::open(4, u64::MAX);
    let plain = fixture.give(1);
    assert_eq!((plain.attempt(), plain.time_left(), plain.reference()), (1, None, None));
    let second = fixture.give_with(2, r#","attempt":2,"run_limit_ms":3600000,"ref":"0.a-7_Z""#);
    assert_eq!((second.attempt(), second.reference()), (2, Some("0.a-7_Z")));
    let left = second.time_left().unwrap();
    assert!(Duration::from_secs(3_000) < left && left <= Duration::from_secs(3_600), "{left:?}");
    let over = fixture.give_with(3, r#","run_limit_ms":0"#);
    assert_eq!(over.time_left(), Some(Duration::ZERO));
    // No server sends it.
    fixture.give_with(4, &format!(r#","run_limit_ms":{}"#, u64::MAX)).time_left().unwrap();
}
