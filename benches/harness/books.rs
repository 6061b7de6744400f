//! What a load thread keeps beside its sockets: who asked for what and when, what is due, and what was measured.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::Failure;
use super::check::Wrong;
use super::clients::{Submitter, Worker};
use super::dialect::{Dialect, Heard};
use super::pace::Pace;
use super::workload::{JobName, Workload, nanoseconds};

/// When a run does what, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Its start.
    pub(crate) start: Instant,
    /// From here on answers are measured.
    pub(crate) measure_ns: u64,
    /// From here on none is.
    pub(crate) end_ns: u64,
    /// From here on no job is submitted.
    pub(crate) stop_ns: u64,
    /// What is not answered by now is missing.
    pub(crate) give_up_ns: u64,
    /// An answer that takes longer is wrong.
    pub(crate) late_ns: u64,
}

impl Schedule {
    /// One that has not begun: it is set when all peers are connected.
    pub(crate) fn unset() -> Self {
        Self { start: Instant::now(), measure_ns: 0, end_ns: 0, stop_ns: 0, give_up_ns: 0, late_ns: 0 }
    }

    /// The time since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    fn measures(&self, now_ns: u64) -> bool {
        (self.measure_ns..self.end_ns).contains(&now_ns)
    }
}

/// What a connection is to the load.
#[derive(Debug)]
pub(crate) enum Part {
    /// Answers for this submitter are heard here, and it asks here or on another connection.
    Hears(usize),
    /// A submitter asks here and is answered elsewhere.
    Asks,
    /// A worker's.
    Works(Worker),
}

/// A submitter and the connection on which it asks.
#[derive(Debug)]
pub(crate) struct Asking {
    /// What it asked for.
    pub(crate) submitter: Submitter,
    /// The number of the connection.
    pub(crate) on: usize,
    /// Whether each answer makes it ask again.
    pub(crate) closed_loop: bool,
    /// Whether its latencies count.
    pub(crate) measured: bool,
}

/// A job that a worker is busy with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Busy {
    until_ns: u64,
    client: usize,
    ticket: Vec<u8>,
    submitter: u16,
    sequence: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Books<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) schedule: Schedule,
    pub(crate) askings: Vec<Asking>,
    /// Jobs that may yet be asked for.
    pub(crate) quota: u64,
    /// Submitters that ask at a rate.
    pub(crate) paces: Vec<Pace>,
    /// Submitters that have a job to ask for since the last answers.
    again: Vec<usize>,
    busy: BinaryHeap<Reverse<Busy>>,
    /// Connections of workers that a job has killed.
    pub(crate) killed: Vec<usize>,
    /// Jobs of these submitters without an answer.
    pub(crate) owed: usize,
    /// Jobs of these submitters that were answered.
    pub(crate) answered: u64,
    /// From the intended start to the answer.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
}

/// What a thread has to send now, and to whom.
#[derive(Debug)]
pub(crate) enum Due {
    /// This submitter asks for this job.
    Ask(usize, JobName),
    /// The worker on this connection answers.
    Answer { client: usize, ticket: Vec<u8>, job: JobName },
}

impl<'a> Books<'a> {
    /// Empty ones.
    pub(crate) fn new(workload: &'a Workload, schedule: Schedule) -> Result<Self, Failure> {
        Ok(Self {
            workload,
            schedule,
            askings: Vec::new(),
            quota: u64::MAX,
            paces: Vec::new(),
            again: Vec::new(),
            busy: BinaryHeap::new(),
            killed: Vec::new(),
            owed: 0,
            answered: 0,
            latency_ns: Histogram::new(3)?,
            lag_ns: Histogram::new(3)?,
        })
    }

