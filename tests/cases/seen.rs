//! What a case looks at: what workers were sent and hold, what waits, what was answered, and what shards remember.

use deputy::dispatch::audit::{Audit, PoolAudit, QueueAudit, WorkerAudit};

use super::fixture::{Fixture, quoted};
use crate::world::Peer;

impl Fixture {
    /// The jobs that started, in order.
    pub(crate) fn started(&self) -> Vec<&str> {
        self.starts.iter().map(|(job, _)| job.as_str()).collect()
    }

    /// The code with which a job was answered; `done` if it has a result.
    pub(crate) fn code(&self, job: &str) -> Option<&str> {
        let (_, code) = self.answers.iter().find(|(answered, _)| answered == job)?;
        Some(code.as_deref().unwrap_or("done"))
    }

    /// Who holds a job.
    pub(crate) fn holder(&self, job: &str) -> Option<Peer> {
        let id = quoted(job);
        (0..self.world.shards()).find_map(|shard| {
            let workers = self.world.audit(shard).workers;
            let holder = workers.into_iter().find(|worker| worker.held.iter().any(|(_, held, _)| held.id == id))?;
            self.world.peer(shard, holder.conn)
        })
    }

    pub(crate) fn slots(&self, worker: Peer) -> Option<WorkerAudit> {
        let (shard, conn) = self.world.conn_id(worker);
        self.world.audit(shard).workers.into_iter().find(|slots| slots.conn == conn)
    }

    /// The jobs that a worker holds, in no order of meaning.
    pub(crate) fn held(&self, worker: Peer) -> Vec<String> {
        let held = self.slots(worker).map(|slots| slots.held).unwrap_or_default();
        let mut jobs: Vec<String> = held.iter().map(|(_, job, _)| job.id.trim_matches('"').to_owned()).collect();
        jobs.sort_unstable();
        jobs
    }

    /// How many slots of a worker are spent.
    pub(crate) fn spent(&self, worker: Peer) -> usize {
        self.slots(worker).map_or(0, |slots| slots.spent.len())
    }

    /// How many messages of this name were posted since [`Fixture::forget_posts`].
    pub(crate) fn posted(&self, name: &str) -> usize {
        self.posts.iter().filter(|post| post.2 == name).count()
    }

    /// How many times these messages were posted since [`Fixture::forget_posts`].
    pub(crate) fn posts_of<const N: usize>(&self, names: [&str; N]) -> [usize; N] {
        names.map(|name| self.posted(name))
    }

    /// What waits at the home of a type, first to last.
    pub(crate) fn waiting(&self, letter: char) -> Vec<String> {
        names(self.queue(letter))
    }

    /// The durable jobs that wait at the home of a type, first to last.
    pub(crate) fn waiting_durable(&self, letter: char) -> Vec<String> {
        names(self.queue_of(letter, true))
    }

    pub(crate) fn queue(&self, letter: char) -> Option<QueueAudit> {
        self.queue_of(letter, false)
    }

    fn queue_of(&self, letter: char, durable: bool) -> Option<QueueAudit> {
        let name = self.type_of(letter);
        let mut queues = self.world.audit(self.world.home(&name)).queues.into_iter();
        queues.find(|queue| queue.type_name == name && queue.durable == durable)
    }

    pub(crate) fn pool(&self, shard: u16, letter: char) -> Option<PoolAudit> {
        let name = self.type_of(letter);
        self.world.audit(shard).pools.into_iter().find(|pool| pool.type_name == name)
    }

    /// The sum over all shards of what `count` counts.
    pub(crate) fn sum(&self, count: impl Fn(&Audit) -> usize) -> usize {
        self.world.audits().iter().map(count).sum()
    }

    pub(crate) fn doomed(&self) -> usize {
        self.sum(|audit| audit.doomed.len())
    }

    pub(crate) fn tickets(&self) -> usize {
        self.sum(|audit| audit.tickets.len())
    }

    pub(crate) fn groups(&self) -> usize {
        self.sum(|audit| audit.groups.len())
    }
}

/// The jobs of a queue, first to last.
fn names(queue: Option<QueueAudit>) -> Vec<String> {
    let waiting = queue.map(|queue| queue.waiting).unwrap_or_default();
    waiting.iter().map(|job| job.id.trim_matches('"').to_owned()).collect()
}
