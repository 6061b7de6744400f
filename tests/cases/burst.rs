//! Case 15. Many jobs come for slots that others have filled.

use super::orders::in_every_order;
use super::stage::Stage;
use super::stale::idle_worker_on_1;
use crate::world::Peer;

#[test]
fn jobs_turned_away_in_a_burst_start_in_their_order() {
    let (mut stage, workers) = four_workers_on_2();
    for job in ["A1", "A2", "A3", "A4"] {
        stage.submit(job);
    }
    stage.settle();
    stage.forget_posts();
    for job in ["B1", "B2", "B3", "B4"] {
        stage.submit(job);
    }
    stage.rest();
    assert_eq!((stage.posted("Return"), stage.posted("Withdraw")), (4, 1));
    assert_eq!(stage.waiting('B'), ["B1", "B2", "B3", "B4"]);
    for (worker, job) in workers.iter().zip(["A1", "A2", "A3", "A4"]) {
        let holder = stage.holder(job).expect("it is held");
        assert!(workers.contains(&holder) && stage.end(holder, job), "{worker:?}");
        stage.rest();
    }
    assert_eq!(&stage.started()[4..], ["B1", "B2", "B3", "B4"]);
}

#[test]
fn jobs_turned_away_in_a_burst_all_start_in_any_order() {
    in_every_order(
        four_workers_on_2,
        &[|stage, _| {
            for job in ["A1", "B1", "A2", "B2", "A3", "B3", "A4", "B4"] {
                stage.submit(job);
            }
            true
        }],
        |stage, _| {
            stage.check_rest();
            for _ in 0..2 {
                for job in ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"] {
                    if let Some(holder) = stage.holder(job) {
                        assert!(stage.end(holder, job));
                    }
                }
                stage.rest();
            }
            assert_eq!(stage.answers.len(), 8);
        },
    );
}

#[test]
fn a_lowered_max_jobs_turns_jobs_away_once_and_takes_none_back() {
    let (mut stage, worker) = idle_worker_on_1(4);
    stage.can_do(worker, "", Some(1));
    stage.forget_posts();
    for job in ["A1", "A2", "A3", "A4"] {
        stage.submit(job);
    }
    stage.rest();
    assert_eq!((stage.posted("Return"), stage.posted("Withdraw")), (3, 1));
    for (at, job) in ["A1", "A2", "A3", "A4"].into_iter().enumerate() {
        assert_eq!(stage.held(worker), [job]);
        assert_eq!(stage.started().len(), at + 1);
        assert!(stage.end(worker, job));
        stage.rest();
    }
    let (mut stage, worker) = idle_worker_on_1(2);
    stage.submit("A1");
    stage.submit("A2");
    stage.settle();
    stage.can_do(worker, "", Some(1));
    stage.rest();
    assert_eq!(stage.held(worker), ["A1", "A2"], "no job is taken back");
}

fn four_workers_on_2() -> (Stage, Vec<Peer>) {
    let mut stage = Stage::new(3);
    let workers = (0..4).map(|_| stage.worker(2, "AB", 1)).collect();
    stage.settle();
    (stage, workers)
}
