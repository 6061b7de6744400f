//! Jobs that are cancelled while they wait at their home.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

#[test]
fn cancel_in_line() {
    for options in ["cancellable", "cancellable, priority 1", "cancellable, priority -1"] {
        let mut fixture = Fixture::new(3);
        for job in ["A1", "A2", "A3"] {
            fixture.submit_with(1, job, options);
            fixture.settle();
        }
        fixture.forget_posts();
        fixture.cancel(1, "A2");
        fixture.expect_all([(1, 0, "Revoke"), (0, 1, "Revoked")]);
        fixture.rest();
        assert_eq!(fixture.posts_of(["Revoke", "Revoked", "Drop"]), [1, 1, 0]);
        assert_eq!((fixture.waiting('A'), fixture.tickets()), (vec!["A1".to_owned(), "A3".to_owned()], 2));
        let worker = fixture.worker(2, "A", 1);
        fixture.rest();
        assert!(fixture.end(worker, "A1"));
        fixture.rest();
        assert_eq!(fixture.started(), ["A1", "A3"]);
        fixture.wind_up(&["A1", "A2", "A3"]);
    }
}

/// Those that came back are in a list of their own.
#[test]
fn cancel_in_line_of_one_that_came_back() {
    let mut fixture = Fixture::new(3);
    let dies = fixture.worker(2, "A", 3);
    for job in ["A1", "A2", "A3"] {
        fixture.submit_with(1, job, "cancellable");
        fixture.settle();
    }
    fixture.leave(dies);
    fixture.rest();
    fixture.forget_posts();
    fixture.cancel(1, "A2");
    fixture.rest();
    assert_eq!(fixture.posts_of(["Revoke", "Revoked", "Drop"]), [1, 1, 0]);
    assert_eq!(fixture.waiting('A'), ["A1", "A3"]);
    fixture.wind_up(&["A1", "A2", "A3"]);
}

#[test]
fn cancel_in_line_in_every_order() {
    let acts: [Act<()>; 3] = [
        Do(|fixture, ()| {
            for job in ["A1", "A2", "A3"] {
                fixture.submit_with(1, job, "cancellable");
            }
        }),
        Do(|fixture, ()| {
            fixture.worker(2, "A", 1);
        }),
        Do(|fixture, ()| fixture.cancel(1, "A2")),
    ];
    let set_up = || (Fixture::new(3), ());
    in_every_order(set_up, &acts, |fixture, ()| {
        assert_eq!(fixture.waiting('A'), ["A3"]);
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

/// The home of B has nothing for the slot that is reserved, and says so.
#[test]
fn cancel_of_a_wanted_one() {
    let (mut fixture, worker) = b1_starved();
    fixture.cancel(0, "B1");
    fixture.rest();
    fixture.forget_posts();
    assert!(fixture.end(worker, "A1"));
    fixture.expect_all([(2, 1, "Pull"), (1, 2, "Decline")]);
    fixture.rest();
    assert_eq!(fixture.posts_of(["Pull", "Decline"]), [1, 1]);
    assert!(fixture.slots(worker).is_some_and(|slots| slots.reserved == 0));
    fixture.submit("A2");
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2"], "the slot is not kept");
    fixture.wind_up(&["A1", "A2", "B1"]);
}

#[test]
fn cancel_of_a_wanted_one_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.cancel(0, "B1")),
        Try(|fixture, worker| fixture.end(*worker, "A1")),
        Do(|fixture, _| fixture.submit("A2")),
    ];
    in_every_order(b1_starved, &acts, |fixture, _| fixture.wind_up(&["A1", "A2", "B1"]));
}

/// A worker on 2 takes A and B, and holds A1. B1 came for it, was returned, and waits.
fn b1_starved() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "AB", 1);
    fixture.submit("A1");
    fixture.settle();
    fixture.submit_with(0, "B1", "cancellable");
    fixture.settle();
    assert!(fixture.pool(2, 'B').is_some_and(|pool| pool.starved));
    (fixture, worker)
}
