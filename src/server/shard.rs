//! One shard: a thread that sleeps in its poller, and handles its input in turns.
//!
//! | file | what it does |
//! |---|---|
//! | `reading` | reads from connections |
//! | `writing` | posts messages and writes to connections |
//! | `event` | the events of a shard when the server stops, or when the shard panics |
//!
//! A turn: (1) sleep until a socket, the mailbox or a timer is ready; (2) handle the mailbox's commands; (3) read from the
//! ready connections, cut the bytes into lines, and pass them to the core; (4) publish the counts, and post the messages:
//! one batch and at most one wake per target; (5) write once to each connection that has unsent bytes; (6) as (4).
//!
//! A shard with many connections has long turns, and other shards may wait for it, because it is the home of their
//! jobs' type. So it also handles its mailbox in (3) and (5), after every few connections. It then delivers messages to
//! shards for which there are several, and the next (4) or (6) wakes shards that sleep.
//!
//! Invariant: a shard blocks only in (1), never on a socket, a channel, a lock or stderr.

mod event;
mod reading;
mod writing;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use mio::{Events, Poll, Token};

use event::PanicNotice;
pub(super) use event::ShardEvent;
use reading::FirstRead;

use super::connections::Connections;
use super::log::Log;
use super::mailbox::{Mailbox, Outbox, ShardCommand};
use super::shared::Shared;
use crate::dispatch::message::{ConnId, Input, Micros};
use crate::dispatch::{Dispatch, Settings};
use crate::limits::{
    BATCH_BYTES, CHUNKS_RELEASE_MS, CHUNKS_RELEASED_MAX, CONNECTIONS_PER_DELIVERY, CONNECTIONS_PER_MAIL,
    EVENTS_PER_TURN_MAX, FLUSH_MS, MESSAGES_PER_DELIVERY,
};
use crate::protocol::chunks;

/// The token that wakes the poller for the mailbox. No connection has it, because it would be the last possible index.
pub(super) const WAKE: Token = Token(usize::MAX);

/// The state of a shard's thread.
pub(super) struct Shard {
    poll: Poll,
    mailbox: Mailbox,
    core: Dispatch,
    connections: Connections,
    /// Connections to read from in the next turn.
    ready: VecDeque<ConnId>,
    /// Bytes that were read from connections with more lines than a turn handles. These connections are in `ready`.
    unhandled: HashMap<ConnId, Vec<u8>>,
    /// The buffer for reads, shared by all connections.
    buffer: Box<[u8]>,
    /// The connections whose bytes are in `buffer`; empty between turns.
    batch: Vec<FirstRead>,
    line_bytes_max: usize,
    /// When to free chunks that were not used again; `None` if there are none.
    chunks_due: Option<Micros>,
    events: Sender<ShardEvent>,
    phase: Phase,
}

/// The phases of a shard, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Asked to stop; workers may still hold jobs.
    Draining,
    /// All jobs that were submitted here are answered, and all metrics queries that came before the stop.
    Drained,
    /// Flushing until this time.
    Finishing(Micros),
}

impl Shard {
    /// Makes a shard that sleeps in `poll` and whose `mailbox` wakes it; `outbox` leads to the other shards.
    pub(super) fn new(
        poll: Poll,
        mailbox: Mailbox,
        outbox: Outbox,
        settings: Settings,
        shared: Arc<Shared>,
        log: Log,
        events: Sender<ShardEvent>,
    ) -> io::Result<Self> {
        let registry = poll.registry().try_clone()?;
        let line_bytes_max = shared.line_bytes_max;
        let connections = Connections::new(shared, outbox, registry, &settings, log);
        Ok(Self {
            poll,
            mailbox,
            core: Dispatch::new(settings),
            connections,
            ready: VecDeque::new(),
            unhandled: HashMap::new(),
            buffer: vec![0; BATCH_BYTES].into_boxed_slice(),
            batch: Vec::new(),
            line_bytes_max,
            chunks_due: None,
            events,
            phase: Phase::Serving,
        })
    }

    /// Serves until it receives [`ShardCommand::Finish`].
    ///
    /// # Panics
    /// If the poller fails, because a server without one of its shards would lose jobs silently.
    pub(super) fn run(mut self) {
        let _panic_notice = PanicNotice::new(self.events.clone());
        let mut events = Events::with_capacity(EVENTS_PER_TURN_MAX);
        loop {
            if let Err(error) = self.sleep(&mut events) {
                panic!("the poller of shard {} failed: {error}", self.connections.shard);
            }
            if self.turn(&mut events) {
                return self.connections.pulse().sleep(self.connections.shared.now());
            }
        }
    }

    fn sleep(&mut self, events: &mut Events) -> io::Result<()> {
        let idle = self.is_idle();
        if idle {
            self.connections.pulse().sleep(self.connections.shared.now());
        }
        let mut timeout = if idle { self.poll_timeout() } else { Some(Duration::ZERO) };
        let polled = loop {
            match self.poll.poll(events, timeout) {
                // The process may have been stopped meanwhile. The next turn must read all input up to its own time.
                // Otherwise the core treats this input as late.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => timeout = Some(Duration::ZERO),
                polled => break polled,
            }
        };
        if idle {
            self.mailbox.woke();
        }
        polled
    }

