//! Spare workers: what their home gives them while messages of ordinary ones are on the way, and the other way round.

use deputy::protocol::command::Class;

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// What the home knows counts: until the Offer of an ordinary worker has come, a spare one gets the job.
#[test]
fn an_ordinary_worker_comes_while_a_spare_offer_is_open() {
    let mut fixture = Fixture::new(3);
    let spare = fixture.spare_worker(1, "A", 2);
    fixture.settle();
    let ordinary = fixture.worker(2, "A", 1);
    fixture.expect(2, 0, "Present");
    fixture.submit("A1");
    fixture.expect_all([(0, 1, "Assign"), (2, 0, "Offer")]);
    fixture.submit("A2");
    fixture.expect(0, 2, "Assign");
    assert_eq!((fixture.held(spare), fixture.held(ordinary)), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    fixture.rest();
}

#[test]
fn an_ordinary_worker_comes_in_every_order() {
    let set_up = || {
        let mut fixture = Fixture::new(3);
        let [spare, ordinary] = [fixture.spare_worker(1, "A", 1), fixture.world.open(2)];
        fixture.settle();
        (fixture, (spare, ordinary))
    };
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, (_, ordinary)| fixture.can_do(*ordinary, "A", None)),
        Do(|fixture, _| fixture.submit("A1")),
        Do(|fixture, _| fixture.submit("A2")),
    ];
    in_every_order(set_up, &acts, |fixture, (spare, ordinary)| {
        fixture.check_rest();
        assert_eq!((fixture.held(*spare).len(), fixture.held(*ordinary).len()), (1, 1));
    });
}

/// The Withdraw of the ordinary worker and the Assign cross. The job goes on to the spare one.
#[test]
fn an_ordinary_worker_takes_its_type_back_while_it_is_assigned_a_job() {
    let (mut fixture, (ordinary, spare)) = ordinary_on_1_and_spare_on_2();
    fixture.forget_posts();
    fixture.cant_do(ordinary, 'A');
    fixture.submit("A1");
    fixture.expect_all([(0, 1, "Assign"), (1, 0, "Withdraw"), (1, 0, "Absent")]);
    assert_eq!(fixture.posted("Assign"), 1, "the job is on its way back");
    fixture.expect_all([(1, 0, "Requeue"), (0, 2, "Assign")]);
    assert_eq!(fixture.held(spare), ["A1"]);
    fixture.rest();
}

#[test]
fn both_classes_take_their_type_back_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, (ordinary, _)| fixture.cant_do(*ordinary, 'A')),
        Do(|fixture, _| fixture.submit("A1")),
        Do(|fixture, (_, spare)| fixture.cant_do(*spare, 'A')),
    ];
    in_every_order(ordinary_on_1_and_spare_on_2, &acts, |fixture, (ordinary, spare)| {
        fixture.check_rest();
        let held = fixture.held(*ordinary).len() + fixture.held(*spare).len();
        assert_eq!(held + fixture.waiting('A').len(), 1);
        let last = fixture.worker(0, "A", 2);
        fixture.rest();
        assert_eq!(fixture.held(last).len(), 1 - held);
    });
}

/// The ordinary worker's slot is filled by another type, so its offer is stale. One job goes there and back.
#[test]
fn a_stale_ordinary_offer_costs_one_return_and_then_the_spare_worker_has_the_job() {
    let mut fixture = Fixture::new(3);
    let ordinary = fixture.worker(1, "AB", 1);
    let spare = fixture.spare_worker(2, "A", 5);
    fixture.settle();
    fixture.submit("B1");
    fixture.settle();
    fixture.forget_posts();
    for job in ["A1", "A2"] {
        fixture.submit(job);
        fixture.rest();
    }
    assert_eq!((fixture.posted("Requeue"), fixture.held(spare)), (1, vec!["A1".to_owned(), "A2".to_owned()]));
    // It is free again: it pulls, nothing waits, and the next job is its own.
    assert!(fixture.end(ordinary, "B1"));
    assert_eq!(fixture.posted("Pull"), 1);
    fixture.expect_all([(1, 0, "Pull"), (0, 1, "Decline")]);
    fixture.rest();
    fixture.submit("A3");
    fixture.rest();
    assert_eq!(fixture.held(ordinary), ["A3"]);
}

