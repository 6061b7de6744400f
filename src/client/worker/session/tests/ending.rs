//! When a worker ends, and with what outcome.

use super::*;

#[test]
fn a_stopped_worker_finishes_what_it_holds_and_leaves_when_all_is_read() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let one = fixture.give(1);
    fixture.sent();
    fixture.stop();
    assert_eq!(fixture.sent(), "cant_do");
    // This job was on its way.
    let two = fixture.give(2);
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 1");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "did 2, ping");
    assert!(!fixture.ended());
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn a_job_that_comes_before_the_last_pong_is_done() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.sent();
    fixture.stop();
    assert_eq!(fixture.sent(), "cant_do, ping");
    let job = fixture.give(1);
    fixture.pong();
    assert!(!fixture.ended());
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1, ping");
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn the_pongs_of_earlier_pings_do_not_end_it() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.session.send_ping(&mut fixture.sent);
    fixture.stop();
    fixture.pong();
    assert!(!fixture.ended());
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn without_a_connection_there_is_nothing_to_finish() {
    let mut fixture = Fixture::new(1, u64::MAX);
    fixture.stop();
    assert!(fixture.ended());

    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.give(1);
    fixture.stop();
    assert!(!fixture.ended());
    fixture.disconnect();
    assert!(fixture.ended());
}

#[test]
fn only_a_fault_that_reconnecting_cannot_fix_ends_it() {
    for (code, answered, ends) in [
        ("bad_request", false, true),
        ("bad_request", true, true),
        ("unknown_cmd", false, true),
        ("unknown_cmd", true, false),
        ("too_long", false, true),
        ("too_long", true, false),
        ("not_holding", true, false),
        ("queue_full", true, false),
        ("bad_json", false, false),
        ("later", true, false),
    ] {
        let mut fixture = if answered { Fixture::open(1, u64::MAX) } else { Fixture::new(1, u64::MAX) };
        fixture.connect();
        if answered {
            fixture.pong();
        }
        fixture.read(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#)).unwrap();
        match fixture.outcome() {
            Some(Err(RunError::Refused(error))) => assert!(ends && error.code() == Some(code)),
            outcome => assert!(outcome.is_none() && !ends, "{code}"),
        }
    }
}

#[test]
fn a_worker_that_cannot_run_a_job_finishes_the_others_and_leaves_with_it() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two, three) = (fixture.give(1), fixture.give(2), fixture.give(3));
    fixture.sent();
    for job in [&one, &three] {
        fixture.session.abandon(job, format!("reason {}", job.number()), &mut fixture.sent);
    }
    assert_eq!(fixture.sent(), "cant_do");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "did 2, ping");
    assert!(fixture.outcome().is_none());
    fixture.pong();
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(reason))) if reason == "reason 1"));
}

#[test]
fn a_worker_that_cannot_run_a_job_of_a_lost_connection_leaves_too() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.disconnect();
    fixture.session.abandon(&job, "reason".to_owned(), &mut fixture.sent);
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(_)))));
    // The same, if the connection is lost afterwards.
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.session.abandon(&one, "reason".to_owned(), &mut fixture.sent);
    fixture.disconnect();
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(_)))));
    fixture.finish(&two);
}
