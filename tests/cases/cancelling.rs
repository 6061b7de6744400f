//! A cancel at every stage of a job: on its way, held, lost, and when its result is on the way.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// The Drop follows the Assign, so the slot is spent at once. The next job waits until the worker answers.
#[test]
fn assign_meets_cancel() {
    let (mut fixture, worker) = idle_worker_on_2();
    fixture.submit_with(1, "A1", "cancellable");
    fixture.expect(1, 0, "Submit");
    fixture.cancel(1, "A1");
    assert_eq!(fixture.code("A1"), Some("cancelled"), "it does not wait for the worker");
    fixture.expect_all([(1, 0, "Revoke"), (0, 2, "Assign")]);
    assert_eq!(fixture.held(worker), ["A1"]);
    fixture.expect(0, 2, "Drop");
    assert_eq!((fixture.spent(worker), fixture.cancels.len()), (1, 1));
    fixture.submit("A2");
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.waiting('A')), (vec![], vec!["A2".to_owned()]));
    let lease = fixture.slots(worker).and_then(|slots| slots.spent[0].lease);
    assert_eq!(lease, Some(fixture.cancels[0].1), "the cancel names the job");
    assert!(fixture.answer_late(worker));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"]);
    assert_eq!(fixture.world.totals().counts.results_dropped, 1);
    fixture.wind_up(&["A1", "A2"]);
}

#[test]
fn assign_meets_cancel_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.submit_with(1, "A1", "cancellable")),
        Do(|fixture, _| fixture.cancel(1, "A1")),
        Do(|fixture, _| fixture.submit("A2")),
    ];
    in_every_order(idle_worker_on_2, &acts, |fixture, worker| {
        fixture.rest();
        assert_eq!(fixture.code("A1"), Some("cancelled"));
        assert_eq!(fixture.cancels.len(), fixture.spent(*worker));
        assert_eq!(fixture.waiting('A').len(), fixture.spent(*worker), "A2 waits for the slot if A1 has it");
        fixture.wind_up(&["A1", "A2"]);
    });
}

#[test]
fn did_then_cancel() {
    let (mut fixture, worker) = a1_held_on_2();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    fixture.cancel(1, "A1");
    fixture.expect(2, 1, "Answer");
    assert_eq!(fixture.tickets(), 0);
    fixture.expect(1, 0, "Revoke");
    assert_eq!(fixture.doomed(), 1);
    fixture.expect(1, 0, "Over");
    assert_eq!(fixture.doomed(), 0);
    fixture.rest();
    assert_eq!(fixture.answers, [("A1".to_owned(), Some("cancelled".to_owned()))]);
    assert_eq!(fixture.posts_of(["Over", "Revoked", "Dropped"]), [1, 0, 0]);
    assert_eq!(fixture.world.totals().counts.results_dropped, 0, "its submitter has its answer");
    fixture.wind_up(&["A1"]);
}

#[test]
fn did_then_cancel_in_every_order() {
    let acts: [Act<Peer>; 2] =
        [Try(|fixture, worker| fixture.end(*worker, "A1")), Do(|fixture, _| fixture.cancel(1, "A1"))];
    in_every_order(a1_held_on_2, &acts, |fixture, _| fixture.wind_up(&["A1"]));
}

#[test]
fn cancel_then_did_in_every_order() {
    let acts: [Act<Peer>; 2] =
        [Do(|fixture, _| fixture.cancel(1, "A1")), Try(|fixture, worker| fixture.end_or_answer_late(*worker, "A1"))];
    in_every_order(a1_held_on_2, &acts, |fixture, _| {
        assert_eq!(fixture.code("A1"), Some("cancelled"));
        fixture.wind_up(&["A1"]);
    });
}

#[test]
fn lost_then_cancel() {
    let (mut fixture, (dies, idle)) = a1_held_and_another_idle();
    fixture.leave(dies);
    fixture.cancel(1, "A1");
    fixture.expect(1, 0, "Revoke");
    assert_eq!(fixture.doomed(), 1);
    fixture.expect(2, 0, "Requeue");
    assert_eq!((fixture.doomed(), fixture.waiting('A').len()), (0, 0), "it ends where it comes back");
    fixture.expect_all([(0, 1, "Drop"), (0, 1, "Revoked")]);
    fixture.rest();
    assert_eq!((fixture.started(), fixture.spent(idle)), (vec!["A1"], 0), "the idle worker never sees it");
    fixture.wind_up(&["A1"]);
}

