//! What a load thread knows besides its sockets: which jobs are in flight, what is due next, and the latencies so far.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hdrhistogram::Histogram;

use super::asked::Asked;
use super::timing::Schedule;
use crate::harness::Failure;
use crate::harness::traffic::check::{Wrong, excerpt};
use crate::harness::traffic::clients::{Ended, Submitter, Worker};
use crate::harness::traffic::drivers::{Driver, ServerMessage};
use crate::harness::traffic::pace::Pace;
use crate::harness::traffic::workload::{JobKey, Workload};

/// What a connection is to the load.
#[derive(Debug)]
pub(crate) enum Role {
    /// The submitter of this index receives its answers here, and submits here or on another connection.
    Answers(usize),
    /// A submitter submits here and receives its answers elsewhere.
    SubmitsOnly,
    /// A worker.
    Works(Worker),
}

/// A submitter, and how it submits.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its jobs.
    pub(crate) submitter: Submitter,
    /// The index of the connection on which it submits.
    pub(crate) conn: usize,
    /// Whether each answer makes it submit again.
    pub(crate) closed_loop: bool,
    /// Whether its latencies count.
    pub(crate) measured: bool,
}

/// A job that a worker is busy with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Busy {
    until_ns: u64,
    conn: usize,
    handle: Vec<u8>,
    submitter: u16,
    sequence: u64,
}

/// The jobs of one load thread.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) schedule: Schedule,
    pub(crate) sources: Vec<Source>,
    /// Jobs that may still be submitted.
    pub(crate) quota: u64,
    /// Submitters that submit at a rate.
    pub(crate) paces: Vec<Pace>,
    /// Submitters that may submit again after an answer, once per job.
    ready: Vec<usize>,
    busy: BinaryHeap<Reverse<Busy>>,
    /// Connections of workers that a job has killed.
    pub(crate) killed: Vec<usize>,
    /// Jobs of these submitters without an answer.
    pub(crate) unanswered: usize,
    /// Jobs of these submitters that were answered.
    pub(crate) answered: u64,
    /// When its workers received their last job.
    pub(crate) executed_ns: u64,
    /// From the intended start to the answer.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
    /// What the jobs ask for besides being done.
    pub(super) asked: Asked,
    /// A result that differs from its argument, while it is sent.
    res: Vec<u8>,
}

/// What a thread must send now.
#[derive(Debug)]
pub(crate) enum Due {
    /// The submitter of this index submits this job.
    Submit(usize, JobKey),
    /// The worker on this connection answers.
    Answer { conn: usize, handle: Vec<u8>, job: JobKey },
    /// The submitter of this index cancels this job.
    Cancel(usize, JobKey),
}

impl<'a> InFlight<'a> {
    /// Returns an empty one.
    pub(crate) fn new(workload: &'a Workload, schedule: Schedule) -> Result<Self, Failure> {
        Ok(Self {
            workload,
            schedule,
            sources: Vec::new(),
            quota: u64::MAX,
            paces: Vec::new(),
            ready: Vec::new(),
            busy: BinaryHeap::new(),
            killed: Vec::new(),
            unanswered: 0,
            answered: 0,
            executed_ns: 0,
            latency_ns: Histogram::new(3)?,
            lag_ns: Histogram::new(3)?,
            asked: Asked::new(workload.shape.ask),
            res: Vec::new(),
        })
    }

    /// Takes a message that the server sent on connection `conn`. Appends what the worker or submitter replies to `out`.
    pub(crate) fn on_message(
        &mut self,
        conn: usize,
        role: &mut Role,
        driver: &mut dyn Driver,
        message: ServerMessage<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match (role, message) {
            (_, ServerMessage::Receipt) => Ok(()),
            (_, ServerMessage::Refused(line)) => Err(Wrong::Refused(excerpt(line)).into()),
            (Role::Answers(source), ServerMessage::Answer { id, res }) => {
                let ended = self.sources[*source].submitter.on_answer(self.workload, id, res)?;
                self.on_end(*source, ended, now_ns)
            }
            (Role::Answers(source), ServerMessage::Ended { id, end }) => {
                let ended = self.sources[*source].submitter.on_end(self.workload, id, end)?;
                self.on_end(*source, ended, now_ns)
            }
            (Role::Answers(source), ServerMessage::Progress { id, number }) => {
                self.asked.tally.reports += 1;
                Ok(self.sources[*source].submitter.on_progress(self.workload, id, number)?)
            }
            (Role::Works(worker), ServerMessage::Cancel { handle }) => {
                if let Some(job) = self.asked.on_cancel(conn, &handle) {
                    driver.answer(&handle, job, self.res_of(job), out);
                    worker.on_answered();
                }
                Ok(())
            }
            (Role::Works(worker), ServerMessage::Job { id, type_number, handle, attempt, arg }) => {
                let job = worker.on_job(self.workload, id, type_number, arg)?;
                self.asked.tally.on_execution(self.workload.shape.ask, job);
                self.executed_ns = now_ns;
                let work_ns = self.workload.work_ns(job);
                for number in 0..self.workload.reports() {
                    driver.report(&handle, number, out);
                }
                if self.workload.kills(job) {
                    self.killed.push(conn);
                } else if self.workload.hangs(worker.number(), job, attempt) {
                    self.asked.hang(conn, &handle, job);
                } else if work_ns == 0 {
                    let res = if self.workload.echoes() { arg } else { self.res_of(job) };
                    driver.answer(&handle, job, res, out);
                    worker.on_answered();
                } else {
                    let JobKey { submitter, sequence } = job;
                    let until_ns = now_ns + work_ns;
                    self.busy.push(Reverse(Busy { until_ns, conn, handle: handle.into(), submitter, sequence }));
                }
                Ok(())
            }
            (role, message) => Err(Wrong::Unexpected(format!("{message:?} for {role:?}")).into()),
        }
    }

