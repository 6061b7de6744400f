//! Messages for one shard that leave together.

use super::ids::{PoolId, TypeHash};
use super::job::Job;
use super::message::Message;

/// Messages in the order in which they were posted. Submits of one type that follow each other are one message, and so are
/// offers of one pool.
#[derive(Debug, Default)]
pub struct Batch {
    messages: Vec<Message>,
    /// How many were posted, without offers that were added to another.
    posted: usize,
    /// The place of the last Offer, if it may overtake all messages after it.
    offer: Option<usize>,
}

impl Batch {
    /// Appends a message.
    #[inline]
    pub fn push(&mut self, message: Message) {
        self.posted += 1;
        let message = match message {
            Message::Submit { job, hash } => match self.add_to_run(job, hash) {
                Some(job) => Message::Submit { job, hash },
                None => return,
            },
            other => other,
        };
        if let Message::Offer { .. } = message {
            self.offer = Some(self.messages.len());
        } else if !may_be_overtaken(&message) {
            self.offer = None;
        }
        self.messages.push(message);
    }

    /// Adds a job to the last message, if that submits jobs of the same type, and the home need not check more than the type
    /// of any of them. The home then looks the type up once. Otherwise returns the job.
    #[inline]
    fn add_to_run(&mut self, job: Job, hash: TypeHash) -> Option<Job> {
        match self.messages.last_mut() {
            Some(Message::SubmitRun { jobs, hash: of }) if *of == hash && are_alike(&jobs[0], &job) => {
                jobs.push(job);
                return None;
            }
            Some(Message::Submit { job: first, hash: of }) if *of == hash && are_alike(first, &job) => {}
            _ => return Some(job),
        }
        let Some(Message::Submit { job: first, .. }) = self.messages.pop() else { return Some(job) };
        let mut jobs = Vec::with_capacity(RUN_CAPACITY);
        jobs.extend([first, job]);
        self.messages.push(Message::SubmitRun { jobs, hash });
        None
    }

    /// Adds an offer of `n` jobs to the last Offer, if that is of this pool and [`may_be_overtaken`] holds for all messages
    /// after it. Returns whether it did. So the home of a type with many workers on a shard gets one message for all that
    /// become free.
    #[inline]
    pub fn add_to_offer(&mut self, pool: PoolId, n: u32) -> bool {
        match self.offer.map(|at| &mut self.messages[at]) {
            Some(Message::Offer { n: before, offers, pool: of, .. }) if *of == pool => {
                *before += n;
                *offers += 1;
                true
            }
            _ => false,
        }
    }

    /// Returns how many messages were posted since the last [`take`](Self::take). Offers that were added to another do not
    /// count.
    pub fn posted(&self) -> usize {
        self.posted
    }

    /// Returns whether it has no messages.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Takes all messages. The next ones have the memory of `spare`, which is empty.
    pub fn take(&mut self, spare: Vec<Message>) -> Vec<Message> {
        (self.offer, self.posted) = (None, 0);
        std::mem::replace(&mut self.messages, spare)
    }
}

/// The room for jobs in a new run.
const RUN_CAPACITY: usize = 8;

/// Returns whether two jobs, whose types have the same hash, may be in a run.
#[inline]
fn are_alike(one: &Job, other: &Job) -> bool {
    !one.is_conditional() && !other.is_conditional() && one.type_name() == other.type_name()
}

