//! A submitter that keeps books: which job is open under which id, and what must be answered. After each batch it sends
//! a `ping`: once that is answered, the server has taken the batch in, and owes an answer to each job of it.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::random::Random;
use crate::round::{Phase, Round};
use crate::tally::Code;
use crate::wire::{Leave, Received, Wire};
use crate::work::{Fate, Job};

/// Jobs that steady submitters keep unanswered.
const WINDOW: usize = 48;

/// A job without an answer.
#[derive(Debug)]
struct Open {
    job: Job,
    /// The batch in which it went out.
    batch: u64,
    /// The batch in which it was cancelled, if it was.
    cancelled: Option<u64>,
}

/// A connection that submits jobs.
pub(crate) struct Submitter<'a> {
    round: &'a Round,
    pub(crate) wire: Wire,
    /// Open jobs by the text of their id.
    open: HashMap<String, Open>,
    /// Batches sent, each with a `ping` behind it, and pings answered.
    batches: u64,
    pongs: u64,
    ids: u64,
    /// Answers by code.
    answers: [u64; Code::COUNT],
    /// The server may close it, as it does not read as it should.
    pub(crate) may_be_closed: bool,
    /// The server has said why it closes it.
    got_reason: bool,
    over: bool,
}

impl<'a> Submitter<'a> {
    /// A new connection by one of the ways.
    pub(crate) fn connect(round: &'a Round, random: &mut Random) -> Option<Self> {
        Some(Self::over(round, round.connect(random)?))
    }

    /// Over a connection that has not been used.
    pub(crate) fn over(round: &'a Round, wire: Wire) -> Self {
        Self {
            round,
            wire,
            open: HashMap::new(),
            batches: 0,
            pongs: 0,
            ids: 0,
            answers: [0; Code::COUNT],
            may_be_closed: false,
            got_reason: false,
            over: false,
        }
    }

    /// Sends a batch of jobs of a type. Ids are small numbers and the same as strings, so that other connections have
    /// them, too.
    pub(crate) fn submit(&mut self, type_name: &str, jobs: impl IntoIterator<Item = Job>) {
        let mut lines = String::new();
        self.batches += 1;
        for job in jobs {
            let id =
                if self.ids.is_multiple_of(2) { format!("{}", self.ids / 2) } else { format!(r#""{}""#, self.ids / 2) };
            self.ids += 1;
            let job = job.of_type(type_name);
            writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"{type_name}","arg":{}{}}}"#, job.arg(), job.options)
                .unwrap();
            self.open.insert(id, Open { job, batch: self.batches, cancelled: None });
            self.round.tally.submitted();
        }
        lines.push_str("{\"cmd\":\"ping\"}\n");
        // If it is over, the next read says so.
        self.wire.send(lines);
    }