    /// Takes a message of the server, heard on connection `client`.
    pub(crate) fn on_heard(
        &mut self,
        client: usize,
        part: &mut Part,
        dialect: &mut dyn Dialect,
        heard: Heard<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match (part, heard) {
            (_, Heard::Receipt) => Ok(()),
            (_, Heard::Refused(said)) => Err(Wrong::Refused(super::check::excerpt(said)).into()),
            (Part::Hears(asking), Heard::Answer { id, res }) => self.on_answer(*asking, id, res, now_ns),
            (Part::Works(worker), Heard::Job { id, type_number, ticket, arg }) => {
                let job = worker.on_job(self.workload, id, type_number, arg)?;
                let work_ns = self.workload.work_ns(job);
                if self.workload.kills(job) {
                    self.killed.push(client);
                } else if work_ns == 0 {
                    dialect.answer(&ticket, job, arg, out);
                    worker.on_answered();
                } else {
                    let JobName { submitter, sequence } = job;
                    let until_ns = now_ns + work_ns;
                    self.busy.push(Reverse(Busy { until_ns, client, ticket: ticket.into(), submitter, sequence }));
                }
                Ok(())
            }
            (part, heard) => Err(Wrong::Unexpected(format!("{heard:?} for {part:?}")).into()),
        }
    }

    fn on_answer(&mut self, asking: usize, id: Option<u64>, res: &[u8], now_ns: u64) -> Result<(), Failure> {
        let Asking { submitter, closed_loop, measured, .. } = &mut self.askings[asking];
        let start_ns = submitter.on_answer(self.workload, id, res)?;
        self.owed -= 1;
        self.answered += 1;
        let latency_ns = now_ns.saturating_sub(start_ns);
        if latency_ns > self.schedule.late_ns {
            let ms = |ns: u64| ns / 1_000_000;
            return Err(Wrong::Late { ms: ms(latency_ns), ms_max: ms(self.schedule.late_ns) }.into());
        }
        if *measured && self.schedule.measures(now_ns) {
            self.latency_ns.record(latency_ns)?;
        }
        if *closed_loop {
            self.again.push(asking);
        }
        Ok(())
    }

    /// The jobs that a submitter has in flight from the start.
    pub(crate) fn fill(&mut self, asking: usize, jobs: usize) {
        self.again.extend(std::iter::repeat_n(asking, jobs));
    }

    /// The next thing to send, if something is due.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Result<Option<Due>, Failure> {
        if let Some(Reverse(Busy { client, ticket, submitter, sequence, .. })) = self.take_done(now_ns) {
            return Ok(Some(Due::Answer { client, ticket, job: JobName { submitter, sequence } }));
        }
        if self.asks_no_more(now_ns) {
            self.again.clear();
            self.paces.clear();
        }
        if let Some(asking) = self.again.pop() {
            return Ok(Some(self.ask(asking, now_ns)));
        }
        let Some((asking, due_ns)) = self.paces.iter_mut().find_map(|pace| pace.take_due(now_ns)) else {
            return Ok(None);
        };
        if self.schedule.measures(due_ns) {
            self.lag_ns.record(now_ns - due_ns)?;
        }
        Ok(Some(self.ask(asking, due_ns)))
    }

    fn take_done(&mut self, now_ns: u64) -> Option<Reverse<Busy>> {
        self.busy.peek().filter(|Reverse(busy)| busy.until_ns <= now_ns)?;
        self.busy.pop()
    }

    fn asks_no_more(&self, now_ns: u64) -> bool {
        now_ns >= self.schedule.stop_ns || self.quota == 0
    }

    /// Whether all jobs are asked for and answered.
    pub(crate) fn are_done(&self, now_ns: u64) -> bool {
        self.owed == 0 && self.asks_no_more(now_ns)
    }

    fn ask(&mut self, asking: usize, start_ns: u64) -> Due {
        self.owed += 1;
        self.quota -= 1;
        Due::Ask(asking, self.askings[asking].submitter.ask(start_ns))
    }

    /// When something will be due that no message of the server brings.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        let done_ns = self.busy.peek().map(|Reverse(busy)| busy.until_ns);
        self.paces.iter().filter_map(Pace::next_due_ns).chain(done_ns).min()
    }

    /// An error if a job is without an answer.
    pub(crate) fn close(&self) -> Result<(), Wrong> {
        self.askings.iter().try_for_each(|asking| asking.submitter.ledger().close())
    }
}
