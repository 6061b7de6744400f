//! A small world with names as the cases use them: types A (home 0), B (home 1) and C (home 0); a job's first letter is its
//! type, and P and Q are poisonous jobs of A.

use std::collections::BTreeMap;
use std::sync::Arc;

use deputy::protocol::command::WorkerOptions;

use crate::world::{Event, Link, Options, Peer, World};

/// A line that pauses a connection which does not read.
const BIG_BYTES: usize = (1 << 20) + 100;

/// The world of a case, and what has happened in it.
pub(crate) struct Fixture {
    pub(crate) world: World,
    a: Arc<str>,
    b: Arc<str>,
    c: Arc<str>,
    clients: BTreeMap<u16, Peer>,
    /// Jobs that workers were sent, in this order.
    pub(crate) starts: Vec<(String, Peer)>,
    /// Jobs that were answered, and with which code if it was no result.
    pub(crate) answers: Vec<(String, Option<String>)>,
    /// Workers that received `cancel`, in this order, and of which job number.
    pub(crate) cancels: Vec<(Peer, u64)>,
    /// Jobs whose progress their submitter received, with the data.
    pub(crate) progress: Vec<(String, String)>,
    /// Jobs of which their submitter learned that they are stored.
    pub(crate) stored: Vec<String>,
    /// Messages that were posted since [`Fixture::forget_posts`].
    pub(crate) posts: Vec<(u16, u16, &'static str)>,
}

impl Fixture {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with(Options { shards, ..Options::default() })
    }

