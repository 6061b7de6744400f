//! The whole model, and the loop that lets time pass.

use ahash::RandomState;
use deputy::dispatch::message::{ConnId, Input, MemoryUse, Micros, ShardId};
use deputy::dispatch::{Dispatch, PerTurn, Settings, home_of};
use deputy::protocol::command::{Command, WorkerOptions};

use super::events::{Event, Events};
use super::load::LoadThread;
use super::peers::{Conn, Delivery, JobStates, Request, Role};
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
    /// Those of the shards first, then those of the load.
    pub(super) threads: Threads,
    pub(super) shards: Vec<Shard>,
    pub(super) load: Vec<LoadThread>,
    pub(super) conns: Vec<Conn>,
    pub(super) jobs: JobStates,
    pub(super) types: Vec<TypeInfo>,
}

/// What the model knows of a type.
pub(super) struct TypeInfo {
    pub(super) name: String,
    pub(super) home: usize,
}

impl World {
    /// All connections are there, the workers have deliveries what they do, and nothing is on the way.
    pub(super) fn new(shape: &Shape, costs: &Costs) -> Self {
        let count = usize::from(shape.shards);
        let homes = RandomState::with_seeds(shape.seed, 2, 3, 4);
        let named = |number: usize| {
            let name = format!("t{number}");
            let home = home_of(&homes, shape.shards, &name).0.into();
            TypeInfo { name, home }
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
            jobs: JobStates::new(shape),
            types: (0..shape.types).map(named).collect(),
        };
        for worker in 0..shape.workers {
            world.open(Role::Worker(world.jobs.types_of(worker, shape)));
        }
        world.deliver_at_start();
        for _ in 0..shape.submitters {
            world.open(Role::Submitter);
        }
        world
    }

    /// Connects a peer to the shard with the fewest connections, in proportion to its share. A worker sends `can_do` at once.
    fn open(&mut self, role: Role) {
        let share = |shard: usize| if shard == self.types[0].home { self.shape.home_share } else { 100 };
        let load = |&shard: &usize| (2 * self.shards[shard].conns.len() + 1) * 10_000 / share(shard);
        let shard = (0..self.shards.len()).min_by_key(load).expect("a server has a shard");
        let slot = self.shards[shard].open(self.conns.len());
        let id = ConnId { index: u32::try_from(slot).expect("connections are few"), generation: 0 };
        self.step_at_start(shard, Input::Opened { conn: id });
        if let Role::Worker(types) = &role {
            let types = types.iter().map(|&number| self.types[number].name.clone().into()).collect();
            let max_jobs = (self.shape.max_jobs > 0).then_some(self.shape.max_jobs.into());
            let command = Command::CanDo { types, max_jobs, options: WorkerOptions::default(), id: None };
            self.step_at_start(shard, Input::Command { from: id, command: &command });
        }
        let thread = (!self.load.is_empty()).then(|| self.conns.len() % self.load.len());
        self.conns.push(Conn { role, shard, id, thread, at_server: Vec::new(), at_peer: Vec::new() });
    }

    /// Gives an input to a core before the clock starts.
    fn step_at_start(&mut self, shard: usize, input: Input<'_>) {
        let Shard { core, io, .. } = &mut self.shards[shard];
        core.step(input, io);
    }

