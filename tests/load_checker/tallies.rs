//! The verdict of a run: what the load counted beside what the server counted.

use crate::asks::{Ask, End, PRIORITIES};
use crate::clients::Ended;
use crate::given::{asking, first_job, name};
use crate::tally::{ServerCounts, Tally};
use crate::workload::JobKey;

const MS: u64 = 1_000_000;

/// A run of 2,000 jobs with results, each done once, and then changed.
fn tally(ask: Ask, change: impl Fn(&mut Tally)) -> Tally {
    let mut tally = Tally::new(ask);
    (tally.results, tally.executions) = (2_000, 2_000);
    change(&mut tally);
    tally
}

const NONE: ServerCounts = ServerCounts { cancelled: 0, expired: 0, timed_out: 0, joined: 0 };

#[test]
fn the_load_and_the_server_must_count_the_same_ends() {
    let cancelled = tally(Ask::Cancel, |tally| (tally.cancelled, tally.cancels) = (7, 3));
    assert_eq!(cancelled.judge(Ask::Cancel, ServerCounts { cancelled: 7, ..NONE }), Ok(()));
    assert!(cancelled.judge(Ask::Cancel, ServerCounts { cancelled: 6, ..NONE }).is_err());
    let expired = tally(Ask::Expire, |tally| tally.expired = 7);
    assert_eq!(expired.judge(Ask::Expire, ServerCounts { expired: 7, ..NONE }), Ok(()));
    assert!(expired.judge(Ask::Expire, ServerCounts { expired: 8, ..NONE }).is_err());
    let timed_out = tally(Ask::RunLimit, |tally| (tally.timed_out, tally.executions) = (7, 2_100));
    assert_eq!(timed_out.judge(Ask::RunLimit, ServerCounts { timed_out: 7, ..NONE }), Ok(()));
    assert!(timed_out.judge(Ask::RunLimit, NONE).is_err());
}

#[test]
fn each_job_must_be_done_once_or_have_joined_one_that_is() {
    for ask in [Ask::Delay, Ask::Deadline, Ask::Progress] {
        assert_eq!(tally(ask, |_| ()).judge(ask, NONE), Ok(()));
        assert!(tally(ask, |tally| tally.executions = 1_999).judge(ask, NONE).is_err());
        assert!(tally(ask, |tally| tally.executions = 2_001).judge(ask, NONE).is_err());
    }
    let joined = tally(Ask::Key, |tally| tally.executions = 100);
    assert_eq!(joined.judge(Ask::Key, ServerCounts { joined: 1_900, ..NONE }), Ok(()));
    assert!(joined.judge(Ask::Key, ServerCounts { joined: 1_899, ..NONE }).is_err());
}

/// Judges a run of 200 background jobs of two submitters, which the workers of two threads received, each as often as
/// `times` says.
fn judge_background(times: impl Fn(JobKey) -> usize) -> Result<(), String> {
    let mut threads =
        [tally(Ask::Background, |tally| (tally.results, tally.executions) = (0, 0)), Tally::new(Ask::Key)];
    threads[0].accepted = 200;
    // The second one has whole words of the set.
    for job in [(1, 72), (2, 128)].into_iter().flat_map(|(of, jobs)| (0..jobs).map(move |sequence| name(of, sequence)))
    {
        let thread = usize::from(job.sequence % 2 == 1);
        (0..times(job)).for_each(|_| threads[thread].on_execution(Ask::Background, job));
    }
    let [mut sum, other] = threads;
    sum.add(&other);
    sum.judge(Ask::Background, NONE)
}

#[test]
fn each_background_job_must_be_received_once_whichever_it_is() {
    assert_eq!(judge_background(|_| 1), Ok(()));
    for sequence in [0, 1, 62, 63, 64, 65, 126, 127] {
        let at = |times| judge_background(move |job| if job == name(2, sequence) { times } else { 1 });
        assert_eq!(at(2), Err(format!("workers received job {sequence} of submitter 2 twice")));
        let lost = at(0).expect_err("a job is lost");
        let last = "200 jobs were accepted, but workers received 199".to_owned();
        let gap = format!("no worker received job {sequence} of submitter 2");
        assert_eq!(lost, if sequence == 127 { last } else { gap });
    }
    // One job twice and another one never are not taken for a right number.
    let swapped =
        judge_background(|job| [1, 0, 2][usize::from(job == name(1, 5)) + 2 * usize::from(job == name(1, 8))]);
    assert_eq!(swapped, Err("workers received job 8 of submitter 1 twice".to_owned()));
    let twice_in_two_threads = {
        let received = || tally(Ask::Background, |tally| tally.on_execution(Ask::Background, name(1, 0)));
        let mut sum = received();
        sum.add(&received());
        sum.judge(Ask::Background, NONE)
    };
    assert_eq!(twice_in_two_threads, Err("workers received job 0 of submitter 1 twice".to_owned()));
}

