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
use crate::dispatch::message::{Message, ShardId};
use crate::flag::newly_set;

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

    /// Takes the commands that are in the mailbox now. Later ones wait for the next turn, so that sockets are served
    /// too.
    pub(super) fn take(&self) -> impl Iterator<Item = ShardCommand> {
        self.receiver.try_iter().take(self.receiver.len())
    }
}

impl MailboxSender {
    /// Posts a command, and wakes the shard if it sleeps.
    pub(super) fn post(&self, command: ShardCommand) {
        self.deliver(command);
        self.wake();
    }

    /// Puts a command into the mailbox; [`wake`](Self::wake) must follow before the sender sleeps.
    fn deliver(&self, command: ShardCommand) {
        // It fails if the shard has ended: then the server is ending, and nothing depends on the command.
        let _ = self.sender.send(command);
    }

    /// Wakes the owner if it sleeps and has not taken the delivered commands. Returns whether it was woken.
    fn wake(&self) -> bool {
        let asleep = !self.sender.is_empty() && self.sleeper.must_be_woken();
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
    batches: Box<[Batch]>,
    /// Shards with messages since the last [`post`](Outbox::post).
    targets: Vec<ShardId>,
}

#[derive(Default)]
struct Batch {
    messages: Vec<Message>,
    is_target: bool,
}

impl Outbox {
    pub(super) fn new(from: ShardId, mailboxes: Box<[MailboxSender]>) -> Self {
        let batches = mailboxes.iter().map(|_| Batch::default()).collect();
        Self { from, mailboxes, batches, targets: Vec::new() }
    }

    pub(super) fn push(&mut self, to: ShardId, message: Message) {
        let batch = &mut self.batches[usize::from(to.0)];
        if newly_set(&mut batch.is_target) {
            self.targets.push(to);
        }
        batch.messages.push(message);
    }

    /// Puts all messages into the mailboxes, where shards that are awake find them. [`post`](Self::post) must follow before
    /// this shard sleeps, because it wakes the others.
    pub(super) fn deliver(&mut self) {
        for to in &self.targets {
            let to = usize::from(to.0);
            let messages = std::mem::take(&mut self.batches[to].messages);
            if !messages.is_empty() {
                self.mailboxes[to].deliver(ShardCommand::Messages(self.from, messages));
            }
        }
    }

    /// Delivers all messages, and wakes the shards that sleep. Returns how many these were.
    pub(super) fn post(&mut self) -> u64 {
        self.deliver();
        let mut woken = 0;
        for to in self.targets.drain(..) {
            let to = usize::from(to.0);
            self.batches[to].is_target = false;
            woken += u64::from(self.mailboxes[to].wake());
        }
        woken
    }
}
