//! Case 16. Told to stop, with something of everything on the way.

use super::orders::{Act, in_every_order};
use super::stage::Stage;
use crate::world::Peer;

/// Who plays: the worker that holds C1, and the jobs that there are.
struct Players {
    holder: Peer,
}

const JOBS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "C1"];

#[test]
fn f72_a_stop_with_everything_on_the_way_answers_each_job_once() {
    let acts: [Act<Players>; 4] = [
        |stage, _| stop(stage, 0),
        |stage, _| stop(stage, 1),
        |stage, _| stop(stage, 2),
        |stage, players| stage.end(players.holder, "C1"),
    ];
    in_every_order(everything_on_the_way, &acts, |stage, _| {
        check_answers(stage);
        let held = stage.answers.iter().find(|(job, _)| job == "C1");
        assert_eq!(held, Some(&("C1".to_owned(), None)), "it was ended in time");
    });
}

#[test]
fn what_is_still_held_when_the_time_is_over_is_answered_shutdown() {
    let acts: [Act<Players>; 2] = [
        |stage, _| stop(stage, 2) && stop(stage, 1) && stop(stage, 0),
        |stage, _| {
            (0..3).for_each(|shard| stage.world.drain_over(shard));
            stage.look();
            true
        },
    ];
    in_every_order(everything_on_the_way, &acts, |stage, _| {
        check_answers(stage);
        let held = stage.answers.iter().find(|(job, _)| job == "C1");
        assert_eq!(held, Some(&("C1".to_owned(), Some("shutdown".to_owned()))), "it was not ended in time");
    });
}

#[test]
fn a_job_given_back_after_the_stop_is_answered_shutdown() {
    let acts: [Act<Players>; 2] = [
        |stage, _| stop(stage, 0) && stop(stage, 1) && stop(stage, 2),
        |stage, players| {
            stage.leave(players.holder);
            true
        },
    ];
    in_every_order(everything_on_the_way, &acts, |stage, _| check_answers(stage));
}

fn stop(stage: &mut Stage, shard: u16) -> bool {
    stage.world.stop(shard);
    stage.look();
    true
}

/// What was held when the stop came is ended by now, and everything was answered.
fn check_answers(stage: &mut Stage) {
    for job in JOBS {
        if let Some(holder) = stage.holder(job) {
            assert!(stage.end(holder, job));
        }
    }
    stage.rest();
    let mut answered: Vec<&str> = stage.answers.iter().map(|(job, _)| job.as_str()).collect();
    answered.sort_unstable();
    assert_eq!(answered, JOBS, "each job is answered once");
    assert!((0..3).all(|shard| stage.world.pending(shard) == 0), "a count that never gets to 0");
}

/// On the way: the Ask for B1, which was turned away; the Assign of A2 and the Return of A1; the Submit of A3 and B2.
/// C1 is held.
fn everything_on_the_way() -> (Stage, Players) {
    let mut stage = Stage::new(3);
    let holder = stage.worker(1, "C", 1);
    let dies = stage.worker(1, "A", 1);
    stage.settle();
    let asks = stage.worker(2, "AB", 1);
    stage.settle();
    stage.submit("C1");
    stage.submit("A1");
    stage.settle();
    stage.submit("A0");
    stage.settle();
    stage.submit("B1");
    stage.settle();
    assert_eq!((stage.held(dies), stage.held(asks)), (vec!["A1".to_owned()], vec!["A0".to_owned()]));
    let idle = stage.worker(1, "A", 1);
    stage.settle();
    assert!(stage.end(asks, "A0"));
    stage.settle_link(2, 0);
    stage.answers.clear();
    stage.submit("A2");
    stage.leave(dies);
    stage.submit_from(2, "A3");
    stage.submit_from(2, "B2");
    assert!(stage.held(idle).is_empty(), "the Assign is on the way");
    (stage, Players { holder })
}
