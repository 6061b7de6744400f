//! Offers whose slot is gone when a job comes for them: withdrawn types, paused workers, lost workers, slots that
//! another type has filled.

use super::fixture::Fixture;
use super::orders::Act::{self, Do};
use super::orders::in_every_order;
use crate::world::Peer;

/// Case 1. The Withdraw and the Assign cross; the type was given again meanwhile.
#[test]
fn a_type_withdrawn_and_given_again_has_no_offer_beside_its_full_slot() {
    let (mut fixture, worker) = idle_worker_on_1(1);
    fixture.forget_posts();
    fixture.cant_do(worker, 'A');
    fixture.can_do(worker, "A", None);
    fixture.submit("A1");
    fixture.expect(0, 1, "Assign");
    assert_eq!(fixture.held(worker), ["A1"]);
    fixture.expect_all([(1, 0, "Withdraw"), (0, 1, "Withdrawn"), (1, 0, "Absent"), (1, 0, "Present")]);
    fixture.check_rest();
    assert_eq!(fixture.posted("Offer"), 0, "the slot is full");
    assert!(fixture.end(worker, "A1"));
    assert_eq!(fixture.posted("Offer"), 1);
    fixture.rest();
}

#[test]
fn a_type_withdrawn_and_given_again_gets_its_job_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, worker| fixture.cant_do(*worker, 'A')),
        Do(|fixture, worker| fixture.can_do(*worker, "A", None)),
        Do(|fixture, _| {
            fixture.submit("A1");
            fixture.submit("A2");
        }),
    ];
    let set_up = || idle_worker_on_1(1);
    in_every_order(set_up, &acts, |fixture, worker| {
        fixture.check_rest();
        assert_eq!((fixture.held(*worker), fixture.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    });
}

/// Case 7. A worker that does not read takes nothing; a stale offer is used once.
#[test]
fn a_paused_worker_requeues_what_comes_and_starts_again_when_it_reads() {
    let (mut fixture, (worker, answerer)) = worker_that_can_be_paused();
    fixture.pause(worker, answerer);
    fixture.settle();
    fixture.forget_posts();
    fixture.submit("A1");
    fixture.expect_all([(0, 1, "Assign"), (1, 0, "Withdraw")]);
    fixture.submit("A2");
    fixture.expect_all([(1, 0, "Requeue"), (0, 1, "Withdrawn")]);
    fixture.check_rest();
    assert_eq!(fixture.waiting('A'), ["A1", "A2"]);
    assert_eq!(fixture.posted("Assign"), 1, "the second offer was stale as well");
    let second = fixture.worker(2, "A", 1);
    fixture.rest();
    assert_eq!((fixture.held(second), fixture.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    fixture.forget_posts();
    fixture.read_on(worker);
    assert_eq!((fixture.posted("Pull"), fixture.posted("Offer")), (1, 1));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"]);
}

#[test]
fn a_paused_worker_loses_no_job_in_any_order() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, (worker, answerer)| fixture.pause(*worker, *answerer)),
        Do(|fixture, _| {
            fixture.submit("A1");
            fixture.submit("A2");
        }),
        Do(|fixture, (worker, _)| {
            let paused = fixture.slots(*worker).is_some_and(|slots| slots.paused);
            assert!(!paused || fixture.held(*worker).is_empty(), "sent to a worker that does not read");
            fixture.read_on(*worker);
        }),
    ];
    in_every_order(worker_that_can_be_paused, &acts, |fixture, (worker, _)| {
        fixture.check_rest();
        assert_eq!(fixture.held(*worker), ["A1", "A2"]);
    });
}

/// Case 11. The job that came for a worker that left waits, and is pulled once.
#[test]
fn f04_a_worker_that_leaves_while_it_is_assigned_a_job_costs_one_return() {
    let (mut fixture, worker) = idle_worker_on_1(3);
    fixture.forget_posts();
    fixture.leave(worker);
    fixture.submit("A1");
    fixture.expect_all([(0, 1, "Assign"), (1, 0, "Withdraw"), (1, 0, "Absent"), (1, 0, "Requeue")]);
    fixture.rest();
    let posts = ["Assign", "Requeue", "Withdraw", "Withdrawn"].map(|name| fixture.posted(name));
    assert_eq!(posts, [1; 4]);
    assert_eq!(fixture.waiting('A'), ["A1"]);
    assert!(fixture.pool(1, 'A').is_none(), "nothing is left of A on 1");
    let next = fixture.worker(1, "A", 1);
    fixture.rest();
    assert_eq!(fixture.held(next), ["A1"]);
}

