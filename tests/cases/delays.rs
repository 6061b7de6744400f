//! Jobs that wait for their delay, or have a deadline, with all that may cross it.

use super::fixture::Fixture;
use super::orders::Act::{self, Do};
use super::orders::in_every_order;
use crate::world::Peer;

const DELAYED: &str = "delay_ms 1000, cancellable";

/// What is delayed is answered where it was submitted; what has just been sent, by its home.
#[test]
fn delayed_and_the_stop() {
    let mut fixture = three_delayed();
    fixture.pass(1_000);
    assert_eq!(fixture.sum(|audit| audit.tickets.iter().filter(|ticket| ticket.delayed.is_some()).count()), 2);
    fixture.stop([1, 0, 2]);
    assert_eq!((fixture.code("A1"), fixture.code("A2")), (None, Some("shutdown")));
    fixture.expect(1, 0, "Submit");
    fixture.rest();
    assert_eq!(fixture.code("A1"), Some("shutdown"));
    assert!((0..3).all(|shard| fixture.world.pending(shard) == 0));
    fixture.wind_up(&["A1", "A2", "A3"]);
}

#[test]
fn delayed_and_the_stop_in_every_order() {
    let stops: Act<()> = Do(|fixture, ()| fixture.stop(0..3));
    let passes: Act<()> = Do(|fixture, ()| fixture.pass(1_000));
    let cancels: Act<()> = Do(|fixture, ()| {
        fixture.cancel(1, "A1");
        fixture.cancel(1, "A2");
    });
    for acts in [[stops, passes, cancels], [passes, stops, cancels], [passes, cancels, stops], [cancels, passes, stops]]
    {
        let set_up = || (three_delayed(), ());
        in_every_order(set_up, &acts, |fixture, ()| {
            fixture.rest();
            assert!((0..3).all(|shard| fixture.world.pending(shard) == 0), "all is answered");
            fixture.wind_up(&["A1", "A2", "A3"]);
        });
    }
}

/// The deadline comes while the job is on its way, given back or held.
#[test]
fn a_deadline_passes_at_any_moment() {
    let passes: Act<(Peer, Peer)> = Do(|fixture, _| fixture.pass(1_000));
    let leaves: Act<(Peer, Peer)> = Do(|fixture, (dies, _)| fixture.leave(*dies));
    let submits: Act<(Peer, Peer)> = Do(|fixture, _| fixture.submit_with(1, "A1", "deadline_ms 1000"));
    for acts in [[submits, passes, leaves], [submits, leaves, passes]] {
        let set_up = || {
            let mut fixture = Fixture::new(3);
            let workers = [2, 2].map(|shard| fixture.numbered_worker(shard, "A", 1));
            fixture.settle();
            (fixture, (workers[0], workers[1]))
        };
        in_every_order(set_up, &acts, |fixture, _| {
            fixture.rest();
            assert_eq!(fixture.code("A1"), Some("expired"));
            fixture.wind_up(&["A1"]);
        });
    }
}

/// The submitter's end cancels what can be cancelled. The rest is due, or expires, as if it had stayed.
#[test]
fn the_submitter_of_delayed_jobs_leaves_at_any_moment() {
    let set_up = || {
        let mut fixture = Fixture::new(3);
        let client = fixture.world.open(1);
        fixture.submit_with_by(client, "A1", DELAYED);
        fixture.submit_with_by(client, "A2", "delay_ms 1000");
        fixture.submit_with_by(client, "A3", "delay_ms 1000, deadline_ms 2000");
        (fixture, client)
    };
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.pass(1_000)),
        Do(|fixture, client| fixture.leave(*client)),
        Do(|fixture, _| fixture.pass(1_000)),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.rest();
        let counts = fixture.world.totals().counts;
        assert_eq!((counts.jobs_cancelled, counts.jobs_expired), (1, 1));
        assert_eq!((fixture.waiting('A'), counts.results_dropped), (vec!["A2".to_owned()], 2));
        fixture.wind_up(&[]);
    });
}

/// A1 is due after a second, A2 after two; A3 of another client after three, and it cannot be cancelled.
fn three_delayed() -> Fixture {
    let mut fixture = Fixture::new(3);
    fixture.submit_with(1, "A1", DELAYED);
    fixture.submit_with(1, "A2", "delay_ms 2000, cancellable");
    fixture.submit_with(2, "A3", "delay_ms 3000");
    fixture
}
