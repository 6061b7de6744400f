//! A shard's mailbox, and the outbox in which a shard gathers its messages for others.
//!
//! The mailbox is a crossbeam channel with one receiver, and a flag that avoids needless wakes. The outbox posts its
//! messages as one batch per target, with at most one wake each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossbeam_utils::CachePadded;
use mio::{Registry, Token, Waker};

use super::stream::Stream;
use super::wake::Sleeper;
use crate::dispatch::batch::Batch;
use crate::dispatch::message::{Message, PoolId, ShardId};
use crate::flag::newly_set;
use crate::limits::SPARE_MESSAGES_MAX;

/// What a shard can receive.
pub(super) enum ShardCommand {
    /// Messages of another shard, in their order. A turn may send several batches.
    Messages(ShardId, Vec<Message>),
    /// A connection that this shard owns from now on.
    Connection(Stream),
    /// See [`crate::dispatch::message::Input::Stop`].
    Stop,
    /// See [`crate::dispatch::message::Input::DrainOver`].
    DrainOver,
    /// Flush, close all connections, and end.
    Finish,
}

/// The receiver's side. The channel is unbounded so that posting never blocks. The memory budget limits what is in it.
pub(super) struct Mailbox {
    receiver: Receiver<ShardCommand>,
    sleeper: Arc<CachePadded<Sleeper<AtomicBool>>>,
}

/// The senders' side.
#[derive(Clone)]
pub(super) struct MailboxSender {
    sender: Sender<ShardCommand>,
    sleeper: Arc<CachePadded<Sleeper<AtomicBool>>>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// Makes a mailbox whose shard sleeps in the poller of `registry`. An event with `token` wakes it.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<(Mailbox, MailboxSender)> {
        let (sender, receiver) = unbounded();
        let sleeper = Arc::new(CachePadded::new(Sleeper::default()));
        let waker = Arc::new(Waker::new(registry, token)?);
        let mailbox_sender = MailboxSender { sender, sleeper: Arc::clone(&sleeper), waker };
        Ok((Mailbox { receiver, sleeper }, mailbox_sender))
    }

    /// Prepares the shard for sleep: from now on senders wake it. Returns whether it may block, which it may not if
    /// commands are in the mailbox. If it may, [`woke`](Self::woke) must follow.
    pub(super) fn may_sleep(&self) -> bool {
        self.sleeper.may_sleep(|| self.receiver.is_empty())
    }

    /// Called when the shard has been woken.
    pub(super) fn woke(&self) {
        self.sleeper.woke();
    }

    /// Returns how many commands are in the mailbox now. Later ones wait for the next turn, so that sockets are served
    /// too.
    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Takes the first command.
    pub(super) fn take(&self) -> Option<ShardCommand> {
        self.receiver.try_recv().ok()
    }
}

impl MailboxSender {
    /// Posts a command, and wakes the shard if it sleeps.
    pub(super) fn post(&self, command: ShardCommand) {
        self.deliver(command);
        Sleeper::<AtomicBool>::posted();
        self.wake();
    }

    /// Puts a command into the mailbox. [`Sleeper::posted`] and [`wake`](Self::wake) must follow before the sender sleeps.
    fn deliver(&self, command: ShardCommand) {
        // It fails if the shard has ended: then the server is ending, and nothing depends on the command.
        let _ = self.sender.send(command);
    }

    /// Wakes the owner if it sleeps and has not taken the delivered commands. Returns whether it was woken.
    fn wake(&self) -> bool {
        let asleep = self.sleeper.must_be_woken(|| self.sender.is_empty());
        if asleep {
            self.waker.wake().expect("the process's own event counter accepts every write");
        }
        asleep
    }
}

/// One shard's messages for other shards.
pub(super) struct Outbox {
    from: ShardId,
    mailboxes: Box<[MailboxSender]>,
    pending: Box<[Pending]>,
    /// Shards with messages since the last [`post`](Outbox::post).
    targets: Vec<ShardId>,
    /// The memory of batches that were received, for the next ones. A shard receives about as many as it sends, so none has
    /// to be allocated, and none is freed by another thread than its own.
    spare: Vec<Vec<Message>>,
}

/// The messages for one shard.
#[derive(Default)]
struct Pending {
    batch: Batch,
    is_target: bool,
}

