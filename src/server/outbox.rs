//! What a turn has to say to other shards: gathered by target, posted as one batch with at most one wake each.

use super::mailbox::{MailboxSender, ShardCommand};
use crate::dispatch::message::{Message, ShardId};

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
