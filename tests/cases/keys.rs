//! Jobs with a key: members that leave at every moment, and groups of one key that follow each other.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

const KEYED: &str = r#"cancellable, key "k""#;

/// The job stays in the bytes of its home, and the second member gets the result.
#[test]
fn first_member_leaves() {
    let (mut fixture, worker) = two_members_of_a_held_job();
    let held = fixture.world.counts(0).job_bytes;
    assert!(held > 0);
    fixture.cancel(1, "A1");
    fixture.rest();
    assert_eq!((fixture.code("A1"), fixture.code("A2")), (Some("cancelled"), None));
    assert_eq!((fixture.world.counts(0).job_bytes, fixture.world.counts(1).job_bytes), (held, 0));
    assert_eq!(fixture.held(worker), ["A1"], "its id stays that of the first");
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert_eq!(fixture.code("A2"), Some("done"));
    assert_eq!(fixture.world.totals().counts.job_bytes, 0);
    fixture.wind_up(&["A1", "A2"]);
}

#[test]
fn first_member_leaves_in_every_order() {
    let acts: [Act<Peer>; 2] =
        [Do(|fixture, _| fixture.cancel(1, "A1")), Try(|fixture, worker| fixture.end(*worker, "A1"))];
    in_every_order(two_members_of_a_held_job, &acts, |fixture, _| {
        assert_eq!((fixture.code("A1"), fixture.code("A2")), (Some("cancelled"), Some("done")));
        fixture.wind_up(&["A1", "A2"]);
    });
}

/// Members come and leave while the job is on its way, held, and ended.
#[test]
fn two_members_come_and_leave_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| {
            fixture.submit_with(1, "A1", KEYED);
            fixture.submit_with(2, "A2", KEYED);
        }),
        Do(|fixture, _| fixture.cancel(1, "A1")),
        Do(|fixture, _| fixture.cancel(2, "A2")),
    ];
    in_every_order(idle_worker_on_2, &acts, |fixture, _| {
        fixture.rest();
        assert_eq!(fixture.groups(), 0);
        fixture.wind_up(&["A1", "A2"]);
    });
}

#[test]
fn last_member_leaves_as_the_result_comes() {
    let (mut fixture, worker) = one_member_of_a_held_job();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    fixture.cancel(1, "A1");
    fixture.expect(1, 0, "Revoke");
    assert_eq!((fixture.doomed(), fixture.groups()), (1, 1), "closed, and not ended");
    fixture.expect(2, 0, "Answer");
    assert_eq!((fixture.doomed(), fixture.groups()), (0, 0));
    fixture.rest();
    assert_eq!(fixture.answers, [("A1".to_owned(), Some("cancelled".to_owned()))]);
    assert_eq!(fixture.posts_of(["Over", "Dropped", "Revoked"]), [0, 0, 1]);
    fixture.wind_up(&["A1"]);
}

#[test]
fn member_cancels_after_the_result_was_passed_on() {
    let (mut fixture, worker) = one_member_of_a_held_job();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    fixture.expect(2, 0, "Answer");
    fixture.cancel(1, "A1");
    fixture.expect(1, 0, "Revoke");
    assert_eq!((fixture.doomed(), fixture.groups()), (0, 0));
    fixture.expect(0, 1, "Answer");
    fixture.rest();
    assert_eq!(fixture.answers, [("A1".to_owned(), Some("cancelled".to_owned()))]);
    assert_eq!(fixture.posts_of(["Drop", "Over", "Revoked"]), [0; 3]);
    fixture.wind_up(&["A1"]);
}

#[test]
fn last_member_leaves_and_the_result_comes_in_every_order() {
    let acts: [Act<Peer>; 2] =
        [Try(|fixture, worker| fixture.end(*worker, "A1")), Do(|fixture, _| fixture.cancel(1, "A1"))];
    in_every_order(one_member_of_a_held_job, &acts, |fixture, _| fixture.wind_up(&["A1"]));
    let acts: [Act<Peer>; 2] =
        [Do(|fixture, _| fixture.cancel(1, "A1")), Try(|fixture, worker| fixture.end_or_answer_late(*worker, "A1"))];
    in_every_order(one_member_of_a_held_job, &acts, |fixture, _| fixture.wind_up(&["A1"]));
}

/// The Drops of the first two groups fly while the third is made. It waits for a slot of theirs.
#[test]
fn key_again_and_again() {
    let (mut fixture, worker) = idle_worker_on_2();
    for job in ["A1", "A2"] {
        fixture.submit_with(1, job, KEYED);
        fixture.settle_link(1, 0);
        fixture.cancel(1, job);
        fixture.settle_link(1, 0);
    }
    fixture.submit_with(1, "A3", KEYED);
    fixture.settle_link(1, 0);
    assert_eq!((fixture.groups(), fixture.doomed()), (3, 2));
    fixture.rest();
    assert_eq!((fixture.groups(), fixture.doomed(), fixture.spent(worker)), (1, 0, 2));
    assert_eq!(fixture.waiting('A'), ["A3"]);
    assert!(fixture.answer_late(worker));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A3"]);
    fixture.wind_up(&["A1", "A2", "A3"]);
    assert_eq!(fixture.code("A3"), Some("done"));
}

