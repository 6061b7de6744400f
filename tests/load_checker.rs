//! The load test is only worth something if it sees a wrong answer: its checks, line by line.
//!
//! The benchmark is a program without a test harness, so those of its modules that need no socket are tested from here.

#![allow(dead_code, reason = "the programs use all of these modules, the tests a part")]

#[path = "../benches/harness/check.rs"]
mod check;
#[path = "../benches/harness/clients.rs"]
mod clients;
#[path = "../benches/harness/dialect/mod.rs"]
mod dialect;
#[path = "../benches/harness/figure.rs"]
mod figure;
#[path = "../benches/harness/pace.rs"]
mod pace;
#[path = "../benches/harness/workload.rs"]
mod workload;

use std::collections::HashSet;
use std::time::Duration;

use check::{Ledger, Wrong};
use clients::{Submitter, Worker};
use dialect::{Heard, Language, Place};
use pace::Pace;
use workload::{JobName, Shape, Work, Workload};

const ARG_BYTES: usize = 32;

fn shape(max_jobs: u16) -> Shape {
    let arg_bytes = (ARG_BYTES, ARG_BYTES);
    Shape {
        submitters: 4,
        inflight: 8,
        workers: 3,
        types: 5,
        types_per_worker: 2,
        max_jobs,
        arg_bytes,
        ..Shape::DEFAULT
    }
}

fn workload(max_jobs: u16) -> Workload {
    Workload::new(shape(max_jobs), 0)
}

fn name(submitter: u16, sequence: u64) -> JobName {
    JobName { submitter, sequence }
}

fn arg(job: JobName) -> String {
    let mut text = Vec::new();
    workload(0).append_arg(job, &mut text);
    String::from_utf8(text).expect("arguments are text")
}

