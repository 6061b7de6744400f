//! What workers detect: jobs of another type, too many jobs, wrong arguments.

use crate::check::Wrong;
use crate::clients::Worker;
use crate::given::{arg, did, name, to_do, workload};
use crate::received::{work, worker_takes};
use crate::workload::Workload;

/// Returns the lines of three jobs of types that worker 1 does.
fn three_jobs(workload: &Workload) -> [String; 3] {
    [1, 4, 6].map(|sequence| name(2, sequence)).map(|job| to_do(job, workload.type_of(job)))
}

#[test]
fn a_worker_sends_the_argument_back_by_id_or_by_number() {
    let job = name(2, 1);
    assert_eq!(worker_takes(0, &[to_do(job, 3)]), Ok(did(1, job) + "\n"));
    let numbered = to_do(job, 3).replace(r#""t3","#, r#""t3","job":77,"#);
    assert_eq!(worker_takes(4, &[numbered]), Ok(format!("{{\"cmd\":\"did\",\"job\":77,\"res\":{}}}\n", arg(job))));
}

#[test]
fn a_job_under_another_type_or_for_another_worker_is_wrong() {
    let job = name(2, 1);
    let wrong = |job, number| Err(Wrong::OtherType { worker: 1, job, type_number: Some(number) });
    assert_eq!(worker_takes(0, &[to_do(job, 2)]), wrong(job, 2));
    // The right type for the job, but not one of this worker's.
    assert_eq!(worker_takes(0, &[to_do(name(2, 2), 4)]), wrong(name(2, 2), 4));
}

#[test]
fn a_job_with_another_jobs_argument_is_wrong() {
    let swapped = to_do(name(2, 1), 3).replace(r#""id":1"#, r#""id":6"#);
    assert_eq!(worker_takes(0, &[swapped]), Err(Wrong::OtherArgument { worker: 1, names: Some(name(2, 1)) }));
    let of_no_job = r#"{"cmd":"do","id":1,"type":"t3","arg":"x"}"#.to_owned();
    assert_eq!(worker_takes(0, &[of_no_job]), Err(Wrong::OtherArgument { worker: 1, names: None }));
}

#[test]
fn more_jobs_than_slots_are_wrong() {
    let jobs = three_jobs(&workload(0));
    assert_eq!(worker_takes(0, &jobs[..2]), Err(Wrong::TooManyJobs { worker: 1, slots: 1 }));
    assert_eq!(worker_takes(2, &jobs), Err(Wrong::TooManyJobs { worker: 1, slots: 2 }));
    assert!(worker_takes(3, &jobs).is_ok());
}

#[test]
fn slots_are_free_again_once_the_answers_are_sent() {
    let workload = workload(0);
    let mut worker = Worker::new(1, &workload, true);
    for line in three_jobs(&workload) {
        work(&mut worker, &workload, &line).unwrap();
        worker.on_answered();
        worker.on_sent();
    }
}

#[test]
fn a_job_in_progress_stays_held_while_other_answers_are_sent() {
    let workload = workload(2);
    let mut worker = Worker::new(1, &workload, true);
    let [first, second, third] = three_jobs(&workload);
    work(&mut worker, &workload, &first).unwrap();
    worker.on_sent();
    work(&mut worker, &workload, &second).unwrap();
    assert_eq!(work(&mut worker, &workload, &third), Err(Wrong::TooManyJobs { worker: 1, slots: 2 }));
}

#[test]
fn a_server_that_pushes_may_send_a_worker_any_number() {
    let workload = workload(0);
    let mut worker = Worker::new(1, &workload, false);
    for line in three_jobs(&workload) {
        work(&mut worker, &workload, &line).unwrap();
    }
}
