//! Durable jobs: durable workers that go while jobs for them are on the way, and `stored` that crosses the end of its job.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// The home learns that the last durable worker is gone before the job comes back to it.
#[test]
fn the_last_durable_worker_goes_while_it_is_assigned_a_job() {
    let (mut fixture, bridge) = bridge_on_2();
    fixture.submit_with(0, "A1", "durable");
    fixture.leave(bridge);
    fixture.expect_all([(0, 2, "Assign"), (2, 0, "Withdraw"), (2, 0, "Absent")]);
    assert_eq!(fixture.code("A1"), None, "it is on its way back");
    fixture.expect(2, 0, "Requeue");
    assert_eq!(fixture.code("A1"), Some("no_bridge"));
    fixture.wind_up(&["A1"]);
}

#[test]
fn the_last_durable_worker_goes_while_a_job_is_submitted() {
    let (mut fixture, bridge) = bridge_on_2();
    fixture.submit_with(1, "A1", "durable");
    fixture.leave(bridge);
    fixture.expect_all([(2, 0, "Withdraw"), (2, 0, "Absent"), (1, 0, "Submit"), (0, 1, "Answer")]);
    assert_eq!(fixture.code("A1"), Some("no_bridge"));
    fixture.wind_up(&["A1"]);
}

#[test]
fn the_last_durable_worker_goes_in_every_order() {
    let acts: [Act<Peer>; 3] = [
        Do(|fixture, _| fixture.submit_with(1, "A1", "durable")),
        Do(|fixture, _| fixture.submit_with(0, "A2", "durable, cancellable")),
        Do(|fixture, bridge| fixture.leave(*bridge)),
    ];
    in_every_order(bridge_on_2, &acts, |fixture, _| {
        fixture.check_rest();
        assert_eq!((fixture.code("A1"), fixture.code("A2")), (Some("no_bridge"), Some("no_bridge")));
        assert_eq!(fixture.waiting_durable('A'), [""; 0]);
        fixture.wind_up(&["A1", "A2"]);
    });
}

/// Only what was stored waits for the next one.
#[test]
fn the_last_durable_worker_goes_after_it_stored_one_of_its_jobs_in_every_order() {
    let acts: [Act<Peer>; 4] = [
        Do(|fixture, _| fixture.submit_with(1, "A1", "durable")),
        Try(|fixture, bridge| fixture.store(*bridge, "A1")),
        Do(|fixture, bridge| fixture.cant_do(*bridge, 'A')),
        Do(|fixture, bridge| fixture.leave(*bridge)),
    ];
    in_every_order(bridge_on_2, &acts, |fixture, _| {
        fixture.check_rest();
        let is_stored = fixture.stored == ["A1"];
        assert_eq!(fixture.waiting_durable('A').len(), usize::from(is_stored));
        assert_eq!(fixture.code("A1"), if is_stored { None } else { Some("no_bridge") });
        fixture.wind_up(&["A1"]);
    });
}

/// In between the home knows of no durable worker.
#[test]
fn a_type_taken_back_and_given_again() {
    for (delivered, code) in [(0, None), (1, Some("no_bridge")), (2, None)] {
        let (mut fixture, bridge) = bridge_on_2();
        fixture.submit_with(0, "A1", "durable");
        fixture.settle();
        fixture.cant_do(bridge, 'A');
        fixture.can_do_durable(bridge, "A", 1);
        for name in ["Absent", "Present"].iter().take(delivered) {
            fixture.expect(2, 0, name);
        }
        fixture.submit_with(0, "A2", "durable");
        assert_eq!(fixture.code("A2"), code, "{delivered} delivered");
        fixture.rest();
        fixture.wind_up(&["A1", "A2"]);
    }
}

#[test]
fn one_of_two_durable_workers_goes_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, _| fixture.submit_with(0, "A1", "durable")),
        Do(|fixture, (first, _)| fixture.leave(*first)),
        Do(|fixture, _| fixture.submit_with(0, "A2", "durable")),
    ];
    in_every_order(bridges_on_1_and_2, &acts, |fixture, (_, second)| {
        fixture.check_rest();
        assert_eq!((fixture.code("A1"), fixture.code("A2")), (None, None), "the other one is there");
        assert_eq!((fixture.held(*second).len(), fixture.waiting_durable('A').len()), (1, 1));
        fixture.wind_up(&["A1", "A2"]);
    });
}

#[test]
fn both_of_two_durable_workers_go_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 3] = [
        Do(|fixture, _| fixture.submit_with(0, "A1", "durable")),
        Do(|fixture, (first, _)| fixture.leave(*first)),
        Do(|fixture, (_, second)| fixture.leave(*second)),
    ];
    in_every_order(bridges_on_1_and_2, &acts, |fixture, _| {
        fixture.check_rest();
        assert_eq!(fixture.code("A1"), Some("no_bridge"));
        fixture.wind_up(&["A1"]);
    });
}

/// The Drop comes after the worker has said so. The submitter has its answer.
#[test]
fn a_job_is_cancelled_before_its_stored_comes() {
    let (mut fixture, bridge) = bridge_on_2();
    fixture.submit_with(1, "A1", "durable, cancellable");
    fixture.settle();
    assert!(fixture.store(bridge, "A1"));
    fixture.cancel(1, "A1");
    assert_eq!(fixture.code("A1"), Some("cancelled"));
    fixture.expect(2, 1, "Stored");
    assert_eq!(fixture.stored, [""; 0], "it is cancelled");
    fixture.rest();
    assert_eq!(fixture.spent(bridge), 1);
    fixture.wind_up(&["A1"]);
}