/// A Withdraw of one class leaves the offers of the other at the same shard.
#[test]
fn the_classes_of_one_shard_offer_and_withdraw_independently() {
    let mut fixture = Fixture::new(2);
    let [ordinary, spare] = [fixture.worker(1, "A", 3), fixture.spare_worker(1, "A", 5)];
    fixture.rest();
    let open = |fixture: &Fixture| {
        let offers = fixture.queue('A').map(|queue| queue.offers).unwrap_or_default();
        offers.iter().map(|(_, class, n)| (*class, *n)).collect::<Vec<_>>()
    };
    assert_eq!(open(&fixture), [(Class::Ordinary, 3), (Class::Spare, 5)]);
    fixture.cant_do(spare, 'A');
    fixture.rest();
    assert_eq!(open(&fixture), [(Class::Ordinary, 3)]);
    fixture.can_do_as_spare(spare, "A", None);
    fixture.cant_do(ordinary, 'A');
    fixture.rest();
    assert_eq!(open(&fixture), [(Class::Spare, 5)]);
    fixture.submit("A1");
    fixture.rest();
    assert_eq!(fixture.held(spare), ["A1"]);
}

/// W takes A as an ordinary and B as a spare worker, in one slot. A1 fills it; B1 comes for the stale offer, and waits.
#[test]
fn a_starved_spare_pool_pulls_the_job_that_no_ordinary_worker_took() {
    let (mut fixture, (worker, _)) = spare_for_b_starved();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    assert_eq!((fixture.posted("Pull"), fixture.posted("Offer")), (1, 0), "the slot is reserved");
    fixture.submit("A2");
    fixture.expect_all([(2, 1, "Pull"), (1, 2, "Assign")]);
    assert_eq!(fixture.held(worker), ["B1"]);
    fixture.rest();
    assert_eq!(fixture.waiting('A'), ["A2"]);
    assert!(fixture.end(worker, "B1"));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"]);
}

#[test]
fn an_ordinary_worker_comes_before_the_pull_of_a_spare_one() {
    let (mut fixture, (worker, ordinary)) = spare_for_b_starved();
    fixture.can_do(ordinary, "B", None);
    assert!(fixture.end(worker, "A1"));
    fixture.expect_all([(0, 1, "Present"), (0, 1, "Offer"), (2, 1, "Pull"), (1, 2, "Decline")]);
    fixture.rest();
    assert_eq!((fixture.held(ordinary), fixture.held(worker)), (vec!["B1".to_owned()], vec![]));
    fixture.submit("A2");
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"], "its slot is not reserved");
}

#[test]
fn a_slot_reserved_for_a_spare_pool_is_free_again_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 4] = [
        Try(|fixture, (worker, _)| fixture.end(*worker, "A1")),
        Do(|fixture, (_, ordinary)| fixture.can_do(*ordinary, "B", None)),
        Do(|fixture, _| fixture.submit("A2")),
        Do(|fixture, (worker, _)| fixture.cant_do(*worker, 'B')),
    ];
    in_every_order(spare_for_b_starved, &acts, |fixture, (worker, ordinary)| {
        fixture.check_rest();
        let jobs = [fixture.held(*worker), fixture.held(*ordinary), fixture.waiting('A'), fixture.waiting('B')];
        assert_eq!(jobs.iter().map(Vec::len).sum::<usize>(), 2, "{jobs:?}");
        assert_eq!(fixture.held(*worker).len(), 1, "A2 or B1: {jobs:?}");
    });
}

