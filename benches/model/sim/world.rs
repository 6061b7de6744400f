//! Everything that there is, and the loop that lets time pass.

use ahash::RandomState;
use deputy::dispatch::message::{ConnId, Input, MemoryUse, Message, Micros, ShardId};
use deputy::dispatch::{Dispatch, Settings, home_of};

use super::events::{Event, Events};
use super::load::LoadThread;
use super::peers::{Book, Conn, Line, Role, Said};
use super::shard::Shard;
use super::threads::Threads;
use super::{Figures, Jobs, Spent};
use crate::costs::Costs;
use crate::shape::Shape;

/// See the module.
pub(super) struct World {
    pub(super) shape: Shape,
    pub(super) costs: Costs,
    pub(super) now_ns: u64,
    pub(super) events: Events,
    /// The shards' first, then the load's.
    pub(super) threads: Threads,
    pub(super) shards: Vec<Shard>,
    pub(super) load: Vec<LoadThread>,
    pub(super) conns: Vec<Conn>,
    pub(super) book: Book,
    pub(super) types: Vec<TypeKnown>,
}

/// A type, as the model needs it.
pub(super) struct TypeKnown {
    pub(super) name: String,
    pub(super) home: usize,
}

impl World {
    /// All connections are there, the workers have said what they do, and nothing is on the way.
    pub(super) fn new(shape: &Shape, costs: &Costs) -> Self {
        let count = usize::from(shape.shards);
        let homes = RandomState::with_seeds(shape.seed, 2, 3, 4);
        let named = |number: usize| {
            let name = format!("t{number}");
            let home = home_of(&homes, shape.shards, &name).0.into();
            TypeKnown { name, home }
        };
        let load_threads = shape.shared.map_or(0, |machine| machine.load_threads);
        let cores = shape.shared.map(|machine| machine.cores);
        let (slice_ns, granule_ns) = shape.shared.map_or((0, 0), |machine| (machine.slice_ns, machine.granule_ns));
        let mut world = Self {
            shape: *shape,
            costs: *costs,
            now_ns: 0,
            events: Events::default(),
            threads: Threads::new(count + load_threads, cores, slice_ns, granule_ns),
            shards: (0..shape.shards).map(|shard| Shard::new(core(shard, shape, &homes), costs, count)).collect(),
            load: (0..load_threads).map(|_| LoadThread::default()).collect(),
            conns: Vec::new(),
            book: Book::new(shape),
            types: (0..shape.types).map(named).collect(),
        };
        for worker in 0..shape.workers {
            world.open(Role::Worker(world.book.types_of(worker, shape)));
        }
        world.settle();
        for _ in 0..shape.submitters {
            world.open(Role::Submitter);
        }
        world
    }

    /// Connects a peer, to the shard that has the fewest connections. A worker says at once what it does.
    fn open(&mut self, role: Role) {
        let shard = self.conns.len() % self.shards.len();
        let slot = self.shards[shard].open(self.conns.len());
        let id = ConnId { index: u32::try_from(slot).expect("connections are few"), generation: 0 };
        self.tell_at_start(shard, Input::Opened { conn: id });
        if let Role::Worker(types) = &role {
            let types = types.iter().map(|&number| self.types[number].name.clone().into()).collect();
            let max_jobs = (self.shape.max_jobs > 0).then_some(self.shape.max_jobs.into());
            let command = deputy::protocol::command::Command::CanDo { types, max_jobs, id: None };
            self.tell_at_start(shard, Input::Command { from: id, command });
        }
        let thread = (!self.load.is_empty()).then(|| self.conns.len() % self.load.len());
        self.conns.push(Conn { role, shard, id, thread, at_server: Vec::new(), at_peer: Vec::new() });
    }

    /// Tells a core something before the clock runs.
    fn tell_at_start(&mut self, shard: usize, input: Input<'_>) {
        let Shard { core, desk, .. } = &mut self.shards[shard];
        core.step(input, desk);
    }