#[test]
fn workers_may_receive_one_cancel_per_job_or_attempt_that_was_lost() {
    let cancelled = |cancels| {
        let tally = tally(Ask::Cancel, |tally| (tally.cancelled, tally.cancels) = (7, cancels));
        tally.judge(Ask::Cancel, ServerCounts { cancelled: 7, ..NONE })
    };
    assert_eq!(cancelled(7), Ok(()));
    assert!(cancelled(8).is_err());
    let overdue = |cancels| {
        let tally = tally(Ask::RunLimit, |tally| {
            (tally.timed_out, tally.executions, tally.cancels) = (7, 2_100, cancels);
        });
        tally.judge(Ask::RunLimit, ServerCounts { timed_out: 7, ..NONE })
    };
    assert_eq!(overdue(100), Ok(()));
    assert!(overdue(101).is_err());
}

#[test]
fn a_long_run_without_what_its_jobs_ask_for_is_wrong() {
    for ask in [Ask::Cancel, Ask::Expire, Ask::RunLimit, Ask::Key, Ask::Priority] {
        assert!(tally(ask, |_| ()).judge(ask, NONE).is_err(), "{ask:?}");
        let short = tally(ask, |tally| (tally.results, tally.executions) = (999, 999));
        assert_eq!(short.judge(ask, NONE), Ok(()), "{ask:?}");
    }
    let waiting = tally(Ask::Cancel, |tally| tally.cancelled = 7);
    let judged = waiting.judge(Ask::Cancel, ServerCounts { cancelled: 7, ..NONE });
    assert_eq!(judged, Err("no worker received cancel".to_owned()));
}

#[test]
fn jobs_of_higher_priorities_must_wait_less_than_those_of_the_lowest() {
    let workload = asking(Ask::Priority);
    let run = |waits_ms: [u64; PRIORITIES.len()]| {
        tally(Ask::Priority, |tally| {
            for (level, ms) in waits_ms.into_iter().enumerate() {
                let job = first_job(|job| workload.level_of(job) == level);
                let ended = Ended { job, start_ns: 0, end: End::Result };
                tally.on_end(&workload, ended, ms * MS).expect("it may end so");
            }
            tally.executions = tally.jobs();
        })
        .judge(Ask::Priority, NONE)
    };
    assert_eq!(run([90, 5, 6, 2]), Ok(()));
    for waits_ms in [[90, 5, 6, 91], [90, 91, 6, 2], [90, 5, 90, 2], [0, 0, 0, 0]] {
        assert!(run(waits_ms).is_err(), "{waits_ms:?}");
    }
}

#[test]
fn the_tally_counts_ends_by_kind_and_how_late_they_were() {
    let workload = asking(Ask::Expire);
    let mut tally = Tally::new(Ask::Expire);
    for (end, ms) in [(End::Result, 1), (End::Expired, 402), (End::Expired, 399), (End::Expired, 410)] {
        tally.on_end(&workload, Ended { job: name(2, 1), start_ns: 0, end }, ms * MS).expect("it may end so");
    }
    assert_eq!((tally.results, tally.expired, tally.jobs()), (1, 3, 4));
    assert_eq!(tally.early_ns, MS);
    let late = |quantile| tally.late_us(quantile).expect("jobs were late").round();
    assert!((2_000.0..2_010.0).contains(&late(0.5)) && (10_000.0..10_010.0).contains(&late(1.0)));
    let mut sum = tally.clone();
    sum.add(&tally);
    assert_eq!((sum.jobs(), sum.early_ns, sum.late_ns.len()), (8, MS, 4));
    let wrong = Ended { job: name(2, 1), start_ns: 0, end: End::Cancelled };
    assert!(tally.on_end(&workload, wrong, 0).is_err());
    assert_eq!(tally.jobs(), 4, "it is not counted");
}