/// An Assign for the old class finds a pool without workers; the job comes again for the new one.
#[test]
fn a_type_given_in_another_class_gets_its_job_in_every_order() {
    let set_up = || {
        let mut fixture = Fixture::new(3);
        let worker = fixture.spare_worker(1, "A", 1);
        fixture.settle();
        (fixture, worker)
    };
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, worker| {
            fixture.cant_do(*worker, 'A');
            fixture.can_do(*worker, "A", None);
        }),
        Do(|fixture, _| fixture.submit("A1")),
        Do(|fixture, worker| {
            fixture.cant_do(*worker, 'A');
            fixture.can_do_as_spare(*worker, "A", None);
        }),
    ];
    in_every_order(set_up, &acts, |fixture, worker| {
        fixture.check_rest();
        assert_eq!(fixture.held(*worker), ["A1"]);
    });
}

/// It does not read, so it may take nothing. When it reads on it is preferred again.
#[test]
fn a_paused_ordinary_worker_leaves_jobs_to_spare_ones_in_any_order() {
    let set_up = || {
        let (mut fixture, ordinary) = Fixture::new(3).with_worker(1, "A", 1);
        let answerer = fixture.prepare_pause(ordinary);
        let spare = fixture.spare_worker(2, "A", 9);
        fixture.settle();
        (fixture, (ordinary, answerer, spare))
    };
    let acts: [Act<(Peer, Peer, Peer)>; 3] = [
        Do(|fixture, (ordinary, answerer, _)| fixture.pause(*ordinary, *answerer)),
        Do(|fixture, _| fixture.submit("A1")),
        Do(|fixture, (ordinary, ..)| fixture.read_on(*ordinary)),
    ];
    in_every_order(set_up, &acts, |fixture, (ordinary, _, spare)| {
        fixture.check_rest();
        assert_eq!(
            fixture.held(*ordinary).len() + fixture.held(*spare).len(),
            1,
            "no job waits for one that is paused"
        );
        let free = fixture.held(*ordinary).is_empty();
        fixture.submit("A2");
        fixture.rest();
        assert_eq!(fixture.holder("A2"), Some(if free { *ordinary } else { *spare }));
    });
}

/// A home forgets the entry for spare workers when nothing is left of it.
#[test]
fn nothing_is_left_of_spare_workers_that_have_gone() {
    let (mut fixture, (ordinary, spare)) = ordinary_on_1_and_spare_on_2();
    fixture.submit("A1");
    fixture.submit("A2");
    fixture.rest();
    fixture.leave(spare);
    fixture.rest();
    let queue = fixture.queue('A').expect("A2 waits");
    assert!(queue.present.iter().all(|(_, class, _)| *class == Class::Ordinary));
    assert!(queue.rejects_suspects.iter().all(|(_, class)| *class == Class::Ordinary));
    fixture.leave(ordinary);
    fixture.rest();
    assert!((0..3).all(|shard| fixture.world.audit(shard).pools.is_empty()));
}

fn ordinary_on_1_and_spare_on_2() -> (Fixture, (Peer, Peer)) {
    let mut fixture = Fixture::new(3);
    let players = (fixture.worker(1, "A", 1), fixture.spare_worker(2, "A", 1));
    fixture.settle();
    (fixture, players)
}

/// A worker on 2 holds A1 and is spare for B, of which B1 waits; and a connection on 0.
fn spare_for_b_starved() -> (Fixture, (Peer, Peer)) {
    let mut fixture = Fixture::new(3);
    let worker = fixture.worker(2, "A", 1);
    fixture.can_do_as_spare(worker, "B", None);
    let other = fixture.world.open(0);
    fixture.settle();
    for job in ["A1", "B1"] {
        fixture.submit(job);
        fixture.settle();
    }
    let pools = fixture.world.audit(2).pools;
    assert!(pools.iter().any(|pool| pool.class == Class::Spare && pool.starved), "{pools:?}");
    assert_eq!((fixture.held(worker), fixture.waiting('B')), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
    (fixture, (worker, other))
}
