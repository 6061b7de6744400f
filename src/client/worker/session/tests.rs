//! What a worker sends, in which order: without a socket or a thread.

use std::collections::BTreeSet;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};

use super::*;
use crate::client::promise::Outcome;

/// A session, the jobs that wait for a thread, and the signals.
struct Fixture {
    session: WorkerSession,
    jobs: Receiver<Job>,
    signals: Receiver<WorkerSignal>,
    reports: Receiver<(Origin, Vec<u8>)>,
    sent: Vec<u8>,
}

impl Reporter for Sender<(Origin, Vec<u8>)> {
    fn report(&self, origin: &Origin, line: &[u8]) -> Result<(), Error> {
        self.send((origin.clone(), line.to_vec())).map_err(|_| Error::Closed)
    }
}

impl Fixture {
    fn new(max_jobs: u32, limit: u64) -> Self {
        let ((sender, jobs), (signal, signals), (reporter, reports)) = (unbounded(), unbounded(), unbounded());
        let offer = Offer::new(&["t"], &BTreeSet::new(), false);
        let session = WorkerSession::new(offer, max_jobs, limit, sender, signal, Arc::new(reporter));
        Self { session, jobs, signals, reports, sent: Vec::new() }
    }

    /// With a connection, whose first ping is answered.
    fn open(max_jobs: u32, limit: u64) -> Self {
        let mut fixture = Self::new(max_jobs, limit);
        fixture.connect();
        fixture.pong();
        fixture
    }

    fn connect(&mut self) {
        self.session.on_connect(&mut self.sent);
    }

    fn disconnect(&mut self) {
        self.session.on_disconnect(&Disconnected { url: String::new(), reason: "gone".to_owned(), code: None });
        self.sent.clear();
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        self.session.on_line(Incoming::read(line.as_bytes()).unwrap(), &mut self.sent)
    }

