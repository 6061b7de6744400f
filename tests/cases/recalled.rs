//! Jobs with `wait_ms`, whose time is over at any moment: while they wait, are on their way, held, or come back.

use super::fixture::Fixture;
use super::orders::Act::{self, Do};
use super::orders::in_every_order;
use crate::world::Peer;

const WAIT: &str = "wait_ms 1000";

#[test]
fn a_job_in_line_is_recalled() {
    let mut fixture = Fixture::new(3);
    for job in ["A1", "A2", "A3"] {
        fixture.submit_with(1, job, if job == "A2" { WAIT } else { "priority 0" });
        fixture.settle();
    }
    fixture.forget_posts();
    fixture.pass(1_000);
    fixture.expect_all([(1, 0, "Recall"), (0, 1, "Answer")]);
    fixture.rest();
    assert_eq!((fixture.code("A2"), fixture.waiting('A')), (Some("no_worker"), vec!["A1".to_owned(), "A3".to_owned()]));
    assert_eq!(fixture.posts_of(["Recall", "Answer", "Revoke", "Drop"]), [1, 1, 0, 0]);
    fixture.wind_up(&["A1", "A2", "A3"]);
}

/// The job is on its way to a worker when its time is over. The worker gets it.
#[test]
fn a_recall_finds_nothing_once_the_job_is_assigned() {
    let (mut fixture, worker) = idle_on_2("A");
    fixture.submit_with(1, "A1", WAIT);
    fixture.expect(1, 0, "Submit");
    fixture.pass(1_000);
    fixture.expect_all([(1, 0, "Recall"), (0, 2, "Assign")]);
    fixture.rest();
    assert_eq!((fixture.held(worker), fixture.code("A1")), (vec!["A1".to_owned()], None));
    fixture.wind_up(&["A1"]);
}

/// The offer was stale. The job comes back after its Recall, which has found nothing, so the home has to end it.
#[test]
fn a_job_that_comes_back_after_its_recall_ends() {
    // The home may not have looked at the clock since.
    for home_turns in [true, false] {
        let mut fixture = a1_comes_back();
        fixture.world.wait(1_000);
        for shard in [1, 1, 0] {
            if shard > 0 || home_turns {
                fixture.world.turn(shard);
            }
        }
        fixture.look();
        fixture.expect_all([(1, 0, "Recall"), (2, 0, "Requeue")]);
        assert_eq!(fixture.waiting('A'), [""; 0]);
        fixture.rest();
        assert_eq!(fixture.code("A1"), Some("no_worker"));
        fixture.wind_up(&["A1", "B1"]);
    }
}

/// It comes back before its Recall, and when its time is over by the clock of the home.
#[test]
fn a_job_that_comes_back_too_late_does_not_wait_for_its_recall() {
    let mut fixture = a1_comes_back();
    fixture.world.wait(1_000);
    fixture.world.turn(0);
    fixture.expect(2, 0, "Requeue");
    fixture.settle();
    assert_eq!(fixture.code("A1"), Some("no_worker"));
    fixture.pass(1_000);
    fixture.rest();
    assert_eq!(fixture.posted("Recall"), 0, "its ticket has gone");
    fixture.wind_up(&["A1", "B1"]);
}

#[test]
fn a_job_that_comes_back_in_time_waits() {
    let mut fixture = a1_comes_back();
    fixture.pass(999);
    fixture.rest();
    assert_eq!((fixture.waiting('A'), fixture.code("A1")), (vec!["A1".to_owned()], None));
    fixture.pass(1);
    fixture.expect(1, 0, "Recall");
    fixture.rest();
    assert_eq!(fixture.code("A1"), Some("no_worker"));
    fixture.wind_up(&["A1", "B1"]);
}

/// The Recall of one job says nothing of another whose time is not over.
#[test]
fn a_recall_ends_one_job() {
    let (mut fixture, worker) = idle_on_2("A");
    fixture.submit_with(1, "A1", "wait_ms 2000");
    fixture.settle();
    fixture.submit_with(1, "A2", WAIT);
    fixture.settle();
    fixture.pass(1_000);
    fixture.rest();
    assert_eq!(fixture.code("A2"), Some("no_worker"));
    fixture.leave(worker);
    fixture.rest();
    assert_eq!((fixture.waiting('A'), fixture.code("A1")), (vec!["A1".to_owned()], None));
    fixture.wind_up(&["A1", "A2"]);
}

