//! Offers whose slot is gone when a job comes for them: withdrawn types, paused workers, workers that left, slots that
//! another type has filled.

use super::orders::in_every_order;
use super::stage::Stage;
use crate::world::Peer;

/// Case 1. The Withdraw and the Assign cross; the type was given again meanwhile.
#[test]
fn a_type_taken_back_and_given_again_has_no_offer_beside_its_full_slot() {
    let (mut stage, worker) = idle_worker_on_1(1);
    stage.forget_posts();
    stage.cant_do(worker, 'A');
    stage.can_do(worker, "A", None);
    stage.submit("A1");
    stage.expect(0, 1, "Assign");
    assert_eq!(stage.held(worker), ["A1"]);
    stage.expect(1, 0, "Withdraw");
    stage.expect(0, 1, "Withdrawn");
    stage.check_rest();
    assert_eq!(stage.posted("Offer"), 0, "the slot is full");
    assert!(stage.end(worker, "A1"));
    assert_eq!(stage.posted("Offer"), 1);
    stage.rest();
}

#[test]
fn a_type_taken_back_and_given_again_gets_its_job_in_every_order() {
    in_every_order(
        || idle_worker_on_1(1),
        &[
            |stage, worker| {
                stage.cant_do(*worker, 'A');
                true
            },
            |stage, worker| {
                stage.can_do(*worker, "A", None);
                true
            },
            |stage, _| {
                stage.submit("A1");
                stage.submit("A2");
                true
            },
        ],
        |stage, worker| {
            stage.check_rest();
            assert_eq!((stage.held(*worker), stage.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
        },
    );
}

/// Case 7. A worker that does not read takes nothing; a stale offer is used once.
#[test]
fn a_paused_worker_gives_back_what_comes_and_starts_again_when_it_reads() {
    let (mut stage, (worker, answerer)) = worker_that_can_be_paused();
    stage.pause(worker, answerer);
    stage.settle();
    stage.forget_posts();
    stage.submit("A1");
    stage.expect(0, 1, "Assign");
    stage.expect(1, 0, "Withdraw");
    stage.submit("A2");
    stage.expect(1, 0, "Return");
    stage.expect(0, 1, "Withdrawn");
    stage.check_rest();
    assert_eq!(stage.waiting('A'), ["A1", "A2"]);
    assert_eq!(stage.posted("Assign"), 1, "the second offer was stale as well");
    let second = stage.worker(2, "A", 1);
    stage.rest();
    assert_eq!((stage.held(second), stage.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    stage.forget_posts();
    stage.read_on(worker);
    assert_eq!((stage.posted("Ask"), stage.posted("Offer")), (1, 1));
    stage.rest();
    assert_eq!(stage.held(worker), ["A2"]);
}

#[test]
fn a_paused_worker_loses_no_job_in_any_order() {
    in_every_order(
        worker_that_can_be_paused,
        &[
            |stage, (worker, answerer)| {
                stage.pause(*worker, *answerer);
                true
            },
            |stage, _| {
                stage.submit("A1");
                stage.submit("A2");
                true
            },
            |stage, (worker, _)| {
                let paused = stage.slots(*worker).is_some_and(|slots| slots.paused);
                assert!(!paused || stage.held(*worker).is_empty(), "sent to a worker that does not read");
                stage.read_on(*worker);
                true
            },
        ],
        |stage, (worker, _)| {
            stage.check_rest();
            assert_eq!(stage.held(*worker), ["A1", "A2"]);
        },
    );
}

/// Case 11. The job that came for a worker that left waits, and is asked for once.
#[test]
fn f04_a_worker_that_leaves_while_it_is_assigned_a_job_costs_one_return() {
    let (mut stage, worker) = idle_worker_on_1(3);
    stage.forget_posts();
    stage.leave(worker);
    stage.submit("A1");
    stage.expect(0, 1, "Assign");
    stage.expect(1, 0, "Withdraw");
    stage.expect(1, 0, "Return");
    stage.rest();
    let posts = ["Assign", "Return", "Withdraw", "Withdrawn"].map(|name| stage.posted(name));
    assert_eq!(posts, [1; 4]);
    assert_eq!(stage.waiting('A'), ["A1"]);
    assert!(stage.bid(1, 'A').is_none(), "nothing is left of A on 1");
    let next = stage.worker(1, "A", 1);
    stage.rest();
    assert_eq!(stage.held(next), ["A1"]);
}

#[test]
fn f04_no_job_is_lost_to_a_worker_that_leaves_at_any_moment() {
    in_every_order(
        || idle_worker_on_1(3),
        &[
            |stage, worker| {
                stage.leave(*worker);
                true
            },
            |stage, _| {
                stage.submit("A1");
                true
            },
            |stage, _| {
                stage.submit_from(1, "A2");
                true
            },
        ],
        |stage, _| {
            stage.check_rest();
            assert_eq!(stage.waiting('A'), ["A1", "A2"]);
            assert!(stage.bid(1, 'A').is_none(), "nothing is left of A on 1");
            let next = stage.worker(1, "A", 2);
            stage.rest();
            assert_eq!(stage.held(next), ["A1", "A2"]);
        },
    );
}

/// Two homes assign to one slot at once.
#[test]
fn f05_of_two_jobs_assigned_to_one_slot_at_once_one_is_returned() {
    let (mut stage, worker) = one_slot_for_a_and_b();
    stage.forget_posts();
    stage.submit("A1");
    stage.submit("B1");
    stage.expect(0, 2, "Assign");
    stage.expect(1, 2, "Assign");
    assert_eq!((stage.held(worker), stage.posted("Return")), (vec!["A1".to_owned()], 1));
    stage.rest();
    assert_eq!(stage.waiting('B'), ["B1"]);
    assert!(stage.end(worker, "A1"));
    stage.rest();
    assert_eq!(stage.held(worker), ["B1"]);
    assert!(stage.end(worker, "B1"));
    stage.rest();
    assert_eq!((stage.posted("Assign"), stage.posted("Return")), (3, 1));
    assert_eq!(stage.answers, ["A1", "B1"].map(|job| (job.to_owned(), None)));
}

#[test]
fn f05_of_two_jobs_assigned_to_one_slot_none_is_lost_in_any_order() {
    in_every_order(
        one_slot_for_a_and_b,
        &[
            |stage, _| {
                stage.submit("A1");
                true
            },
            |stage, _| {
                stage.submit("B1");
                true
            },
        ],
        |stage, worker| {
            stage.check_rest();
            for _ in 0..2 {
                let held = stage.held(*worker);
                assert_eq!(held.len(), 1, "one slot, one job");
                assert!(stage.end(*worker, &held[0]));
                stage.rest();
            }
            let mut started = stage.started();
            started.sort_unstable();
            assert_eq!(started, ["A1", "B1"], "each was held once");
            assert_eq!(stage.answers.len(), 2);
        },
    );
}

/// The slot is kept for it, and not offered.
#[test]
fn a_type_that_was_turned_away_is_asked_for_when_an_idle_worker_takes_it_too() {
    let (mut stage, worker) = one_slot_for_a_and_b();
    stage.submit("A1");
    stage.submit("B1");
    let idle = stage.worker(2, "C", 1);
    stage.rest();
    assert_eq!((stage.held(worker), stage.waiting('B')), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
    stage.forget_posts();
    stage.can_do(idle, "B", None);
    assert_eq!((stage.posted("Ask"), stage.posted("Offer")), (1, 0));
    stage.rest();
    assert_eq!((stage.held(worker), stage.held(idle)), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
}

fn one_slot_for_a_and_b() -> (Stage, Peer) {
    let mut stage = Stage::new(3);
    let worker = stage.worker(2, "AB", 1);
    stage.settle();
    (stage, worker)
}

/// Case 12. A successor comes while the Withdraw is out.
#[test]
fn a_successor_offers_its_slot_once_the_withdrawn_has_come() {
    let (mut stage, worker) = idle_worker_on_1(3);
    stage.leave(worker);
    stage.forget_posts();
    stage.worker(1, "A", 1);
    stage.expect(1, 0, "Withdraw");
    assert_eq!(stage.posted("Offer"), 0, "its slot is covered by the offers that are out");
    stage.expect(0, 1, "Withdrawn");
    assert_eq!(stage.bid(1, 'A').map(|bid| bid.open), Some(1));
    assert_eq!(stage.posted("Offer"), 1);
    stage.rest();
}

#[test]
fn a_successor_may_take_the_job_that_came_for_a_stale_offer() {
    let (mut stage, worker) = idle_worker_on_1(3);
    stage.leave(worker);
    let next = stage.worker(1, "A", 1);
    stage.submit("A1");
    stage.expect(0, 1, "Assign");
    assert_eq!(stage.held(next), ["A1"]);
    stage.rest();
}

#[test]
fn a_successor_gets_the_job_in_every_order() {
    in_every_order(
        || {
            let (stage, worker) = idle_worker_on_1(3);
            (stage, (worker,))
        },
        &[
            |stage, (worker,)| {
                stage.leave(*worker);
                true
            },
            |stage, _| {
                stage.worker(1, "A", 1);
                true
            },
            |stage, _| {
                stage.submit("A1");
                stage.submit("A2");
                true
            },
        ],
        |stage, _| {
            stage.check_rest();
            let successor = stage.holder("A1").expect("A1 is held");
            assert!(stage.end(successor, "A1"));
            stage.rest();
            assert_eq!(stage.held(successor), ["A2"]);
        },
    );
}

pub(crate) fn idle_worker_on_1(slots: u32) -> (Stage, Peer) {
    let mut stage = Stage::new(2);
    let worker = stage.worker(1, "A", slots);
    stage.settle();
    (stage, worker)
}

fn worker_that_can_be_paused() -> (Stage, (Peer, Peer)) {
    let mut stage = Stage::new(3);
    let worker = stage.worker(1, "A", 2);
    stage.settle();
    let answerer = stage.prepare_pause(worker);
    (stage, (worker, answerer))
}
