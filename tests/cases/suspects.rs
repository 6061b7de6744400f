//! Jobs that were given back: their place in line, and how they are kept apart.

use super::orders::in_every_order;
use super::stage::Stage;
use crate::world::Peer;

/// Case 2. Returns overtake each other on the way, but not in the line.
#[test]
fn two_deaths_out_of_order_leave_the_line_in_order() {
    let (mut stage, (first, second)) = two_jobs_held();
    stage.leave(first);
    stage.leave(second);
    stage.expect(2, 0, "Return");
    stage.expect(1, 0, "Return");
    start_all_in_order(&mut stage);
}

#[test]
fn two_deaths_in_any_order_leave_the_line_in_order() {
    in_every_order(
        two_jobs_held,
        &[
            |stage, (first, _)| {
                stage.leave(*first);
                true
            },
            |stage, (_, second)| {
                stage.leave(*second);
                true
            },
        ],
        |stage, _| start_all_in_order(stage),
    );
}

fn two_jobs_held() -> (Stage, (Peer, Peer)) {
    let mut stage = Stage::new(3);
    let first = stage.worker(1, "A", 1);
    stage.settle();
    let second = stage.worker(2, "A", 1);
    stage.settle();
    for job in ["A1", "A2", "A3"] {
        stage.submit(job);
    }
    stage.settle();
    assert_eq!((stage.held(first), stage.held(second)), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    (stage, (first, second))
}

fn start_all_in_order(stage: &mut Stage) {
    stage.starts.clear();
    for shard in 0..3 {
        stage.worker(shard, "A", 1);
        stage.rest();
    }
    assert_eq!(stage.started(), ["A1", "A2", "A3"]);
}

/// Case 3. A suspect that nobody may take waits; it does not go to and fro.
#[test]
fn a_suspect_is_refused_once_by_each_shard_and_then_waits() {
    let (mut stage, (dies, ..)) = three_jobs_held_and_two_idle();
    stage.forget_posts();
    stage.leave(dies);
    stage.rest();
    assert_eq!(stage.posted("Return"), 2, "A3 was refused by each shard once");
    keep_apart(&mut stage);
}

#[test]
fn suspects_are_kept_apart_in_any_order() {
    in_every_order(
        three_jobs_held_and_two_idle,
        &[|stage, (dies, ..)| {
            stage.leave(*dies);
            true
        }],
        |stage, _| keep_apart(stage),
    );
}

fn three_jobs_held_and_two_idle() -> (Stage, (Peer, Peer, Peer)) {
    let mut stage = Stage::new(3);
    let dies = stage.worker(0, "A", 3);
    for job in ["A1", "A2", "A3"] {
        stage.submit(job);
    }
    let idle = [1, 2].map(|shard| stage.worker(shard, "A", 2));
    stage.settle();
    assert_eq!(stage.held(dies).len(), 3);
    (stage, (dies, idle[0], idle[1]))
}

fn keep_apart(stage: &mut Stage) {
    stage.check_rest();
    let holder = stage.holder("A1").expect("A1 has started again");
    let other = stage.holder("A2").expect("A2 has started again");
    assert_ne!(holder, other);
    assert_eq!(stage.waiting('A'), ["A3"]);
    stage.submit("A4");
    stage.rest();
    assert!([holder, other].contains(&stage.holder("A4").expect("A4 passes A3")));
    stage.forget_posts();
    assert!(stage.end(holder, "A1"));
    assert_eq!(stage.posted("Welcome"), 1);
    stage.rest();
    assert_eq!(stage.holder("A3"), Some(holder));
}

/// Case 4. Suspects of two types are kept apart as well.
#[test]
fn a_suspect_refused_for_another_type_starts_when_that_ends() {
    let (mut stage, (dies, stays)) = two_types_held();
    stage.leave(dies);
    one_after_the_other(&mut stage, stays);
}

#[test]
fn suspects_of_two_types_are_kept_apart_in_any_order() {
    in_every_order(
        two_types_held,
        &[|stage, (dies, _)| {
            stage.leave(*dies);
            true
        }],
        |stage, (_, stays)| one_after_the_other(stage, *stays),
    );
}

fn two_types_held() -> (Stage, (Peer, Peer)) {
    let mut stage = Stage::new(3);
    let dies = stage.worker(2, "AB", 2);
    stage.settle();
    stage.submit("A1");
    stage.submit("B1");
    stage.settle();
    assert_eq!(stage.held(dies), ["A1", "B1"]);
    let stays = stage.worker(2, "AB", 2);
    stage.settle();
    (stage, (dies, stays))
}

fn one_after_the_other(stage: &mut Stage, stays: Peer) {
    stage.rest();
    let first = stage.held(stays);
    assert_eq!(first.len(), 1, "never both at one worker");
    assert!(stage.end(stays, &first[0]));
    stage.rest();
    let second = stage.held(stays);
    assert_eq!(second.len(), 1, "the other starts then");
    assert_ne!(first, second);
}

/// It was turned away for want of a slot, and is asked for before what came after it.
#[test]
fn the_answer_to_an_ask_is_the_suspect_if_there_is_one() {
    let mut stage = Stage::new(3);
    let dies = stage.worker(0, "A", 1);
    stage.submit("A1");
    stage.rest();
    let stays = stage.worker(2, "AB", 1);
    stage.submit("B1");
    stage.rest();
    assert_eq!((stage.held(dies), stage.held(stays)), (vec!["A1".to_owned()], vec!["B1".to_owned()]));
    stage.leave(dies);
    stage.submit("A2");
    stage.rest();
    assert_eq!(stage.waiting('A'), ["A1", "A2"]);
    stage.forget_posts();
    assert!(stage.end(stays, "B1"));
    stage.rest();
    assert_eq!((stage.posted("Ask"), stage.held(stays)), (1, vec!["A1".to_owned()]));
}

/// Case 13. The last worker of a shard that refuses goes.
#[test]
fn a_shard_that_refuses_says_welcome_when_its_last_worker_goes() {
    let (mut stage, worker) = refusing_worker_on_1();
    stage.forget_posts();
    stage.leave(worker);
    assert_eq!(stage.posted("Welcome"), 1);
    welcome_the_next(&mut stage);
}

#[test]
fn a_shard_that_refuses_is_welcome_again_in_any_order() {
    in_every_order(
        refusing_worker_on_1,
        &[|stage, worker| {
            stage.leave(*worker);
            true
        }],
        |stage, _| welcome_the_next(stage),
    );
}

#[test]
fn a_shard_that_refuses_says_welcome_when_its_type_is_taken_back() {
    let (mut stage, worker) = refusing_worker_on_1();
    stage.forget_posts();
    stage.cant_do(worker, 'A');
    assert_eq!(stage.posted("Welcome"), 1);
    stage.rest();
    assert_eq!((stage.held(worker), stage.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    let next = stage.worker(0, "A", 1);
    stage.rest();
    assert_eq!(stage.held(next), ["A2"]);
}

/// It has nothing to do with the types that it had before, and nothing to give that the books did not know.
#[test]
fn a_shard_that_refuses_says_welcome_when_an_idle_worker_takes_the_type_too() {
    let (mut stage, _) = refusing_worker_on_1();
    let idle = stage.worker(1, "B", 1);
    stage.rest();
    stage.forget_posts();
    stage.can_do(idle, "A", None);
    assert_eq!(stage.posted("Welcome"), 1);
    stage.rest();
    assert_eq!((stage.held(idle), stage.waiting('A')), (vec!["A2".to_owned()], Vec::new()));
}

#[test]
fn a_shard_that_refuses_goes_on_and_keeps_its_offers_when_another_of_its_workers_leaves_the_type() {
    let (mut stage, _) = refusing_worker_on_1();
    let busy = stage.worker(1, "B", 1);
    stage.submit("B1");
    stage.rest();
    stage.can_do(busy, "A", None);
    stage.rest();
    stage.forget_posts();
    stage.cant_do(busy, 'A');
    stage.rest();
    assert_eq!(["Welcome", "Withdraw", "Offer"].map(|name| stage.posted(name)), [0; 3]);
    assert!(stage.bid(1, 'A').is_some_and(|bid| bid.rejects_suspects));
}

fn refusing_worker_on_1() -> (Stage, Peer) {
    let mut stage = Stage::new(2);
    let dies = stage.worker(0, "A", 2);
    stage.submit("A1");
    stage.submit("A2");
    let worker = stage.worker(1, "A", 2);
    stage.settle();
    stage.leave(dies);
    stage.rest();
    assert_eq!((stage.held(worker), stage.waiting('A')), (vec!["A1".to_owned()], vec!["A2".to_owned()]));
    assert!(stage.bid(1, 'A').is_some_and(|bid| bid.rejects_suspects));
    (stage, worker)
}

fn welcome_the_next(stage: &mut Stage) {
    stage.rest();
    assert!(stage.queue('A').is_some_and(|queue| queue.rejects_suspects.is_empty()), "no shard is noted");
    let next = stage.worker(1, "A", 1);
    for job in ["A1", "A2"] {
        stage.rest();
        assert_eq!(stage.held(next), [job]);
        assert!(stage.end(next, job));
    }
}
