//! Who does which job.
//!
//! [`Dispatch::step`] is told one thing and asks for what is to be done about it. **Nothing here blocks, and nothing here
//! can be seen from outside but through the inputs and the effects**: there is no socket, clock, lock, channel, thread or
//! randomness, so all shards together can be run on one thread, with their messages in any order that keeps each pair's.
//!
//! | file | what |
//! |---|---|
//! | [`message`] | what goes in and out |
//! | [`job`] | a job, and the answer that ends it |
//! | `home`, `wait_queue`, `fifo`, `offers` | a shard as the home of types: what waits, and who would take it |
//! | `owner`, `conns`, `worker`, `pools`, `shrinking_slab` | a shard as the owner of connections: their slots, and what was offered for them |
//! | `commands`, `assign`, `ready`, `backpressure`, `type_stats` | the owner's rules: commands, winning jobs, who takes them, limits, tables by type |
//! | `ctx` | what a rule may use beside its own books: settings, time, figures, the way out |
//! | [`audit`], `shrink_check` | the books laid open, and whether they give room back: for tests |

mod assign;
pub mod audit;
mod backpressure;
mod commands;
mod conns;
mod ctx;
mod fifo;
mod home;
pub mod job;
pub mod message;
mod offers;
mod owner;
mod pools;
mod ready;
#[cfg(test)]
mod shrink_check;
mod shrinking_slab;
mod type_stats;
mod wait_queue;
mod worker;

use std::collections::VecDeque;

use ahash::RandomState;
use audit::Audit;
use ctx::Ctx;
use home::Home;
use message::{Effects, Input, Message, ShardId};
use owner::Owner;

use crate::metrics::Counts;

/// What a shard's core is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which shard this is, below `shards`.
    pub shard: ShardId,
    /// How many there are; the same for all of them.
    pub shards: u16,
    /// Losses that count until a job is given up; 0: without end.
    pub attempts_max: u32,
    /// The memory budget, in bytes.
    pub memory_bytes_max: u64,
    /// Unsent bytes past which a connection is closed.
    pub unsent_bytes_max: u64,
    /// How long a connection with more than [`crate::limits::UNSENT_PAUSE_BYTES`] unsent may not move; 0: for ever.
    pub stall_ms: u64,
    /// Whether to tell each job's way by [`Effects::trace`].
    pub trace: bool,
    /// Picks the home of a type; the same for all shards.
    pub homes: RandomState,
    /// Seeds the shard's own maps.
    pub maps: RandomState,
}

/// The home of a type: the shard that keeps its queue.
pub fn home_of(homes: &RandomState, shards: u16, type_name: &str) -> ShardId {
    let home = homes.hash_one(type_name) % u64::from(shards);
    ShardId(u16::try_from(home).expect("it is less than the number of shards"))
}

/// The core of one shard.
#[derive(Debug)]
pub struct Dispatch {
    settings: Settings,
    now_ms: u64,
    stopping: bool,
    counts: Counts,
    /// Messages to the own shard; empty between steps.
    local: VecDeque<Message>,
    home: Home,
    owner: Owner,
}

impl Dispatch {
    /// A core without connections or jobs.
    pub fn new(settings: Settings) -> Self {
        Self {
            now_ms: 0,
            stopping: false,
            counts: Counts::default(),
            local: VecDeque::new(),
            home: Home::new(settings.maps.clone()),
            owner: Owner::new(&settings.maps),
            settings,
        }
    }

    /// Tells the core one thing, and carries out what it asks for.
    pub fn step(&mut self, input: Input<'_>, effects: &mut dyn Effects) {
        match input {
            Input::Turn { now_ms, others } => {
                self.owner.last_turn_ms = std::mem::replace(&mut self.now_ms, now_ms);
                self.owner.others = others;
            }
            Input::Stop => self.stopping = true,
            _ => {}
        }
        let Self { settings, now_ms, stopping, counts, local, home, owner } = self;
        let mut ctx = Ctx { settings, now_ms: *now_ms, stopping: *stopping, counts, local, effects };
        handle_input(input, home, owner, &mut ctx);
        owner.reconcile_offers(&mut ctx);
        while let Some(message) = ctx.local.pop_front() {
            handle_message(ctx.settings.shard, message, home, owner, &mut ctx);
            owner.reconcile_offers(&mut ctx);
        }
    }

    /// When it next wants an [`Input::Turn`], in the milliseconds of that input; `None`: not for the time's sake.
    pub fn next_call_ms(&self) -> Option<u64> {
        self.owner.stall_timers.peek().map(|&std::cmp::Reverse((due_ms, _))| due_ms)
    }

    /// The shard's figures now.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Jobs submitted through this shard that are not yet answered. After [`Input::Stop`] it only falls.
    pub fn pending(&self) -> u64 {
        self.owner.pending
    }

    /// The books, for tests. Linear in what the shard holds.
    pub fn audit(&self) -> Audit {
        Audit::of(&self.home, &self.owner)
    }
}

fn handle_input(input: Input<'_>, home: &mut Home, owner: &mut Owner, ctx: &mut Ctx<'_>) {
    match input {
        Input::Turn { .. } => {
            owner.close_stalled(ctx);
            owner.cut_partials(ctx);
        }
        Input::Opened { conn } => owner.open(conn, ctx),
        Input::Command { from, command } => {
            if owner.line_ended(from, ctx) {
                owner.handle_command(from, command, ctx);
            }
        }
        Input::Refused { from, refusal, fatal } => {
            if owner.line_ended(from, ctx) {
                owner.handle_refusal(from, &refusal, fatal, ctx);
            }
        }
        Input::BytesRead { conn, partial_bytes } => owner.bytes_read(conn, partial_bytes, ctx),
        Input::Written { conn, bytes } => owner.written(conn, bytes, ctx),
        Input::Ended { conn } => owner.end(conn, ctx),
        Input::Message { from, message } => handle_message(from, message, home, owner, ctx),
        Input::Stop => home.stop(ctx),
        Input::DrainOver => owner.drain_over(ctx),
    }
}

/// A message, from another shard or the own.
fn handle_message(from: ShardId, message: Message, home: &mut Home, owner: &mut Owner, ctx: &mut Ctx<'_>) {
    match message {
        Message::Submit(job) => home.submit(job, ctx),
        Message::Offer { type_name, n, pool } => home.offer(from, type_name, n, pool, ctx),
        Message::Pull(type_name, pool) => home.pull(from, &type_name, pool, ctx),
        Message::Requeue { job, refused } => home.requeue(from, job, refused, ctx),
        Message::AcceptSuspects(type_name) => home.accept_suspects(from, &type_name, ctx),
        Message::Withdraw(type_name, pool) => home.withdraw(from, &type_name, pool, ctx),
        Message::Assign { job, asked, pool } => owner.assigned(job, asked, pool.0, ctx),
        Message::Decline(pool) => owner.declined(pool.0, ctx),
        Message::Withdrawn(pool, n) => owner.withdrawn(pool.0, n),
        Message::Answer { to, answer } => owner.deliver(to, &answer, ctx),
        Message::StatsQuery { query: question, types } => {
            let rows = type_stats::count(home, owner, types.as_deref(), ctx.now_ms);
            ctx.post(from, Message::StatsReply { query: question, rows });
        }
        Message::StatsReply { query: question, rows } => owner.handle_stats_reply(question, rows, ctx),
    }
}
