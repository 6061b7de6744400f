//! What is checked of a whole world: that jobs are where the shadow has them, and, at rest, that all books agree.

use deputy::dispatch::audit::JobAudit;
use deputy::dispatch::job::Job as CoreJob;
use deputy::dispatch::message::{Message, ShardId, Submitter};

use super::plan::Family;
use super::schedule::Schedule;
use super::shadow::{Job, State};
use super::world::{Link, Peer};

/// Deliveries after which a world must be at rest, for each thing that may still cause some: a job, or a type of a
/// shard. Found by experiment: of 200,000 schedules the worst needed a third.
const DELIVERIES_EACH: usize = 60;

/// What tells jobs apart in the books of both sides: submitter, id, type, suspect, attempts.
type Trace = (Submitter, String, String, bool, u32);

impl Schedule {
    /// Delivers until nothing is on the way, half of the time in the order of posting, else in any order.
    pub(crate) fn settle(&mut self) {
        let things = self.shadow.jobs.len() + self.plan.types * usize::from(self.plan.options.shards) + self.live.len();
        let on_the_way: usize = self.world.busy_links().map(|link| self.world.on_the_way(link).len()).sum();
        let fifo = self.random.one_in(2);
        for _ in 0..DELIVERIES_EACH * things + on_the_way {
            let Some(link) = self.next_link(fifo) else { return };
            self.deliver(link);
        }
        assert!(self.world.at_rest(), "messages go round and round");
    }

    fn next_link(&mut self, fifo: bool) -> Option<Link> {
        let links = self.world.busy_links().len();
        if fifo || links == 0 {
            return self.world.oldest_link();
        }
        let at = self.random.below(links);
        self.world.busy_links().nth(at)
    }

    /// All that must hold when nothing is on the way.
    pub(crate) fn check_rest(&self) {
        self.world.check_rest();
        self.check_places();
        let c = self.world.totals().counts;
        let tally = &self.shadow.tally;
        let live = |peer: &&Peer| !self.shadow.conn(**peer).gone;
        assert_eq!(c.connections_open, self.live.iter().filter(live).count() as u64);
        assert_eq!(c.workers_added, tally.workers_added);
        assert_eq!([c.jobs_added, c.jobs_dispatched, c.jobs_refused], [tally.added, tally.dispatched, tally.refused]);
        assert_eq!([c.jobs_done, c.protocol_errors], [tally.done, tally.errors]);
        assert!(self.live.iter().all(|peer| self.shadow.conn(*peer).asked == 0), "metrics are due");
        if self.is_exact() {
            assert_eq!([c.jobs_failed, c.results_dropped], [tally.failed, tally.dropped]);
            assert_eq!(c.jobs_reassigned, tally.reassigned);
            self.check_pending();
        }
    }

    /// Whether the shadow knows the end of every job: it cannot tell which of the jobs of submitters that left were ended
    /// by a stop.
    fn is_exact(&self) -> bool {
        self.plan.family != Family::Stopping
    }

    /// What each shard waits for, and holds of the memory budget for it, is what was submitted through it.
    fn check_pending(&self) {
        for shard in 0..self.plan.options.shards {
            let jobs = self.shadow.jobs.values().filter(|job| self.shadow.conn(job.submitter).shard == shard);
            let (count, bytes) = jobs.fold((0, 0), |(count, bytes), job| (count + 1, bytes + job.bytes));
            assert_eq!(self.world.pending(shard), count, "jobs of shard {shard} without an answer");
            assert_eq!(self.world.counts(shard).job_bytes, bytes, "their bytes");
        }
    }

    /// Each job is in exactly one place, and it is where the shadow has it, with its attempts.
    pub(crate) fn check_places(&self) {
        if !self.is_exact() {
            return;
        }
        let mut inside: Vec<Trace> = Vec::new();
        for link in self.world.busy_links() {
            inside.extend(self.world.on_the_way(link).filter_map(job_of).map(trace_of_job));
        }
        for shard in 0..self.plan.options.shards {
            let audit = self.world.audit(shard);
            inside.extend(audit.queues.iter().flat_map(|queue| &queue.waiting).map(trace_of_audit));
            for worker in &audit.workers {
                let peer = self.world.peer(shard, worker.conn).expect("a worker is connected");
                let mut held: Vec<Trace> = worker.held.iter().map(|(_, job)| trace_of_audit(job)).collect();
                held.sort_unstable();
                assert_eq!(held, self.traces(State::Held(peer)), "held by {peer:?}");
                assert!(worker.types.len() == self.shadow.conn(peer).types.len(), "types of {worker:?}");
                assert_eq!(worker.max_jobs, self.shadow.conn(peer).slots, "slots of {worker:?}");
            }
        }
        inside.sort_unstable();
        assert_eq!(inside, self.traces(State::Inside), "in queues and on the way");
        let held = self.shadow.jobs.values().filter(|job| matches!(job.state, State::Held(_))).count();
        let counts = self.world.totals().counts;
        assert_eq!(counts.jobs_running, held as u64, "held");
        assert!(counts.jobs_waiting <= inside.len() as u64, "waiting");
    }

    fn traces(&self, state: State) -> Vec<Trace> {
        let jobs = self.shadow.jobs.values().filter(|job| job.state == state);
        let mut traces: Vec<Trace> = jobs.map(|job| self.trace(job)).collect();
        traces.sort_unstable();
        traces
    }

    fn trace(&self, job: &Job) -> Trace {
        let (shard, conn) = self.world.conn_id(job.submitter);
        let submitter = Submitter { shard: ShardId(shard), conn };
        (submitter, job.id.to_owned(), job.type_name.clone(), job.suspect, job.attempts)
    }
}

fn job_of(message: &Message) -> Option<&CoreJob> {
    match message {
        Message::Submit(job) | Message::Assign { job, .. } | Message::Return { job, .. } => Some(job),
        _ => None,
    }
}

fn trace_of_job(job: &CoreJob) -> Trace {
    (job.submitter, job.id().to_owned(), job.type_name().to_owned(), job.suspect, job.attempts)
}

fn trace_of_audit(job: &JobAudit) -> Trace {
    (job.submitter, job.id.clone(), job.type_name.clone(), job.suspect, job.attempts)
}