    fn pong(&mut self) {
        self.read(r#"{"cmd":"pong"}"#).unwrap();
    }

    fn give(&mut self, number: u64) -> Job {
        self.give_with(number, "")
    }

    /// Gives a job with more members.
    fn give_with(&mut self, number: u64, members: &str) -> Job {
        self.read(&format!(r#"{{"cmd":"do","id":"i","type":"t","job":{number}{members}}}"#)).unwrap();
        self.jobs.try_recv().unwrap()
    }

    fn cancel(&mut self, number: u64) {
        self.read(&format!(r#"{{"cmd":"cancel","job":{number}}}"#)).unwrap();
    }

    /// Reports data of this length in JSON.
    fn report(&mut self, job: &Job, bytes: usize) -> Result<Option<Arc<Promise>>, Error> {
        job.progress(&"x".repeat(bytes - 2))?;
        let (origin, line) = self.reports.try_recv().unwrap();
        self.session.report(&origin, &line, &mut self.sent)
    }

    fn finish(&mut self, job: &Job) {
        self.session.finish(job, format!("did {}\n", job.number()).into_bytes(), &mut self.sent);
    }

    /// Finishes a job with a line of this length, its end not counted.
    fn finish_long(&mut self, job: &Job, line_bytes: usize) {
        let line = format!("{:x<line_bytes$}\n", format!("did {} ", job.number()));
        self.session.finish(job, line.into_bytes(), &mut self.sent);
    }

    fn stop(&mut self) {
        self.session.stop(&mut self.sent);
    }

    /// Returns what was sent since the last call, in short.
    fn sent(&mut self) -> String {
        let lines = String::from_utf8(mem::take(&mut self.sent)).unwrap();
        lines
            .replace(r#"{"cmd":"can_do","types":["t"],"max_jobs":"#, "can_do ")
            .replace(r#"{"cmd":"cant_do","types":["t"]}"#, "cant_do")
            .replace(r#"{"cmd":"ping"}"#, "ping")
            .replace(r#"{"cmd":"metrics","types":false}"#, "metrics")
            .replace("xx", "")
            .replace("}\n", ", ")
            .replace('\n', ", ")
            .trim_end_matches(", ")
            .to_owned()
    }

    /// Returns how it ended, if it has.
    fn outcome(&self) -> Option<Result<(), RunError>> {
        self.signals
            .try_iter()
            .find_map(|signal| if let WorkerSignal::Ended(outcome) = signal { Some(outcome) } else { None })
    }

    fn ended(&self) -> bool {
        self.outcome().is_some_and(|outcome| outcome.is_ok())
    }
}

#[test]
fn it_offers_its_slots_and_answers_jobs() {
    let mut fixture = Fixture::new(2, u64::MAX);
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 2, ping");
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish(&two);
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 2, did 1");
    assert!(!fixture.ended());
}

#[test]
fn a_stopped_worker_finishes_what_it_holds_and_leaves_when_all_is_read() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let one = fixture.give(1);
    fixture.sent();
    fixture.stop();
    assert_eq!(fixture.sent(), "cant_do");
    // This job was on its way.
    let two = fixture.give(2);
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 1");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "did 2, ping");
    assert!(!fixture.ended());
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn a_job_that_comes_before_the_last_pong_is_done() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.sent();
    fixture.stop();
    assert_eq!(fixture.sent(), "cant_do, ping");
    let job = fixture.give(1);
    fixture.pong();
    assert!(!fixture.ended());
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1, ping");
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn the_pongs_of_earlier_pings_do_not_end_it() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.session.send_ping(&mut fixture.sent);
    fixture.stop();
    fixture.pong();
    assert!(!fixture.ended());
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn without_a_connection_there_is_nothing_to_finish() {
    let mut fixture = Fixture::new(1, u64::MAX);
    fixture.stop();
    assert!(fixture.ended());

    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.give(1);
    fixture.stop();
    assert!(!fixture.ended());
    fixture.disconnect();
    assert!(fixture.ended());
}

#[test]
fn results_of_a_lost_connection_are_dropped_and_their_slots_offered_when_free() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.disconnect();
    assert!(one.is_lost() && two.is_lost());
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    let three = fixture.give(3);
    assert!(!three.is_lost());
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "can_do 2");
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "did 3");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 3");
}

#[test]
fn a_worker_with_no_free_thread_offers_nothing_until_it_has_one() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "ping");
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "ping");
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "can_do 1");
}

#[test]
fn a_limit_is_kept_to_the_job() {
    let mut fixture = Fixture::new(2, 3);
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 2, ping");
    fixture.pong();
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish(&one);
    assert_eq!(fixture.sent(), "did 1");
    let three = fixture.give(3);
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 1, did 2");
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "cant_do, did 3, ping");
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn jobs_of_a_lost_connection_do_not_count_for_the_limit() {
    let mut fixture = Fixture::open(2, 1);
    let lost = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    fixture.pong();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    fixture.finish(&lost);
    let job = fixture.give(2);
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "cant_do, did 2, ping");
}

#[test]
fn under_a_limit_of_zero_no_job_is_done() {
    let mut fixture = Fixture::new(2, 0);
    fixture.connect();
    assert_eq!(fixture.sent(), "ping, ping");
    fixture.pong();
    fixture.pong();
    assert!(fixture.ended());
}

#[test]
fn more_jobs_than_slots_are_an_error() {
    let mut fixture = Fixture::open(1, u64::MAX);
    fixture.give(1);
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":2}"#).unwrap_err();
}

#[test]
fn only_a_fault_that_reconnecting_cannot_fix_ends_it() {
    for (code, answered, ends) in [
        ("bad_request", false, true),
        ("bad_request", true, true),
        ("unknown_cmd", false, true),
        ("unknown_cmd", true, false),
        ("too_long", false, true),
        ("too_long", true, false),
        ("not_holding", true, false),
        ("queue_full", true, false),
        ("bad_json", false, false),
        ("later", true, false),
    ] {
        let mut fixture = if answered { Fixture::open(1, u64::MAX) } else { Fixture::new(1, u64::MAX) };
        fixture.connect();
        if answered {
            fixture.pong();
        }
        fixture.read(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#)).unwrap();
        match fixture.outcome() {
            Some(Err(RunError::Refused(error))) => assert!(ends && error.code() == Some(code)),
            outcome => assert!(outcome.is_none() && !ends, "{code}"),
        }
    }
}

#[test]
fn a_long_result_waits_until_the_limit_is_known() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two, three) = (fixture.give(1), fixture.give(2), fixture.give(3));
    fixture.sent();
    fixture.finish_long(&one, 2_000);
    fixture.finish_long(&two, 4_000);
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "metrics, did 3");
    fixture.read(r#"{"cmd":"metrics","metrics":{"max_line":2000}}"#).unwrap();
    let sent = fixture.sent();
    let (first, second) = sent.split_once(", ").unwrap();
    assert_eq!(first, "did 1 ");
    assert!(second.contains(r#""job":2,"err":"the worker's answer cannot be sent: "#), "{second}");
    assert!(second.contains("the line would have 4000 bytes, and the limit is 2000"), "{second}");
    // From now on it is known.
    let (one, two) = (fixture.give(4), fixture.give(5));
    fixture.finish_long(&one, 2_000);
    fixture.finish_long(&two, 2_001);
    let sent = fixture.sent();
    assert!(sent.starts_with("did 4 , ") && sent.contains(r#""job":5,"err""#), "{sent}");
}

#[test]
fn a_server_that_tells_no_limit_gets_every_result() {
    for answer in [r#"{"cmd":"metrics","metrics":{}}"#, r#"{"cmd":"error","code":"unknown_cmd","error":"metrics"}"#] {
        let mut fixture = Fixture::open(1, 1);
        let job = fixture.give(1);
        fixture.sent();
        fixture.finish_long(&job, 5_000);
        fixture.stop();
        fixture.read(answer).unwrap();
        // A worker that was stopped meanwhile waits for the answer to be read.
        assert_eq!(fixture.sent(), "metrics, cant_do, did 1 , ping");
        assert!(!fixture.ended());
        fixture.pong();
        assert!(fixture.ended());
    }
}

#[test]
fn a_long_result_that_waits_is_dropped_with_its_connection() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish_long(&one, 2_000);
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 2");
    // The next server may have another limit.
    fixture.pong();
    let job = fixture.give(3);
    fixture.finish_long(&job, 2_000);
    assert_eq!(fixture.sent(), "metrics");
}

#[test]
fn a_job_whose_line_is_too_long_fails_without_a_handler() {
    let mut fixture = Fixture::open(1, 2);
    fixture.sent();
    fixture.session.on_line(Incoming::LongDo { job: 7 }, &mut fixture.sent).unwrap();
    let sent = fixture.sent();
    assert!(sent.contains(r#""job":7,"err":"the arg's line is longer than this worker accepts"#), "{sent}");
    let job = fixture.give(8);
    fixture.session.on_line(Incoming::LongDo { job: 9 }, &mut fixture.sent).unwrap_err();
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "cant_do, did 8, ping");
}

#[test]
fn a_worker_that_cannot_run_a_job_finishes_the_others_and_leaves_with_it() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two, three) = (fixture.give(1), fixture.give(2), fixture.give(3));
    fixture.sent();
    for job in [&one, &three] {
        fixture.session.abandon(job, format!("reason {}", job.number()), &mut fixture.sent);
    }
    assert_eq!(fixture.sent(), "cant_do");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "did 2, ping");
    assert!(fixture.outcome().is_none());
    fixture.pong();
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(reason))) if reason == "reason 1"));
}

