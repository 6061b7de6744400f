//! The tickets of a shard: records of jobs that were submitted here and may end before a worker answers them. These
//! jobs wait for a delay, have a deadline or `wait_ms`, can be cancelled, are durable, or report progress. Other jobs
//! have no ticket.
//!
//! The cancellable tickets of a connection are in a list, and all of them are in a table by connection and id. So each
//! is found without a search.

mod by_id;
mod delayed;
mod links;

use ahash::RandomState;
use by_id::Twins;
use delayed::DelayedByType;
pub(in crate::dispatch) use links::Cancellable;
use links::NONE;
use smol_str::SmolStr;

use crate::dispatch::collections::block_slab::BlockSlab;
use crate::dispatch::collections::parted_table::PartedTable;
use crate::dispatch::collections::timers::{TimerId, Timers};
use crate::dispatch::ids::{ConnId, ShardId, TicketId};
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;

/// A time that does not come. It replaces an `Option`, so that a ticket is smaller: each job that has one copies it.
const NEVER: Micros = Micros(u64::MAX);

/// An age of a shard's tickets: the generation of the next one.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct Age(u32);

impl Age {
    /// Returns whether a ticket is older. Generations wrap, but far fewer tickets than half of them exist at a time.
    pub(in crate::dispatch) fn is_after(self, ticket: TicketId) -> bool {
        let since = ticket.generation.wrapping_sub(self.0);
        since > u32::MAX / 2
    }
}

/// All tickets of a shard.
#[derive(Debug)]
pub(in crate::dispatch) struct Tickets {
    entries: BlockSlab<Ticket>,
    next_generation: u32,
    /// The cancellable tickets, by connection and id: one of each; the others are its twins.
    by_id: PartedTable<u32>,
    /// The number of cancellable tickets.
    cancellable: usize,
    pub(in crate::dispatch) delayed: DelayedByType,
    /// When a delay, a deadline or the time of `wait_ms` ends.
    pub(in crate::dispatch) timers: Timers<TicketId>,
    maps: RandomState,
}

/// One ticket.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, not a state")]
pub(in crate::dispatch) struct Ticket {
    generation: u32,
    /// The connection that sent the `do`. It may have left.
    pub(in crate::dispatch) conn: ConnId,
    /// Most ids are short, and need no memory of their own.
    id: SmolStr,
    /// The bytes that the job counts in the memory budget until the ticket is removed.
    pub(in crate::dispatch) bytes: u64,
    pub(in crate::dispatch) home: ShardId,
    pub(in crate::dispatch) stage: Stage,
    /// When the job expires, if it has a deadline.
    pub(in crate::dispatch) expires: Option<Micros>,
    /// When the job is recalled unless a worker has it. [`NEVER`] unless the job is queued and was not recalled.
    recall_at: Micros,
    timer: Option<TimerId>,
    pub(in crate::dispatch) keyed: bool,
    pub(in crate::dispatch) wants_progress: bool,
    /// Whether the job is in the background.
    pub(in crate::dispatch) background: bool,
    is_cancellable: bool,
    /// Valid if it can be cancelled: the hash of its connection and id, and its neighbours in the connection's list.
    hash: u64,
    prev: u32,
    next: u32,
    twins: Twins,
}

/// The stage of a job with a ticket.
#[derive(Debug)]
pub(in crate::dispatch) enum Stage {
    /// The job waits here for the end of its delay.
    Delayed(Job),
    /// The job is on its way, waits, or is held.
    Live,
    /// The same for a job in the background: its `did` was sent, and its end is only counted.
    Background,
    /// Its `did` was sent. The ticket stays until the job has ended too.
    Answered,
}

/// The properties of a new ticket.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, not a state")]
pub(in crate::dispatch) struct Purpose {
    pub(in crate::dispatch) cancellable: bool,
    pub(in crate::dispatch) wants_progress: bool,
    pub(in crate::dispatch) keyed: bool,
    /// Whether the job is in the background.
    pub(in crate::dispatch) background: bool,
    pub(in crate::dispatch) expires: Option<Micros>,
}

impl Ticket {
    /// Returns the submitter's id, as received.
    pub(in crate::dispatch) fn id(&self) -> &str {
        self.id.as_str()
    }

    pub(in crate::dispatch) fn is_cancellable(&self) -> bool {
        self.is_cancellable
    }

    /// Takes the id out, for a line. [`Ticket::put_id`] puts it back.
    pub(in crate::dispatch) fn take_id(&mut self) -> SmolStr {
        std::mem::take(&mut self.id)
    }

    pub(in crate::dispatch) fn put_id(&mut self, id: SmolStr) {
        self.id = id;
    }
}

