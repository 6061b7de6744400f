//! A worker that keeps books: what it holds, and that the server gives it no more than its slots and nothing that another
//! one holds.

use std::collections::HashMap;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ledger::WorkerId;
use crate::random::Random;
use crate::round::{Phase, Round};
use crate::wait::PATIENCE;
use crate::wire::{Leave, Received, Wire};
use crate::work::{Fate, Hold, Job};

/// Shows that it was taken in, and later that it is still there.
const PING: &str = "{\"cmd\":\"ping\"}\n";

/// A job that it has not answered.
struct Held {
    /// The member of a `did` that names it.
    name: String,
    job: Job,
    /// It has ended, so the slot is spent.
    is_spent: bool,
}

/// A connection that does jobs.
pub(crate) struct Worker<'a> {
    round: &'a Round,
    pub(crate) wire: Wire,
    id: WorkerId,
    /// Jobs that it takes at once, if it said so.
    slots: Option<usize>,
    held: Vec<Held>,
    /// The keys of jobs that it has received and for which no `cancel` came, by name.
    uncancelled: HashMap<String, u64>,
    /// How many `cancel` came.
    cancels: u64,
    /// Pings sent and answered.
    pings: u64,
    pongs: u64,
    got_reason: bool,
    deaf: bool,
    over: bool,
}