impl Outbox {
    pub(super) fn new(from: ShardId, mailboxes: Box<[MailboxSender]>) -> Self {
        let pending = mailboxes.iter().map(|_| Pending::default()).collect();
        Self { from, mailboxes, pending, targets: Vec::new(), spare: Vec::new() }
    }

    pub(super) fn push(&mut self, to: ShardId, message: Message) {
        let pending = &mut self.pending[usize::from(to.0)];
        if newly_set(&mut pending.is_target) {
            self.targets.push(to);
        }
        pending.batch.push(message);
    }

    /// See [`Batch::add_to_offer`].
    pub(super) fn add_to_offer(&mut self, to: ShardId, pool: PoolId, n: u32) -> bool {
        self.pending[usize::from(to.0)].batch.add_to_offer(pool, n)
    }

    /// Keeps the memory of a batch whose messages were handled, unless it is much or there is enough for a batch to each
    /// shard.
    pub(super) fn reuse(&mut self, handled: Vec<Message>) {
        if handled.capacity() <= SPARE_MESSAGES_MAX && self.spare.len() < self.pending.len() {
            self.spare.push(handled);
        }
    }

    /// Puts batches of at least `min` messages into the mailboxes, where shards that are awake find them.
    /// [`post`](Self::post) must follow before this shard sleeps, because it wakes the others.
    pub(super) fn deliver(&mut self, min: usize) {
        for to in &self.targets {
            let to = usize::from(to.0);
            let batch = &mut self.pending[to].batch;
            if !batch.is_empty() && batch.posted() >= min {
                let messages = batch.take(self.spare.pop().unwrap_or_default());
                self.mailboxes[to].deliver(ShardCommand::Messages(self.from, messages));
            }
        }
    }

    /// Delivers all messages, and wakes the shards that sleep. Returns how many these were.
    pub(super) fn post(&mut self) -> u64 {
        self.deliver(1);
        if !self.targets.is_empty() {
            Sleeper::<AtomicBool>::posted();
        }
        let mut woken = 0;
        for to in self.targets.drain(..) {
            let to = usize::from(to.0);
            self.pending[to].is_target = false;
            woken += u64::from(self.mailboxes[to].wake());
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use mio::Poll;

    use super::*;
    use crate::dispatch::message::PoolId;

    const TOKEN: Token = Token(0);

    #[test]
    fn the_memory_of_batches_is_used_again_within_limits() {
        let poll = Poll::new().unwrap();
        let (mailbox, sender) = Mailbox::new(poll.registry(), TOKEN).unwrap();
        let to = ShardId(1);
        let mut outbox = Outbox::new(ShardId(0), [sender.clone(), sender].into());
        let mut capacity_of_next = |spare: Vec<Vec<Message>>| {
            for batch in spare {
                outbox.reuse(batch);
            }
            let kept = outbox.spare.len();
            let mut capacities = Vec::new();
            // The first batch has the memory that the outbox already had for this shard.
            for _ in 0..2 {
                outbox.push(to, Message::Decline(PoolId(0)));
                outbox.post();
                let Some(ShardCommand::Messages(ShardId(0), messages)) = mailbox.take() else {
                    panic!("it was posted")
                };
                capacities.push(messages.capacity());
            }
            (kept, capacities[1])
        };
        assert_eq!(capacity_of_next(vec![Vec::with_capacity(20)]), (1, 20));
        assert_eq!(capacity_of_next(vec![Vec::with_capacity(SPARE_MESSAGES_MAX + 1)]).0, 0, "too much memory");
        assert_eq!(capacity_of_next((0..5).map(|_| Vec::with_capacity(10)).collect()), (2, 10), "one per shard");
    }

    #[test]
    fn small_batches_wait_for_the_post() {
        let poll = Poll::new().unwrap();
        let (mailbox, sender) = Mailbox::new(poll.registry(), TOKEN).unwrap();
        let mut outbox = Outbox::new(ShardId(0), [sender].into());
        for (messages, delivered) in [(2, 0), (1, 1), (1, 0)] {
            for _ in 0..messages {
                outbox.push(ShardId(0), Message::Decline(PoolId(0)));
            }
            outbox.deliver(3);
            assert_eq!(mailbox.len(), delivered);
            while mailbox.take().is_some() {}
        }
        outbox.post();
        assert_eq!(mailbox.len(), 1);
    }
}
