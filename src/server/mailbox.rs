//! A shard's mailbox: one crossbeam channel with one receiver, and the flag that spares the wakes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossbeam_utils::CachePadded;
use mio::{Registry, Token, Waker};

use super::stream::Stream;
use super::wake::Sleeper;
use crate::dispatch::message::{Message, ShardId};

/// What a shard can find in its mailbox.
pub(super) enum ShardCommand {
    /// What another shard has to say, all of a turn at once, in order.
    Messages(ShardId, Vec<Message>),
    /// A connection that is this shard's from now on.
    Connection(Stream),
    /// See [`crate::dispatch::message::Input::Stop`].
    Stop,
    /// See [`crate::dispatch::message::Input::DrainOver`].
    DrainOver,
    /// Flush, close everything, and end.
    Finish,
}

/// The receiver's side. The channel is unbounded: posting never blocks, and the memory budget bounds what is in it.
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
    /// A mailbox whose owner sleeps in the poller of `registry`; `token` wakes it.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<(Mailbox, MailboxSender)> {
        let (sender, receiver) = unbounded();
        let sleeper = Arc::new(CachePadded::new(Sleeper::default()));
        let waker = Arc::new(Waker::new(registry, token)?);
        let mailbox_sender = MailboxSender { sender, sleeper: Arc::clone(&sleeper), waker };
        Ok((Mailbox { receiver, sleeper }, mailbox_sender))
    }

    /// To be asked before the owner blocks; if so, [`woke`](Self::woke) must follow.
    pub(super) fn may_sleep(&self) -> bool {
        self.sleeper.may_sleep(|| self.receiver.is_empty())
    }

    pub(super) fn woke(&self) {
        self.sleeper.woke();
    }

    /// What is there now; what comes meanwhile is left for the next turn, so that sockets have theirs.
    pub(super) fn take(&self) -> impl Iterator<Item = ShardCommand> {
        self.receiver.try_iter().take(self.receiver.len())
    }
}

impl MailboxSender {
    /// Puts mail in, and wakes the owner if it sleeps. Returns whether it did.
    pub(super) fn post(&self, mail: ShardCommand) -> bool {
        // A shard that has ended takes no more mail: the server is at its end, and nobody waits for what it says.
        let _ = self.sender.send(mail);
        let asleep = self.sleeper.must_be_woken();
        if asleep {
            self.waker.wake().expect("an event counter of the process's own takes every write");
        }
        asleep
    }
}

/// One shard's outgoing messages.
pub(super) struct Outbox {
    from: ShardId,
    mailboxes: Box<[MailboxSender]>,
    batches: Box<[Vec<Message>]>,
    /// Targets whose batch is not empty.
    targets: Vec<ShardId>,
}

impl Outbox {
    pub(super) fn new(from: ShardId, mailboxes: Box<[MailboxSender]>) -> Self {
        let batches = mailboxes.iter().map(|_| Vec::new()).collect();
        Self { from, mailboxes, batches, targets: Vec::new() }
    }

    pub(super) fn put(&mut self, to: ShardId, message: Message) {
        let batch = &mut self.batches[usize::from(to.0)];
        if batch.is_empty() {
            self.targets.push(to);
        }
        batch.push(message);
    }

    /// Posts everything. Returns how many shards had to be woken.
    pub(super) fn post(&mut self) -> u64 {
        let mut woken = 0;
        for to in self.targets.drain(..) {
            let to = usize::from(to.0);
            let batch = std::mem::take(&mut self.batches[to]);
            woken += u64::from(self.mailboxes[to].post(ShardCommand::Messages(self.from, batch)));
        }
        woken
    }
}
