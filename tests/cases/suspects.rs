//! Jobs that were requeued: their place in the queue, and how they are kept apart.

use deputy::protocol::command::Class;

use super::fixture::Fixture;
use super::orders::Act::{self, Do};
use super::orders::in_every_order;
use crate::world::Peer;

/// Case 2. Requeued jobs overtake each other on the way, but not in the queue.
#[test]
fn two_losses_out_of_order_leave_the_queue_in_order() {
    let (mut fixture, (first, second)) = two_jobs_held();
    fixture.leave(first);
    fixture.leave(second);
    for shard in [2, 1] {
        fixture.expect(shard, 0, "Absent");
        fixture.expect(shard, 0, "Requeue");
    }
    start_all_in_order(&mut fixture);
}

#[test]
fn two_losses_in_any_order_leave_the_queue_in_order() {
    let acts: [Act<(Peer, Peer)>; 2] =
        [Do(|fixture, (first, _)| fixture.leave(*first)), Do(|fixture, (_, second)| fixture.leave(*second))];
    in_every_order(two_jobs_held, &acts, |fixture, _| start_all_in_order(fixture));
}

/// Each class of a shard refuses suspects by itself, and is asked again when it can take one.
#[test]
fn suspects_are_refused_by_each_class_and_the_rest_waits() {
    for (frees, job) in [(0, "A1"), (1, "A3")] {
        let (mut fixture, workers) = suspects_at_both_classes();
        let mut rejects = fixture.queue('A').expect("A2 waits").rejects_suspects;
        rejects.sort_unstable();
        assert_eq!(rejects.iter().map(|(_, class)| *class).collect::<Vec<_>>(), [Class::Ordinary, Class::Spare]);
        assert_eq!(fixture.waiting('A'), ["A2"]);
        // What is no suspect goes to the ordinary worker, which has a slot.
        fixture.submit("A4");
        fixture.rest();
        assert_eq!(fixture.holder("A4"), Some(workers[0]));
        fixture.forget_posts();
        assert!(fixture.end(workers[frees], job));
        assert_eq!(fixture.posted("AcceptSuspects"), 1);
        fixture.rest();
        assert_eq!(fixture.holder("A2"), Some(workers[frees]));
    }
}

#[test]
fn suspects_are_kept_apart_at_both_classes_in_every_order() {
    let acts: [Act<(Peer, [Peer; 2])>; 2] =
        [Do(|fixture, (dies, _)| fixture.leave(*dies)), Do(|fixture, _| fixture.submit("A4"))];
    in_every_order(three_held_beside_both_classes, &acts, |fixture, (_, workers)| {
        fixture.check_rest();
        assert_eq!(fixture.waiting('A').len(), 1, "two workers, three suspects");
        assert!(fixture.holder("A4").is_some_and(|worker| workers.contains(&worker)));
    });
}

fn two_jobs_held() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, first) = Fixture::new(3).with_worker(1, "A", 1);
    let second = fixture.worker(2, "A", 1);
    fixture.settle();
    for job in ["A1", "A2", "A3"] {
        fixture.submit(job);
    }
    fixture.settle();
    assert_eq!((fixture.held(first), fixture.held(second)), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    (fixture, (first, second))
}

fn start_all_in_order(fixture: &mut Fixture) {
    fixture.starts.clear();
    for shard in 0..3 {
        fixture.worker(shard, "A", 1);
        fixture.rest();
    }
    assert_eq!(fixture.started(), ["A1", "A2", "A3"]);
}

/// Case 3. A suspect that no worker may take waits; it does not go back and forth.
#[test]
fn a_suspect_is_rejected_once_by_each_shard_and_then_waits() {
    let (mut fixture, (dies, ..)) = three_jobs_held_and_two_idle();
    fixture.forget_posts();
    fixture.leave(dies);
    fixture.rest();
    assert_eq!(fixture.posted("Requeue"), 2, "A3 was rejected by each shard once");
    keep_apart(&mut fixture);
}

