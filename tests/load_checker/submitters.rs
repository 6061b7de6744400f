//! What submitters detect: wrong, repeated and missing answers.

use crate::asks::End;
use crate::check::{self, Outstanding, Wrong};
use crate::clients::Submitter;
use crate::given::{arg, did, name, workload};
use crate::received::{answer, submitter_takes};

#[test]
fn right_answers_pass_in_any_order_and_return_when_their_job_started() {
    let answers = [3, 0, 2, 1].map(|sequence| did(sequence, name(2, sequence)));
    assert_eq!(submitter_takes(&answers[..1]), Ok(103));
    assert_eq!(submitter_takes(&answers), Ok(101));
}

#[test]
fn an_answer_with_another_jobs_payload_is_wrong() {
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(2, 0)) };
    assert_eq!(submitter_takes(&[did(1, name(2, 0))]), Err(wrong));
}

#[test]
fn an_answer_for_another_submitter_with_the_same_id_is_wrong() {
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(3, 1)) };
    assert_eq!(submitter_takes(&[did(1, name(3, 1))]), Err(wrong));
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
        let taken = submitter_takes(&[format!(r#"{{"cmd":"did","id":1,"res":{res}}}"#)]);
        assert!(matches!(taken, Err(Wrong::OtherPayload { .. })), "{res}: {taken:?}");
    }
}

#[test]
fn a_second_answer_is_wrong_however_late_it_comes() {
    let first = did(0, name(2, 0));
    assert_eq!(submitter_takes(&[first.clone(), first.clone()]), Err(Wrong::AnsweredTwice(name(2, 0))));
    let ahead = did(1, name(2, 1));
    assert_eq!(submitter_takes(&[ahead.clone(), ahead.clone()]), Err(Wrong::AnsweredTwice(name(2, 1))));
    assert_eq!(submitter_takes(&[ahead.clone(), first, ahead]), Err(Wrong::AnsweredTwice(name(2, 1))));
}

#[test]
fn an_answer_to_no_job_is_wrong() {
    assert_eq!(submitter_takes(&[did(4, name(2, 4))]), Err(Wrong::NeverSubmitted(name(2, 4))));
    assert_eq!(submitter_takes(&[did(u64::MAX, name(2, 4))]), Err(Wrong::NeverSubmitted(name(2, u64::MAX))));
}

#[test]
fn missing_answers_are_counted_from_the_oldest() {
    let mut outstanding = Outstanding::new(2);
    assert_eq!(outstanding.check_empty(), Ok(()));
    for now_ns in 0..4 {
        outstanding.submit(now_ns);
    }
    outstanding.complete(0).unwrap();
    outstanding.complete(2).unwrap();
    assert_eq!(outstanding.check_empty(), Err(Wrong::Missing { submitter: 2, jobs: 2, oldest: 1 }));
    outstanding.complete(1).unwrap();
    outstanding.complete(3).unwrap();
    assert_eq!(outstanding.check_empty(), Ok(()));
}

#[test]
fn a_submitter_with_nothing_unanswered_is_done() {
    let mut submitter = Submitter::new(2);
    assert_eq!(submitter.check_complete(), Ok(()));
    submitter.submit(0);
    assert_eq!(submitter.check_complete(), Err(Wrong::Missing { submitter: 2, jobs: 1, oldest: 0 }));
    answer(&mut submitter, &did(0, name(2, 0))).unwrap();
    assert_eq!(submitter.check_complete(), Ok(()));
}

#[test]
fn an_answer_without_an_id_is_matched_by_its_payload() {
    let mut submitter = Submitter::new(2);
    submitter.submit(7);
    submitter.submit(8);
    let mut on = |job| submitter.on_answer(&workload(0), None, arg(job).as_bytes()).map(|ended| ended.start_ns);
    assert_eq!(on(name(2, 1)), Ok(8));
    assert_eq!(on(name(2, 1)), Err(Wrong::AnsweredTwice(name(2, 1))));
    assert_eq!(on(name(3, 0)), Err(Wrong::UnknownAnswer { submitter: 2, names: Some(name(3, 0)) }));
}

#[test]
fn an_end_without_an_id_is_that_of_the_oldest_job() {
    let mut submitter = Submitter::new(2);
    submitter.submit(7);
    submitter.submit(8);
    let mut on_end = |id| submitter.on_end(&workload(0), id, End::Accepted).map(|ended| (ended.job, ended.start_ns));
    assert_eq!(on_end(None), Ok((name(2, 0), 7)));
    assert_eq!(on_end(Some(0)), Err(Wrong::AnsweredTwice(name(2, 0))));
    assert_eq!(on_end(None), Ok((name(2, 1), 8)));
    assert_eq!(on_end(None), Err(Wrong::NeverSubmitted(name(2, 2))));
}

#[test]
fn a_submitter_that_expects_a_wrong_answer_calls_the_right_one_wrong() {
    let mut submitter = Submitter::new(2).expect_wrong(1);
    submitter.submit(0);
    submitter.submit(0);
    assert_eq!(answer(&mut submitter, &did(0, name(2, 0))), Ok(0));
    let wrong = Wrong::OtherPayload { job: name(2, 1), names: Some(name(2, 1)) };
    assert_eq!(answer(&mut submitter, &did(1, name(2, 1))), Err(wrong));
}

#[test]
fn the_oldest_job_without_an_answer_is_known() {
    let mut outstanding = Outstanding::new(2);
    assert_eq!(outstanding.oldest_ns(), None);
    for start_ns in [100, 101, 102] {
        outstanding.submit(start_ns);
    }
    outstanding.complete(1).unwrap();
    assert_eq!(outstanding.oldest_ns(), Some(100));
    outstanding.complete(0).unwrap();
    assert_eq!(outstanding.oldest_ns(), Some(102));
}

#[test]
fn errors_say_what_was_wrong() {
    assert_eq!(Wrong::AnsweredTwice(name(2, 7)).to_string(), "job 7 of submitter 2 was answered twice");
    let altered = Wrong::OtherPayload { job: name(2, 7), names: Some(name(2, 7)) };
    assert_eq!(altered.to_string(), "job 7 of submitter 2 was answered with an altered result");
    let late = Wrong::Late { ms: 12, ms_max: 10 };
    assert_eq!(late.to_string(), "a job was answered after 12 ms; at most 10 ms are allowed");
    assert!(late.is_timing() && !altered.is_timing());
    let long = check::excerpt(&[b'x'; 1_000]);
    assert!(long.ends_with("x..."));
    assert!(long.len() < 300);
}