    /// Delivers the messages between the cores before the clock starts, and forgets their cost.
    fn deliver_at_start(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for from in 0..self.shards.len() {
                for to in 0..self.shards.len() {
                    for message in self.shards[from].io.take_batch(to) {
                        quiet = false;
                        let from = ShardId(u16::try_from(from).expect("shards are few"));
                        self.step_at_start(to, Input::Message { from, message });
                    }
                }
            }
        }
        self.shards.iter_mut().for_each(|shard| shard.forget_costs(&self.costs));
    }

    /// Runs until all jobs are answered.
    pub(super) fn run(mut self, jobs: Jobs) -> Figures {
        for at in 0..self.conns.len() {
            if matches!(self.conns[at].role, Role::Submitter) {
                let lines = (0..self.shape.inflight).map(|_| self.jobs.submit()).collect();
                self.events.schedule(0, Event::ToServer(at, lines));
            }
        }
        let mut before = None;
        let mut figures = None;
        while let Some((at_ns, event)) = self.events.next() {
            self.now_ns = at_ns;
            self.handle(event);
            if before.is_none() && self.jobs.answered >= jobs.warm_up {
                before = Some(self.snapshot());
            }
            if figures.is_none() && self.jobs.answered >= jobs.warm_up + jobs.measured {
                figures = before.as_ref().map(|before| self.snapshot().since(before));
                self.jobs.stopped = true;
            }
        }
        self.check_rest();
        figures.expect("a closed loop does not end by itself")
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Turn(thread) if self.is_shard(thread) => self.shard_turn(thread),
            Event::Turn(thread) => self.load_turn(thread),
            Event::Action(thread) if self.is_shard(thread) => self.shard_action(thread),
            Event::Action(thread) => self.load_action(thread),
            Event::ToServer(at, lines) => self.arrive_at_server(at, lines),
            Event::ToPeer(at, deliveries) => self.arrive_at_peer(at, deliveries),
            Event::Wake(thread) => self.wake(thread),
        }
    }

    fn is_shard(&self, thread: usize) -> bool {
        thread < self.shards.len()
    }

    /// Delivers lines to the server's end of a connection.
    pub(super) fn arrive_at_server(&mut self, at: usize, lines: Vec<Request>) {
        let conn = &mut self.conns[at];
        if conn.at_server.is_empty() {
            self.shards[conn.shard].ready.push(at);
        }
        conn.at_server.extend(lines);
        let shard = conn.shard;
        self.wake(shard);
    }

    /// Delivers lines to a peer. A peer without a thread answers after the time of its work and of the network.
    pub(super) fn arrive_at_peer(&mut self, at: usize, deliveries: Vec<Delivery>) {
        let conn = &mut self.conns[at];
        if let Some(thread) = conn.thread {
            if conn.at_peer.is_empty() {
                self.load[thread].ready.push(at);
            }
            conn.at_peer.extend(deliveries);
            return self.wake(self.shards.len() + thread);
        }
        let think_ns = if matches!(conn.role, Role::Worker(_)) { self.shape.think_ns } else { 0 };
        let lines: Vec<Request> =
            deliveries.into_iter().filter_map(|deliveries| self.jobs.answer(deliveries)).collect();
        if !lines.is_empty() {
            let back_ns = self.shape.network_ns / 2;
            self.events.schedule(self.now_ns + think_ns + back_ns, Event::ToServer(at, lines));
        }
    }

    /// Wakes a thread, if it sleeps.
    pub(super) fn wake(&mut self, thread: usize) {
        if self.threads.is_asleep(thread) {
            let at_once = self.threads.wake(thread, self.now_ns);
            if at_once {
                self.events.schedule(self.now_ns + self.costs.wake_latency_ns, Event::Turn(thread));
            }
        }
    }

    /// Lets a thread sleep that has nothing to do.
    pub(super) fn sleep(&mut self, thread: usize) {
        if let Some(next) = self.threads.sleep(thread, self.now_ns) {
            self.go_on(next);
        }
    }

    /// Whether a thread with work continues; `in_turn`: in the middle of a turn. If not, another thread has its core now.
    pub(super) fn goes_on(&mut self, thread: usize, in_turn: bool) -> bool {
        match self.threads.give_way(thread, in_turn, self.now_ns) {
            Some(next) => {
                self.go_on(next);
                false
            }
            None => true,
        }
    }

    /// Continues a thread that waited for a core and has one now.
    fn go_on(&mut self, thread: usize) {
        let event = if self.threads.is_in_turn(thread) { Event::Action(thread) } else { Event::Turn(thread) };
        self.events.schedule(self.now_ns, event);
    }

    fn snapshot(&self) -> Figures {
        let sum = |figure: fn(&Shard) -> u64| self.shards.iter().map(figure).sum();
        Figures {
            jobs: self.jobs.answered,
            ns: self.now_ns,
            spent: self.shards.iter().map(|shard| shard.io.spent).collect(),
            messages: sum(|shard| shard.core.counts().shard_messages),
            batches: sum(|shard| shard.io.batches_sent),
            wakes: sum(|shard| shard.io.wakes),
            turns: sum(|shard| shard.io.turns),
        }
    }

    fn check_rest(&self) {
        self.jobs.check_all_answered();
        for shard in &self.shards {
            let counts = shard.core.counts();
            let left = [shard.core.pending(), counts.jobs_waiting, counts.jobs_running, counts.job_bytes];
            assert_eq!(left, [0; 4], "every core is empty when all jobs are answered");
            assert!(shard.is_empty(), "nothing is on its way when all jobs are answered");
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
            batches: self.batches - before.batches,
            wakes: self.wakes - before.wakes,
            turns: self.turns - before.turns,
        }
    }

    /// Returns the time that all shards spent.
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
        run_limit_ms: 0,
        memory_bytes_max: 1 << 40,
        unsent_bytes_max: 1 << 30,
        stall_ms: 30_000,
        figure_types_max: 4_096,
        per_turn: PerTurn::default(),
        trace: false,
        homes: homes.clone(),
        maps: RandomState::with_seeds(shape.seed, 6, 7, shard.into()),
    });
    core.step(
        Input::Turn { now: Micros::default(), others: MemoryUse::default() },
        &mut super::shard_io::ShardIo::new(1, &Costs::default()),
    );
    core
}