#[test]
fn suspects_are_kept_apart_in_any_order() {
    in_every_order(three_jobs_held_and_two_idle, &[Do(|fixture, (dies, ..)| fixture.leave(*dies))], |fixture, _| {
        keep_apart(fixture);
    });
}

fn three_jobs_held_and_two_idle() -> (Fixture, (Peer, Peer, Peer)) {
    let mut fixture = Fixture::new(3);
    let dies = fixture.worker(0, "A", 3);
    for job in ["A1", "A2", "A3"] {
        fixture.submit(job);
    }
    let idle = [1, 2].map(|shard| fixture.worker(shard, "A", 2));
    fixture.settle();
    assert_eq!(fixture.held(dies).len(), 3);
    (fixture, (dies, idle[0], idle[1]))
}

fn keep_apart(fixture: &mut Fixture) {
    fixture.check_rest();
    let holder = fixture.holder("A1").expect("A1 has started again");
    let other = fixture.holder("A2").expect("A2 has started again");
    assert_ne!(holder, other);
    assert_eq!(fixture.waiting('A'), ["A3"]);
    fixture.submit("A4");
    fixture.rest();
    assert!([holder, other].contains(&fixture.holder("A4").expect("A4 passes A3")));
    fixture.forget_posts();
    assert!(fixture.end(holder, "A1"));
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    fixture.rest();
    assert_eq!(fixture.holder("A3"), Some(holder));
}

/// Case 4. Suspects of two types are kept apart as well.
#[test]
fn a_suspect_rejected_because_of_another_type_starts_when_that_ends() {
    let (mut fixture, (dies, stays)) = two_types_held();
    fixture.leave(dies);
    one_after_the_other(&mut fixture, stays);
}

#[test]
fn suspects_of_two_types_are_kept_apart_in_any_order() {
    in_every_order(two_types_held, &[Do(|fixture, (dies, _)| fixture.leave(*dies))], |fixture, (_, stays)| {
        one_after_the_other(fixture, *stays);
    });
}

fn two_types_held() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, dies) = Fixture::new(3).with_worker(2, "AB", 2);
    fixture.submit("A1");
    fixture.submit("B1");
    fixture.settle();
    assert_eq!(fixture.held(dies), ["A1", "B1"]);
    let stays = fixture.worker(2, "AB", 2);
    fixture.settle();
    (fixture, (dies, stays))
}

fn one_after_the_other(fixture: &mut Fixture, stays: Peer) {
    fixture.rest();
    let first = fixture.held(stays);
    assert_eq!(first.len(), 1, "never both at one worker");
    assert!(fixture.end(stays, &first[0]));
    fixture.rest();
    let second = fixture.held(stays);
    assert_eq!(second.len(), 1, "the other starts then");
    assert_ne!(first, second);
}

