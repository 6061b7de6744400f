//! Slots that are reserved for the answer to a Pull: which answer comes, and whose slot it is.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// Case 8. The worker is paused while its Pull is out.
#[test]
fn a_worker_paused_with_a_pull_out_requeues_the_job_and_pulls_again() {
    let (mut fixture, (worker, answerer)) = paused_soon_with_b_starved();
    assert!(fixture.end(worker, "A1"));
    fixture.pause(worker, answerer);
    fixture.expect_all([(2, 1, "Pull"), (1, 2, "Assign")]);
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.starved && pool.pull_pending.is_none()), "starved again");
    fixture.rest();
    assert_eq!((fixture.waiting('A'), fixture.waiting('B')), (vec!["A2".to_owned()], vec!["B1".to_owned()]));
    fixture.read_on(worker);
    fixture.rest();
    assert_eq!(fixture.held(worker), ["B1"], "B is pulled first");
    assert!(fixture.end(worker, "B1"));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"], "A comes next");
}

#[test]
fn the_answer_to_a_pull_goes_to_the_worker_whose_slot_was_reserved() {
    let mut fixture = Fixture::new(3);
    let [first, second] = [(); 2].map(|()| fixture.worker(2, "AB", 1));
    fixture.settle();
    for job in ["A1", "A2", "B1"] {
        fixture.submit(job);
        fixture.settle();
    }
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.starved));
    assert!(fixture.end(first, "A1"));
    assert!(fixture.end(second, "A2"), "it is free, and its slot was not reserved");
    fixture.expect_all([(2, 1, "Pull"), (1, 2, "Assign")]);
    assert_eq!((fixture.held(first), fixture.held(second)), (vec!["B1".to_owned()], vec![]));
    fixture.rest();
    assert!(fixture.end(first, "B1"));
    fixture.rest();
}

#[test]
fn a_result_of_a_paused_worker_is_delivered() {
    let (mut fixture, (worker, answerer)) = paused_soon_with_b_starved();
    fixture.pause(worker, answerer);
    fixture.rest();
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert!(fixture.answers.contains(&("A1".to_owned(), None)));
    assert!(fixture.held(worker).is_empty(), "it is sent nothing more");
}

#[test]
fn a_worker_paused_at_any_moment_of_a_pull_keeps_no_slot_reserved() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Try(|fixture, (worker, _)| fixture.end(*worker, "A1")),
        Do(|fixture, (worker, answerer)| fixture.pause(*worker, *answerer)),
        Do(|fixture, (worker, _)| fixture.read_on(*worker)),
    ];
    in_every_order(paused_soon_with_b_starved, &acts, |fixture, (worker, _)| end_all(fixture, *worker, 3));
}

/// A worker on 2 that takes A and B holds A1; A2 waits, and B is starved.
fn paused_soon_with_b_starved() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "AB", 1);
    let answerer = fixture.prepare_pause(worker);
    for job in ["A1", "A2"] {
        fixture.submit(job);
        fixture.settle();
    }
    fixture.submit("B1");
    fixture.settle();
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.starved));
    (fixture, (worker, answerer))
}

/// Ends what a worker holds until everything is done; `jobs` results in all.
fn end_all(fixture: &mut Fixture, worker: Peer, jobs: usize) {
    fixture.rest();
    for _ in 0..jobs {
        for job in fixture.held(worker) {
            assert!(fixture.end(worker, &job));
        }
        fixture.rest();
    }
    let results = fixture.answers.iter().filter(|(job, code)| job != "C-pause" && code.is_none());
    assert_eq!(results.count(), jobs, "{:?}", fixture.answers);
}

/// Of the starved types, the longest starved is pulled first, whatever their order was before.
#[test]
fn a_slot_is_reserved_for_the_type_that_was_starved_first() {
    for [first, second, again] in [["A1", "B1", "A2"], ["B1", "A1", "B2"]] {
        let (mut fixture, worker) = Fixture::new(3).with_worker(2, "ABC", 1);
        for job in ["C1", first, second] {
            fixture.submit(job);
            fixture.rest();
        }
        assert!(fixture.end(worker, "C1"));
        fixture.rest();
        fixture.submit(again);
        fixture.rest();
        for job in [first, second, again] {
            assert_eq!(fixture.held(worker), [job]);
            assert!(fixture.end(worker, job));
            fixture.rest();
        }
    }
}

/// Case 9. Another worker took the requeued job.
#[test]
fn a_pull_that_finds_nothing_ends_and_does_not_stay_as_an_offer() {
    let (mut fixture, worker) = b_was_taken_by_another();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    fixture.expect_all([(0, 1, "Pull"), (1, 0, "Decline")]);
    assert_eq!(fixture.held(worker), ["A2"]);
    assert_eq!((fixture.posted("Pull"), fixture.posted("Offer")), (1, 1));
    fixture.rest();
}

