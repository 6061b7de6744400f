//! Jobs that need a worker to be there: which workers their home knows of.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// A worker is there although it has no slot to offer.
#[test]
fn can_do_with_every_slot_taken() {
    let (mut fixture, worker) = a1_held_on_2();
    fixture.can_do(worker, "B", None);
    fixture.expect(2, 1, "Present");
    assert!(fixture.world.at_rest(), "it has nothing to offer");
    fixture.submit_with(0, "B1", "need_worker");
    fixture.submit_with(1, "C1", "need_worker");
    fixture.rest();
    assert_eq!((fixture.waiting('B'), fixture.code("C1")), (vec!["B1".to_owned()], Some("no_worker")));
    assert!(fixture.end(worker, "A1"));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["B1"]);
    fixture.wind_up(&["A1", "B1", "C1"]);
}

#[test]
fn can_do_with_every_slot_taken_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, worker| fixture.can_do(*worker, "B", None)),
        Do(|fixture, _| fixture.submit_with(0, "B1", "need_worker")),
        Try(|fixture, worker| fixture.end(*worker, "A1")),
    ];
    in_every_order(a1_held_on_2, &acts, |fixture, worker| {
        fixture.rest();
        let waited = fixture.held(*worker) == ["B1"];
        assert!(waited != (fixture.code("B1") == Some("no_worker")), "one of the two");
        fixture.wind_up(&["A1", "B1"]);
    });
}

/// The home gets both, in this order. In between there is no worker.
#[test]
fn need_worker_with_cant_do_and_can_do() {
    for (delivered, code) in [(0, None), (1, Some("no_worker")), (2, None)] {
        let (mut fixture, worker) = a1_held_on_2();
        fixture.cant_do(worker, 'A');
        fixture.can_do(worker, "A", None);
        for name in ["Absent", "Present"].iter().take(delivered) {
            fixture.expect(2, 0, name);
        }
        fixture.submit_with(0, "A2", "need_worker");
        assert_eq!(fixture.code("A2"), code, "{delivered} delivered");
        fixture.rest();
        fixture.wind_up(&["A1", "A2"]);
    }
}

#[test]
fn need_worker_with_cant_do_and_can_do_in_every_order() {
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, worker| fixture.cant_do(*worker, 'A')),
        Do(|fixture, _| fixture.submit_with(1, "A2", "need_worker")),
        Do(|fixture, worker| fixture.can_do(*worker, "A", None)),
        Try(|fixture, worker| fixture.end(*worker, "A1")),
    ];
    in_every_order(a1_held_on_2, &acts, |fixture, worker| {
        fixture.rest();
        let taken = fixture.held(*worker) == ["A2"];
        assert!(taken != (fixture.code("A2") == Some("no_worker")), "one of the two");
        fixture.wind_up(&["A1", "A2"]);
    });
}

/// It is judged once: when it comes back, the last worker may be gone.
#[test]
fn a_job_that_needs_a_worker_comes_back_after_the_last_one() {
    let set_up = || {
        let (mut fixture, worker) = a1_held_on_2();
        assert!(fixture.end(worker, "A1"));
        fixture.settle();
        (fixture, worker)
    };
    let acts: [Act<Peer>; 2] =
        [Do(|fixture, _| fixture.submit_with(0, "A2", "need_worker")), Do(|fixture, worker| fixture.leave(*worker))];
    in_every_order(set_up, &acts, |fixture, _| {
        assert_eq!(fixture.waiting('A'), ["A2"]);
        fixture.wind_up(&["A1", "A2"]);
    });
}

/// A keyed one that joins is not judged: the job that it joins is not either.
#[test]
fn a_member_of_a_key_needs_no_worker() {
    let mut fixture = Fixture::new(3);
    fixture.submit_with(1, "A1", r#"key "k""#);
    fixture.submit_with(2, "A2", r#"key "k", need_worker"#);
    fixture.submit_with(2, "A3", r#"key "j", need_worker"#);
    fixture.rest();
    assert_eq!((fixture.code("A2"), fixture.code("A3")), (None, Some("no_worker")));
    assert_eq!(fixture.groups(), 1, "none was made for the one without a worker");
    fixture.wind_up(&["A1", "A2", "A3"]);
}

fn a1_held_on_2() -> (Fixture, Peer) {
    let (mut fixture, worker) = Fixture::new(3).with_worker(2, "A", 1);
    fixture.submit("A1");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    (fixture, worker)
}