#[test]
fn a_worker_that_cannot_run_a_job_of_a_lost_connection_leaves_too() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.disconnect();
    fixture.session.abandon(&job, "reason".to_owned(), &mut fixture.sent);
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(_)))));
    // The same, if the connection is lost afterwards.
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.session.abandon(&one, "reason".to_owned(), &mut fixture.sent);
    fixture.disconnect();
    assert!(matches!(fixture.outcome(), Some(Err(RunError::Fault(_)))));
    fixture.finish(&two);
}

#[test]
fn a_cancel_is_for_the_job_of_its_number_while_that_is_held() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let jobs = [1, 2, 3].map(|number| fixture.give(number));
    fixture.sent();
    fixture.finish(&jobs[2]);
    for number in [2, 3, 4] {
        fixture.cancel(number);
    }
    assert_eq!(jobs.each_ref().map(Job::is_cancelled), [false, true, false]);
    assert!(!jobs[1].is_lost());
    // A handler that ignores it is answered as ever. Its slot is taken until then.
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":5}"#).unwrap();
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":6}"#).unwrap_err();
    fixture.finish(&jobs[1]);
    fixture.cancel(2);
    assert_eq!(fixture.sent(), "did 3, did 2");
    // The number may come again.
    assert!(!fixture.give(2).is_cancelled());
}

#[test]
fn a_lost_job_is_not_a_cancelled_one() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let lost = fixture.give(1);
    fixture.disconnect();
    fixture.connect();
    let job = fixture.give(1);
    fixture.cancel(1);
    assert_eq!((lost.is_lost(), lost.is_cancelled()), (true, false));
    assert_eq!((job.is_lost(), job.is_cancelled()), (false, true));
}

#[test]
fn two_jobs_with_one_number_are_an_error() {
    let mut fixture = Fixture::open(2, u64::MAX);
    fixture.give(1);
    fixture.read(r#"{"cmd":"do","id":1,"type":"t","job":1}"#).unwrap_err();
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
}

#[test]
fn lines_that_it_does_not_know_are_ignored() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    fixture.sent();
    for line in [
        r#"{"cmd":"later","job":1}"#,
        r#"{"cmd":"progress","id":1,"data":1}"#,
        r#"{"cmd":"did","id":1,"res":1}"#,
        r#"{"cmd":7}"#,
    ] {
        fixture.read(line).unwrap();
    }
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1");
    assert!(fixture.outcome().is_none());
}

