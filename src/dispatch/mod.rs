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
//! | `home`, `line`, `fifo`, `offers` | a shard as the home of types: what waits, and who would take it |
//! | `owner`, `conns`, `worker`, `bids`, `table` | a shard as the owner of connections: their slots, and what was offered for them |
//! | `obey`, `supply`, `ready`, `bounds`, `census` | the owner's rules: commands, winning jobs, who takes them, limits, tables by type |
//! | `step` | what a rule may use beside its own books: settings, time, figures, the way out |
//! | [`audit`], `room` | the books laid open, and whether they give room back: for tests |

pub mod audit;
mod bids;
mod bounds;
mod census;
mod conns;
mod fifo;
mod home;
pub mod job;
mod line;
pub mod message;
mod obey;
mod offers;
mod owner;
mod ready;
#[cfg(test)]
mod room;
mod step;
mod supply;
mod table;
mod worker;

use std::collections::VecDeque;

use ahash::RandomState;
use audit::Audit;
use home::Home;
use message::{Effects, Input, Message, ShardId};
use owner::Owner;
use step::Step;

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
                self.owner.told_until_ms = std::mem::replace(&mut self.now_ms, now_ms);
                self.owner.others = others;
            }
            Input::Stop => self.stopping = true,
            _ => {}
        }
        let Self { settings, now_ms, stopping, counts, local, home, owner } = self;
        let mut step = Step { settings, now_ms: *now_ms, stopping: *stopping, counts, local, effects };
        told(input, home, owner, &mut step);
        owner.settle(&mut step);
        while let Some(message) = step.local.pop_front() {
            hear(step.settings.shard, message, home, owner, &mut step);
            owner.settle(&mut step);
        }
    }

    /// When it next wants an [`Input::Turn`], in the milliseconds of that input; `None`: not for the time's sake.
    pub fn next_call_ms(&self) -> Option<u64> {
        self.owner.watches.peek().map(|&std::cmp::Reverse((due_ms, _))| due_ms)
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

fn told(input: Input<'_>, home: &mut Home, owner: &mut Owner, step: &mut Step<'_>) {
    match input {
        Input::Turn { .. } => {
            owner.close_stalled(step);
            owner.cut_partials(step);
        }
        Input::Opened { conn } => owner.open(conn, step),
        Input::Command { from, command } => {
            if owner.line_ended(from, step) {
                owner.obey(from, command, step);
            }
        }
        Input::Refused { from, refusal, fatal } => {
            if owner.line_ended(from, step) {
                owner.refused(from, &refusal, fatal, step);
            }
        }
        Input::Heard { conn, partial_bytes } => owner.heard(conn, partial_bytes, step),
        Input::Written { conn, bytes } => owner.written(conn, bytes, step),
        Input::Ended { conn } => owner.end(conn, step),
        Input::Message { from, message } => hear(from, message, home, owner, step),
        Input::Stop => home.stop(step),
        Input::DrainOver => owner.drain_over(step),
    }
}

/// A message, from another shard or the own.
fn hear(from: ShardId, message: Message, home: &mut Home, owner: &mut Owner, step: &mut Step<'_>) {
    match message {
        Message::Submit(job) => home.submit(job, step),
        Message::Offer { type_name, n, bid } => home.offer(from, type_name, n, bid, step),
        Message::Ask(type_name, bid) => home.ask(from, &type_name, bid, step),
        Message::Return { job, refused } => home.put_back(from, job, refused, step),
        Message::Welcome(type_name) => home.welcome(from, &type_name, step),
        Message::Withdraw(type_name, bid) => home.withdraw(from, &type_name, bid, step),
        Message::Assign { job, asked, bid } => owner.assigned(job, asked, bid.0, step),
        Message::Decline(bid) => owner.declined(bid.0, step),
        Message::Withdrawn(bid, n) => owner.withdrawn(bid.0, n),
        Message::Result { to, answer } => owner.deliver(to, &answer, step),
        Message::Census { question, types } => {
            let rows = census::count(home, owner, types.as_deref(), step.now_ms);
            step.post(from, Message::Counted { question, rows });
        }
        Message::Counted { question, rows } => owner.counted(question, rows, step),
    }
}
