//! What a worker sends, in which order: without a socket or a thread.

mod ending;
mod jobs;
mod long_lines;
mod reports;
mod slots;

use std::collections::BTreeSet;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};

use super::*;
use crate::client::error::Disconnected;
use crate::client::incoming::Incoming;
use crate::client::link::Session;
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