#[test]
fn a_pull_that_finds_nothing_reserves_nothing_in_any_order() {
    let set_up = || {
        let (fixture, worker) = Fixture::new(3).with_worker(0, "AB", 1);
        (fixture, worker)
    };
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| {
            fixture.submit("A1");
            fixture.submit("B1");
        }),
        Do(|fixture, _| {
            fixture.worker(2, "B", 1);
        }),
        Do(|fixture, _| fixture.submit("A2")),
        Try(|fixture, worker| fixture.end(*worker, "A1")),
    ];
    in_every_order(set_up, &acts, |fixture, worker| {
        fixture.check_rest();
        for _ in 0..3 {
            for job in ["A1", "A2", "B1"] {
                if let Some(holder) = fixture.holder(job) {
                    assert!(fixture.end(holder, job));
                }
            }
            fixture.rest();
        }
        assert_eq!(fixture.answers.len(), 3, "{worker:?}: {:?}", fixture.answers);
    });
}

fn b_was_taken_by_another() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(0, "AB", 1);
    fixture.submit("A1");
    fixture.submit("B1");
    fixture.settle();
    assert!(fixture.pool(0, 'B').is_some_and(|pool| pool.starved));
    let second = fixture.worker(2, "B", 1);
    fixture.settle();
    assert_eq!(fixture.held(second), ["B1"]);
    fixture.submit("A2");
    fixture.settle();
    (fixture, worker)
}

/// Case 10. Two workers that could each take the other's job.
#[test]
fn two_reservations_do_not_dance() {
    let set_up = || {
        let (mut fixture, first) = Fixture::new(4).with_worker(2, "ABC", 1);
        let second = fixture.worker(3, "ABC", 1);
        fixture.settle();
        fixture.submit("C1");
        fixture.submit("C2");
        fixture.settle();
        assert_eq!((fixture.held(first), fixture.held(second)), (vec!["C1".to_owned()], vec!["C2".to_owned()]));
        (fixture, (first, second))
    };
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, _| {
            fixture.submit("A1");
            fixture.submit("B1");
        }),
        Try(|fixture, (first, _)| fixture.end(*first, "C1")),
        Try(|fixture, (_, second)| fixture.end(*second, "C2")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.check_rest();
        let holders = ["A1", "B1"].map(|job| fixture.holder(job));
        assert!(holders[0].is_some() && holders[1].is_some() && holders[0] != holders[1], "{holders:?}");
    });
}

/// Case 14. The worker whose slot is reserved is lost.
#[test]
fn a_job_for_a_reserved_slot_whose_worker_is_lost_goes_to_another_free_worker() {
    let (mut fixture, (reserving, other)) = pull_is_out();
    fixture.leave(reserving);
    assert!(fixture.end(other, "A2"));
    fixture.rest();
    assert_eq!(fixture.held(other), ["B1"]);
}

#[test]
fn a_job_for_a_reserved_slot_whose_worker_is_lost_is_requeued_if_no_worker_is_free() {
    let (mut fixture, (reserving, other)) = pull_is_out();
    fixture.leave(reserving);
    fixture.rest();
    assert_eq!((fixture.held(other), fixture.waiting('B')), (vec!["A2".to_owned()], vec!["B1".to_owned()]));
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.starved), "starved again");
}

#[test]
fn a_decline_for_a_worker_that_is_lost_frees_nothing_of_its_successor() {
    let (mut fixture, (reserving, other)) = pull_is_out();
    let taker = fixture.worker(1, "B", 1);
    assert_eq!(fixture.held(taker), ["B1"], "B1 is gone before the Pull comes");
    fixture.leave(reserving);
    let successor = fixture.worker(2, "AB", 1);
    fixture.expect_all([(2, 1, "Pull"), (1, 2, "Decline")]);
    fixture.rest();
    for worker in [other, successor] {
        let slots = fixture.slots(worker).expect("it is a worker");
        assert!(slots.reserved == 0 && slots.held.len() <= 1, "{slots:?}");
    }
}

#[test]
fn the_worker_of_a_reserved_slot_may_be_lost_at_any_moment() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, (reserving, _)| fixture.leave(*reserving)),
        Do(|fixture, _| {
            fixture.worker(2, "AB", 1);
        }),
        Try(|fixture, (_, other)| fixture.end(*other, "A2")),
    ];
    in_every_order(pull_is_out, &acts, |fixture, (_, other)| {
        fixture.check_rest();
        let slots = fixture.slots(*other).expect("it is a worker");
        assert!(slots.held.len() <= 1, "two jobs in one slot");
        assert!(fixture.holder("B1").is_some(), "a worker is free for B1");
    });
}

/// Two workers on 2 take A and B; a slot of the first is reserved for B1, which the home still has; the second holds A2.
fn pull_is_out() -> (Fixture, (Peer, Peer)) {
    let mut fixture = Fixture::new(3);
    let workers = [0; 2].map(|_| fixture.worker(2, "AB", 1));
    fixture.settle();
    for job in ["A1", "A2", "B1"] {
        fixture.submit(job);
        fixture.settle();
    }
    let reserving = fixture.holder("A1").expect("it is held");
    let other = fixture.holder("A2").expect("it is held");
    assert!(workers.contains(&reserving) && workers.contains(&other));
    assert!(fixture.end(reserving, "A1"));
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.pull_pending.is_some()));
    (fixture, (reserving, other))
}
