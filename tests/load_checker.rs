//! The load test is only worth something if it sees a wrong answer: its checks, line by line.
//!
//! The benchmark is a program without a test harness, so those of its modules that need no socket are tested from here.

#[path = "../benches/load/check.rs"]
mod check;
#[path = "../benches/load/clients.rs"]
mod clients;
#[path = "../benches/load/lines.rs"]
mod lines;
#[path = "../benches/load/workload.rs"]
mod workload;

use std::collections::HashSet;

use check::{Ledger, Wrong};
use clients::{Submitter, Worker};
use lines::Said;
use workload::{JobName, Shape, Workload};

const ARG_BYTES: usize = 32;

fn workload(max_jobs: u16) -> Workload {
    let shape =
        Shape { submitters: 4, inflight: 8, workers: 3, types: 5, types_per_worker: 2, max_jobs, arg_bytes: ARG_BYTES };
    Workload::new(shape)
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

/// What submitter 2, after it asked for jobs 0 to 3, makes of these lines; the last one counts.
fn told(lines: &[String]) -> Result<u64, Wrong> {
    let workload = workload(0);
    let mut submitter = Submitter::new(2);
    for start_ns in 100..104 {
        submitter.submit(&workload, start_ns, &mut Vec::new());
    }
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        submitter.on_line(&workload, line.as_bytes())?;
    }
    submitter.on_line(&workload, last.as_bytes())
}

/// What worker 1, which does types 2 and 3, makes of these lines in one turn; the last one counts.
fn handed(max_jobs: u16, lines: &[String]) -> Result<String, Wrong> {
    let workload = workload(max_jobs);
    let mut worker = Worker::new(1, &workload);
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        worker.on_line(&workload, line.as_bytes(), &mut Vec::new())?;
    }
    let mut out = Vec::new();
    worker.on_line(&workload, last.as_bytes(), &mut out)?;
    Ok(String::from_utf8(out).expect("answers are text"))
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
    let workload = workload(0);
    let mut submitter = Submitter::new(2);
    assert_eq!(submitter.ledger().close(), Ok(()));
    submitter.submit(&workload, 0, &mut Vec::new());
    assert_eq!(submitter.ledger().close(), Err(Wrong::Missing { submitter: 2, jobs: 1, oldest: 0 }));
    submitter.on_line(&workload, did(0, name(2, 0)).as_bytes()).unwrap();
    assert_eq!(submitter.ledger().close(), Ok(()));
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
    let wrong = |job, type_number| Err(Wrong::OtherType { worker: 1, job, type_number });
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
    let jobs = [name(2, 0), name(2, 1), name(2, 5)].map(|job| to_do(job, workload(0).type_of(job)));
    assert_eq!(handed(0, &jobs[..2]), Err(Wrong::TooManyJobs { worker: 1, slots: 1 }));
    assert_eq!(handed(2, &jobs), Err(Wrong::TooManyJobs { worker: 1, slots: 2 }));
    assert!(handed(3, &jobs).is_ok());
}

#[test]
fn slots_are_free_again_when_the_answers_were_sent() {
    let workload = workload(0);
    let mut worker = Worker::new(1, &workload);
    for sequence in [0, 1, 5] {
        let job = name(2, sequence);
        worker.on_line(&workload, to_do(job, workload.type_of(job)).as_bytes(), &mut Vec::new()).unwrap();
        worker.on_sent();
    }
}

#[test]
fn workers_together_greet_with_every_type() {
    let workload = workload(16);
    let mut greetings = Vec::new();
    for number in 0..workload.shape.workers {
        Worker::new(number, &workload).greet(&workload, &mut greetings);
    }
    let expected = [r#"["t0","t1"]"#, r#"["t2","t3"]"#, r#"["t0","t4"]"#]
        .map(|types| format!("{{\"cmd\":\"can_do\",\"types\":{types},\"max_jobs\":16}}\n"));
    assert_eq!(String::from_utf8(greetings).unwrap(), expected.concat());
}

#[test]
fn a_job_is_one_line_of_the_size_asked_for() {
    let workload = workload(0);
    let mut out = Vec::new();
    Submitter::new(2).submit(&workload, 0, &mut out);
    let lines: Vec<&[u8]> = lines::split(&out).collect();
    let [line] = lines[..] else { panic!("{} lines", lines.len()) };
    let Some(Said::Do { id: 0, type_number: 2, job: None, arg }) = lines::read(line) else { panic!("not a do") };
    assert_eq!(arg.len(), ARG_BYTES);
}

#[test]
fn lines_of_unusual_spacing_and_order_are_read_alike() {
    let usual = r#"{"cmd":"do","id":7,"type":"t3","job":9,"arg":"x"}"#;
    let unusual = r#" { "arg" : "x", "job" : 9, "type" : "t3", "extra":[1], "id":7, "cmd":"do" } "#;
    assert_eq!(lines::read(usual.as_bytes()), lines::read(unusual.as_bytes()));
    let usual = r#"{"cmd":"did","id":7,"res":"x"}"#;
    let unusual = r#"{"res": "x", "id": 7, "cmd": "did"}"#;
    assert_eq!(lines::read(usual.as_bytes()), lines::read(unusual.as_bytes()));
}

#[test]
fn an_answer_with_a_member_behind_its_result_is_not_mistaken_for_one_long_string() {
    let line = r#"{"cmd":"did","id":7,"res":"x","more":"y"}"#;
    assert_eq!(lines::read(line.as_bytes()), Some(Said::Done { id: 7, res: b"\"x\"" }));
}

#[test]
fn lines_end_with_lf_or_crlf() {
    let lines: Vec<&[u8]> = lines::split(b"a\r\nb\n\nc\n").collect();
    assert_eq!(lines, [&b"a"[..], b"b", b"", b"c"]);
}

#[test]
fn messages_say_what_was_wrong() {
    assert_eq!(Wrong::AnsweredTwice(name(2, 7)).to_string(), "job 7 of submitter 2 was answered twice");
    let altered = Wrong::OtherPayload { job: name(2, 7), names: Some(name(2, 7)) };
    assert_eq!(altered.to_string(), "job 7 of submitter 2 was answered with its payload altered");
    let long = check::excerpt(&[b'x'; 1_000]);
    assert!(long.ends_with("x..."));
    assert!(long.len() < 300);
}