#[test]
fn returned_given_out_then_revoked() {
    let (mut fixture, (dies, idle)) = a1_held_and_another_idle();
    fixture.leave(dies);
    fixture.expect(2, 0, "Requeue");
    fixture.cancel(1, "A1");
    fixture.expect(1, 0, "Revoke");
    fixture.forget_posts();
    fixture.rest();
    assert_eq!(fixture.starts.last(), Some(&("A1".to_owned(), idle)));
    assert_eq!((fixture.spent(idle), fixture.posts_of(["Dropped", "Revoked"])), (1, [1, 1]));
    fixture.wind_up(&["A1"]);
}

#[test]
fn a_job_is_lost_and_cancelled_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 2] =
        [Do(|fixture, (dies, _)| fixture.leave(*dies)), Do(|fixture, _| fixture.cancel(1, "A1"))];
    in_every_order(a1_held_and_another_idle, &acts, |fixture, (_, idle)| {
        fixture.rest();
        assert_eq!(fixture.spent(*idle), fixture.starts.len() - 1, "the worker gets a cancel if it has the job");
        fixture.wind_up(&["A1"]);
    });
}

/// The ticket's place has another job, which is held, when the Drop of its former one comes.
#[test]
fn handle_used_again() {
    let (mut fixture, (_, other)) = held_on_2_and_idle_on_3();
    fixture.cancel(1, "A1");
    fixture.expect_all([(1, 0, "Revoke"), (0, 2, "Drop"), (2, 0, "Dropped")]);
    let before = fixture.world.audit(1).tickets[0].id;
    fixture.settle_link(0, 1);
    assert_eq!(fixture.tickets(), 0);
    fixture.submit_with(1, "B1", "cancellable");
    let after = fixture.world.audit(1).tickets[0].id;
    assert!(before.index == after.index && before.generation != after.generation, "{before:?}, {after:?}");
    fixture.expect_all([(1, 3, "Assign"), (0, 3, "Drop")]);
    assert_eq!((fixture.held(other), fixture.spent(other)), (vec!["B1".to_owned()], 0));
    fixture.rest();
    assert!(fixture.end(other, "B1"));
    fixture.wind_up(&["A1", "B1"]);
    assert_eq!(fixture.code("B1"), Some("done"));
}

#[test]
fn handle_used_again_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 2] = [
        Do(|fixture, _| fixture.cancel(1, "A1")),
        Try(|fixture, _| {
            if fixture.tickets() > 0 {
                return false;
            }
            fixture.submit_with(1, "B1", "cancellable");
            true
        }),
    ];
    in_every_order(held_on_2_and_idle_on_3, &acts, |fixture, (_, other)| {
        assert_eq!(fixture.held(*other), ["B1"]);
        fixture.wind_up(&["A1", "B1"]);
    });
}

/// It stays for the answer to its query, and gets no job any more.
#[test]
fn a_connection_that_ends_while_a_query_is_out() {
    let set_up = || {
        let (mut fixture, worker) = idle_worker_on_2();
        let client = fixture.world.open(1);
        fixture.submit_with_by(client, "A1", "cancellable, progress");
        fixture.settle();
        fixture.submit_with_by(client, "A2", "progress");
        fixture.settle();
        fixture.report(worker, "A1", "1");
        fixture.ask_for_types(client);
        (fixture, (worker, client))
    };
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, (_, client)| fixture.leave(*client)),
        Try(|fixture, (worker, _)| fixture.end_or_answer_late(*worker, "A1")),
        Try(|fixture, (worker, _)| fixture.report(*worker, "A2", "2") && fixture.end(*worker, "A2")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        let counts = fixture.world.totals().counts;
        assert_eq!((counts.jobs_cancelled, counts.jobs_done, counts.progress_dropped), (1, 1, 0));
        assert!(fixture.answers.is_empty() && fixture.progress.len() <= 1, "{:?}", fixture.progress);
        fixture.wind_up(&[]);
    });
}

fn idle_worker_on_2() -> (Fixture, Peer) {
    let mut fixture = Fixture::new(3);
    let worker = fixture.numbered_worker(2, "A", 1);
    fixture.settle();
    (fixture, worker)
}

fn a1_held_on_2() -> (Fixture, Peer) {
    let (mut fixture, worker) = idle_worker_on_2();
    fixture.submit_with(1, "A1", "cancellable");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    (fixture, worker)
}

/// Of two workers on 2, one holds A1.
fn a1_held_and_another_idle() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, holder) = a1_held_on_2();
    let idle = fixture.numbered_worker(2, "A", 1);
    fixture.settle();
    (fixture, (holder, idle))
}

fn held_on_2_and_idle_on_3() -> (Fixture, (Peer, Peer)) {
    let mut fixture = Fixture::new(4);
    let worker = fixture.numbered_worker(2, "A", 1);
    let other = fixture.numbered_worker(3, "B", 1);
    fixture.settle();
    fixture.submit_with(1, "A1", "cancellable");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    (fixture, (worker, other))
}