    pub(crate) fn with_attempts(shards: u16, attempts_max: u32) -> Self {
        Self::with(Options { shards, attempts_max, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let shards = options.shards;
        let mut world = World::new(options);
        world.keep_log();
        let (a, b, c) = (world.type_at(0, 0), world.type_at(1, 0), world.type_at(0, 1));
        let clients = (0..shards).map(|shard| (shard, world.open(shard))).collect();
        Self {
            world,
            a,
            b,
            c,
            clients,
            starts: Vec::new(),
            answers: Vec::new(),
            cancels: Vec::new(),
            progress: Vec::new(),
            stored: Vec::new(),
            posts: Vec::new(),
        }
    }

    /// The type of a letter.
    pub(crate) fn type_of(&self, letter: char) -> Arc<str> {
        match letter {
            'B' => self.b.clone(),
            'C' => self.c.clone(),
            _ => self.a.clone(),
        }
    }

    /// A worker comes that takes the types of these letters. Gives `max_jobs` if it has more than one slot.
    pub(crate) fn worker(&mut self, shard: u16, letters: &str, slots: u32) -> Peer {
        let worker = self.world.open(shard);
        self.can_do(worker, letters, (slots > 1).then_some(slots));
        worker
    }

    /// The same world once such a worker is known everywhere, and the worker.
    pub(crate) fn with_worker(mut self, shard: u16, letters: &str, slots: u32) -> (Self, Peer) {
        let worker = self.worker(shard, letters, slots);
        self.settle();
        (self, worker)
    }

    /// The same as a spare worker.
    pub(crate) fn spare_worker(&mut self, shard: u16, letters: &str, slots: u32) -> Peer {
        let worker = self.world.open(shard);
        self.can_do_as_spare(worker, letters, (slots > 1).then_some(slots));
        worker
    }

    pub(crate) fn can_do(&mut self, worker: Peer, letters: &str, max_jobs: Option<u32>) {
        self.can_do_with(worker, letters, max_jobs, WorkerOptions::default());
    }

    pub(crate) fn can_do_as_spare(&mut self, worker: Peer, letters: &str, max_jobs: Option<u32>) {
        self.can_do_with(worker, letters, max_jobs, WorkerOptions { spare: true, ..WorkerOptions::default() });
    }

    fn can_do_with(&mut self, worker: Peer, letters: &str, max_jobs: Option<u32>, options: WorkerOptions) {
        let types: Vec<Arc<str>> = letters.chars().map(|letter| self.type_of(letter)).collect();
        let types: Vec<&str> = types.iter().map(|name| &**name).collect();
        self.world.can_do_with(worker, &types, max_jobs, options);
        self.look();
    }

    pub(crate) fn cant_do(&mut self, worker: Peer, letter: char) {
        let name = self.type_of(letter);
        self.world.cant_do(worker, &[&name]);
        self.look();
    }

    /// The same as a durable worker.
    pub(crate) fn durable_worker(&mut self, shard: u16, letters: &str, slots: u32) -> Peer {
        let worker = self.world.open(shard);
        self.can_do_durable(worker, letters, slots);
        worker
    }

    pub(crate) fn can_do_durable(&mut self, worker: Peer, letters: &str, slots: u32) {
        let options = WorkerOptions { durable: true, ..WorkerOptions::default() };
        self.can_do_with(worker, letters, Some(slots), options);
    }

    /// The worker says that a job which it holds is stored; nothing, and false, if it does not hold it.
    pub(crate) fn store(&mut self, worker: Peer, job: &str) -> bool {
        self.send_of(worker, job, "stored", "")
    }

    /// A job comes to its home from a client of that shard: there is no Submit on the way.
    pub(crate) fn submit(&mut self, job: &str) {
        let home = self.world.home(&self.type_of(letter(job)));
        self.submit_from(home, job);
    }

    /// A job comes from a client of `shard`.
    pub(crate) fn submit_from(&mut self, shard: u16, job: &str) {
        let client = self.clients[&shard];
        self.submit_by(client, job);
    }

    /// The client of a shard that is there from the start.
    pub(crate) fn client(&self, shard: u16) -> Peer {
        self.clients[&shard]
    }

    pub(crate) fn submit_by(&mut self, client: Peer, job: &str) {
        let name = self.type_of(letter(job));
        self.world.send_line(client, &format!(r#"{{"cmd":"do","id":"{job}","type":"{name}"}}"#));
        self.look();
    }

    /// The worker ends a job that it holds; nothing, and false, if it does not hold it.
    pub(crate) fn end(&mut self, worker: Peer, job: &str) -> bool {
        self.end_with(worker, job, "0")
    }

    fn end_with(&mut self, worker: Peer, job: &str, res: &str) -> bool {
        self.send_of(worker, job, "did", &format!(r#","res":{res}"#))
    }

    /// The worker sends a line about a job that it holds; nothing, and false, if it does not hold it.
    pub(crate) fn send_of(&mut self, worker: Peer, job: &str, cmd: &str, members: &str) -> bool {
        let held = self.slots(worker).map(|slots| slots.held).unwrap_or_default();
        let Some((number, ..)) = held.into_iter().find(|(_, held, _)| held.id == quoted(job)) else { return false };
        let name = number.map_or(format!(r#""id":"{job}""#), |number| format!(r#""job":{number}"#));
        self.world.send_line(worker, &format!(r#"{{"cmd":"{cmd}",{name}{members}}}"#));
        self.look();
        true
    }

    /// These shards stop, one after the other.
    pub(crate) fn stop(&mut self, shards: impl IntoIterator<Item = u16>) {
        shards.into_iter().for_each(|shard| self.world.stop(shard));
        self.look();
    }

    /// The worker goes.
    pub(crate) fn leave(&mut self, worker: Peer) {
        self.world.end(worker);
        self.look();
    }

    /// Lets `worker` wait for the answer to a job of its own, which `pause` gives: it pauses the worker. To be called at
    /// rest; what answers is the peer that is returned.
    pub(crate) fn prepare_pause(&mut self, worker: Peer) -> Peer {
        let answerer = self.worker(0, "C", 1);
        self.submit_by(worker, "C-pause");
        self.settle();
        self.world.stop_reading(worker);
        self.cant_do(answerer, 'C');
        self.settle();
        answerer
    }

    /// More than may be unsent is sent to a worker that does not read, at once.
    pub(crate) fn pause(&mut self, worker: Peer, answerer: Peer) {
        assert!(self.end_with(answerer, "C-pause", &format!("\"{}\"", "x".repeat(BIG_BYTES))));
        let link = Link { from: 0, to: self.world.conn_id(worker).0 };
        while self.world.unsent_bytes(worker) < BIG_BYTES as u64 {
            assert!(self.deliver(link), "the answer is on the way");
        }
    }

    pub(crate) fn read_on(&mut self, worker: Peer) {
        self.world.read_on(worker);
        self.look();
    }

    /// Delivers the first message on its way from one shard to another.
    pub(crate) fn deliver(&mut self, link: Link) -> bool {
        let delivered = self.world.deliver(link);
        self.look();
        delivered
    }

    /// Delivers the first message between two shards, which must be of this name.
    pub(crate) fn expect(&mut self, from: u16, to: u16, name: &str) {
        let first = self.world.on_the_way(Link { from, to }).next().map(crate::world::name_of);
        assert_eq!(first, Some(name), "first from {from} to {to}");
        self.deliver(Link { from, to });
    }

    /// Delivers messages between two shards, one after the other, which must be of these names.
    pub(crate) fn expect_all<const N: usize>(&mut self, messages: [(u16, u16, &str); N]) {
        for (from, to, name) in messages {
            self.expect(from, to, name);
        }
    }

    /// Delivers everything that is on its way from one shard to another.
    pub(crate) fn settle_link(&mut self, from: u16, to: u16) {
        while self.deliver(Link { from, to }) {}
    }

    /// Delivers everything, in the order of posting.
    pub(crate) fn settle(&mut self) {
        self.world.settle();
        self.look();
    }

    /// Takes note of what happened, and checks each shard by itself.
    pub(crate) fn look(&mut self) {
        for event in self.world.take_log() {
            match event {
                Event::Sent(peer, text) => self.on_line(peer, &text),
                Event::Posted(from, to, name) => self.posts.push((from, to, name)),
                Event::Took(..) | Event::Closed(..) | Event::Fault(..) | Event::Traced(..) => {}
            }
        }
    }

    fn on_line(&mut self, peer: Peer, text: &str) {
        let line: serde_json::Value = serde_json::from_str(text).expect("a line is JSON");
        let text_of = |key: &str| line[key].as_str().map(str::to_owned);
        match line["cmd"].as_str() {
            Some("do") => self.starts.push((text_of("id").expect("a job has an id"), peer)),
            Some("did") => self.answers.push((text_of("id").expect("a job has an id"), text_of("code"))),
            Some("metrics") => {}
            Some("stored") => {
                let job = text_of("id").expect("a job has an id");
                assert!(self.answers.iter().all(|(answered, _)| *answered != job), "{job} is stored after its did");
                assert!(!self.stored.contains(&job), "{job} is stored again");
                self.stored.push(job);
            }
            Some("cancel") => self.cancels.push((peer, line["job"].as_u64().expect("a job has a number"))),
            Some("progress") => {
                let job = text_of("id").expect("a job has an id");
                assert!(self.answers.iter().all(|(answered, _)| *answered != job), "progress of {job} after its did");
                self.progress.push((job, line["data"].to_string()));
            }
            _ => panic!("{peer:?} received {text}"),
        }
    }

    pub(crate) fn forget_posts(&mut self) {
        self.posts.clear();
    }

    /// Everything is delivered, and what must hold then does.
    pub(crate) fn rest(&mut self) {
        self.settle();
        self.check_rest();
    }

    pub(crate) fn check_rest(&self) {
        self.world.check_rest();
    }
}

pub(crate) fn letter(job: &str) -> char {
    job.chars().next().expect("a job has a name")
}

pub(crate) fn quoted(job: &str) -> String {
    format!("\"{job}\"")
}