impl Tickets {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self {
            entries: BlockSlab::default(),
            next_generation: 0,
            by_id: PartedTable::default(),
            cancellable: 0,
            delayed: DelayedByType::new(maps.clone()),
            timers: Timers::default(),
            maps,
        }
    }

    /// Adds a ticket of a live job. `of` is the list of its connection.
    pub(in crate::dispatch) fn add(
        &mut self,
        conn: ConnId,
        of: &mut Cancellable,
        id: &str,
        bytes: u64,
        home: ShardId,
        purpose: Purpose,
    ) -> TicketId {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let Purpose { cancellable, wants_progress, keyed, background, expires } = purpose;
        let hash = if cancellable { self.hash(conn, id) } else { 0 };
        let next = if cancellable { of.0 } else { NONE };
        let index = self.entries.insert(|index| Ticket {
            generation,
            conn,
            id: SmolStr::new(id),
            bytes,
            home,
            stage: Stage::Live,
            expires,
            recall_at: NEVER,
            timer: None,
            keyed,
            wants_progress,
            background,
            is_cancellable: cancellable,
            hash,
            prev: NONE,
            next,
            twins: Twins::none(index),
        });
        if cancellable {
            of.0 = index;
            self.enter_by_id(index, conn, id, hash);
            if next != NONE {
                self.entries[next].prev = index;
            }
        }
        TicketId { index, generation }
    }

    pub(in crate::dispatch) fn get(&mut self, id: TicketId) -> Option<&mut Ticket> {
        self.entries.get_mut(id.index).filter(|ticket| ticket.generation == id.generation)
    }

    pub(in crate::dispatch) fn peek(&self, id: TicketId) -> Option<&Ticket> {
        self.entries.get(id.index).filter(|ticket| ticket.generation == id.generation)
    }

    /// Returns the present age of the tickets.
    pub(in crate::dispatch) fn age(&self) -> Age {
        Age(self.next_generation)
    }

    /// Lets a ticket's timer fall due at `at`. It has none yet.
    pub(in crate::dispatch) fn set_timer(&mut self, id: TicketId, at: Micros) {
        self.entries[id.index].timer = Some(self.timers.set(at, id));
    }

    /// Called when the job of a live ticket is queued, with whether its end is only counted, and when it is recalled.
    #[inline(always)]
    pub(in crate::dispatch) fn queued(&mut self, id: TicketId, only_counted: bool, recall_at: Option<Micros>) {
        if only_counted {
            self.entries[id.index].stage = Stage::Background;
        }
        self.set_timer_of_queued(id, recall_at);
    }

    /// Sets the timer of a ticket whose job is queued: for its deadline or its recall, whichever comes first. The
    /// ticket has no timer yet.
    #[inline]
    fn set_timer_of_queued(&mut self, id: TicketId, recall_at: Option<Micros>) {
        let ticket = &mut self.entries[id.index];
        ticket.recall_at = recall_at.unwrap_or(NEVER);
        let due = ticket.recall_at.min(ticket.expires.unwrap_or(NEVER));
        if due != NEVER {
            ticket.timer = Some(self.timers.set(due, id));
        }
    }

    /// Removes and returns the time at which the job of a ticket is recalled. Its timer has fired, and the next timer
    /// is for its deadline.
    pub(in crate::dispatch) fn take_recall(&mut self, id: TicketId) -> Option<Micros> {
        let recall_at = self.entries[id.index].recall_at;
        (recall_at != NEVER).then(|| {
            self.set_timer_of_queued(id, None);
            recall_at
        })
    }

    /// Called when a ticket's timer has fired.
    pub(in crate::dispatch) fn timer_fired(&mut self, id: TicketId) {
        self.entries[id.index].timer = None;
    }

    /// Counts a job of a type that is delayed from now on.
    pub(in crate::dispatch) fn count_delayed(&mut self, type_name: &str) {
        self.delayed.count(type_name);
    }

    /// Uncounts a job of a type that is no longer delayed.
    pub(in crate::dispatch) fn uncount_delayed(&mut self, type_name: &str) {
        self.delayed.uncount(type_name);
    }

    /// Returns the tickets of all delayed jobs. A pass over all tickets, for the stop.
    pub(in crate::dispatch) fn all_delayed(&self) -> Vec<TicketId> {
        let delayed = self.iter().filter(|(_, ticket)| matches!(ticket.stage, Stage::Delayed(_)));
        delayed.map(|(id, _)| id).collect()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (TicketId, &Ticket)> {
        self.entries
            .iter_with_index()
            .map(|(index, ticket)| (TicketId { index, generation: ticket.generation }, ticket))
    }

    /// Returns the numbers of tickets that can be cancelled, and of timers, for tests.
    pub(in crate::dispatch) fn sizes(&self) -> (usize, usize) {
        (self.cancellable, self.timers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 10_000;
    const CONN: ConnId = ConnId { index: 3, generation: 7 };
    const PURPOSE: Purpose =
        Purpose { cancellable: true, wants_progress: false, keyed: false, background: false, expires: None };

    fn empty() -> (Tickets, Cancellable) {
        (Tickets::new(RandomState::with_seeds(1, 2, 3, 4)), Cancellable::default())
    }

    /// Adds tickets of one connection with the ids from 0 on, each with a timer.
    fn full() -> (Tickets, Cancellable, Vec<TicketId>) {
        let (mut tickets, mut of) = empty();
        let add = |nth: usize| {
            let id = tickets.add(CONN, &mut of, &nth.to_string(), 0, ShardId(0), PURPOSE);
            tickets.set_timer(id, Micros::from_ms(3_600_000));
            id
        };
        let ids = (0..MANY).map(add).collect();
        (tickets, of, ids)
    }

    #[test]
    fn tickets_of_different_connections_or_ids_have_different_hashes() {
        let (tickets, _) = empty();
        let conns = (0..16).map(|n| ConnId { index: n % 4, generation: n / 4 });
        let hashes = conns.flat_map(|conn| ["1", "2", "\"a\""].map(|id| tickets.hash(conn, id)));
        assert_eq!(hashes.collect::<std::collections::BTreeSet<_>>().len(), 16 * 3);
    }

    #[test]
    fn a_ticket_is_older_than_a_moment_also_where_generations_wrap() {
        for moment in [10, 0, u32::MAX] {
            let is_after = |from: i32| {
                let generation = moment.wrapping_add_signed(from);
                Age(moment).is_after(TicketId { index: 0, generation })
            };
            assert_eq!([-1_000, -1, 0, 1, 2, 1_000].map(is_after), [true, true, false, false, false, false]);
        }
    }

    #[test]
    fn the_table_of_ids_gives_its_room_back_as_tickets_go() {
        let (mut tickets, mut of, ids) = full();
        for id in ids {
            tickets.remove(id, Some(&mut of));
        }
        assert_eq!((tickets.sizes(), tickets.entries.len(), of), ((0, 0), 0, Cancellable::default()));
        assert!(tickets.by_id.is_as_new() && tickets.entries.capacity() == 0);
    }

    /// First, last and between others.
    #[test]
    fn the_list_of_a_connection_holds_what_can_be_cancelled_in_whatever_order_the_others_go() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 1, 3, 0]] {
            let (mut tickets, mut of) = empty();
            let ids = ["0", "1", "2", "3"].map(|id| tickets.add(CONN, &mut of, id, 0, ShardId(0), PURPOSE));
            let other = Purpose { cancellable: false, ..PURPOSE };
            tickets.add(CONN, &mut of, "0", 0, ShardId(0), other);
            for (gone, at) in order.into_iter().enumerate() {
                tickets.remove(ids[at], Some(&mut of));
                let mut listed = Vec::new();
                let mut next = of;
                while let Some(id) = tickets.first(next) {
                    listed.push(id.index);
                    next = Cancellable(tickets.entries[id.index].next);
                }
                listed.sort_unstable();
                let mut left: Vec<u32> = order[gone + 1..].iter().map(|&at| ids[at].index).collect();
                left.sort_unstable();
                assert_eq!(listed, left, "{order:?}");
            }
        }
    }

    #[test]
    fn tickets_of_one_id_take_one_entry_and_are_found_until_the_last_has_gone() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 0, 3, 1]] {
            let (mut tickets, mut of) = empty();
            let ids = ["10", "1e1", "10.0", "10"].map(|id| tickets.add(CONN, &mut of, id, 0, ShardId(0), PURPOSE));
            let other = tickets.add(CONN, &mut of, "11", 0, ShardId(0), PURPOSE);
            let elsewhere = tickets.add(ConnId { index: 4, ..CONN }, &mut of, "10", 0, ShardId(0), PURPOSE);
            assert_eq!((tickets.by_id.len(), tickets.sizes().0), (3, 6));
            for (gone, at) in order.into_iter().enumerate() {
                tickets.remove(ids[at], Some(&mut of));
                let found = tickets.find(CONN, "10");
                let left: Vec<TicketId> = order[gone + 1..].iter().map(|&at| ids[at]).collect();
                let oldest = left.iter().min_by_key(|id| id.generation).copied();
                assert_eq!(found, oldest, "{order:?}");
                assert_eq!(tickets.sizes().0, 2 + left.len());
            }
            assert_eq!(tickets.find(CONN, "11"), Some(other));
            assert_eq!(tickets.find(ConnId { index: 4, ..CONN }, "10"), Some(elsewhere));
            assert_eq!(tickets.by_id.len(), 2);
        }
    }

    #[test]
    fn a_ticket_is_found_by_its_connection_and_id_and_a_former_one_is_not() {
        let (mut tickets, mut of) = empty();
        let first = tickets.add(CONN, &mut of, r#""x""#, 0, ShardId(0), PURPOSE);
        assert_eq!(tickets.find(CONN, r#""\u0078""#), Some(first));
        assert_eq!(tickets.find(ConnId { generation: 8, ..CONN }, r#""x""#), None);
        assert_eq!(tickets.find(CONN, r#""y""#), None);
        tickets.settle(first, Some(&mut of));
        assert_eq!(tickets.find(CONN, r#""x""#), None, "it is answered");
        tickets.remove(first, None);
        let second = tickets.add(CONN, &mut of, r#""x""#, 0, ShardId(0), PURPOSE);
        assert_eq!(second.index, first.index, "its place is used again");
        assert!(tickets.peek(first).is_none() && tickets.peek(second).is_some());
    }
}
