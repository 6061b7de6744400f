//! The messages of a shard to itself, in their order.

use std::collections::VecDeque;

use super::ids::PoolId;
use super::job::Job;
use super::message::{Message, Spends};

/// Messages that wait until the rule that posted them has ended.
///
/// Each job needs an Assign, so these have a queue of small entries. Copying a whole message takes longer than all
/// else that the queue does.
#[derive(Debug, Default)]
pub(super) struct LocalQueue {
    /// The Assigns that came before all of `others`.
    assigns: VecDeque<(Job, PoolId, Spends)>,
    others: VecDeque<Message>,
}

impl LocalQueue {
    /// Appends a message.
    #[inline]
    pub(super) fn push(&mut self, message: Message) {
        match message {
            Message::Assign { job, spends, pool } if self.others.is_empty() => {
                self.assigns.push_back((job, pool, spends));
            }
            other => self.others.push_back(other),
        }
    }

    /// Takes the first message, if it is an Assign with no other message before it.
    #[inline]
    pub(super) fn pop_assign(&mut self) -> Option<(Job, PoolId, Spends)> {
        self.assigns.pop_front()
    }

    /// Takes the first message, after [`pop_assign`](Self::pop_assign) has found none.
    #[inline]
    pub(super) fn pop_other(&mut self) -> Option<Message> {
        debug_assert!(self.assigns.is_empty(), "the Assigns came first");
        self.others.pop_front()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.assigns.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::{ConnId, ShardId, Submitter, TypeHash};
    use crate::dispatch::micros::Micros;

    /// What is posted: an Assign for this pool, or a Submit with this hash.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Posted {
        Assign(u32),
        Submit(u64),
    }

    use Posted::{Assign, Submit};

    fn message(of: Posted) -> Message {
        let submitter = Submitter::Conn(ShardId(0), ConnId { index: 0, generation: 0 });
        let job = Job::new(submitter, Micros::default(), "1", "t", None);
        match of {
            Assign(pool) => Message::Assign { job, spends: Spends::Offer, pool: PoolId(pool) },
            Submit(hash) => Message::Submit { job, hash: TypeHash(hash) },
        }
    }

    fn take(queue: &mut LocalQueue) -> Option<Posted> {
        if let Some((_, pool, _)) = queue.pop_assign() {
            return Some(Assign(pool.0));
        }
        match queue.pop_other()? {
            Message::Submit { hash, .. } => Some(Submit(hash.0)),
            Message::Assign { pool, .. } => Some(Assign(pool.0)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_are_taken_in_the_order_in_which_they_came() {
        for posted in [
            &[Assign(1), Assign(2), Submit(3), Assign(4), Submit(5), Assign(6)][..],
            &[Submit(1), Assign(2), Assign(3)],
            &[Assign(1)],
        ] {
            // All at once, and with one taken after every second.
            for taken_between in [false, true] {
                let (mut queue, mut taken) = (LocalQueue::default(), Vec::new());
                for (at, &of) in posted.iter().enumerate() {
                    queue.push(message(of));
                    if taken_between && at % 2 == 1 {
                        taken.extend(take(&mut queue));
                    }
                }
                while !queue.is_empty() {
                    taken.push(take(&mut queue).expect("it is not empty"));
                }
                assert_eq!((taken, take(&mut queue)), (posted.to_vec(), None));
            }
        }
    }
}