impl<'a> Worker<'a> {
    /// A new connection that has said what it does, and was taken in.
    pub(crate) fn connect(round: &'a Round, random: &mut Random, types: &[&str]) -> Option<Self> {
        let slots = if random.one_in(2) { None } else { Some(1 + random.below(8)) };
        let wire = round.connect(random)?;
        let id = round.number();
        if slots.is_none() {
            round.ledger.is_unnumbered(id);
        }
        let mut worker = Self {
            round,
            wire,
            id,
            slots,
            held: Vec::new(),
            uncancelled: HashMap::new(),
            cancels: 0,
            pings: 1,
            pongs: 0,
            got_reason: false,
            deaf: false,
            over: false,
        };
        let max_jobs = slots.map_or(String::new(), |slots| format!(r#","max_jobs":{slots}"#));
        worker.wire.send(format!("{{\"cmd\":\"can_do\",\"types\":{types:?}{max_jobs}}}\n{PING}"));
        while worker.pongs == 0 && !worker.over && !round.is(Phase::Over) {
            worker.receive();
        }
        if worker.over { None } else { Some(worker) }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Jobs that it holds.
    pub(crate) fn holds(&self) -> usize {
        self.held.len()
    }

    /// Receives until it holds a job; false if there is none for a while, or the connection is over.
    pub(crate) fn wait_for_a_job(&mut self) -> bool {
        let start = Instant::now();
        while self.held.is_empty() && !self.over && start.elapsed() < Duration::from_millis(300) {
            self.receive();
        }
        !self.held.is_empty() && !self.over
    }

    /// Receives one line, or none for a moment.
    pub(crate) fn receive(&mut self) {
        match self.wire.receive() {
            Received::Line(line) => {
                if let Err(why) = self.take_in(&line) {
                    self.round.fail(format!("worker {} received {line}\n{why}", self.id));
                    self.over = true;
                }
            }
            Received::Nothing => {}
            Received::End => self.on_end(),
        }
        if !self.over && self.pings == self.pongs && self.round.ledger.must_ask(self.id) {
            self.pings += 1;
            self.wire.send(PING);
        }
    }

    fn take_in(&mut self, line: &str) -> Result<(), String> {
        let received: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        match received["cmd"].as_str() {
            Some("do") => return self.on_do(&received),
            Some("cancel") => return self.on_cancel(&received),
            Some("pong") if self.pongs < self.pings => {
                self.pongs += 1;
                // Not before it must ask; of what it asked earlier the answer would prove nothing.
                self.round.ledger.had_answer(self.id);
            }
            Some("error") if received["code"] == "queue_full" && received["id"].is_null() => self.got_reason = true,
            _ => return Err("which it did not ask for".to_owned()),
        }
        Ok(())
    }

    fn on_do(&mut self, received: &Value) -> Result<(), String> {
        let job = Job::read(&received["arg"]).ok_or("an argument that nobody sent")?;
        if received["job"].is_u64() != self.slots.is_some() {
            return Err("the number must be there if it said max_jobs, and only then".to_owned());
        }
        self.round.ledger.enter(job.key, job.hold, self.id);
        let name = if self.slots.is_some() { "job" } else { "id" };
        let name = format!(r#""{name}":{}"#, received[name]);
        if self.slots.is_some() && job.hold != Hold::Firm {
            self.uncancelled.insert(name.clone(), job.key);
        }
        self.held.push(Held { name, job, is_spent: false });
        let slots = self.slots.unwrap_or(1);
        if self.held.len() > slots { Err(format!("it holds more than {slots}")) } else { Ok(()) }
    }

    /// It comes once at most, and for jobs that may be revoked. The answer may be on its way.
    fn on_cancel(&mut self, cancel: &Value) -> Result<(), String> {
        let name = format!(r#""job":{}"#, cancel["job"]);
        let key = self.uncancelled.remove(&name).ok_or("for a job that it does not have, or may keep")?;
        self.cancels += 1;
        self.round.ledger.revoke(key, self.id);
        if let Some(held) = self.held.iter_mut().find(|held| held.name == name) {
            held.is_spent = true;
        }
        Ok(())
    }

    /// The server has ended it, which it may if it said why, had no descriptor for it, or stops.
    fn on_end(&mut self) {
        self.over = true;
        self.round.ledger.leave(self.id, true);
        if self.pongs > 0 && !self.got_reason && !self.deaf && !self.round.is_stopping() {
            self.round.fail(format!("the server has closed the connection of worker {}", self.id));
        }
    }

    /// Answers one of the jobs that it holds, of which there must be one. Returns whether it lives on.
    pub(crate) fn answer_one(&mut self, random: &mut Random) -> bool {
        let Held { name, job, is_spent } = self.held.swap_remove(random.below(self.held.len()));
        if !is_spent {
            self.round.ledger.strike(job.key, self.id);
        }
        if job.fate == Fate::Kills {
            return false;
        }
        // If it is over, the next read says so.
        self.wire.send(format!("{{\"cmd\":\"did\",{name},{}}}\n", job.verdict()))
    }

    /// Says how far it is with one of the jobs that it holds, of which there must be one.
    pub(crate) fn report_one(&mut self, random: &mut Random) {
        let Held { name, job, .. } = random.pick(&self.held);
        let data = if random.one_in(3) { String::new() } else { format!(r#","data":{}"#, job.progress()) };
        self.wire.send(format!("{{\"cmd\":\"progress\",{name}{data}}}\n"));
    }

    /// Answers nothing until a job is cancelled, or for so long. Returns whether one was.
    pub(crate) fn hang(&mut self, time: Duration) -> bool {
        let (start, before) = (Instant::now(), self.cancels);
        while !self.over && self.cancels == before && start.elapsed() < time && !self.round.is(Phase::Over) {
            self.receive();
        }
        self.cancels > before
    }

    /// Sends half an answer, and goes away.
    pub(crate) fn leave_mid_answer(mut self, random: &mut Random, how: Leave) {
        self.part();
        if let Some(Held { name, job, .. }) = self.held.last() {
            let line = format!("{{\"cmd\":\"did\",{name},{}}}\n", job.verdict());
            self.wire.send(&line[..random.below(line.len())]);
        }
        self.wire.leave(how);
    }

    /// Ends its own input: what is sent to it from now on is lost, or breaks the connection.
    pub(crate) fn go_deaf(&mut self) {
        self.deaf = true;
        self.wire.shut(Shutdown::Read);
    }

    /// Ends the server's input, and must then see the end of its own.
    pub(crate) fn leave_half(mut self) {
        self.part();
        self.wire.shut(Shutdown::Write);
        let start = Instant::now();
        while !matches!(self.wire.receive(), Received::End) && !self.round.is(Phase::Over) {
            if start.elapsed() > PATIENCE {
                return self.round.fail("the server does not close a worker that has ended its output");
            }
        }
    }

    /// Goes away with all that it holds.
    pub(crate) fn leave(mut self, how: Leave) {
        self.part();
        self.wire.leave(how);
    }

    /// Strikes out what it holds, once no doubt is left that it may: see [`crate::ledger`].
    pub(crate) fn part(&mut self) {
        while !self.over && self.round.ledger.is_doubted(self.id) && !self.round.is(Phase::Over) {
            self.receive();
        }
        self.round.ledger.leave(self.id, self.over);
    }
}

/// Does jobs of these types until all leave, comes again when a job killed it.
pub(crate) fn keep_working(round: &Round, mut random: Random, types: &[&str]) {
    while !round.is(Phase::Over) {
        let Some(mut worker) = Worker::connect(round, &mut random, types) else {
            round.wait_about(&mut random, 10);
            continue;
        };
        while !worker.is_over() && !round.is(Phase::Over) {
            worker.receive();
            if round.has_options && worker.holds() > 0 && random.one_in(6) {
                worker.report_one(&mut random);
            }
            if round.has_options && worker.holds() > 0 && random.one_in(400) {
                worker.hang(Duration::from_millis(150));
            }
            // Now and then it has several before it answers one.
            let patient = worker.holds() < 3 && random.one_in(8);
            if worker.holds() > 0 && !patient && !worker.is_over() && !worker.answer_one(&mut random) {
                break;
            }
        }
        worker.leave(Leave::Close);
    }
}
