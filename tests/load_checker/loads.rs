//! What the load consists of: arguments, results, sizes, work times, the rate.

use std::collections::HashSet;
use std::time::Duration;

use crate::clients::{Submitter, Worker};
use crate::given::{arg, name, shape, workload};
use crate::pace::Pace;
use crate::workload::{Shape, Work, Workload};

#[test]
fn every_job_of_a_run_has_an_argument_of_its_own() {
    let Workload { shape, .. } = workload(0);
    let jobs = (0..shape.submitters).flat_map(|submitter| (0..shape.inflight as u64).map(move |i| name(submitter, i)));
    let args: HashSet<String> = jobs.map(arg).collect();
    assert_eq!(args.len(), usize::from(shape.submitters) * shape.inflight);
}

#[test]
fn sizes_and_work_times_differ_by_job_and_seed_and_are_the_same_each_time() {
    let work = Work::Exponential(Duration::from_millis(1));
    let shape = Shape { arg_bytes: (16, 1_000), work, ..shape(0) };
    let of = |seed| {
        let workload = Workload::new(shape, seed);
        (0..2_000).map(|i| (workload.arg_bytes(name(1, i)), workload.work_ns(name(1, i)))).collect::<Vec<_>>()
    };
    let jobs = of(3);
    assert_eq!(jobs, of(3));
    assert_ne!(jobs, of(4));
    assert!(jobs.iter().all(|(bytes, _)| (16..=1_000).contains(bytes)));
    assert!(jobs.iter().any(|(bytes, _)| *bytes < 50) && jobs.iter().any(|(bytes, _)| *bytes > 950));
    let mean_ns = jobs.iter().map(|(_, ns)| ns).sum::<u64>() / 2_000;
    assert!((900_000..1_100_000).contains(&mean_ns), "{mean_ns}");
}

#[test]
fn an_open_loop_is_due_at_its_rate_in_turns() {
    let mut pace = Pace::new(2.0, [(7, 0.5), (8, 0.0)]);
    let mut due = Vec::new();
    while let Some(turn) = pace.take_due(1_000_000_000) {
        due.push(turn);
    }
    assert_eq!(due, [(8, 0), (7, 250_000_000), (8, 500_000_000), (7, 750_000_000), (8, 1_000_000_000)]);
    assert_eq!(pace.next_due_ns(), Some(1_250_000_000));
    assert_eq!(pace.take_due(1_249_999_999), None);
}

#[test]
fn results_have_the_size_of_their_own_option_and_are_checked() {
    let shape = Shape { res_bytes: Some((40, 90)), ..shape(0) };
    let workload = Workload::new(shape, 3);
    let job = name(2, 1);
    let (mut arg, mut res) = (Vec::new(), Vec::new());
    workload.append_arg(job, &mut arg);
    workload.append_res(job, &mut res);
    assert_eq!(arg.len(), 32);
    assert!((40..=90).contains(&res.len()), "{}", res.len());
    assert!(Worker::new(1, &workload, true).on_job(&workload, Some(1), Some(3), &arg).is_ok());
    let answer = |res: &[u8]| {
        let mut submitter = Submitter::new(2);
        submitter.submit(0);
        submitter.submit(0);
        submitter.on_answer(&workload, Some(1), res).map(|ended| ended.start_ns)
    };
    assert_eq!(answer(&res), Ok(0));
    assert!(answer(&arg).is_err(), "the argument is not the result");
}