/// It ends by whichever comes first, once. If that is the Recall, the Revoke finds nothing, and its Drops neither.
#[test]
fn a_cancel_and_a_recall_cross_in_every_order() {
    let cancels: Act<Peer> = Do(|fixture, _| fixture.cancel(1, "A1"));
    let passes: Act<Peer> = Do(|fixture, _| fixture.pass(1_000));
    let leaves: Act<Peer> = Do(|fixture, worker| fixture.leave(*worker));
    for acts in [[cancels, passes, leaves], [passes, cancels, leaves], [passes, leaves, cancels]] {
        let set_up = || {
            let (mut fixture, worker) = idle_on_2("A");
            fixture.submit_with(1, "A1", "wait_ms 1000, cancellable");
            (fixture, worker)
        };
        in_every_order(set_up, &acts, |fixture, _| {
            fixture.rest();
            let counts = fixture.world.totals().counts;
            assert_eq!(counts.jobs_cancelled + counts.jobs_no_worker, 1);
            fixture.wind_up(&["A1"]);
        });
    }
}

/// After its time it waits nowhere, whatever was on its way then.
#[test]
fn its_time_is_over_at_any_moment() {
    let submits: Act<[Peer; 2]> = Do(|fixture, _| fixture.submit_with(1, "A1", WAIT));
    let passes: Act<[Peer; 2]> = Do(|fixture, _| fixture.pass(1_000));
    let leaves: Act<[Peer; 2]> = Do(|fixture, [dies, _]| fixture.leave(*dies));
    let takes_b: Act<[Peer; 2]> = Do(|fixture, _| fixture.submit_with(0, "B1", "priority 0"));
    for acts in [
        [submits, takes_b, passes, leaves],
        [takes_b, submits, passes, leaves],
        [submits, passes, leaves, takes_b],
        [submits, leaves, takes_b, passes],
    ] {
        let set_up = || {
            let mut fixture = Fixture::new(3);
            let workers = ["AB", "B"].map(|letters| fixture.worker(2, letters, 1));
            fixture.settle();
            (fixture, workers)
        };
        in_every_order(set_up, &acts, |fixture, _| {
            fixture.rest();
            let held = fixture.holder("A1").is_some();
            assert!(held != (fixture.code("A1") == Some("no_worker")), "one of the two");
            assert_eq!(fixture.waiting('A'), [""; 0]);
            fixture.wind_up(&["A1", "B1"]);
        });
    }
}

/// One that may not wait is assigned or ends, whatever is on its way: an offer, a stale one, or what takes it back.
#[test]
fn a_job_that_may_not_wait_never_does() {
    let set_up = || {
        let mut fixture = Fixture::new(3);
        let worker = fixture.worker(2, "AB", 1);
        fixture.worker(1, "AB", 1);
        (fixture, worker)
    };
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| fixture.submit_with(0, "B1", "priority 0")),
        Do(|fixture, _| fixture.submit_with(1, "A1", "wait_ms 0")),
        Do(|fixture, worker| fixture.cant_do(*worker, 'A')),
        Do(|fixture, _| fixture.submit_with(2, "A2", "wait_ms 0")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.rest();
        for job in ["A1", "A2"] {
            let held = fixture.holder(job).is_some();
            assert!(held != (fixture.code(job) == Some("no_worker")), "one of the two");
        }
        assert_eq!(fixture.waiting('A'), [""; 0]);
        fixture.wind_up(&["A1", "A2", "B1"]);
    });
}

/// The stop answers what waits. The Recall finds nothing then.
#[test]
fn a_recall_and_the_stop_in_every_order() {
    let set_up = || {
        let mut fixture = Fixture::new(3);
        fixture.submit_with(1, "A1", WAIT);
        (fixture, ())
    };
    let acts: [Act<()>; 2] = [Do(|fixture, ()| fixture.pass(1_000)), Do(|fixture, ()| fixture.stop(0..3))];
    in_every_order(set_up, &acts, |fixture, ()| {
        fixture.rest();
        assert!(matches!(fixture.code("A1"), Some("no_worker" | "shutdown")));
        fixture.wind_up(&["A1"]);
    });
}

/// A worker on 2 that takes these types.
fn idle_on_2(letters: &str) -> (Fixture, Peer) {
    Fixture::new(3).with_worker(2, letters, 1)
}

/// A worker on 2 takes A and B, and holds B1. A1, which may wait for a second, came for it, and has just been given back.
fn a1_comes_back() -> Fixture {
    let (mut fixture, worker) = idle_on_2("AB");
    fixture.submit("B1");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["B1"]);
    fixture.submit_with(1, "A1", WAIT);
    fixture.expect_all([(1, 0, "Submit"), (0, 2, "Assign")]);
    fixture.forget_posts();
    fixture
}