    /// Sends a batch of `cancel` lines: for each open job as chance has it, one in `n`.
    pub(crate) fn cancel(&mut self, random: &mut Random, n: usize) {
        let mut lines = String::new();
        self.batches += 1;
        for (id, open) in self.open.iter_mut().filter(|_| random.one_in(n)) {
            writeln!(lines, r#"{{"cmd":"cancel","id":{id}}}"#).unwrap();
            open.cancelled.get_or_insert(self.batches);
        }
        lines.push_str("{\"cmd\":\"cancel\",\"id\":\"never used\"}\n{\"cmd\":\"ping\"}\n");
        self.wire.send(lines);
    }

    pub(crate) fn open_jobs(&self) -> usize {
        self.open.len()
    }

    /// How many answers had this code.
    pub(crate) fn answers(&self, code: Code) -> u64 {
        self.answers[code as usize]
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Receives what comes for this time; stops early when the connection is over.
    pub(crate) fn receive_for(&mut self, time: Duration) {
        let start = Instant::now();
        while !self.over && start.elapsed() < time {
            self.receive();
        }
    }

    /// Receives until nothing is open; gives up when the connection or the round is over.
    pub(crate) fn receive_all(&mut self) {
        while !self.over && !self.open.is_empty() && !self.round.is(Phase::Over) {
            self.receive();
        }
    }

    /// Receives one line, or none for a moment.
    pub(crate) fn receive(&mut self) {
        match self.wire.receive() {
            Received::Line(line) => {
                if let Err(why) = self.take_in(&line) {
                    self.round.fail(format!("a submitter received {line}\n{why}"));
                    self.over = true;
                }
            }
            Received::Nothing => {}
            Received::End => self.on_end(),
        }
    }

    fn take_in(&mut self, line: &str) -> Result<(), String> {
        let received: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        match received["cmd"].as_str() {
            Some("did") => self.on_did(&received),
            Some("pong") => {
                self.pongs += 1;
                if self.pongs > self.batches { Err("pongs that were not asked for".to_owned()) } else { self.on_pong() }
            }
            Some("progress") => self.on_progress(&received),
            Some("error") if received["code"] == "queue_full" && received["id"].is_null() => {
                self.got_reason = true;
                Ok(())
            }
            Some("metrics") => Ok(()),
            _ => Err("which answers nothing".to_owned()),
        }
    }

    /// What was cancelled before the `ping` has ended.
    fn on_pong(&self) -> Result<(), String> {
        let is_done_with =
            |open: &&Open| open.job.options.cancellable && open.cancelled.is_some_and(|batch| batch <= self.pongs);
        let left = self.open.values().find(is_done_with);
        left.map_or(Ok(()), |open| Err(format!("which cancelled {:?}", open.job)))
    }

    fn on_progress(&self, progress: &Value) -> Result<(), String> {
        let open = self.open.get(&progress["id"].to_string()).ok_or("but has no such job open")?;
        let is_right = open.job.options.progress && progress["data"] == open.job.progress();
        if is_right { Ok(()) } else { Err(format!("of {:?}", open.job)) }
    }

    fn on_did(&mut self, did: &Value) -> Result<(), String> {
        let Some(Open { job, cancelled, .. }) = self.open.remove(&did["id"].to_string()) else {
            return Err("but has no such job open".to_owned());
        };
        let code = did["code"].as_str().map_or(Some(Code::Done), Code::named).ok_or("a code that is no answer")?;
        let is_allowed = job.options.allow(code, self.round.server_state(), cancelled.is_some());
        let is_right = match code {
            Code::Done if job.options.background => did["res"].is_null(),
            Code::Done => job.fate == Fate::Done && did["res"] == job.outcome(),
            Code::Failed => job.fate == Fate::Fails && did["err"] == job.outcome(),
            _ => true,
        };
        self.answers[code as usize] += 1;
        self.round.tally.answered(code);
        self.round.on_answer();
        if is_allowed && is_right { Ok(()) } else { Err(format!("as the answer to {job:?}")) }
    }

    /// The server has ended it, or the system, which the server may do if it had no descriptor for it, said why, or stops.
    fn on_end(&mut self) {
        self.over = true;
        let refused = self.pongs == 0 && self.ids > 0 && self.open.len() as u64 == self.ids;
        if self.round.is_stopping() && !self.may_be_closed {
            let owed = self.open.values().filter(|open| open.batch <= self.pongs).count();
            if owed > 0 {
                self.round.fail(format!("{owed} jobs that were accepted are unanswered at the server's end"));
            }
        } else if !refused && !self.got_reason && !self.may_be_closed {
            self.round.fail(format!("the server has closed a submitter's connection, with {:?} open", self.open));
        }
    }

    /// Goes away, and does not want its answers any more.
    pub(crate) fn leave(self, how: Leave) {
        self.wire.will_leave(how);
    }
}

impl Drop for Submitter<'_> {
    fn drop(&mut self) {
        self.round.tally.left_open(self.open.len());
    }
}

/// Submits jobs of these types and checks their answers, until the faults end and all is answered.
pub(crate) fn keep_submitting(round: &Round, mut random: Random, types: &[&str]) {
    while round.is(Phase::Chaos) {
        let Some(mut submitter) = Submitter::connect(round, &mut random) else {
            round.wait_about(&mut random, 10);
            continue;
        };
        while round.is(Phase::Chaos) && !submitter.is_over() {
            if submitter.open_jobs() < WINDOW {
                let jobs: Vec<Job> = (0..=random.below(8)).map(|_| round.job(&mut random)).collect();
                submitter.submit(types[random.below(types.len())], jobs);
            }
            if round.has_options && random.one_in(3) {
                submitter.cancel(&mut random, 8);
            }
            submitter.receive_for(Duration::from_micros(500 + random.below(4_000) as u64));
        }
        submitter.receive_all();
        if !submitter.is_over() {
            // What would come after the last answer is seen now.
            submitter.submit("", []);
            submitter.receive_for(Duration::from_millis(20));
        }
        if submitter.open_jobs() > 0 && round.failure().is_some() {
            round.tally.outstanding(format!("a submitter waits for {:?}", submitter.open));
        }
        submitter.leave(Leave::Close);
    }
}