    /// Returns whether there is nothing to read, to write, or in the mailbox.
    fn is_idle(&self) -> bool {
        let pending = &self.connections;
        self.ready.is_empty() && pending.dirty.is_empty() && pending.unfinished.is_empty() && self.mailbox.may_sleep()
    }

    /// Returns how long the shard may sleep; `None` is without limit.
    fn poll_timeout(&self) -> Option<Duration> {
        let finish = match self.phase {
            Phase::Finishing(until) => Some(until),
            _ => None,
        };
        let due = [self.core.next_call(), self.connections.next_deadline(), self.chunks_due, finish]
            .into_iter()
            .flatten()
            .min()?;
        Some(Duration::from_micros(due.since(self.connections.shared.now()).0))
    }

    /// One turn. Returns whether it was the last.
    fn turn(&mut self, events: &mut Events) -> bool {
        self.connections.turns += 1;
        self.connections.now = self.connections.shared.now();
        self.connections.pulse().begin_turn(self.connections.now);
        let is_timer_due = self.core.next_call().is_some_and(|due| due <= self.connections.now);
        let others = self.connections.shared.memory_of_others(self.connections.shard);
        self.step(Input::Turn { now: self.connections.now, others });
        self.drain_mailbox();
        for event in &*events {
            self.on_event(event);
        }
        // The process may have been stopped after it received these events and before it read the clock. The next turn
        // assumes that all input before the time of this turn was read. If this poll fails, the error comes again when
        // the shard sleeps.
        if is_timer_due && self.poll.poll(events, Some(Duration::ZERO)).is_ok() {
            for event in &*events {
                self.on_event(event);
            }
        }
        self.read_ready();
        self.flush_and_post();
        self.release_chunks();
        self.advance_shutdown()
    }

    fn step(&mut self, input: Input<'_>) {
        self.core.step(input, &mut self.connections);
    }

    /// Handles the commands in the mailbox. Returns whether there were any.
    fn drain_mailbox(&mut self) -> bool {
        let present = self.mailbox.len();
        for _ in 0..present {
            let Some(command) = self.mailbox.take() else { break };
            match command {
                ShardCommand::Messages(from, mut messages) => {
                    for message in messages.drain(..) {
                        self.step(Input::Message { from, message });
                    }
                    self.connections.reuse(messages);
                }
                ShardCommand::Connection(stream) => {
                    if let Some(conn) = self.connections.open(stream) {
                        self.step(Input::Opened { conn });
                    }
                }
                ShardCommand::Stop => {
                    self.phase = Phase::Draining;
                    self.step(Input::Stop);
                }
                ShardCommand::DrainOver => self.step(Input::DrainOver),
                ShardCommand::Finish => self.phase = Phase::Finishing(self.connections.now + Micros::from_ms(FLUSH_MS)),
            }
        }
        present > 0
    }

    /// Called after each connection that the turn reads from or writes to, with their number so far. Handles the
    /// mailbox after every few. If anything was in it, delivers messages to shards for which there are several, because they
    /// may wait for them. After more connections it delivers all messages in any case. Sleeping shards are woken only at the end of the turn: if
    /// there are few cores, waking them earlier costs more than it gains.
    fn take_mail_between(&mut self, connections: usize) {
        if !connections.is_multiple_of(CONNECTIONS_PER_MAIL) {
            return;
        }
        let any = self.drain_mailbox();
        let delivers_all = connections.is_multiple_of(CONNECTIONS_PER_DELIVERY);
        if any || delivers_all {
            self.connections.publish(self.core.counts());
            self.connections.deliver(if delivers_all { 1 } else { MESSAGES_PER_DELIVERY });
        }
    }

    /// Frees chunks of long values that were not used again for a while.
    fn release_chunks(&mut self) {
        let now = self.connections.now;
        if self.chunks_due.is_some_and(|due| due <= now) {
            chunks::release_unused(CHUNKS_RELEASED_MAX);
            self.chunks_due = None;
        }
        if self.chunks_due.is_none() && chunks::any_spare() {
            self.chunks_due = Some(now + Micros::from_ms(CHUNKS_RELEASE_MS));
        }
    }

    /// Continues the shutdown. Returns whether this was the last turn.
    fn advance_shutdown(&mut self) -> bool {
        match self.phase {
            Phase::Draining if self.core.pending() == 0 && !self.core.owes_metrics() => {
                self.phase = Phase::Drained;
                // This fails only if the thread that stops the server is gone, and then no thread waits for the event.
                let _ = self.events.send(ShardEvent::Drained);
                false
            }
            Phase::Finishing(until) => {
                self.connections.close_sent(self.connections.now >= until);
                self.connections.is_empty()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
