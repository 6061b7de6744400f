//! A worker that keeps books: what it holds, and that the server gives it no more than its slots and nothing that another
//! one holds.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ledger::WorkerId;
use crate::random::Random;
use crate::round::{Phase, Round};
use crate::wait::PATIENCE;
use crate::wire::{Leave, Received, Wire};
use crate::work::{Fate, Job};

/// Shows that it was taken in, and later that it is still there.
const PING: &str = "{\"cmd\":\"ping\"}\n";

/// A connection that does jobs.
pub(crate) struct Worker<'a> {
    round: &'a Round,
    pub(crate) wire: Wire,
    id: WorkerId,
    /// Jobs that it takes at once, if it said so.
    slots: Option<usize>,
    /// Each with the members of a `did` that name it.
    held: Vec<(String, Job)>,
    /// Pings sent and answered.
    pings: u64,
    pongs: u64,
    told_why: bool,
    deaf: bool,
    over: bool,
}

impl<'a> Worker<'a> {
    /// A new connection that has said what it does, and was taken in.
    pub(crate) fn connect(round: &'a Round, random: &mut Random, types: &[&str]) -> Option<Self> {
        let slots = if random.one_in(2) { None } else { Some(1 + random.below(8)) };
        let wire = round.connect(random)?;
        let id = round.number();
        let held = Vec::new();
        let mut worker =
            Self { round, wire, id, slots, held, pings: 1, pongs: 0, told_why: false, deaf: false, over: false };
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

    /// Hears until it holds a job; false if there is none for a while, or the connection is over.
    pub(crate) fn wait_for_a_job(&mut self) -> bool {
        let start = Instant::now();
        while self.held.is_empty() && !self.over && start.elapsed() < Duration::from_millis(300) {
            self.receive();
        }
        !self.held.is_empty() && !self.over
    }

    /// Hears one line, or none for a moment.
    pub(crate) fn receive(&mut self) {
        match self.wire.receive() {
            Received::Line(line) => {
                if let Err(why) = self.take_in(&line) {
                    self.round.fail(format!("worker {} was told {line}\n{why}", self.id));
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
        let heard: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        match heard["cmd"].as_str() {
            Some("do") => return self.on_do(&heard),
            Some("pong") if self.pongs < self.pings => {
                self.pongs += 1;
                // Not before it must ask; of what it asked earlier the answer would prove nothing.
                self.round.ledger.had_answer(self.id);
            }
            Some("error") if heard["code"] == "queue_full" && heard["id"].is_null() => self.told_why = true,
            _ => return Err("which it did not ask for".to_owned()),
        }
        Ok(())
    }

    fn on_do(&mut self, told: &Value) -> Result<(), String> {
        let job = Job::read(&told["arg"]).ok_or("an argument that nobody sent")?;
        if told["job"].is_u64() != self.slots.is_some() {
            return Err("the number must be there if it said max_jobs, and only then".to_owned());
        }
        self.round.ledger.enter(job.key, self.id);
        let name = if self.slots.is_some() { "job" } else { "id" };
        self.held.push((format!(r#""{name}":{}"#, told[name]), job));
        let slots = self.slots.unwrap_or(1);
        if self.held.len() > slots { Err(format!("it holds more than {slots}")) } else { Ok(()) }
    }

    /// The server has ended it, which it may if it said why, had no descriptor for it, or stops.
    fn on_end(&mut self) {
        self.over = true;
        self.round.ledger.leave(self.id, true);
        if self.pongs > 0 && !self.told_why && !self.deaf && !self.round.is_stopping() {
            self.round.fail(format!("the server has closed the connection of worker {}", self.id));
        }
    }

    /// Answers one of the jobs that it holds, of which there must be one. Returns whether it lives on.
    pub(crate) fn answer_one(&mut self, random: &mut Random) -> bool {
        let (name, job) = self.held.swap_remove(random.below(self.held.len()));
        self.round.ledger.strike(job.key, self.id);
        if job.fate == Fate::Kills {
            return false;
        }
        // If it is over, the next read says so.
        self.wire.send(format!("{{\"cmd\":\"did\",{name},{}}}\n", job.verdict()))
    }

    /// Sends half an answer, and goes away.
    pub(crate) fn leave_mid_answer(mut self, random: &mut Random, how: Leave) {
        self.part();
        if let Some((name, job)) = self.held.last() {
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
            // Now and then it has several before it answers one.
            let patient = worker.holds() < 3 && random.one_in(8);
            if worker.holds() > 0 && !patient && !worker.is_over() && !worker.answer_one(&mut random) {
                break;
            }
        }
        worker.leave(Leave::Close);
    }
}
