//! Slots that are kept for the answer to an Ask: what comes, what does not, and whose slot it was.

use super::orders::in_every_order;
use super::stage::Stage;
use crate::world::Peer;

/// Case 8. The worker is paused while its Ask is out.
#[test]
fn a_worker_paused_with_an_ask_out_gives_the_job_back_and_asks_again() {
    let (mut stage, (worker, answerer)) = paused_soon_with_b_wanted();
    assert!(stage.end(worker, "A1"));
    stage.pause(worker, answerer);
    stage.expect(2, 1, "Ask");
    stage.expect(1, 2, "Assign");
    assert!(stage.bid(2, 'B').is_some_and(|bid| bid.starved && bid.pull_pending.is_none()), "wanted again");
    stage.rest();
    assert_eq!((stage.waiting('A'), stage.waiting('B')), (vec!["A2".to_owned()], vec!["B1".to_owned()]));
    stage.read_on(worker);
    stage.rest();
    assert_eq!(stage.held(worker), ["B1"], "B is asked for first");
    assert!(stage.end(worker, "B1"));
    stage.rest();
    assert_eq!(stage.held(worker), ["A2"], "then A has its turn");
}

#[test]
fn the_answer_to_an_ask_goes_to_the_worker_whose_slot_was_kept() {
    let mut stage = Stage::new(3);
    let [first, second] = [(); 2].map(|()| stage.worker(2, "AB", 1));
    stage.settle();
    for job in ["A1", "A2", "B1"] {
        stage.submit(job);
        stage.settle();
    }
    assert!(stage.bid(2, 'B').is_some_and(|bid| bid.starved));
    assert!(stage.end(first, "A1"));
    assert!(stage.end(second, "A2"), "it is free, and its slot was not kept");
    stage.expect(2, 1, "Ask");
    stage.expect(1, 2, "Assign");
    assert_eq!((stage.held(first), stage.held(second)), (vec!["B1".to_owned()], vec![]));
    stage.rest();
    assert!(stage.end(first, "B1"));
    stage.rest();
}

#[test]
fn a_result_of_a_paused_worker_is_obeyed() {
    let (mut stage, (worker, answerer)) = paused_soon_with_b_wanted();
    stage.pause(worker, answerer);
    stage.rest();
    assert!(stage.end(worker, "A1"));
    stage.rest();
    assert!(stage.answers.contains(&("A1".to_owned(), None)));
    assert!(stage.held(worker).is_empty(), "it is given nothing more");
}

#[test]
fn a_worker_paused_at_any_moment_of_an_ask_keeps_no_slot() {
    in_every_order(
        paused_soon_with_b_wanted,
        &[
            |stage, (worker, _)| stage.end(*worker, "A1"),
            |stage, (worker, answerer)| {
                stage.pause(*worker, *answerer);
                true
            },
            |stage, (worker, _)| {
                stage.read_on(*worker);
                true
            },
        ],
        |stage, (worker, _)| end_all(stage, *worker, 3),
    );
}

/// A worker on 2 that takes A and B holds A1; A2 waits, and B1 was turned away.
fn paused_soon_with_b_wanted() -> (Stage, (Peer, Peer)) {
    let mut stage = Stage::new(3);
    let worker = stage.worker(2, "AB", 1);
    stage.settle();
    let answerer = stage.prepare_pause(worker);
    for job in ["A1", "A2"] {
        stage.submit(job);
        stage.settle();
    }
    stage.submit("B1");
    stage.settle();
    assert!(stage.bid(2, 'B').is_some_and(|bid| bid.starved));
    (stage, (worker, answerer))
}

/// Ends what a worker holds until everything is done; `jobs` results in all.
fn end_all(stage: &mut Stage, worker: Peer, jobs: usize) {
    stage.rest();
    for _ in 0..jobs {
        for job in stage.held(worker) {
            assert!(stage.end(worker, &job));
        }
        stage.rest();
    }
    let results = stage.answers.iter().filter(|(job, code)| job != "C-pause" && code.is_none());
    assert_eq!(results.count(), jobs, "{:?}", stage.answers);
}

/// Of the types that were turned away the one that waits longest is asked for first, whatever their order was before.
#[test]
fn a_slot_is_kept_for_the_type_that_was_turned_away_first() {
    for [first, second, again] in [["A1", "B1", "A2"], ["B1", "A1", "B2"]] {
        let mut stage = Stage::new(3);
        let worker = stage.worker(2, "ABC", 1);
        stage.settle();
        for job in ["C1", first, second] {
            stage.submit(job);
            stage.rest();
        }
        assert!(stage.end(worker, "C1"));
        stage.rest();
        stage.submit(again);
        stage.rest();
        for job in [first, second, again] {
            assert_eq!(stage.held(worker), [job]);
            assert!(stage.end(worker, job));
            stage.rest();
        }
    }
}

/// Case 9. Somebody else took the job that was turned away.
#[test]
fn an_ask_that_finds_nothing_ends_and_does_not_stay_as_an_offer() {
    let (mut stage, worker) = b_was_taken_by_another();
    stage.forget_posts();
    assert!(stage.end(worker, "A1"));
    stage.expect(0, 1, "Ask");
    stage.expect(1, 0, "Decline");
    assert_eq!(stage.held(worker), ["A2"]);
    assert_eq!((stage.posted("Ask"), stage.posted("Offer")), (1, 1));
    stage.rest();
}

