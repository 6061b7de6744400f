//! Case 16. The stop, with a message of each kind on the way.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// The jobs that there are.
const JOBS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "C1"];

#[test]
fn f72_a_stop_with_everything_on_the_way_answers_each_job_once() {
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| fixture.stop([0])),
        Do(|fixture, _| fixture.stop([1])),
        Do(|fixture, _| fixture.stop([2])),
        Try(|fixture, holder| fixture.end(*holder, "C1")),
    ];
    in_every_order(everything_on_the_way, &acts, |fixture, _| {
        check_answers(fixture);
        let held = fixture.answers.iter().find(|(job, _)| job == "C1");
        assert_eq!(held, Some(&("C1".to_owned(), None)), "it was ended in time");
    });
}

#[test]
fn what_is_still_held_when_the_time_is_over_is_answered_shutdown() {
    let acts: [Act<Peer>; 2] = [
        Do(|fixture, _| fixture.stop([2, 1, 0])),
        Do(|fixture, _| {
            (0..3).for_each(|shard| fixture.world.drain_over(shard));
            fixture.look();
        }),
    ];
    in_every_order(everything_on_the_way, &acts, |fixture, _| {
        check_answers(fixture);
        let held = fixture.answers.iter().find(|(job, _)| job == "C1");
        assert_eq!(held, Some(&("C1".to_owned(), Some("shutdown".to_owned()))), "it was not ended in time");
    });
}

#[test]
fn a_job_requeued_after_the_stop_is_answered_shutdown() {
    let acts: [Act<Peer>; 2] = [Do(|fixture, _| fixture.stop([0, 1, 2])), Do(|fixture, holder| fixture.leave(*holder))];
    in_every_order(everything_on_the_way, &acts, |fixture, _| check_answers(fixture));
}

/// What was held when the stop came is ended by now, and everything was answered.
fn check_answers(fixture: &mut Fixture) {
    for job in JOBS {
        if let Some(holder) = fixture.holder(job) {
            assert!(fixture.end(holder, job));
        }
    }
    fixture.rest();
    let mut answered: Vec<&str> = fixture.answers.iter().map(|(job, _)| job.as_str()).collect();
    answered.sort_unstable();
    assert_eq!(answered, JOBS, "each job is answered once");
    assert!((0..3).all(|shard| fixture.world.pending(shard) == 0), "a count that never gets to 0");
}

/// On the way: the Pull for B1, which was requeued; the Assign of A2 and the Requeue of A1; the Submit of A3 and B2.
/// C1 is held, by the worker that is returned.
fn everything_on_the_way() -> (Fixture, Peer) {
    let mut fixture = Fixture::new(3);
    let holder = fixture.worker(1, "C", 1);
    let dies = fixture.worker(1, "A", 1);
    fixture.settle();
    let asks = fixture.worker(2, "AB", 1);
    fixture.settle();
    fixture.submit("C1");
    fixture.submit("A1");
    fixture.settle();
    fixture.submit("A0");
    fixture.settle();
    fixture.submit("B1");
    fixture.settle();
    assert_eq!((fixture.held(dies), fixture.held(asks)), (vec!["A1".to_owned()], vec!["A0".to_owned()]));
    let idle = fixture.worker(1, "A", 1);
    fixture.settle();
    assert!(fixture.end(asks, "A0"));
    fixture.settle_link(2, 0);
    fixture.answers.clear();
    fixture.submit("A2");
    fixture.leave(dies);
    fixture.submit_from(2, "A3");
    fixture.submit_from(2, "B2");
    assert!(fixture.held(idle).is_empty(), "the Assign is on the way");
    (fixture, holder)
}