fn did(sequence: u64, payload_of: JobName) -> String {
    format!(r#"{{"cmd":"did","id":{sequence},"res":{}}}"#, arg(payload_of))
}

fn to_do(job: JobName, type_number: u64) -> String {
    format!(r#"{{"cmd":"do","id":{},"type":"t{type_number}","arg":{}}}"#, job.sequence, arg(job))
}

/// The one message in a line of Deputy's, given to `take`.
fn hear<T>(line: &str, take: impl FnOnce(Heard<'_>) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let input = format!("{line}\r\n");
    let mut rest = input.as_bytes();
    let heard = Language::Deputy.dialect().hear(&mut rest, &mut Vec::new())?.expect("the line is whole");
    assert_eq!(rest, b"", "a line is taken with its end");
    take(heard)
}

/// What a submitter makes of a line.
fn answer(submitter: &mut Submitter, line: &str) -> Result<u64, Wrong> {
    hear(line, |heard| match heard {
        Heard::Answer { id, res } => submitter.on_answer(&workload(0), id, res),
        Heard::Refused(said) => Err(Wrong::Refused(check::excerpt(said))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// What a worker makes of a line: its answer.
fn work(worker: &mut Worker, workload: &Workload, line: &str) -> Result<String, Wrong> {
    hear(line, |heard| match heard {
        Heard::Job { id, type_number, ticket, arg } => {
            let job = worker.on_job(workload, id, type_number, arg)?;
            let mut out = Vec::new();
            Language::Deputy.dialect().answer(&ticket, job, arg, &mut out);
            Ok(String::from_utf8(out).expect("answers are text"))
        }
        Heard::Refused(said) => Err(Wrong::Refused(check::excerpt(said))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// What submitter 2, after it asked for jobs 0 to 3, makes of these lines; the last one counts.
fn told(lines: &[String]) -> Result<u64, Wrong> {
    let mut submitter = Submitter::new(2);
    for start_ns in 100..104 {
        submitter.ask(start_ns);
    }
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        answer(&mut submitter, line)?;
    }
    answer(&mut submitter, last)
}

/// What worker 1, which does types 1 and 3, makes of these lines in one turn; the last one counts.
fn handed(max_jobs: u16, lines: &[String]) -> Result<String, Wrong> {
    let workload = workload(max_jobs);
    let mut worker = Worker::new(1, &workload, true);
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        work(&mut worker, &workload, line)?;
        worker.on_answered();
    }
    work(&mut worker, &workload, last)
}

#[test]
fn right_answers_pass_in_any_order_and_tell_when_their_job_started() {
    let answers = [3, 0, 2, 1].map(|sequence| did(sequence, name(2, sequence)));
    assert_eq!(told(&answers[..1]), Ok(103));
    assert_eq!(told(&answers), Ok(101));
}

#[test]
fn an_answer_with_another_jobs_payload_is_wrong() {
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(2, 0)) };
    assert_eq!(told(&[did(1, name(2, 0))]), Err(wrong));
}

#[test]
fn an_answer_for_another_submitter_with_the_same_id_is_wrong() {
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(3, 1)) };
    assert_eq!(told(&[did(1, name(3, 1))]), Err(wrong));
}

#[test]
fn an_answer_with_one_byte_changed_lost_or_added_is_wrong() {
    let right = arg(name(2, 1));
    let end = right.len() - 1;
    for res in [
        format!("{}!\"", &right[..end - 1]),
        format!("{}\"", &right[..end - 1]),
        format!("{}a\"", &right[..end]),
        "\"\"".to_owned(),
        "17".to_owned(),
    ] {
        let told = told(&[format!(r#"{{"cmd":"did","id":1,"res":{res}}}"#)]);
        assert!(matches!(told, Err(Wrong::OtherPayload { .. })), "{res}: {told:?}");
    }
}

#[test]
fn a_second_answer_is_wrong_however_late_it_comes() {
    let first = did(0, name(2, 0));
    assert_eq!(told(&[first.clone(), first.clone()]), Err(Wrong::AnsweredTwice(name(2, 0))));
    let ahead = did(1, name(2, 1));
    assert_eq!(told(&[ahead.clone(), ahead.clone()]), Err(Wrong::AnsweredTwice(name(2, 1))));
    assert_eq!(told(&[ahead.clone(), first, ahead]), Err(Wrong::AnsweredTwice(name(2, 1))));
}

#[test]
fn an_answer_that_nobody_asked_for_is_wrong() {
    assert_eq!(told(&[did(4, name(2, 4))]), Err(Wrong::NeverAsked(name(2, 4))));
    assert_eq!(told(&[did(u64::MAX, name(2, 4))]), Err(Wrong::NeverAsked(name(2, u64::MAX))));
}

#[test]
fn a_refusal_is_wrong_and_is_shown() {
    for line in [
        r#"{"cmd":"did","id":1,"err":"no room","code":"queue_full"}"#,
        r#"{"cmd":"error","code":"bad_json","error":"?"}"#,
    ] {
        assert_eq!(told(&[line.to_owned()]), Err(Wrong::Refused(line.to_owned())));
        assert_eq!(handed(0, &[line.to_owned()]), Err(Wrong::Refused(line.to_owned())));
    }
}

#[test]
fn lines_for_the_other_kind_of_peer_and_garbled_ones_are_wrong() {
    for line in [to_do(name(2, 1), 3), r#"{"cmd":"did","id":1,"res":"#.to_owned(), r#"{"cmd":"pong"}"#.to_owned()] {
        assert!(matches!(told(&[line]), Err(Wrong::Unexpected(_))));
    }
    assert!(matches!(handed(0, &[did(1, name(2, 1))]), Err(Wrong::Unexpected(_))));
}

#[test]
fn what_is_missing_is_counted_from_the_oldest() {
    let mut ledger = Ledger::new(2);
    assert_eq!(ledger.close(), Ok(()));
    for now_ns in 0..4 {
        ledger.ask(now_ns);
    }
    ledger.settle(0).unwrap();
    ledger.settle(2).unwrap();
    assert_eq!(ledger.close(), Err(Wrong::Missing { submitter: 2, jobs: 2, oldest: 1 }));
    ledger.settle(1).unwrap();
    ledger.settle(3).unwrap();
    assert_eq!(ledger.close(), Ok(()));
}

#[test]
fn a_submitter_with_nothing_unanswered_is_done() {
    let mut submitter = Submitter::new(2);
    assert_eq!(submitter.ledger().close(), Ok(()));
    submitter.ask(0);
    assert_eq!(submitter.ledger().close(), Err(Wrong::Missing { submitter: 2, jobs: 1, oldest: 0 }));
    answer(&mut submitter, &did(0, name(2, 0))).unwrap();
    assert_eq!(submitter.ledger().close(), Ok(()));
}

#[test]
fn an_answer_without_an_id_is_told_by_what_it_carries() {
    let mut submitter = Submitter::new(2);
    submitter.ask(7);
    submitter.ask(8);
    let mut on = |job| submitter.on_answer(&workload(0), None, arg(job).as_bytes());
    assert_eq!(on(name(2, 1)), Ok(8));
    assert_eq!(on(name(2, 1)), Err(Wrong::AnsweredTwice(name(2, 1))));
    assert_eq!(on(name(3, 0)), Err(Wrong::NobodysAnswer { submitter: 2, names: Some(name(3, 0)) }));
}

#[test]
fn one_that_expects_a_wrong_answer_calls_the_right_one_wrong() {
    let mut submitter = Submitter::new(2).expect_wrong(1);
    submitter.ask(0);
    submitter.ask(0);
    assert_eq!(answer(&mut submitter, &did(0, name(2, 0))), Ok(0));
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(2, 1)) };
    assert_eq!(answer(&mut submitter, &did(1, name(2, 1))), Err(wrong));
}

#[test]
fn every_job_of_a_run_has_an_argument_of_its_own() {
    let Workload { shape, .. } = workload(0);
    let jobs = (0..shape.submitters).flat_map(|submitter| (0..shape.inflight as u64).map(move |i| name(submitter, i)));
    let args: HashSet<String> = jobs.map(arg).collect();
    assert_eq!(args.len(), usize::from(shape.submitters) * shape.inflight);
}

#[test]
fn a_worker_sends_the_argument_back_by_id_or_by_number() {
    let job = name(2, 1);
    assert_eq!(handed(0, &[to_do(job, 3)]), Ok(did(1, job) + "\n"));
    let numbered = to_do(job, 3).replace(r#""t3","#, r#""t3","job":77,"#);
    assert_eq!(handed(4, &[numbered]), Ok(format!("{{\"cmd\":\"did\",\"job\":77,\"res\":{}}}\n", arg(job))));
}

#[test]
fn a_job_under_another_type_or_for_another_worker_is_wrong() {
    let job = name(2, 1);
    let wrong = |job, number| Err(Wrong::OtherType { worker: 1, job, type_number: Some(number) });
    assert_eq!(handed(0, &[to_do(job, 2)]), wrong(job, 2));
    // The right type for the job, but not one of this worker's.
    assert_eq!(handed(0, &[to_do(name(2, 2), 4)]), wrong(name(2, 2), 4));
}

#[test]
fn a_job_with_another_jobs_argument_is_wrong() {
    let swapped = to_do(name(2, 1), 3).replace(r#""id":1"#, r#""id":6"#);
    assert_eq!(handed(0, &[swapped]), Err(Wrong::OtherArgument { worker: 1, names: Some(name(2, 1)) }));
    let nobodys = r#"{"cmd":"do","id":1,"type":"t3","arg":"x"}"#.to_owned();
    assert_eq!(handed(0, &[nobodys]), Err(Wrong::OtherArgument { worker: 1, names: None }));
}

#[test]
fn a_worker_that_gets_more_jobs_than_it_has_slots_objects() {
    let jobs = [name(2, 1), name(2, 4), name(2, 6)].map(|job| to_do(job, workload(0).type_of(job)));
    assert_eq!(handed(0, &jobs[..2]), Err(Wrong::TooManyJobs { worker: 1, slots: 1 }));
    assert_eq!(handed(2, &jobs), Err(Wrong::TooManyJobs { worker: 1, slots: 2 }));
    assert!(handed(3, &jobs).is_ok());
}

#[test]
fn slots_are_free_again_when_the_answers_were_sent() {
    let workload = workload(0);
    let mut worker = Worker::new(1, &workload, true);
    for sequence in [1, 4, 6] {
        let job = name(2, sequence);
        work(&mut worker, &workload, &to_do(job, workload.type_of(job))).unwrap();
        worker.on_answered();
        worker.on_sent();
    }
}

#[test]
fn a_job_that_takes_its_time_stays_held_while_others_are_sent() {
    let workload = workload(2);
    let mut worker = Worker::new(1, &workload, true);
    let lines = [1, 4, 6].map(|sequence| to_do(name(2, sequence), workload.type_of(name(2, sequence))));
    work(&mut worker, &workload, &lines[0]).unwrap();
    worker.on_sent();
    work(&mut worker, &workload, &lines[1]).unwrap();
    assert_eq!(work(&mut worker, &workload, &lines[2]), Err(Wrong::TooManyJobs { worker: 1, slots: 2 }));
}

#[test]
fn a_server_that_pushes_may_send_a_worker_any_number() {
    let workload = workload(0);
    let mut worker = Worker::new(1, &workload, false);
    for sequence in [1, 4, 6] {
        let job = name(2, sequence);
        assert!(work(&mut worker, &workload, &to_do(job, workload.type_of(job))).is_ok());
    }
}

#[test]
fn workers_together_greet_with_every_type() {
    let workload = workload(16);
    let mut greetings = Vec::new();
    for number in 0..workload.shape.workers {
        let worker = Worker::new(number, &workload, true);
        let place = Place::Worker { types: worker.types(), max_jobs: workload.shape.max_jobs };
        Language::Deputy.dialect().greet(place, &mut greetings);
    }
    let expected = [r#"["t0","t2"]"#, r#"["t1","t3"]"#, r#"["t2","t4"]"#]
        .map(|types| format!("{{\"cmd\":\"can_do\",\"types\":{types},\"max_jobs\":16}}\n"));
    assert_eq!(String::from_utf8(greetings).unwrap(), expected.concat());
}

#[test]
fn a_job_is_one_line_of_the_size_asked_for() {
    let workload = workload(0);
    let mut out = Vec::new();
    Language::Deputy.dialect().submit(&workload, name(2, 0), &mut out);
    let line = str::from_utf8(&out).unwrap().strip_suffix('\n').unwrap();
    hear(line, |heard| {
        let Heard::Job { id: Some(0), type_number: Some(2), arg, .. } = heard else { panic!("{heard:?}") };
        assert_eq!(arg.len(), ARG_BYTES);
        Ok(())
    })
    .unwrap();
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
fn lines_of_unusual_spacing_and_order_are_read_alike() {
    for (usual, unusual) in [
        (
            r#"{"cmd":"do","id":7,"type":"t3","job":9,"arg":"x"}"#,
            r#" { "arg" : "x", "job" : 9, "type" : "t3", "extra":[1], "id":7, "cmd":"do" } "#,
        ),
        (r#"{"cmd":"do","id":7,"type":"t3","arg":"x"}"#, r#"{"id":7,"cmd":"do","type":"t3","arg":"x"}"#),
        (r#"{"cmd":"did","id":7,"res":"x"}"#, r#"{"res": "x", "id": 7, "cmd": "did"}"#),
    ] {
        let debug = |line| hear(line, |heard| Ok(format!("{heard:?}"))).unwrap();
        assert_eq!(debug(usual), debug(unusual));
    }
}

#[test]
fn an_answer_with_a_member_behind_its_result_is_not_mistaken_for_one_long_string() {
    hear(r#"{"cmd":"did","id":7,"res":"x","more":"y"}"#, |heard| {
        assert_eq!(heard, Heard::Answer { id: Some(7), res: b"\"x\"" });
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_line_is_heard_when_it_is_whole() {
    let line = b"{\"cmd\":\"did\",\"id\":7,\"res\":\"x\"}\n{\"cmd\"";
    let line_bytes = line.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut dialect = Language::Deputy.dialect();
    for end in 0..line.len() {
        let mut input = &line[..end];
        let heard = dialect.hear(&mut input, &mut Vec::new()).unwrap();
        assert_eq!(heard.is_some(), end >= line_bytes, "{end}");
        assert_eq!(dialect.may_end_in(&line[..end]), end >= line_bytes);
    }
}

#[test]
fn messages_say_what_was_wrong() {
    assert_eq!(Wrong::AnsweredTwice(name(2, 7)).to_string(), "job 7 of submitter 2 was answered twice");
    let altered = Wrong::OtherPayload { job: name(2, 7), names: Some(name(2, 7)) };
    assert_eq!(altered.to_string(), "job 7 of submitter 2 was answered with its payload altered");
    let late = Wrong::Late { ms: 12, ms_max: 10 };
    assert_eq!(late.to_string(), "a job was answered after 12 ms, more than 10");
    assert!(late.is_of_time() && !altered.is_of_time());
    let long = check::excerpt(&[b'x'; 1_000]);
    assert!(long.ends_with("x..."));
    assert!(long.len() < 300);
}
