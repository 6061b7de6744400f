//! What is checked of a whole world: that jobs are where the shadow has them, and, at rest, that all books agree.

pub(crate) mod by_type;
mod sent;
pub(crate) mod sums;
pub(crate) mod table;
pub(crate) mod traced;

use std::collections::{BTreeMap, BTreeSet};

use deputy::dispatch::audit::{Audit, JobAudit};
use deputy::dispatch::job::Job as CoreJob;
use deputy::dispatch::message::{ConnId, Message, Micros, Submitter};
use deputy::protocol::command::Class;

use crate::model::line;
use crate::model::requests::{Job, State};
use crate::plan::Family;
use crate::schedule::Schedule;
use crate::world::Peer;

/// To whom the answer to a job goes. Of tickets and groups the number alone shows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Conn(u16, ConnId),
    Background(u16),
    Ticket(u16, u32),
    Group(u16, u32),
}

/// What distinguishes jobs in the books of both sides: whose it is, id, type, suspect, attempts.
type Trace<'a> = (To, &'a str, &'a str, bool, u32);

impl Schedule {
    /// Delivers until nothing is on the way, half of the time in the order of posting.
    pub(crate) fn settle(&mut self) {
        let fifo = self.random.one_in(2);
        // A bound takes a pass over all jobs or connections, so it is found only if there is something to count.
        let (mut steps_left, mut steps_of_queries_left) = (None, None);
        loop {
            let link = if fifo { self.world.oldest_link() } else { self.next_link_of_all() };
            if let Some(link) = link {
                let left = if self.is_of_query(link) {
                    steps_of_queries_left.get_or_insert_with(|| self.steps_of_queries_max())
                } else {
                    steps_left.get_or_insert_with(|| self.steps_max())
                };
                *left = left.checked_sub(1).expect("messages go round and round");
                self.deliver(link);
                continue;
            }
            // Some work is done in several turns.
            let Some(shard) = (0..self.world.shards()).find(|&shard| self.world.has_work(shard)) else {
                return;
            };
            if self.world.has_metrics_work(shard) {
                let left = steps_of_queries_left.get_or_insert_with(|| self.steps_of_queries_max());
                *left = left.checked_sub(1).expect("metrics queries are never answered");
            } else {
                let left = steps_left.get_or_insert_with(|| self.steps_max());
                *left = left.checked_sub(1).expect("jobs are postponed for ever");
            }
            self.shadow.next_queue_place();
            self.turn(shard);
        }
    }

    /// All that must hold when nothing is on the way.
    pub(crate) fn check_rest(&mut self) {
        self.shadow.all_has_come();
        let audits = self.world.audits();
        self.world.check_books_at_rest(&audits);
        self.check_places_in(&audits);
        self.check_waits(&audits);
        let c = self.world.totals().counts;
        let tally = &self.shadow.tally;
        assert_eq!(c.connections_open, self.shadow.live.len() as u64);
        assert_eq!(c.workers_added, tally.workers_added);
        assert_eq!([c.jobs_added, c.jobs_dispatched, c.jobs_refused], [tally.added, tally.dispatched, tally.refused]);
        assert_eq!(c.protocol_errors, tally.errors);
        assert_eq!(self.world.totals().faults, tally.faults);
        assert!(self.shadow.live.iter().all(|peer| self.shadow.conn(peer).asked == 0), "metrics are due");
        if self.is_exact() {
            assert_eq!([c.jobs_done, c.jobs_failed, c.results_dropped], [tally.done, tally.failed, tally.dropped]);
            let codes = [c.jobs_cancelled, c.jobs_expired, c.jobs_timed_out, c.jobs_no_worker, c.jobs_no_bridge];
            let tallied = [tally.cancelled, tally.expired, tally.timed_out, tally.no_worker, tally.no_bridge];
            assert_eq!(codes, tallied);
            self.check_stored();
            self.reached.outlasted += self.outlast();
            assert_eq!([c.jobs_reassigned, c.jobs_joined], [tally.reassigned, tally.joined]);
            self.check_pending();
            self.check_tickets(&audits);
            self.check_reports(c.progress_dropped);
            self.check_tallies(&audits);
        }
    }