#[test]
fn an_ask_that_finds_nothing_keeps_nothing_in_any_order() {
    in_every_order(
        || {
            let mut stage = Stage::new(3);
            let worker = stage.worker(0, "AB", 1);
            stage.settle();
            (stage, worker)
        },
        &[
            |stage, _| {
                stage.submit("A1");
                stage.submit("B1");
                true
            },
            |stage, _| {
                stage.worker(2, "B", 1);
                true
            },
            |stage, _| {
                stage.submit("A2");
                true
            },
            |stage, worker| stage.end(*worker, "A1"),
        ],
        |stage, worker| {
            stage.check_rest();
            for _ in 0..3 {
                for job in ["A1", "A2", "B1"] {
                    if let Some(holder) = stage.holder(job) {
                        assert!(stage.end(holder, job));
                    }
                }
                stage.rest();
            }
            assert_eq!(stage.answers.len(), 3, "{worker:?}: {:?}", stage.answers);
        },
    );
}

fn b_was_taken_by_another() -> (Stage, Peer) {
    let mut stage = Stage::new(3);
    let worker = stage.worker(0, "AB", 1);
    stage.settle();
    stage.submit("A1");
    stage.submit("B1");
    stage.settle();
    assert!(stage.bid(0, 'B').is_some_and(|bid| bid.starved));
    let second = stage.worker(2, "B", 1);
    stage.settle();
    assert_eq!(stage.held(second), ["B1"]);
    stage.submit("A2");
    stage.settle();
    (stage, worker)
}

/// Case 10. Two workers that could each take the other's job.
#[test]
fn two_reservations_do_not_dance() {
    in_every_order(
        || {
            let mut stage = Stage::new(4);
            let first = stage.worker(2, "ABC", 1);
            stage.settle();
            let second = stage.worker(3, "ABC", 1);
            stage.settle();
            stage.submit("C1");
            stage.submit("C2");
            stage.settle();
            assert_eq!((stage.held(first), stage.held(second)), (vec!["C1".to_owned()], vec!["C2".to_owned()]));
            (stage, (first, second))
        },
        &[
            |stage, _| {
                stage.submit("A1");
                stage.submit("B1");
                true
            },
            |stage, (first, _)| stage.end(*first, "C1"),
            |stage, (_, second)| stage.end(*second, "C2"),
        ],
        |stage, _| {
            stage.check_rest();
            let holders = ["A1", "B1"].map(|job| stage.holder(job));
            assert!(holders[0].is_some() && holders[1].is_some() && holders[0] != holders[1], "{holders:?}");
        },
    );
}

/// Case 14. The worker whose slot is kept dies.
#[test]
fn a_job_for_a_keeper_that_died_goes_to_another_worker_that_is_free() {
    let (mut stage, (keeper, other)) = ask_is_out();
    stage.leave(keeper);
    assert!(stage.end(other, "A2"));
    stage.rest();
    assert_eq!(stage.held(other), ["B1"]);
}

#[test]
fn a_job_for_a_keeper_that_died_goes_back_if_nobody_is_free() {
    let (mut stage, (keeper, other)) = ask_is_out();
    stage.leave(keeper);
    stage.rest();
    assert_eq!((stage.held(other), stage.waiting('B')), (vec!["A2".to_owned()], vec!["B1".to_owned()]));
    assert!(stage.bid(2, 'B').is_some_and(|bid| bid.starved), "wanted again");
}

#[test]
fn a_decline_for_a_keeper_that_died_frees_nothing_of_its_successor() {
    let (mut stage, (keeper, other)) = ask_is_out();
    let taker = stage.worker(1, "B", 1);
    assert_eq!(stage.held(taker), ["B1"], "B1 is gone before the Ask comes");
    stage.leave(keeper);
    let successor = stage.worker(2, "AB", 1);
    stage.expect(2, 1, "Ask");
    stage.expect(1, 2, "Decline");
    stage.rest();
    for worker in [other, successor] {
        let slots = stage.slots(worker).expect("it is a worker");
        assert!(slots.reserved == 0 && slots.held.len() <= 1, "{slots:?}");
    }
}

#[test]
fn a_keeper_may_die_at_any_moment() {
    in_every_order(
        ask_is_out,
        &[
            |stage, (keeper, _)| {
                stage.leave(*keeper);
                true
            },
            |stage, _| {
                stage.worker(2, "AB", 1);
                true
            },
            |stage, (_, other)| stage.end(*other, "A2"),
        ],
        |stage, (_, other)| {
            stage.check_rest();
            let slots = stage.slots(*other).expect("it is a worker");
            assert!(slots.held.len() <= 1, "two jobs in one slot");
            assert!(stage.holder("B1").is_some(), "somebody is free for B1");
        },
    );
}

/// Two workers on 2 take A and B; a slot of the first is kept for B1, which the home still has; the second holds A2.
fn ask_is_out() -> (Stage, (Peer, Peer)) {
    let mut stage = Stage::new(3);
    let workers = [0; 2].map(|_| stage.worker(2, "AB", 1));
    stage.settle();
    for job in ["A1", "A2", "B1"] {
        stage.submit(job);
        stage.settle();
    }
    let keeper = stage.holder("A1").expect("it is held");
    let other = stage.holder("A2").expect("it is held");
    assert!(workers.contains(&keeper) && workers.contains(&other));
    assert!(stage.end(keeper, "A1"));
    assert!(stage.bid(2, 'B').is_some_and(|bid| bid.pull_pending.is_some()));
    (stage, (keeper, other))
}