    /// Delivers what the cores have to say to each other before the clock runs, and forgets what it cost.
    fn settle(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for from in 0..self.shards.len() {
                for to in 0..self.shards.len() {
                    for message in self.shards[from].desk.take_batch(to) {
                        quiet = false;
                        let from = ShardId(u16::try_from(from).expect("shards are few"));
                        self.tell_at_start(to, Input::Message { from, message });
                    }
                }
            }
        }
        self.shards.iter_mut().for_each(|shard| shard.forget_costs(&self.costs));
    }

    /// Runs to the last answer.
    pub(super) fn run(mut self, jobs: Jobs) -> Figures {
        for at in 0..self.conns.len() {
            if matches!(self.conns[at].role, Role::Submitter) {
                let lines = (0..self.shape.inflight).map(|_| self.book.submit()).collect();
                self.events.enter(0, Event::ToServer(at, lines));
            }
        }
        let mut before = None;
        let mut figures = None;
        while let Some((at_ns, event)) = self.events.next() {
            self.now_ns = at_ns;
            self.happen(event);
            if before.is_none() && self.book.answered >= jobs.warm_up {
                before = Some(self.snapshot());
            }
            if figures.is_none() && self.book.answered >= jobs.warm_up + jobs.measured {
                figures = before.as_ref().map(|before| self.snapshot().since(before));
                self.book.closed = true;
            }
        }
        self.check_rest();
        figures.expect("a closed loop does not end before it is told to")
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn(thread) if self.is_shard(thread) => self.shard_turn(thread),
            Event::Turn(thread) => self.load_turn(thread),
            Event::Act(thread) if self.is_shard(thread) => self.shard_act(thread),
            Event::Act(thread) => self.load_act(thread),
            Event::ToServer(at, lines) => self.arrive_at_server(at, lines),
            Event::ToPeer(at, said) => self.arrive_at_peer(at, said),
            Event::Rouse(thread) => self.rouse(thread),
        }
    }

    fn is_shard(&self, thread: usize) -> bool {
        thread < self.shards.len()
    }

    pub(super) fn arrive_at_server(&mut self, at: usize, lines: Vec<Line>) {
        let conn = &mut self.conns[at];
        if conn.at_server.is_empty() {
            self.shards[conn.shard].ready.push(at);
        }
        conn.at_server.extend(lines);
        let shard = conn.shard;
        self.rouse(shard);
    }

    /// A peer without a thread answers at once: after the time that its work and the way take.
    pub(super) fn arrive_at_peer(&mut self, at: usize, said: Vec<Said>) {
        let conn = &mut self.conns[at];
        if let Some(thread) = conn.thread {
            if conn.at_peer.is_empty() {
                self.load[thread].ready.push(at);
            }
            conn.at_peer.extend(said);
            return self.rouse(self.shards.len() + thread);
        }
        let think_ns = if matches!(conn.role, Role::Worker(_)) { self.shape.think_ns } else { 0 };
        let lines: Vec<Line> = said.into_iter().filter_map(|said| self.book.answer(said)).collect();
        if !lines.is_empty() {
            let back_ns = self.shape.network_ns / 2;
            self.events.enter(self.now_ns + think_ns + back_ns, Event::ToServer(at, lines));
        }
    }

    /// Lets a thread run, if it sleeps.
    pub(super) fn rouse(&mut self, thread: usize) {
        if self.threads.is_asleep(thread) {
            let at_once = self.threads.rouse(thread, self.now_ns);
            if at_once {
                self.events.enter(self.now_ns + self.costs.wake_latency_ns, Event::Turn(thread));
            }
        }
    }

    /// A thread has nothing to do.
    pub(super) fn sleep(&mut self, thread: usize) {
        if let Some(next) = self.threads.sleep(thread, self.now_ns) {
            self.go_on(next);
        }
    }

    /// Whether a thread that has work goes on; `in_turn`: in the midst of a turn. If not, another has its core now.
    pub(super) fn goes_on(&mut self, thread: usize, in_turn: bool) -> bool {
        match self.threads.give_way(thread, in_turn, self.now_ns) {
            Some(next) => {
                self.go_on(next);
                false
            }
            None => true,
        }
    }

    /// A thread that waited for a core has one.
    fn go_on(&mut self, thread: usize) {
        let event = if self.threads.is_in_turn(thread) { Event::Act(thread) } else { Event::Turn(thread) };
        self.events.enter(self.now_ns, event);
    }

    fn snapshot(&self) -> Figures {
        let sum = |figure: fn(&Shard) -> u64| self.shards.iter().map(figure).sum();
        Figures {
            jobs: self.book.answered,
            ns: self.now_ns,
            spent: self.shards.iter().map(|shard| shard.desk.spent).collect(),
            messages: sum(|shard| shard.core.counts().shard_messages),
            wakes: sum(|shard| shard.desk.wakes),
            turns: sum(|shard| shard.desk.turns),
        }
    }

    fn check_rest(&self) {
        self.book.check_closed();
        for shard in &self.shards {
            let counts = shard.core.counts();
            let left = [shard.core.pending(), counts.jobs_waiting, counts.jobs_running, counts.job_bytes];
            assert_eq!(left, [0; 4], "something is left in a core when all jobs are answered");
            assert!(shard.is_empty(), "something is on the way when all jobs are answered");
        }
    }
}

impl Figures {
    fn since(&self, before: &Figures) -> Figures {
        Figures {
            jobs: self.jobs - before.jobs,
            ns: self.ns - before.ns,
            spent: self.spent.iter().zip(&before.spent).map(|(now, before)| now.since(before)).collect(),
            messages: self.messages - before.messages,
            wakes: self.wakes - before.wakes,
            turns: self.turns - before.turns,
        }
    }

    /// What all shards spent.
    pub(crate) fn spent_by_all(&self) -> Spent {
        let mut sum = Spent::default();
        self.spent.iter().for_each(|spent| sum.merge(spent));
        sum
    }
}

fn core(shard: u16, shape: &Shape, homes: &RandomState) -> Dispatch {
    let mut core = Dispatch::new(Settings {
        shard: ShardId(shard),
        shards: shape.shards,
        attempts_max: 3,
        memory_bytes_max: 1 << 40,
        unsent_bytes_max: 1 << 30,
        stall_ms: 30_000,
        trace: false,
        homes: homes.clone(),
        maps: RandomState::with_seeds(shape.seed, 6, 7, shard.into()),
    });
    core.step(
        Input::Turn { now: Micros::default(), others: MemoryUse::default() },
        &mut super::desk::Desk::new(1, &Costs::default()),
    );
    core
}

/// What a batch is for its shards' books: of a home, if its first message is from or to one.
pub(super) fn is_from_home(batch: &[Message]) -> bool {
    matches!(
        batch.first(),
        Some(Message::Assign { .. } | Message::Decline(_) | Message::Withdrawn(..) | Message::StatsReply { .. })
    )
}