    /// Whether the shadow knows the end of every job: it cannot know which of the jobs of submitters that left were ended
    /// by a stop.
    fn is_exact(&self) -> bool {
        self.plan.family != Family::Stopping
    }

    /// Each job is in exactly one place, and it is where the shadow has it, with its attempts.
    pub(crate) fn check_places(&self) {
        self.check_places_in(&self.world.audits());
    }

    fn check_places_in(&self, audits: &[Audit]) {
        if !self.is_exact() {
            return;
        }
        let mut inside: Vec<Trace<'_>> = Vec::new();
        for link in self.world.busy_links() {
            let jobs = self.world.on_the_way(link).flat_map(jobs_of).filter(|job| self.is_followed(serial_of(job)));
            inside.extend(jobs.map(trace_of_job));
        }
        let mut delayed: Vec<Trace<'_>> = Vec::new();
        let mut holds: BTreeMap<Peer, Vec<Trace<'_>>> = BTreeMap::new();
        let mut lost: Vec<Trace<'_>> = Vec::new();
        for (shard, audit) in (0..).zip(audits) {
            inside.extend(audit.queues.iter().flat_map(|queue| &queue.waiting).map(trace_of_audit));
            delayed.extend(audit.tickets.iter().filter_map(|ticket| ticket.delayed.as_ref()).map(trace_of_audit));
            lost.extend(audit.lost.iter().flat_map(|lost| &lost.held).map(|(_, job, _)| trace_of_audit(job)));
            for worker in &audit.workers {
                let peer = self.world.peer(shard, worker.conn).expect("a worker is connected");
                if !worker.held.is_empty() {
                    holds.insert(peer, worker.held.iter().map(|(_, job, _)| trace_of_audit(job)).collect());
                }
                let types: BTreeSet<(String, Class)> =
                    worker.types.iter().map(|(name, class)| (name.to_string(), *class)).collect();
                let conn = self.shadow.conn(peer);
                let durable = conn.durable_types.iter().map(|name| (name.clone(), Class::Durable));
                let known = conn.types.iter().map(|(name, class)| (name.clone(), *class)).chain(durable);
                assert_eq!(types, known.collect(), "types of {worker:?}");
                assert_eq!(worker.max_jobs, self.shadow.conn(peer).slots, "slots of {worker:?}");
                let spent = self.shadow.conn(peer).held.iter().filter(|held| held.spent.is_some()).count();
                assert_eq!(worker.spent.len(), spent, "spent slots of {worker:?}");
            }
        }
        let mut expected: BTreeMap<Peer, Vec<Trace<'_>>> = BTreeMap::new();
        let (mut expected_inside, mut expected_delayed, mut expected_lost) = (Vec::new(), Vec::new(), Vec::new());
        for (serial, job) in &self.shadow.jobs {
            match job.state {
                State::Held(peer) if self.shadow.conn(peer).gone => expected_lost.push(self.trace(job)),
                State::Held(peer) => expected.entry(peer).or_default().push(self.trace(job)),
                State::Inside if self.is_followed(*serial) => expected_inside.push(self.trace(job)),
                State::Inside | State::Ended(_) => {}
                State::Delayed => expected_delayed.push(self.trace(job)),
            }
        }
        holds.values_mut().chain(expected.values_mut()).for_each(|traces| traces.sort_unstable());
        assert_eq!(holds, expected, "held");
        inside.sort_unstable();
        expected_inside.sort_unstable();
        assert_eq!(inside, expected_inside, "in queues and on the way");
        delayed.sort_unstable();
        expected_delayed.sort_unstable();
        assert_eq!(delayed, expected_delayed, "delayed");
        lost.sort_unstable();
        expected_lost.sort_unstable();
        assert_eq!(lost, expected_lost, "at lost workers");
        let counts = self.world.totals().counts;
        let running = expected.values().map(Vec::len).sum::<usize>() + lost.len();
        assert_eq!(counts.jobs_running, running as u64, "held");
        assert!(counts.jobs_waiting <= inside.len() as u64, "waiting");
    }