#[test]
fn a_job_knows_its_attempt_its_time_and_its_reference() {
    let mut fixture = Fixture::open(4, u64::MAX);
    let plain = fixture.give(1);
    assert_eq!((plain.attempt(), plain.time_left(), plain.reference()), (1, None, None));
    let second = fixture.give_with(2, r#","attempt":2,"run_limit_ms":3600000,"ref":"0.a-7_Z""#);
    assert_eq!((second.attempt(), second.reference()), (2, Some("0.a-7_Z")));
    let left = second.time_left().unwrap();
    assert!(Duration::from_secs(3_000) < left && left <= Duration::from_secs(3_600), "{left:?}");
    let over = fixture.give_with(3, r#","run_limit_ms":0"#);
    assert_eq!(over.time_left(), Some(Duration::ZERO));
    // No server sends it.
    fixture.give_with(4, &format!(r#","run_limit_ms":{}"#, u64::MAX)).time_left().unwrap();
}

#[test]
fn a_report_that_was_sent_starts_the_time_again() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give_with(1, r#","run_limit_ms":3600000"#);
    let less = |job: &Job| {
        let left = job.time_left().unwrap();
        while job.time_left().unwrap() == left {}
        job.time_left().unwrap()
    };
    for again in [|job: &Job| job.progress(&1), Job::keep_alive] {
        let before = less(&job);
        again(&job).unwrap();
        assert!(job.time_left().unwrap() > before);
    }
    assert_eq!(fixture.reports.len(), 2);
    job.progress(&f64::NAN).unwrap_err();
    fixture.cancel(1);
    let before = less(&job);
    assert!(matches!(job.progress(&1), Err(Error::Cancelled(_))));
    assert!(matches!(job.keep_alive(), Err(Error::Cancelled(_))));
    assert!(job.time_left().unwrap() <= before);
    assert_eq!(fixture.reports.len(), 2);
}

#[test]
fn reports_are_sent_until_the_job_is_lost() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let job = fixture.give(1);
    fixture.sent();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert_eq!(fixture.sent(), r#"{"cmd":"progress","job":1,"data":""#.to_owned() + "\"");
    job.keep_alive().unwrap();
    let (origin, line) = fixture.reports.try_recv().unwrap();
    assert_eq!(String::from_utf8(line.clone()).unwrap(), "{\"cmd\":\"progress\",\"job\":1}\n");
    fixture.disconnect();
    fixture.connect();
    fixture.sent();
    // One that was on its way to the link when the connection was lost.
    let error = fixture.session.report(&origin, &line, &mut fixture.sent).unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.reason == "gone"), "{error:?}");
    assert!(matches!(job.progress(&1), Err(Error::Disconnected(_))));
    assert!(fixture.reports.is_empty());
    assert_eq!(fixture.sent(), "");
}

#[test]
fn a_long_report_waits_until_the_limit_is_known() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.sent();
    let known = fixture.report(&one, 3_000).unwrap().unwrap();
    fixture.finish_long(&two, 2_000);
    assert_eq!(fixture.sent(), "metrics");
    assert!(known.wait(Some(std::time::Instant::now()), Outcome::is_ok).is_none());
    fixture.read(r#"{"cmd":"metrics","metrics":{"max_line":3000}}"#).unwrap();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(true));
    assert_eq!(fixture.sent(), "did 2 ");
    match fixture.report(&one, 3_000) {
        Err(Error::TooLong(text)) => assert!(text.contains("the limit is 3000"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(fixture.report(&one, 2_900).unwrap().is_none());
    assert!(fixture.sent().starts_with(r#"{"cmd":"progress","job":1,"data":"#));
}

#[test]
fn a_handler_that_waits_to_report_goes_on_when_the_answer_cannot_come() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.disconnect();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(false));

    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.session.end_jobs();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(false));
    drop(job);

    // The server knows no metrics: every report is sent.
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    let known = fixture.report(&job, 2_000).unwrap().unwrap();
    fixture.read(r#"{"cmd":"error","code":"unknown_cmd","error":"metrics"}"#).unwrap();
    assert_eq!(known.wait(None, Outcome::is_ok), Some(true));
    assert!(fixture.report(&job, 2_000).unwrap().is_none());
}

#[test]
fn a_server_that_does_not_know_reports_gets_no_more_of_them() {
    let mut fixture = Fixture::open(1, u64::MAX);
    let job = fixture.give(1);
    assert!(fixture.report(&job, 4).unwrap().is_none());
    fixture.sent();
    let refusal = r#"{"cmd":"error","code":"unknown_cmd","error":"cmd must be can_do"}"#;
    fixture.read(refusal).unwrap();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert!(fixture.report(&job, 4_000).unwrap().is_none());
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "did 1");
    assert!(fixture.outcome().is_none(), "it goes on");
    // The next server may know them.
    fixture.disconnect();
    fixture.connect();
    fixture.pong();
    let job = fixture.give(2);
    fixture.sent();
    assert!(fixture.report(&job, 4).unwrap().is_none());
    assert!(fixture.sent().starts_with(r#"{"cmd":"progress","job":2"#));
}
