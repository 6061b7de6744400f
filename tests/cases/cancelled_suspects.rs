//! Suspects that are cancelled: the slot of one is spent, and still keeps others apart; one may be on its way back.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// The home notes that the shard takes no suspects, although the suspect that says so has ended.
#[test]
fn refused_suspect_cancelled_on_its_way_back() {
    let (mut fixture, worker) = suspects_on_their_way_to_2();
    fixture.expect_all([(0, 2, "Assign"), (0, 2, "Assign")]);
    assert_eq!(fixture.held(worker), ["A1"]);
    fixture.cancel(1, "A2");
    fixture.expect(1, 0, "Revoke");
    assert_eq!(fixture.doomed(), 1);
    fixture.expect(2, 0, "Requeue");
    assert_eq!(fixture.doomed(), 0);
    assert!(fixture.queue('A').is_some_and(|queue| queue.rejects_suspects.len() == 1));
    fixture.forget_posts();
    fixture.rest();
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    assert!(fixture.queue('A').is_some_and(|queue| queue.rejects_suspects.is_empty()));
    fixture.wind_up(&["A1", "A2"]);
}

#[test]
fn refused_suspect_cancelled_on_its_way_back_in_every_order() {
    let acts: [Act<Peer>; 2] =
        [Do(|fixture, _| fixture.cancel(1, "A2")), Try(|fixture, worker| fixture.end(*worker, "A1"))];
    in_every_order(suspects_on_their_way_to_2, &acts, |fixture, _| fixture.wind_up(&["A1", "A2"]));
}

/// A spent slot keeps other suspects away as the job did. What is no suspect may have the free slot beside it.
#[test]
fn spent_suspect_keeps_others_apart() {
    let (mut fixture, worker) = suspect_held_and_another_refused();
    fixture.cancel(1, "A1");
    fixture.rest();
    assert_eq!((fixture.spent(worker), fixture.waiting('A')), (1, vec!["A2".to_owned()]));
    assert!(fixture.slots(worker).is_some_and(|slots| slots.holds_suspect));
    fixture.submit("A3");
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.waiting('A')), (vec!["A3".to_owned()], vec!["A2".to_owned()]));
    fixture.forget_posts();
    assert!(fixture.answer_late(worker));
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2", "A3"]);
    fixture.wind_up(&["A1", "A2", "A3"]);
}

#[test]
fn spent_suspect_keeps_others_apart_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.cancel(1, "A1")),
        Do(|fixture, _| fixture.submit("A3")),
        Try(|fixture, worker| fixture.answer_late(*worker)),
    ];
    in_every_order(suspect_held_and_another_refused, &acts, |fixture, worker| {
        assert_eq!(fixture.held(*worker), ["A2", "A3"]);
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

/// The spent slot is company: its job may be what the worker died of.
#[test]
fn cancelled_poison() {
    let (mut fixture, worker) = poison_and_neighbour_held();
    fixture.cancel(1, "P");
    fixture.rest();
    assert_eq!(fixture.spent(worker), 1);
    fixture.leave(worker);
    fixture.rest();
    let queue = fixture.queue('A').expect("A2 waits");
    assert_eq!((queue.waiting[0].attempts, queue.waiting[0].suspect), (0, true));
    fixture.wind_up(&["A2", "P"]);
    assert_eq!(fixture.code("A2"), Some("done"));
}

#[test]
fn cancelled_poison_in_every_order() {
    let acts: [Act<Peer>; 2] = [Do(|fixture, _| fixture.cancel(1, "P")), Do(|fixture, worker| fixture.leave(*worker))];
    in_every_order(poison_and_neighbour_held, &acts, |fixture, _| {
        assert!(fixture.queue('A').is_some_and(|queue| queue.waiting.len() == 1 && queue.waiting[0].attempts == 0));
        fixture.wind_up(&["A2", "P"]);
    });
}

/// A worker on 0 that held A1 and A2 was lost, and both are on the way to a worker of two slots on 2.
fn suspects_on_their_way_to_2() -> (Fixture, Peer) {
    let mut fixture = Fixture::new(3);
    let dies = fixture.worker(0, "A", 2);
    for job in ["A1", "A2"] {
        fixture.submit_with(1, job, "cancellable");
        fixture.settle();
    }
    let worker = fixture.worker(2, "A", 2);
    fixture.settle();
    fixture.leave(dies);
    (fixture, worker)
}

fn suspect_held_and_another_refused() -> (Fixture, Peer) {
    let (mut fixture, worker) = suspects_on_their_way_to_2();
    fixture.settle();
    assert_eq!((fixture.held(worker), fixture.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    (fixture, worker)
}

fn poison_and_neighbour_held() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "A", 2);
    fixture.submit_with(1, "P", "cancellable");
    fixture.submit("A2");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A2", "P"]);
    (fixture, worker)
}