/// Returns whether an Offer may overtake a message, because its meaning does not depend on what its sender offers.
#[inline]
pub fn may_be_overtaken(message: &Message) -> bool {
    matches!(
        message,
        Message::Answer { .. } | Message::Submit { .. } | Message::SubmitRun { .. } | Message::Assign { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::answer::Reason;
    use crate::dispatch::ids::{ConnId, ShardId, Submitter, TypeHash, TypeRef};
    use crate::dispatch::job::Job;
    use crate::dispatch::message::Suspects;
    use crate::dispatch::micros::Micros;
    use crate::protocol::command::{Class, JobOptions};

    fn of() -> TypeRef {
        TypeRef { name: "t".into(), hash: TypeHash(1) }
    }

    fn offer(batch: &mut Batch, pool: u32, n: u32) {
        let pool = PoolId(pool);
        if !batch.add_to_offer(pool, n) {
            batch.push(Message::Offer { hash: of().hash, class: Class::Ordinary, n, offers: 1, pool });
        }
    }

    fn submitter() -> Submitter {
        Submitter::Conn(ShardId(0), ConnId { index: 0, generation: 0 })
    }

    fn job() -> Job {
        Job::new(submitter(), Micros::default(), "1", "t", None)
    }

    /// Returns for each Offer its pool, its jobs and how many offers it stands for, and `None` for each other message.
    fn offers(batch: &mut Batch) -> Vec<Option<(u32, u32, u32)>> {
        let of_message = |message| match message {
            Message::Offer { n, offers, pool, .. } => Some((pool.0, n, offers)),
            _ => None,
        };
        batch.take(Vec::new()).into_iter().map(of_message).collect()
    }

    #[test]
    fn offers_of_a_pool_become_one_also_across_messages_of_jobs() {
        let mut batch = Batch::default();
        offer(&mut batch, 1, 1);
        batch.push(Message::Submit { job: job(), hash: of().hash });
        offer(&mut batch, 1, 2);
        offer(&mut batch, 2, 3);
        offer(&mut batch, 2, u32::MAX - 3);
        assert_eq!(offers(&mut batch), [Some((1, 3, 2)), None, Some((2, u32::MAX, 2))]);
        offer(&mut batch, 2, 1);
        assert_eq!(offers(&mut batch), [Some((2, 1, 1))], "what was taken is not added to");
    }

    #[test]
    fn no_offer_overtakes_a_message_about_offers_or_workers() {
        for message in [
            Message::Withdraw(of(), Class::Ordinary, PoolId(1)),
            Message::Pull(of(), Class::Ordinary, PoolId(1)),
            Message::AcceptSuspects(of(), Class::Ordinary),
            Message::Present(of(), Class::Ordinary, PoolId(1)),
            Message::Absent(of(), Class::Ordinary),
            Message::Withdrawn(PoolId(1), 1),
            Message::Requeue { job: job(), suspects: Suspects::RejectedBy(Class::Ordinary) },
            Message::Drop(submitter(), Reason::Cancelled),
            Message::Revoke { ticket: submitter(), keyed: false, reason: Reason::Cancelled },
        ] {
            let mut batch = Batch::default();
            offer(&mut batch, 1, 1);
            batch.push(message);
            offer(&mut batch, 1, 1);
            assert_eq!(offers(&mut batch), [Some((1, 1, 1)), None, Some((1, 1, 1))]);
        }
    }

    fn job_of_type(id: &str, type_name: &str) -> Job {
        Job::new(submitter(), Micros::default(), id, type_name, None)
    }

    /// Returns the ids of the jobs that each message submits.
    fn submitted(batch: &mut Batch) -> Vec<Vec<String>> {
        let of_message = |message| match message {
            Message::Submit { job, .. } => vec![job.id().to_owned()],
            Message::SubmitRun { jobs, .. } => jobs.iter().map(|job| job.id().to_owned()).collect(),
            _ => Vec::new(),
        };
        batch.take(Vec::new()).into_iter().map(of_message).collect()
    }

    #[test]
    fn jobs_of_one_type_that_follow_each_other_are_one_message() {
        let mut batch = Batch::default();
        for (id, type_name) in [("1", "t"), ("2", "u"), ("3", "u"), ("4", "u"), ("5", "t"), ("6", "t")] {
            // Types may have the same hash.
            batch.push(Message::Submit { job: job_of_type(id, type_name), hash: TypeHash(1) });
        }
        batch.push(Message::Submit { job: job_of_type("7", "t"), hash: TypeHash(2) });
        batch.push(Message::Decline(PoolId(1)));
        batch.push(Message::Submit { job: job_of_type("8", "t"), hash: TypeHash(2) });
        assert_eq!(batch.posted(), 9);
        assert_eq!(
            submitted(&mut batch),
            [vec!["1"], vec!["2", "3", "4"], vec!["5", "6"], vec!["7"], vec![], vec!["8"]]
        );
        assert_eq!((batch.posted(), batch.is_empty()), (0, true));
    }

    #[test]
    fn a_job_of_which_the_home_checks_more_than_its_type_is_alone() {
        let options = JobOptions { need_worker: true, ..JobOptions::default() };
        for conditional in 0..3 {
            let mut batch = Batch::default();
            for nth in 0..3 {
                let mut job = job_of_type(&nth.to_string(), "t");
                if nth == conditional {
                    job.set_options(&options);
                }
                batch.push(Message::Submit { job, hash: TypeHash(1) });
            }
            let alone = submitted(&mut batch).into_iter().filter(|ids| ids.contains(&conditional.to_string()));
            assert_eq!(alone.collect::<Vec<_>>(), [vec![conditional.to_string()]]);
        }
    }
}
