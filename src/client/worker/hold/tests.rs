//! What a worker says in which order: tables, without a socket or a thread.

use crossbeam_channel::{Receiver, unbounded};

use super::*;

/// A session, with the jobs that wait for a thread and the notes for whoever runs it.
struct Desk {
    hold: Hold,
    jobs: Receiver<Job>,
    notes: Receiver<Note>,
    said: Vec<u8>,
}

impl Desk {
    fn new(max_jobs: u32, limit: u64) -> Self {
        let ((sender, jobs), (note, notes)) = (unbounded(), unbounded());
        let hold = Hold::new(r#"["t"]"#.to_owned(), max_jobs, limit, sender, note);
        Self { hold, jobs, notes, said: Vec::new() }
    }

    /// With a connection, whose first ping is answered.
    fn open(max_jobs: u32, limit: u64) -> Self {
        let mut desk = Self::new(max_jobs, limit);
        desk.connect();
        desk.pong();
        desk
    }

    fn connect(&mut self) {
        self.hold.opened(&mut self.said);
    }

    fn lose(&mut self) {
        self.hold.lost(&Lost { url: String::new(), reason: String::new(), code: None });
        self.said.clear();
    }

    fn hear(&mut self, line: &str) -> Result<(), String> {
        self.hold.heard(Said::read(line.as_bytes()).unwrap(), &mut self.said)
    }

    fn pong(&mut self) {
        self.hear(r#"{"cmd":"pong"}"#).unwrap();
    }

    fn give(&mut self, number: u64) -> Job {
        self.hear(&format!(r#"{{"cmd":"do","id":"i","type":"t","job":{number}}}"#)).unwrap();
        self.jobs.try_recv().unwrap()
    }

    fn finish(&mut self, job: &Job) {
        self.hold.finish(job, format!("did {}\n", job.number()).as_bytes(), &mut self.said);
    }

    fn stop(&mut self) {
        self.hold.stop(&mut self.said);
    }

    /// What was said since the last call, in short.
    fn said(&mut self) -> String {
        let lines = String::from_utf8(std::mem::take(&mut self.said)).unwrap();
        lines
            .replace(r#"{"cmd":"can_do","types":["t"],"max_jobs":"#, "can_do ")
            .replace(r#"{"cmd":"cant_do","types":["t"]}"#, "cant_do")
            .replace(r#"{"cmd":"ping"}"#, "ping")
            .replace("}\n", ", ")
            .replace('\n', ", ")
            .trim_end_matches(", ")
            .to_owned()
    }

    /// How it ended, if it has.
    fn outcome(&self) -> Option<Result<(), RunError>> {
        self.notes.try_iter().find_map(|note| if let Note::Ended(outcome) = note { Some(outcome) } else { None })
    }

    fn ended(&self) -> bool {
        self.outcome().is_some_and(|outcome| outcome.is_ok())
    }
}

#[test]
fn it_offers_its_slots_and_answers_jobs() {
    let mut desk = Desk::new(2, u64::MAX);
    desk.connect();
    assert_eq!(desk.said(), "can_do 2, ping");
    let (one, two) = (desk.give(1), desk.give(2));
    desk.finish(&two);
    desk.finish(&one);
    assert_eq!(desk.said(), "did 2, did 1");
    assert!(!desk.ended());
}

#[test]
fn a_stopped_worker_finishes_what_it_holds_and_leaves_when_all_is_read() {
    let mut desk = Desk::open(2, u64::MAX);
    let one = desk.give(1);
    desk.said();
    desk.stop();
    assert_eq!(desk.said(), "cant_do");
    // It was on its way.
    let two = desk.give(2);
    desk.finish(&one);
    assert_eq!(desk.said(), "did 1");
    desk.finish(&two);
    assert_eq!(desk.said(), "did 2, ping");
    assert!(!desk.ended());
    desk.pong();
    assert!(desk.ended());
}

#[test]
fn a_job_that_comes_before_the_last_pong_is_done() {
    let mut desk = Desk::open(1, u64::MAX);
    desk.said();
    desk.stop();
    assert_eq!(desk.said(), "cant_do, ping");
    let job = desk.give(1);
    desk.pong();
    assert!(!desk.ended());
    desk.finish(&job);
    assert_eq!(desk.said(), "did 1, ping");
    desk.pong();
    assert!(desk.ended());
}

#[test]
fn pongs_of_earlier_pings_are_not_the_last() {
    let mut desk = Desk::open(1, u64::MAX);
    desk.hold.ask(&mut desk.said);
    desk.stop();
    desk.pong();
    assert!(!desk.ended());
    desk.pong();
    assert!(desk.ended());
}

#[test]
fn without_a_connection_there_is_nothing_to_finish() {
    let mut desk = Desk::new(1, u64::MAX);
    desk.stop();
    assert!(desk.ended());

    let mut desk = Desk::open(1, u64::MAX);
    desk.give(1);
    desk.stop();
    assert!(!desk.ended());
    desk.lose();
    assert!(desk.ended());
}

#[test]
fn results_of_a_lost_connection_are_dropped_and_their_slots_offered_when_free() {
    let mut desk = Desk::open(3, u64::MAX);
    let (one, two) = (desk.give(1), desk.give(2));
    desk.lose();
    assert!(one.is_lost() && two.is_lost());
    desk.connect();
    assert_eq!(desk.said(), "can_do 1, ping");
    let three = desk.give(3);
    assert!(!three.is_lost());
    desk.finish(&one);
    assert_eq!(desk.said(), "can_do 2");
    desk.finish(&three);
    assert_eq!(desk.said(), "did 3");
    desk.finish(&two);
    assert_eq!(desk.said(), "can_do 3");
}

#[test]
fn a_worker_with_no_free_thread_offers_nothing_until_it_has_one() {
    let mut desk = Desk::open(1, u64::MAX);
    let job = desk.give(1);
    desk.lose();
    desk.connect();
    assert_eq!(desk.said(), "ping");
    desk.lose();
    desk.connect();
    assert_eq!(desk.said(), "ping");
    desk.finish(&job);
    assert_eq!(desk.said(), "can_do 1");
}

#[test]
fn a_limit_is_kept_to_the_job() {
    let mut desk = Desk::new(2, 3);
    desk.connect();
    assert_eq!(desk.said(), "can_do 2, ping");
    desk.pong();
    let (one, two) = (desk.give(1), desk.give(2));
    desk.finish(&one);
    assert_eq!(desk.said(), "did 1");
    let three = desk.give(3);
    desk.finish(&two);
    assert_eq!(desk.said(), "can_do 1, did 2");
    desk.finish(&three);
    assert_eq!(desk.said(), "cant_do, did 3, ping");
    desk.pong();
    assert!(desk.ended());
}

#[test]
fn jobs_of_a_lost_connection_do_not_count_for_the_limit() {
    let mut desk = Desk::open(2, 1);
    let lost = desk.give(1);
    desk.lose();
    desk.connect();
    desk.pong();
    assert_eq!(desk.said(), "can_do 1, ping");
    desk.finish(&lost);
    let job = desk.give(2);
    desk.finish(&job);
    assert_eq!(desk.said(), "cant_do, did 2, ping");
}

#[test]
fn no_jobs_are_done_under_a_limit_of_none() {
    let mut desk = Desk::new(2, 0);
    desk.connect();
    assert_eq!(desk.said(), "ping, ping");
    desk.pong();
    desk.pong();
    assert!(desk.ended());
}

#[test]
fn more_jobs_than_were_asked_for_are_refused() {
    let mut desk = Desk::open(1, u64::MAX);
    desk.give(1);
    desk.hear(r#"{"cmd":"do","id":1,"type":"t","job":2}"#).unwrap_err();
}

#[test]
fn what_no_reconnect_mends_ends_it_and_nothing_else_does() {
    for (code, answered, ends) in [
        ("bad_request", false, true),
        ("unknown_cmd", false, true),
        ("too_long", false, true),
        ("too_long", true, false),
        ("not_holding", true, false),
        ("queue_full", true, false),
        ("bad_json", false, false),
        ("later", true, false),
    ] {
        let mut desk = if answered { Desk::open(1, u64::MAX) } else { Desk::new(1, u64::MAX) };
        desk.connect();
        if answered {
            desk.pong();
        }
        desk.hear(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#)).unwrap();
        match desk.outcome() {
            Some(Err(RunError::Refused(error))) => assert!(ends && error.code() == Some(code)),
            outcome => assert!(outcome.is_none() && !ends, "{code}"),
        }
    }
}
