//! Case 15. Many jobs come for slots that others have filled.

use super::fixture::Fixture;
use super::orders::Act::{self, Do};
use super::orders::in_every_order;
use super::stale::idle_worker_on_1;
use crate::world::Peer;

#[test]
fn jobs_requeued_in_a_burst_start_in_their_order() {
    let (mut fixture, workers) = four_workers_on_2();
    for job in ["A1", "A2", "A3", "A4"] {
        fixture.submit(job);
    }
    fixture.settle();
    fixture.forget_posts();
    for job in ["B1", "B2", "B3", "B4"] {
        fixture.submit(job);
    }
    fixture.rest();
    assert_eq!((fixture.posted("Requeue"), fixture.posted("Withdraw")), (4, 1));
    assert_eq!(fixture.waiting('B'), ["B1", "B2", "B3", "B4"]);
    for (worker, job) in workers.iter().zip(["A1", "A2", "A3", "A4"]) {
        let holder = fixture.holder(job).expect("it is held");
        assert!(workers.contains(&holder) && fixture.end(holder, job), "{worker:?}");
        fixture.rest();
    }
    assert_eq!(&fixture.started()[4..], ["B1", "B2", "B3", "B4"]);
}

#[test]
fn jobs_requeued_in_a_burst_all_start_in_any_order() {
    let acts: [Act<Vec<Peer>>; 1] = [Do(|fixture, _| {
        for job in ["A1", "B1", "A2", "B2", "A3", "B3", "A4", "B4"] {
            fixture.submit(job);
        }
    })];
    in_every_order(four_workers_on_2, &acts, |fixture, _| {
        fixture.check_rest();
        for _ in 0..2 {
            for job in ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"] {
                if let Some(holder) = fixture.holder(job) {
                    assert!(fixture.end(holder, job));
                }
            }
            fixture.rest();
        }
        assert_eq!(fixture.answers.len(), 8);
    });
}

#[test]
fn a_lowered_max_jobs_requeues_waiting_jobs_once_and_takes_none_back() {
    let (mut fixture, worker) = idle_worker_on_1(4);
    fixture.can_do(worker, "", Some(1));
    fixture.forget_posts();
    for job in ["A1", "A2", "A3", "A4"] {
        fixture.submit(job);
    }
    fixture.rest();
    assert_eq!((fixture.posted("Requeue"), fixture.posted("Withdraw")), (3, 1));
    for (at, job) in ["A1", "A2", "A3", "A4"].into_iter().enumerate() {
        assert_eq!(fixture.held(worker), [job]);
        assert_eq!(fixture.started().len(), at + 1);
        assert!(fixture.end(worker, job));
        fixture.rest();
    }
    let (mut fixture, worker) = idle_worker_on_1(2);
    fixture.submit("A1");
    fixture.submit("A2");
    fixture.settle();
    fixture.can_do(worker, "", Some(1));
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A1", "A2"], "no job is taken back");
}

fn four_workers_on_2() -> (Fixture, Vec<Peer>) {
    let mut fixture = Fixture::new(3);
    let workers = (0..4).map(|_| fixture.worker(2, "AB", 1)).collect();
    fixture.settle();
    (fixture, workers)
}