    /// Whether the shadow knows that a job is over as soon as it is. One that may not wait ends before the log has a name for
    /// it.
    fn is_followed(&self, serial: u64) -> bool {
        self.shadow.jobs.get(&serial).is_none_or(|job| job.trace.is_some() || !job.never_waits())
    }

    /// A job was recalled, or `returned` after that: it does not wait at its home, nor is it assigned once more, unless it is
    /// stored.
    pub(crate) fn check_over(&self, serial: u64, home: u16, returned: bool) {
        let Some(job) = self.shadow.jobs.get(&serial) else { return };
        if job.stored {
            return;
        }
        let ended = matches!(job.state, State::Ended(_)) || self.shadow.stopping[usize::from(home)];
        assert!(ended || !returned, "it came back after its Recall, and goes on: {job:?}");
        let waits = |queued: &JobAudit| trace_of_audit(queued) == self.trace(job);
        let waits = self.world.audit(home).queues.iter().flat_map(|queue| &queue.waiting).any(waits);
        assert!(!waits, "recalled, but it waits: {job:?}");
    }

    /// How many jobs wait that are stored, and whose time would be over.
    fn outlast(&self) -> u64 {
        let outlasts = |job: &&Job| {
            let is_over =
                |ms| job.accepted_ms + ms <= self.shadow.bounds.last_turn_ms(self.shadow.conn(job.submitter).shard);
            job.stored && job.state == State::Inside && job.asks.wait_ms.is_some_and(is_over)
        };
        self.shadow.jobs.values().filter(outlasts).count() as u64
    }

    /// No job waits whose time is over, or that may not wait.
    fn check_waits(&self, audits: &[Audit]) {
        for job in audits.iter().flat_map(|audit| &audit.queues).flat_map(|queue| &queue.waiting) {
            let last_turn_ms = self.shadow.bounds.last_turn_ms(job.submitter.shard().0);
            let waits = job.waits_until.is_none_or(|until| until > Micros::from_ms(last_turn_ms));
            assert!(waits, "it waits, but its time is over: {job:?}");
        }
    }

    fn trace<'a>(&self, job: &'a Job) -> Trace<'a> {
        let (shard, conn) = self.world.conn_id(job.submitter);
        let to = match (job.group, job.ticket) {
            (Some((home, group)), _) => To::Group(home, group),
            (None, Some(ticket)) if job.asks.is_named() => To::Ticket(shard, ticket),
            _ if job.asks.background => To::Background(shard),
            _ => To::Conn(shard, conn),
        };
        (to, job.id, &job.type_name, job.suspect, job.attempts)
    }
}

pub(crate) fn serial_of(job: &CoreJob) -> u64 {
    line::serial(&job.arg().expect("all jobs have an arg").to_string())
}

fn jobs_of(message: &Message) -> &[CoreJob] {
    match message {
        Message::Submit { job, .. } | Message::Assign { job, .. } | Message::Requeue { job, .. } => {
            std::slice::from_ref(job)
        }
        Message::SubmitRun { jobs, .. } => jobs,
        _ => &[],
    }
}

fn trace_of_job(job: &CoreJob) -> Trace<'_> {
    (to(job.submitter), job.id(), job.type_name(), job.is_suspect(), job.attempts)
}

fn trace_of_audit(job: &JobAudit) -> Trace<'_> {
    (to(job.submitter), &job.id, &job.type_name, job.suspect, job.attempts)
}

fn to(submitter: Submitter) -> To {
    match submitter {
        Submitter::Conn(shard, conn) => To::Conn(shard.0, conn),
        Submitter::Background(shard) => To::Background(shard.0),
        Submitter::Ticket(shard, ticket) => To::Ticket(shard.0, ticket.generation),
        Submitter::Group(shard, group) => To::Group(shard.0, group.generation),
    }
}