#[test]
fn stored_cancel_and_an_answer_in_every_order() {
    let set_up = || {
        let (mut fixture, bridge) = bridge_on_2();
        fixture.submit_with(1, "A1", "durable, cancellable");
        fixture.settle();
        (fixture, bridge)
    };
    let acts: [Act<Peer>; 3] = [
        Try(|fixture, bridge| fixture.store(*bridge, "A1")),
        Do(|fixture, _| fixture.cancel(1, "A1")),
        Try(|fixture, bridge| fixture.end_or_answer_late(*bridge, "A1")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.check_rest();
        assert!(["done", "cancelled"].contains(&fixture.code("A1").expect("it is over")));
        fixture.wind_up(&["A1"]);
    });
}

/// The worker that stored it is lost, and another one is done before the first one's message comes.
#[test]
fn the_answer_of_a_later_worker_overtakes_stored() {
    let mut fixture = Fixture::new(4);
    let first = fixture.durable_worker(2, "A", 1);
    fixture.settle();
    fixture.submit_with(1, "A1", "durable");
    fixture.settle();
    assert!(fixture.store(first, "A1"));
    let second = fixture.durable_worker(3, "A", 1);
    fixture.settle_link(3, 0);
    fixture.leave(first);
    fixture.settle_link(2, 0);
    fixture.expect(0, 3, "Assign");
    assert!(fixture.end(second, "A1"));
    fixture.expect(3, 1, "Answer");
    assert_eq!(fixture.code("A1"), Some("done"));
    fixture.expect(2, 1, "Stored");
    assert_eq!(fixture.stored, [""; 0], "the answer was first");
    fixture.wind_up(&["A1"]);
}

/// It comes at most once, and never after the answer: [`Fixture`] looks at each line.
#[test]
fn two_workers_store_a_job_one_after_the_other_in_every_order() {
    for options in ["durable", "durable, background"] {
        let set_up = || {
            let mut fixture = Fixture::new(4);
            let (first, second) = (fixture.durable_worker(2, "A", 1), fixture.durable_worker(3, "A", 1));
            fixture.settle();
            fixture.submit_with(1, "A1", options);
            fixture.settle();
            let is_first = fixture.held(first) == ["A1"];
            (fixture, if is_first { (first, second) } else { (second, first) })
        };
        let acts: [Act<(Peer, Peer)>; 4] = [
            Try(|fixture, (first, _)| fixture.store(*first, "A1")),
            Do(|fixture, (first, _)| fixture.leave(*first)),
            Try(|fixture, (_, second)| fixture.store(*second, "A1")),
            Try(|fixture, (_, second)| fixture.end(*second, "A1")),
        ];
        in_every_order(set_up, &acts, |fixture, _| {
            fixture.check_rest();
            fixture.wind_up(&["A1"]);
        });
    }
}

/// The `did` that says that it is stored, and what becomes of the job, for a submitter that leaves meanwhile.
#[test]
fn the_submitter_of_a_background_job_leaves_in_every_order() {
    let set_up = || {
        let (mut fixture, bridge) = bridge_on_2();
        let client = fixture.world.open(1);
        fixture.submit_with_by(client, "A1", "durable, background");
        fixture.settle();
        (fixture, (bridge, client))
    };
    let acts: [Act<(Peer, Peer)>; 3] = [
        Try(|fixture, (bridge, _)| fixture.store(*bridge, "A1")),
        Do(|fixture, (_, client)| fixture.leave(*client)),
        Try(|fixture, (bridge, _)| fixture.end(*bridge, "A1")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.check_rest();
        let counts = fixture.world.totals().counts;
        let answers = fixture.answers.len() as u64;
        assert_eq!((counts.jobs_done, counts.results_dropped), (1, 1 - answers), "one did, sent or dropped");
        fixture.check_forgotten();
    });
}

#[test]
fn a_stop_with_stored_on_the_way_in_every_order() {
    let set_up = || {
        let (mut fixture, bridge) = bridge_on_2();
        fixture.submit_with(1, "A1", "durable");
        fixture.settle();
        fixture.submit_with(1, "A2", "durable");
        (fixture, bridge)
    };
    let acts: [Act<Peer>; 3] = [
        Try(|fixture, bridge| fixture.store(*bridge, "A1")),
        Do(|fixture, _| fixture.stop(0..3)),
        Do(|fixture, bridge| fixture.leave(*bridge)),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        fixture.settle();
        for job in ["A1", "A2"] {
            assert!(["shutdown", "no_bridge"].contains(&fixture.code(job).expect("it is answered")), "{job}");
        }
        fixture.check_forgotten();
    });
}

/// Home 0, a client at 1.
fn bridge_on_2() -> (Fixture, Peer) {
    let mut fixture = Fixture::new(3);
    let bridge = fixture.durable_worker(2, "A", 1);
    fixture.settle();
    (fixture, bridge)
}

fn bridges_on_1_and_2() -> (Fixture, (Peer, Peer)) {
    let mut fixture = Fixture::new(3);
    let bridges = (fixture.durable_worker(1, "A", 1), fixture.durable_worker(2, "A", 1));
    fixture.settle();
    (fixture, bridges)
}
