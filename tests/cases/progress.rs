//! Progress that crosses the end of its job.

use super::fixture::Fixture;
use super::orders::Act::{self, Do, Try};
use super::orders::in_every_order;
use crate::world::Peer;

/// That of the first attempt comes after the `did` of the second: no client gets it.
#[test]
fn late_progress() {
    let (mut fixture, (dies, other)) = a1_held_on_2_and_idle_on_3();
    assert!(fixture.report(dies, "A1", "1"));
    fixture.leave(dies);
    fixture.expect_all([(2, 0, "Absent"), (2, 0, "Requeue"), (0, 3, "Assign")]);
    assert!(fixture.end(other, "A1"));
    fixture.expect(3, 1, "Answer");
    assert_eq!(fixture.code("A1"), Some("done"));
    fixture.expect(2, 1, "Progress");
    assert_eq!(fixture.progress, []);
    assert_eq!(fixture.world.totals().counts.progress_dropped, 0);
    fixture.wind_up(&["A1"]);
}

#[test]
fn late_progress_in_every_order() {
    let acts: [Act<(Peer, Peer)>; 4] = [
        Try(|fixture, (dies, _)| fixture.report(*dies, "A1", "1")),
        Do(|fixture, (dies, _)| fixture.leave(*dies)),
        Try(|fixture, (_, other)| fixture.report(*other, "A1", "2")),
        Try(|fixture, (_, other)| fixture.end(*other, "A1")),
    ];
    in_every_order(a1_held_on_2_and_idle_on_3, &acts, |fixture, _| {
        let second = ("A1".to_owned(), "2".to_owned());
        assert!(fixture.progress.contains(&second), "it goes the way of the result: {:?}", fixture.progress);
        fixture.wind_up(&["A1"]);
    });
}

/// The place of its ticket has another job by then.
#[test]
fn late_progress_is_not_that_of_the_next_job() {
    let (mut fixture, (dies, other)) = a1_held_on_2_and_idle_on_3();
    assert!(fixture.report(dies, "A1", "1"));
    fixture.leave(dies);
    fixture.settle_link(2, 0);
    fixture.expect(0, 3, "Assign");
    assert!(fixture.end(other, "A1"));
    fixture.expect(3, 1, "Answer");
    fixture.submit_with(1, "A2", "progress");
    fixture.settle_link(1, 0);
    fixture.expect(2, 1, "Progress");
    assert_eq!(fixture.progress, []);
    fixture.rest();
    fixture.wind_up(&["A1", "A2"]);
}

/// By way of the home, to those that asked.
#[test]
fn progress_of_a_key_comes_to_each_member_before_its_answer() {
    let set_up = || {
        let (mut fixture, worker) = Fixture::new(3).with_worker(2, "A", 1);
        for (shard, job, options) in [(0, "A1", ""), (1, "A2", "progress, "), (2, "A3", "progress, cancellable, ")] {
            fixture.submit_with(shard, job, &format!(r#"{options}key "k""#));
            fixture.settle();
        }
        (fixture, worker)
    };
    let acts: [Act<Peer>; 3] = [
        Try(|fixture, worker| fixture.report(*worker, "A1", "[1]")),
        Do(|fixture, _| fixture.cancel(2, "A3")),
        Try(|fixture, worker| fixture.end(*worker, "A1")),
    ];
    in_every_order(set_up, &acts, |fixture, _| {
        let reports = |job: &str| fixture.progress.iter().filter(|(of, data)| of == job && data == "[1]").count();
        assert_eq!((reports("A1"), reports("A2")), (0, 1));
        assert!(reports("A3") <= 1);
        assert_eq!(fixture.code("A2"), Some("done"));
        fixture.wind_up(&["A1", "A2", "A3"]);
    });
}

fn a1_held_on_2_and_idle_on_3() -> (Fixture, (Peer, Peer)) {
    let (mut fixture, worker) = Fixture::new(4).with_worker(2, "A", 1);
    fixture.submit_with(1, "A1", "progress");
    fixture.settle();
    assert_eq!(fixture.held(worker), ["A1"]);
    let other = fixture.worker(3, "A", 1);
    fixture.settle();
    (fixture, (worker, other))
}
