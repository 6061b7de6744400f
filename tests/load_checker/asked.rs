//! Jobs that ask for something besides being done: their lines, and ends that they may not have.

use crate::asks::{Ask, DELAY_MS, EXPIRE_MS, End, PRIORITIES, REPORTS};
use crate::check::{self, Wrong};
use crate::clients::{Ended, Submitter, Worker};
use crate::given::{arg, asking, did, first_job, name, to_do};
use crate::received::receive;
use crate::traffic::drivers::{Protocol, ServerMessage};
use crate::workload::{JobKey, Workload};

const MS: u64 = 1_000_000;

/// Submitter 2 with jobs 0 to 3, which are due to start at 100 to 103.
fn submitter() -> Submitter {
    let mut submitter = Submitter::new(2);
    for start_ns in 100..104 {
        submitter.submit(start_ns);
    }
    submitter
}

/// Gives a line to a submitter; returns the job that ended, if one did.
fn take(submitter: &mut Submitter, workload: &Workload, line: &str) -> Result<Option<Ended>, Wrong> {
    receive(line, |message| match message {
        ServerMessage::Answer { id, res } => submitter.on_answer(workload, id, res).map(Some),
        ServerMessage::Ended { id, end } => submitter.on_end(workload, id, end).map(Some),
        ServerMessage::Progress { id, number } => submitter.on_progress(workload, id, number).map(|()| None),
        ServerMessage::Refused(line) => Err(Wrong::Refused(check::excerpt(line))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

fn submitted(workload: &Workload, job: JobKey) -> String {
    let mut out = Vec::new();
    Protocol::Deputy.driver().submit(workload, job, &mut out);
    String::from_utf8(out).expect("lines are text")
}

#[test]
fn the_members_of_a_job_are_those_of_its_workload() {
    for (ask, member) in [
        (Ask::Deadline, r#","deadline_ms":3600000,"arg""#),
        (Ask::Expire, r#","deadline_ms":400,"arg""#),
        (Ask::Progress, r#","progress":true,"arg""#),
        (Ask::Key, r#","key":"k"#),
        (Ask::Background, r#","background":true,"arg""#),
        (Ask::RunLimit, r#","run_limit_ms":100,"attempts":255,"arg""#),
    ] {
        let line = submitted(&asking(ask), name(2, 1));
        assert!(line.contains(member), "{line}");
    }
    let workload = asking(Ask::Priority);
    let with = |priority: &str| {
        let member = format!(r#","priority":{priority},"arg""#);
        first_job(|job| submitted(&workload, job).contains(&member))
    };
    let levels = PRIORITIES.map(|priority| workload.level_of(with(priority)));
    assert_eq!(levels, [0, 1, 2, 3], "from the lowest");
    let workload = asking(Ask::Cancel);
    let cancellable = |job| submitted(&workload, job).contains(r#","cancellable":true,"#);
    for sequence in 0..100 {
        let job = name(2, sequence);
        assert_eq!(cancellable(job), workload.cancel_after_ns(job).is_some());
    }
}

#[test]
fn a_job_may_end_only_as_it_asks() {
    const ENDS: [End; 5] = [End::Result, End::Accepted, End::Cancelled, End::Expired, End::TimedOut];
    let check = |ask, job, may: &[End]| {
        let workload = asking(ask);
        for end in ENDS {
            let checked = workload.check_end(job, end, u64::MAX);
            let wrong = if may.contains(&end) { Ok(()) } else { Err(Wrong::OtherEnd { job, end }) };
            assert_eq!(checked, wrong, "{ask:?}");
        }
    };
    for ask in [Ask::Nothing, Ask::Priority, Ask::Delay, Ask::Deadline, Ask::Progress, Ask::Key] {
        check(ask, name(2, 1), &[End::Result]);
    }
    check(Ask::Expire, name(2, 1), &[End::Result, End::Expired]);
    check(Ask::Background, name(2, 1), &[End::Accepted]);
    let workload = asking(Ask::Cancel);
    let is_cancelled = |job| workload.cancel_after_ns(job).is_some();
    check(Ask::Cancel, first_job(|job| !is_cancelled(job)), &[End::Result]);
    check(
        Ask::Cancel,
        first_job(|job| is_cancelled(job) && !workload.hangs(1, job, 1)),
        &[End::Result, End::Cancelled],
    );
    check(Ask::Cancel, first_job(|job| workload.hangs(1, job, 1)), &[End::Cancelled]);
    let workload = asking(Ask::RunLimit);
    check(Ask::RunLimit, first_job(|job| !workload.hangs(1, job, 1)), &[End::Result]);
    check(Ask::RunLimit, first_job(|job| workload.hangs(1, job, 1)), &[End::TimedOut]);
}

#[test]
fn a_job_that_hangs_at_one_worker_is_answered_by_another_or_at_a_later_attempt() {
    let workload = asking(Ask::RunLimit);
    let job = first_job(|job| !workload.hangs(1, job, 1));
    assert!(workload.hangs(0, job, 1) && workload.hangs(4, job, 2));
    assert!(!workload.hangs(0, job, 3));
}

#[test]
fn a_job_that_starts_or_expires_far_too_early_is_wrong() {
    let (least_ms, most_ms) = DELAY_MS;
    let workload = asking(Ask::Delay);
    let job = name(2, 1);
    assert_eq!(workload.check_end(job, End::Result, most_ms * MS), Ok(()));
    assert!(matches!(workload.check_end(job, End::Result, least_ms * MS - 251 * MS), Err(Wrong::Early { .. })));
    let workload = asking(Ask::Expire);
    assert_eq!(workload.check_end(job, End::Expired, EXPIRE_MS * MS), Ok(()));
    assert_eq!(workload.check_end(job, End::Expired, MS), Err(Wrong::Early { job, ms: EXPIRE_MS - 1 }));
    assert_eq!(workload.check_end(job, End::Result, MS), Ok(()), "a result may come at any time");
}

#[test]
fn ends_without_a_result_are_read_by_their_codes() {
    for (rest, end) in [
        ("", End::Accepted),
        (r#","err":"?","code":"cancelled""#, End::Cancelled),
        (r#","err":"?","code":"expired""#, End::Expired),
        (r#","err":"?","code":"timed_out""#, End::TimedOut),
    ] {
        let line = format!(r#"{{"cmd":"did","id":1{rest}}}"#);
        let (mut submitter, workload) = (submitter(), asking(Ask::Nothing));
        let ended = Ended { job: name(2, 1), start_ns: 101, end };
        assert_eq!(take(&mut submitter, &workload, &line), Ok(Some(ended)));
        assert_eq!(take(&mut submitter, &workload, &line), Err(Wrong::AnsweredTwice(name(2, 1))));
        assert_eq!(take(&mut submitter, &workload, &did(1, name(2, 1))), Err(Wrong::AnsweredTwice(name(2, 1))));
    }
    let line = r#"{"cmd":"did","id":1,"err":"?","code":"no_worker"}"#;
    assert_eq!(take(&mut submitter(), &asking(Ask::Nothing), line), Err(Wrong::Refused(line.to_owned())));
}

#[test]
fn progress_must_be_complete_in_order_and_before_the_answer() {
    let (workload, job) = (asking(Ask::Progress), name(2, 1));
    let progress = |number| format!(r#"{{"cmd":"progress","id":1,"data":{number}}}"#);
    let after = |lines: &[String]| {
        let mut submitter = submitter();
        let (last, before) = lines.split_last().expect("there are lines");
        for line in before {
            assert!(take(&mut submitter, &workload, line).is_ok(), "{line}");
        }
        take(&mut submitter, &workload, last).map(drop)
    };
    let answer = did(1, job);
    let complete = [progress(0), progress(1), progress(2), answer.clone()];
    assert_eq!(after(&complete), Ok(()));
    assert_eq!(after(&[&complete[..], &[progress(3)]].concat()), Err(Wrong::LateProgress(job)));
    let lacking = Wrong::LackingProgress { job, reports: 2, expected: REPORTS };
    assert_eq!(after(&[progress(0), progress(1), answer]), Err(lacking));
    assert_eq!(after(&[progress(1)]), Err(Wrong::OtherProgress { job, number: 1, expected: 0 }));
    assert_eq!(after(&[progress(0), progress(0)]), Err(Wrong::OtherProgress { job, number: 0, expected: 1 }));
    let unknown = r#"{"cmd":"progress","id":9,"data":0}"#.to_owned();
    assert_eq!(after(&[unknown]), Err(Wrong::LateProgress(name(2, 9))));
}

#[test]
fn the_result_of_a_job_with_the_same_key_is_right_and_another_one_is_wrong() {
    let workload = asking(Ask::Key);
    let job = name(2, 1);
    let other = |is_joined| {
        let others = (0..1_000).map(|sequence| name(3, sequence));
        others.into_iter().find(|other| workload.is_joined(job, *other) == is_joined).expect("there is one")
    };
    let answered = |by| take(&mut submitter(), &workload, &did(1, by));
    assert!(answered(other(true)).is_ok());
    assert_eq!(answered(other(false)), Err(Wrong::OtherPayload { job, names: Some(other(false)) }));
    let right = did(1, other(true));
    let altered = format!("{}!\"}}", &right[..right.len() - 3]);
    assert!(matches!(take(&mut submitter(), &workload, &altered), Err(Wrong::OtherPayload { .. })));
}

#[test]
fn a_worker_reads_attempts_run_limits_and_cancel() {
    let job = name(2, 1);
    let usual = to_do(job, 3);
    let read = |line: &str| {
        receive(line, |message| match message {
            ServerMessage::Job { handle, attempt, arg, .. } => Ok((handle.to_vec(), attempt, arg.to_vec())),
            ServerMessage::Cancel { handle } => Ok((handle.to_vec(), 0, Vec::new())),
            other => Err(Wrong::Unexpected(format!("{other:?}"))),
        })
    };
    let handle = b"\"job\":77".to_vec();
    for (members, attempt) in [
        (r#""job":77"#, 1),
        (r#""job":77,"attempt":2"#, 2),
        (r#""job":77,"run_limit_ms":9"#, 1),
        (r#""job":77,"attempt":3,"run_limit_ms":9"#, 3),
    ] {
        let line = usual.replace(r#""t3","#, &format!(r#""t3",{members},"#));
        let expected = (handle.clone(), attempt, arg(job).into_bytes());
        assert_eq!(read(&line), Ok(expected.clone()));
        assert_eq!(read(&line.replace(',', " , ")), Ok(expected), "with spaces");
    }
    assert_eq!(read(r#"{"cmd":"cancel","job":77}"#), Ok((handle, 0, Vec::new())));
}

#[test]
fn a_worker_whose_job_is_over_has_no_free_slot_before_its_answer() {
    let workload = Workload::new(crate::workload::Shape { max_jobs: 1, ..asking(Ask::Cancel).shape }, 0);
    let mut worker = Worker::new(1, &workload, true);
    let mut on_job = |sequence| {
        let job = name(2, sequence);
        worker.on_job(&workload, Some(sequence), Some(0), arg(job).as_bytes()).map(drop)
    };
    assert_eq!(on_job(0), Ok(()));
    assert_eq!(on_job(1), Err(Wrong::TooManyJobs { worker: 1, slots: 1 }));
}

#[test]
fn cancel_and_progress_are_lines_of_their_own() {
    let sent = |send: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        send(&mut out);
        String::from_utf8(out).expect("lines are text")
    };
    let cancel = sent(&|out| Protocol::Deputy.driver().cancel(&asking(Ask::Cancel), name(2, 7), out));
    assert_eq!(cancel, "{\"cmd\":\"cancel\",\"id\":7}\n");
    let progress = sent(&|out| Protocol::Deputy.driver().report(b"\"job\":77", 2, out));
    assert_eq!(progress, "{\"cmd\":\"progress\",\"job\":77,\"data\":2}\n");
}