#[test]
fn f04_no_job_is_lost_to_a_worker_that_leaves_at_any_moment() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, worker| fixture.leave(*worker)),
        Do(|fixture, _| fixture.submit("A1")),
        Do(|fixture, _| fixture.submit_from(1, "A2")),
    ];
    let set_up = || idle_worker_on_1(3);
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.check_rest();
        assert_eq!(fixture.waiting('A'), ["A1", "A2"]);
        assert!(fixture.pool(1, 'A').is_none(), "nothing is left of A on 1");
        let next = fixture.worker(1, "A", 2);
        fixture.rest();
        assert_eq!(fixture.held(next), ["A1", "A2"]);
    });
}

/// Two homes assign to one slot at once.
#[test]
fn f05_of_two_jobs_assigned_to_one_slot_at_once_one_is_returned() {
    let (mut fixture, worker) = one_slot_for_a_and_b();
    fixture.forget_posts();
    fixture.submit("A1");
    fixture.submit("B1");
    fixture.expect_all([(0, 2, "Assign"), (1, 2, "Assign")]);
    assert_eq!((fixture.held(worker), fixture.posted("Requeue")), (vec!["A1".to_owned()], 1));
    fixture.rest();
    assert_eq!(fixture.waiting('B'), ["B1"]);
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["B1"]);
    assert!(fixture.end(worker, "B1"));
    fixture.rest();
    assert_eq!((fixture.posted("Assign"), fixture.posted("Requeue")), (3, 1));
    assert_eq!(fixture.answers, ["A1", "B1"].map(|job| (job.to_owned(), None)));
}

#[test]
fn f05_of_two_jobs_assigned_to_one_slot_none_is_lost_in_any_order() {
    let acts: [Act<Peer>; 2] = [Do(|fixture, _| fixture.submit("A1")), Do(|fixture, _| fixture.submit("B1"))];
    in_every_order(one_slot_for_a_and_b, &acts, |fixture, worker| {
        fixture.check_rest();
        for _ in 0..2 {
            let held = fixture.held(*worker);
            assert_eq!(held.len(), 1, "one slot, one job");
            assert!(fixture.end(*worker, &held[0]));
            fixture.rest();
        }
        let mut started = fixture.started();
        started.sort_unstable();
        assert_eq!(started, ["A1", "B1"], "each was held once");
        assert_eq!(fixture.answers.len(), 2);
    });
}

/// The slot is reserved for it, and not offered.
#[test]
fn a_starved_type_is_pulled_when_an_idle_worker_takes_it_too() {
    let (mut fixture, worker) = one_slot_for_a_and_b();
    fixture.submit("A1");
    fixture.submit("B1");
    let idle = fixture.worker(2, "C", 1);
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.waiting('B')), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
    fixture.forget_posts();
    fixture.can_do(idle, "B", None);
    assert_eq!((fixture.posted("Pull"), fixture.posted("Offer")), (1, 0));
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.held(idle)), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
}

fn one_slot_for_a_and_b() -> (Fixture, Peer) {
    Fixture::new(3).with_worker(2, "AB", 1)
}

/// Case 12. A successor comes while the Withdraw is out.
#[test]
fn a_successor_offers_its_slot_once_the_withdrawn_has_come() {
    let (mut fixture, worker) = idle_worker_on_1(3);
    fixture.leave(worker);
    fixture.forget_posts();
    fixture.worker(1, "A", 1);
    fixture.expect(1, 0, "Withdraw");
    assert_eq!(fixture.posted("Offer"), 0, "its slot is covered by the offers that are out");
    fixture.expect(0, 1, "Withdrawn");
    assert_eq!(fixture.pool(1, 'A').map(|pool| pool.open), Some(1));
    assert_eq!(fixture.posted("Offer"), 1);
    fixture.rest();
}

#[test]
fn a_successor_may_take_the_job_that_came_for_a_stale_offer() {
    let (mut fixture, worker) = idle_worker_on_1(3);
    fixture.leave(worker);
    let next = fixture.worker(1, "A", 1);
    fixture.submit("A1");
    fixture.expect(0, 1, "Assign");
    assert_eq!(fixture.held(next), ["A1"]);
    fixture.rest();
}

#[test]
fn a_successor_gets_the_job_in_every_order() {
    let set_up = || {
        let (fixture, worker) = idle_worker_on_1(3);
        (fixture, (worker,))
    };
    let acts: [Act<(Peer,)>; 3] = [
        Do(|fixture, (worker,)| fixture.leave(*worker)),
        Do(|fixture, _| {
            fixture.worker(1, "A", 1);
        }),
        Do(|fixture, _| {
            fixture.submit("A1");
            fixture.submit("A2");
        }),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.check_rest();
        let successor = fixture.holder("A1").expect("A1 is held");
        assert!(fixture.end(successor, "A1"));
        fixture.rest();
        assert_eq!(fixture.held(successor), ["A2"]);
    });
}

pub(crate) fn idle_worker_on_1(slots: u32) -> (Fixture, Peer) {
    Fixture::new(2).with_worker(1, "A", slots)
}

fn worker_that_can_be_paused() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(1, "A", 2);
    let answerer = fixture.prepare_pause(worker);
    (fixture, (worker, answerer))
}
