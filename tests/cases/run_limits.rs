//! Jobs that are held past their run limit, and those that may be attempted once.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

const LIMIT_MS: u64 = 1_000;

/// It is given to the worker again while the slot of its first attempt is spent.
#[test]
fn overdue_at_the_only_worker() {
    let (mut fixture, worker) = one_job_of_two_attempts();
    fixture.pass(LIMIT_MS);
    assert_eq!((fixture.held(worker).len(), fixture.spent(worker)), (0, 1));
    fixture.expect_all([(2, 0, "Requeue"), (0, 2, "Assign")]);
    assert_eq!((fixture.held(worker), fixture.spent(worker)), (vec!["A1".to_owned()], 1));
    fixture.rest();
    fixture.pass(LIMIT_MS);
    fixture.rest();
    assert_eq!((fixture.code("A1"), fixture.spent(worker)), (Some("timed_out"), 2));
    let numbers: Vec<u64> = fixture.cancels.iter().map(|&(_, number)| number).collect();
    assert!(numbers.len() == 2 && numbers[0] != numbers[1], "one cancel of each: {numbers:?}");
    for left in [1, 0] {
        assert!(fixture.answer_late(worker));
        assert_eq!(fixture.spent(worker), left);
        fixture.rest();
    }
    let counts = fixture.world.totals().counts;
    assert_eq!((counts.jobs_timed_out, counts.results_dropped, counts.jobs_reassigned), (1, 2, 0));
    fixture.wind_up(&["A1"]);
}

#[test]
fn overdue_at_the_only_worker_in_every_order() {
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| fixture.pass(LIMIT_MS)),
        Try(|fixture, worker| fixture.answer_late(*worker)),
        Try(|fixture, worker| {
            if fixture.held(*worker).is_empty() {
                return false;
            }
            fixture.pass(LIMIT_MS);
            true
        }),
        Try(|fixture, worker| fixture.answer_late(*worker)),
    ];
    in_every_order(one_job_of_two_attempts, &acts, |fixture, _| {
        assert_eq!(fixture.code("A1"), Some("timed_out"));
        fixture.wind_up(&["A1"]);
    });
}

#[test]
fn three_overdue_at_once() {
    let (mut fixture, worker) = three_jobs_held();
    fixture.pass(LIMIT_MS);
    fixture.rest();
    assert_eq!((fixture.spent(worker), fixture.waiting('A').len()), (3, 3));
    fixture.starts.clear();
    for _ in 0..3 {
        assert!(fixture.answer_late(worker));
    }
    fixture.rest();
    assert_eq!((fixture.started(), fixture.held(worker).len()), (vec!["A1", "A2", "A3"], 3), "all together");
    fixture.wind_up(&["A1", "A2", "A3"]);
}

#[test]
fn three_overdue_at_once_in_every_order() {
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| fixture.pass(LIMIT_MS)),
        Try(|fixture, worker| fixture.answer_late(*worker)),
        Try(|fixture, worker| fixture.answer_late(*worker)),
        Try(|fixture, worker| fixture.answer_late(*worker)),
    ];
    in_every_order(three_jobs_held, &acts, |fixture, worker| {
        assert_eq!((fixture.held(*worker).len(), fixture.spent(*worker)), (3, 0));
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

/// Its loss counts although there was company. What was beside it has lost nothing.
#[test]
fn one_attempt_in_company() {
    let (mut fixture, (dies, idle)) = one_attempt_beside_a_plain_job();
    fixture.leave(dies);
    fixture.rest();
    assert_eq!(fixture.answers, [("A1".to_owned(), Some("gave_up".to_owned()))]);
    assert_eq!(fixture.held(idle), ["A2"]);
    assert!(fixture.slots(idle).is_some_and(|slots| slots.held[0].1.attempts == 0));
    fixture.wind_up(&["A1", "A2"]);
}

#[test]
fn one_attempt_in_company_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 2] =
        [Do(|fixture, (dies, _)| fixture.leave(*dies)), Try(|fixture, (_, idle)| fixture.end(*idle, "A2"))];
    in_every_order(one_attempt_beside_a_plain_job, &acts, |fixture, _| {
        assert_eq!((fixture.code("A1"), fixture.code("A2")), (Some("gave_up"), Some("done")));
        fixture.wind_up(&["A1", "A2"]);
    });
}

/// The limit, the loss of the worker, the cancel and the end of the job may come at any moment.
#[test]
fn a_limit_a_loss_and_a_cancel_end_a_job_once_in_every_order() {
    let cancels: Act<Peer> = Do(|fixture, _| fixture.cancel(1, "A1"));
    let passes: Act<Peer> = Do(|fixture, _| fixture.pass(LIMIT_MS));
    let leaves: Act<Peer> = Do(|fixture, worker| fixture.leave(*worker));
    for acts in
        [[cancels, passes, leaves], [passes, cancels, leaves], [passes, leaves, cancels], [leaves, passes, cancels]]
    {
        in_every_order(one_job_of_two_attempts, &acts, |fixture, _| fixture.wind_up(&["A1"]));
    }
}

fn one_job_of_two_attempts() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "A", 3);
    fixture.submit_with(1, "A1", "run_limit_ms 1000, attempts 2, cancellable");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    (fixture, worker)
}

fn three_jobs_held() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "A", 3);
    for job in ["A1", "A2", "A3"] {
        fixture.submit_with(1, job, "run_limit_ms 1000");
        fixture.settle();
    }
    assert_eq!(fixture.held(worker).len(), 3);
    (fixture, worker)
}

fn one_attempt_beside_a_plain_job() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, dies) = Fixture::new(3).with_worker(2, "A", 2);
    fixture.submit_with(1, "A1", "attempts 1");
    fixture.settle();
    fixture.submit("A2");
    fixture.settle();
    assert_eq!(fixture.held(dies), ["A1", "A2"]);
    let idle = fixture.worker(2, "A", 1);
    fixture.settle();
    (fixture, (dies, idle))
}