/// It was requeued because no slot was free, and is pulled before what came after it.
#[test]
fn the_answer_to_a_pull_is_the_suspect_if_there_is_one() {
    let mut fixture = Fixture::new(3);
    let dies = fixture.worker(0, "A", 1);
    fixture.submit("A1");
    fixture.rest();
    let stays = fixture.worker(2, "AB", 1);
    fixture.submit("B1");
    fixture.rest();
    assert_eq!((fixture.held(dies), fixture.held(stays)), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
    fixture.leave(dies);
    fixture.submit("A2");
    fixture.rest();
    assert_eq!(fixture.waiting('A'), ["A1", "A2"]);
    fixture.forget_posts();
    assert!(fixture.end(stays, "B1"));
    fixture.rest();
    assert_eq!((fixture.posted("Pull"), fixture.held(stays)), (1, vec!["A1".to_owned()]));
}

/// Case 13. The last worker of a shard that rejects suspects leaves.
#[test]
fn a_shard_that_rejects_suspects_accepts_them_when_its_last_worker_leaves() {
    let (mut fixture, worker) = rejecting_worker_on_1();
    fixture.forget_posts();
    fixture.leave(worker);
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    next_worker_gets_both(&mut fixture);
}

#[test]
fn a_shard_that_rejects_suspects_accepts_them_again_in_any_order() {
    in_every_order(rejecting_worker_on_1, &[Do(|fixture, worker| fixture.leave(*worker))], |fixture, _| {
        next_worker_gets_both(fixture);
    });
}

#[test]
fn a_shard_that_rejects_suspects_accepts_them_when_its_type_is_withdrawn() {
    let (mut fixture, worker) = rejecting_worker_on_1();
    fixture.forget_posts();
    fixture.cant_do(worker, 'A');
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    let next = fixture.worker(0, "A", 1);
    fixture.rest();
    assert_eq!(fixture.held(next), ["A2"]);
}

/// The worker does not change in its other types, and its free slot is recorded already.
#[test]
fn a_shard_that_rejects_suspects_accepts_them_when_an_idle_worker_takes_the_type_too() {
    let (mut fixture, _) = rejecting_worker_on_1();
    let idle = fixture.worker(1, "B", 1);
    fixture.rest();
    fixture.forget_posts();
    fixture.can_do(idle, "A", None);
    assert_eq!(fixture.posted("AcceptSuspects"), 1);
    fixture.rest();
    assert_eq!((fixture.held(idle), fixture.waiting('A')), (vec!["A2".to_owned()], Vec::new()));
}

#[test]
fn a_shard_that_rejects_suspects_keeps_its_offers_when_another_of_its_workers_leaves_the_type() {
    let (mut fixture, _) = rejecting_worker_on_1();
    let busy = fixture.worker(1, "B", 1);
    fixture.submit("B1");
    fixture.rest();
    fixture.can_do(busy, "A", None);
    fixture.rest();
    fixture.forget_posts();
    fixture.cant_do(busy, 'A');
    fixture.rest();
    assert_eq!(["AcceptSuspects", "Withdraw", "Offer"].map(|name| fixture.posted(name)), [0; 3]);
    assert!(fixture.pool(1, 'A').is_some_and(|pool| pool.rejects_suspects));
}

fn rejecting_worker_on_1() -> (Fixture, Peer) {
    let mut fixture = Fixture::new(2);
    let dies = fixture.worker(0, "A", 2);
    fixture.submit("A1");
    fixture.submit("A2");
    let worker = fixture.worker(1, "A", 2);
    fixture.settle();
    fixture.leave(dies);
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    assert!(fixture.pool(1, 'A').is_some_and(|pool| pool.rejects_suspects));
    (fixture, worker)
}

fn next_worker_gets_both(fixture: &mut Fixture) {
    fixture.rest();
    assert!(fixture.queue('A').is_some_and(|queue| queue.rejects_suspects.is_empty()), "no shard rejects suspects");
    let next = fixture.worker(1, "A", 1);
    for job in ["A1", "A2"] {
        fixture.rest();
        assert_eq!(fixture.held(next), [job]);
        assert!(fixture.end(next, job));
    }
}

/// A worker on 0 holds three jobs; on 1 are an ordinary and a spare worker with two slots each.
fn three_held_beside_both_classes() -> (Fixture, (Peer, [Peer; 2])) {
    let mut fixture = Fixture::new(2);
    let dies = fixture.worker(0, "A", 3);
    for job in ["A1", "A2", "A3"] {
        fixture.submit(job);
    }
    let workers = [fixture.worker(1, "A", 2), fixture.spare_worker(1, "A", 2)];
    fixture.settle();
    assert_eq!(fixture.held(dies).len(), 3);
    (fixture, (dies, workers))
}

/// The three are suspects. The ordinary worker holds A1, and has refused A2; meanwhile A3 went to the spare one, which then
/// refused A2 as well.
fn suspects_at_both_classes() -> (Fixture, [Peer; 2]) {
    let (mut fixture, (dies, workers)) = three_held_beside_both_classes();
    fixture.forget_posts();
    fixture.leave(dies);
    fixture.rest();
    assert_eq!([fixture.holder("A1"), fixture.holder("A3")], workers.map(Some));
    assert_eq!(fixture.posted("Requeue"), 2, "each class refused A2 once");
    (fixture, workers)
}