    fn res_of(&mut self, job: JobKey) -> &[u8] {
        self.res.clear();
        self.workload.append_res(job, &mut self.res);
        &self.res
    }

    fn on_end(&mut self, source: usize, ended: Ended, now_ns: u64) -> Result<(), Failure> {
        let Source { closed_loop, measured, .. } = &self.sources[source];
        self.asked.tally.on_end(self.workload, ended, now_ns)?;
        self.unanswered -= 1;
        self.answered += 1;
        let latency_ns = now_ns.saturating_sub(ended.start_ns);
        if latency_ns > self.schedule.late_ns {
            let ms = |ns: u64| ns / 1_000_000;
            return Err(Wrong::Late { ms: ms(latency_ns), ms_max: ms(self.schedule.late_ns) }.into());
        }
        if *measured && self.schedule.measures(now_ns) {
            self.latency_ns.record(latency_ns)?;
        }
        if *closed_loop {
            self.ready.push(source);
        }
        Ok(())
    }

    /// Lets a submitter submit this many jobs at once.
    pub(crate) fn fill(&mut self, source: usize, jobs: usize) {
        self.ready.extend(std::iter::repeat_n(source, jobs));
    }

    /// Returns the next thing to send, if something is due.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Result<Option<Due>, Failure> {
        if let Some(Reverse(Busy { conn, handle, submitter, sequence, .. })) = self.take_finished(now_ns) {
            return Ok(Some(Due::Answer { conn, handle, job: JobKey { submitter, sequence } }));
        }
        if let Some((source, job)) = self.asked.take_cancel(now_ns) {
            return Ok(Some(Due::Cancel(source, job)));
        }
        if self.has_stopped(now_ns) {
            self.ready.clear();
            self.paces.clear();
        }
        if let Some(source) = self.ready.pop() {
            return Ok(Some(self.submit(source, now_ns, now_ns)));
        }
        let Some((source, due_ns)) = self.paces.iter_mut().find_map(|pace| pace.take_due(now_ns)) else {
            return Ok(None);
        };
        if self.schedule.measures(due_ns) {
            self.lag_ns.record(now_ns - due_ns)?;
        }
        Ok(Some(self.submit(source, due_ns, now_ns)))
    }

    fn take_finished(&mut self, now_ns: u64) -> Option<Reverse<Busy>> {
        self.busy.peek().filter(|Reverse(busy)| busy.until_ns <= now_ns)?;
        self.busy.pop()
    }

    /// Whether no more jobs are submitted.
    fn has_stopped(&self, now_ns: u64) -> bool {
        now_ns >= self.schedule.stop_ns || self.quota == 0
    }

    /// Whether all jobs are submitted and answered.
    pub(crate) fn is_done(&self, now_ns: u64) -> bool {
        self.unanswered == 0 && self.has_stopped(now_ns)
    }

    fn submit(&mut self, source: usize, start_ns: u64, now_ns: u64) -> Due {
        self.unanswered += 1;
        self.quota -= 1;
        let job = self.sources[source].submitter.submit(start_ns);
        self.asked.on_submit(self.workload, source, job, now_ns);
        Due::Submit(source, job)
    }

    /// Returns how many jobs its workers have received.
    pub(crate) fn executions(&self) -> u64 {
        self.asked.tally.executions
    }

    /// Returns when the clock alone makes something due: a submission at a rate, a cancellation, or the end of a worker's
    /// work.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        let finished_ns = self.busy.peek().map(|Reverse(busy)| busy.until_ns);
        self.paces.iter().filter_map(Pace::next_due_ns).chain(finished_ns).chain(self.asked.next_cancel_ns()).min()
    }

    /// Returns when the first answer that is outstanding will be missing, or when the run gives up.
    pub(crate) fn give_up_ns(&self) -> u64 {
        let oldest_ns = self.sources.iter().filter_map(|source| source.submitter.oldest_ns()).min();
        oldest_ns.map_or(self.schedule.give_up_ns, |oldest_ns| self.schedule.missing_ns(oldest_ns))
    }

    /// Returns an error if a job has no answer.
    pub(crate) fn check_complete(&self) -> Result<(), Wrong> {
        self.sources.iter().try_for_each(|source| source.submitter.check_complete())
    }
}