#[test]
fn key_again_and_again_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.submit_with(1, "A1", KEYED)),
        Do(|fixture, _| {
            fixture.cancel(1, "A1");
            fixture.submit_with(1, "A2", KEYED);
        }),
        Do(|fixture, _| {
            fixture.cancel(1, "A2");
            fixture.submit_with(1, "A3", KEYED);
        }),
    ];
    in_every_order(idle_worker_on_2, &acts, |fixture, worker| {
        fixture.rest();
        assert_eq!((fixture.groups(), fixture.doomed()), (1, 0));
        assert_eq!(fixture.waiting('A').len() + fixture.held(*worker).len(), 1);
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

#[test]
fn own_key_twice() {
    let (mut fixture, (worker, client)) = one_client_with_a_key_twice();
    assert_eq!((fixture.groups(), fixture.held(worker)), (1, vec!["A1".to_owned()]));
    fixture.forget_posts();
    fixture.leave(client);
    fixture.rest();
    let counts = fixture.world.totals().counts;
    assert_eq!((counts.jobs_cancelled, counts.results_dropped), (2, 2));
    assert_eq!(fixture.posts_of(["Dropped", "Revoked"]), [1, 2]);
    assert_eq!((fixture.spent(worker), fixture.groups()), (1, 0));
    fixture.wind_up(&[]);
}

#[test]
fn own_key_twice_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 2] =
        [Try(|fixture, (worker, _)| fixture.end(*worker, "A1")), Do(|fixture, (_, client)| fixture.leave(*client))];
    in_every_order(one_client_with_a_key_twice, &acts, |fixture, _| {
        fixture.rest();
        let counts = fixture.world.totals().counts;
        assert_eq!(counts.jobs_cancelled + counts.jobs_done, 2);
        assert_eq!(fixture.answers.len() as u64 + counts.results_dropped, 2, "answered, or no submitter was left");
        fixture.answers.clear();
        fixture.wind_up(&[]);
    });
}

/// What waits is answered `shutdown` to each member, what is held ends, and who comes then is refused.
#[test]
fn a_key_and_the_stop() {
    let (mut fixture, worker) = two_members_of_a_held_job();
    fixture.submit_with(1, "C1", KEYED);
    fixture.submit_with(2, "C2", KEYED);
    fixture.settle();
    fixture.submit_with(1, "A3", KEYED);
    fixture.world.stop(0);
    fixture.look();
    fixture.expect(1, 0, "Submit");
    for shard in [1, 2] {
        fixture.world.stop(shard);
    }
    fixture.rest();
    for job in ["A3", "C1", "C2"] {
        assert_eq!(fixture.code(job), Some("shutdown"), "{job}");
    }
    fixture.cancel(1, "A1");
    fixture.rest();
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert_eq!((fixture.code("A1"), fixture.code("A2")), (Some("cancelled"), Some("done")));
    fixture.wind_up(&["A1", "A2", "A3", "C1", "C2"]);
}

#[test]
fn a_key_and_the_stop_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| {
            fixture.submit_with(1, "A3", KEYED);
            fixture.cancel(1, "A1");
            (0..3).rev().for_each(|shard| fixture.world.stop(shard));
            fixture.look();
        }),
        Do(|fixture, _| {
            fixture.cancel(2, "A2");
            fixture.cancel(1, "A3");
        }),
        Try(|fixture, worker| fixture.end_or_answer_late(*worker, "A1")),
    ];
    in_every_order(two_members_of_a_held_job, &acts, |fixture, _| {
        fixture.rest();
        assert_eq!((0..3).map(|shard| fixture.world.pending(shard)).sum::<u64>(), 0);
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

fn idle_worker_on_2() -> (Fixture, Peer) {
    Fixture::new(3).with_worker(2, "A", 2)
}

fn one_member_of_a_held_job() -> (Fixture, Peer) {
    let (mut fixture, worker) = idle_worker_on_2();
    fixture.submit_with(1, "A1", KEYED);
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    (fixture, worker)
}

/// A1 came from 1, and A2 from 2.
fn two_members_of_a_held_job() -> (Fixture, Peer) {
    let (mut fixture, worker) = one_member_of_a_held_job();
    fixture.submit_with(2, "A2", KEYED);
    fixture.settle();
    assert_eq!((fixture.held(worker), fixture.waiting('A').len()), (vec!["A1".to_owned()], 0));
    (fixture, worker)
}

fn one_client_with_a_key_twice() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, worker) = idle_worker_on_2();
    let client = fixture.world.open(1);
    for job in ["A1", "A2"] {
        fixture.submit_with_by(client, job, KEYED);
    }
    fixture.settle();
    (fixture, (worker, client))
}
