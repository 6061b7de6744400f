//! The slots that a worker offers, and its limit of jobs.

use super::*;

#[test]
fn it_offers_its_slots_and_answers_jobs() {
    let mut fixture = Fixture::new(2, u64::MAX);
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 2, ping");
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish(&two);
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 2, did 1");
    assert!(!fixture.ended());
}

#[test]
fn results_of_a_lost_connection_are_dropped_and_their_slots_offered_when_free() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.disconnect();
    assert!(one.is_lost() && two.is_lost());
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    let three = fixture.give(3);
    assert!(!three.is_lost());
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "can_do 2");
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "did 3");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 3");
}

#[test]
fn a_worker_with_no_free_thread_offers_nothing_until_it_has_one() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "ping");
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "ping");
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "can_do 1");
}

#[test]
fn a_limit_is_kept_to_the_job() {
    let mut fixture = Fixture::new(2, 3);
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 2, ping");
    fixture.pong();
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 1");
    let three = fixture.give(3);
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 1, did 2");
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "cant_do, did 3, ping");
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn jobs_of_a_lost_connection_do_not_count_for_the_limit() {
    let mut fixture = Fixture::open(2, 1);
    let lost = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    fixture.pong();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    fixture.finish(&lost);
    let job = fixture.give(2);
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "cant_do, did 2, ping");
}

#[test]
fn under_a_limit_of_zero_no_job_is_done() {
    let mut fixture = Fixture::new(2, 0);
    fixture.connect();
    assert_eq!(fixture.sent(), "ping, ping");
    fixture.pong();
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn more_jobs_than_slots_are_an_error() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.give(1);
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":2}"#).unwrap_err();
}

#[test]
fn two_jobs_with_one_number_are_an_error() {
    let mut fixture = Fixture::open(2, u64::MAX);
    fixture.give(1);
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":1}"#).unwrap_err();
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
}
