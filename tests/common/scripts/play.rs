//! Performs a [`script`](crate::script) on a [`World`]: at one shard and at three, with CRLF and with LF.
//!
//! After each line all messages between shards are delivered, and the shards must agree. A line that a peer receives is kept
//! until the script names it. At the end no line may be left, and no connection may be closed that the script does not name
//! as closed. Then all peers leave, and every shard must have forgotten everything.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::{BTreeMap, VecDeque};

use deputy::limits::LINE_BYTES_DEFAULT;
use deputy::protocol::frame::Framer;

use crate::feed::{closing_name, feed};
use crate::script::{self, Act, Step};
use crate::wildcard::Numbers;
use crate::world::{Event, Options, Peer, World};

/// How a script is performed: shards, seed of the hashes, and what ends a line.
const PERFORMANCES: [(u16, u64, &str); 3] = [(1, 1, "\r\n"), (3, 1, "\n"), (3, 2, "\r\n")];

/// Performs a script, in each way that its options allow. Panics where it does not go as written.
pub(crate) fn check(script: &str) {
    let lines = script::parse(script);
    let options: BTreeMap<String, u64> = script::options(&lines).iter().cloned().collect();
    let threads = options.get("threads");
    for (shards, seed, line_end) in PERFORMANCES {
        if threads.is_none_or(|threads| *threads == u64::from(shards)) {
            let mut fixture = Fixture::new(Options { shards, seed, ..Options::default() }, line_end);
            for line in &lines {
                let done = fixture.perform(&line.step);
                done.unwrap_or_else(|what| script::fail(script, line.place, &format!("at {shards} shards: {what}")));
            }
            fixture
                .finish()
                .unwrap_or_else(|what| script::fail(script, usize::MAX, &format!("at {shards} shards: {what}")));
        }
    }
}

/// Checks rows `line => expected line`, each as a script of its own.
pub(crate) fn check_rows(rows: &str) {
    script::of_rows(rows).for_each(|script| check(&script));
}

/// A named peer.
struct Player {
    peer: Peer,
    framer: Framer,
    /// Lines that it received and the script has not named yet.
    received: VecDeque<String>,
    /// Whether the script knows that its connection is over.
    over: bool,
}

/// A world, and what a script calls things in it.
struct Fixture {
    world: World,
    players: BTreeMap<String, Player>,
    numbers: Numbers,
    options: Options,
    line_bytes_max: usize,
    line_end: &'static str,
    opened: u16,
    stopping: bool,
}

impl Fixture {
    fn new(options: Options, line_end: &'static str) -> Self {
        Self {
            world: world(&options),
            players: BTreeMap::new(),
            numbers: Numbers::default(),
            options,
            line_bytes_max: LINE_BYTES_DEFAULT,
            line_end,
            opened: 0,
            stopping: false,
        }
    }

    fn perform(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Options(options) => self.set(options)?,
            Step::At(ms) => self.wait(*ms)?,
            Step::Stop => {
                self.stopping = true;
                (0..self.world.shards()).for_each(|shard| self.world.stop(shard));
            }
            Step::DrainOver => (0..self.world.shards()).for_each(|shard| self.world.drain_over(shard)),
            Step::Peer(name, act) => self.act(name, act)?,
        }
        self.world.settle();
        self.world.check_rest();
        Ok(())
    }

    fn set(&mut self, options: &[(String, u64)]) -> Result<(), String> {
        for (name, value) in options {
            match name.as_str() {
                "threads" => {}
                "run-limit" => self.options.run_limit_ms = value * 1_000,
                "max-attempts" => self.options.attempts_max = u32::try_from(*value).map_err(|e| e.to_string())?,
                "max-memory" => self.options.memory_bytes_max = *value,
                "max-unsent" => self.options.unsent_bytes_max = *value,
                "figure-types" => {
                    self.options.figure_types_max = usize::try_from(*value).map_err(|e| e.to_string())?;
                }
                "max-line" => self.line_bytes_max = usize::try_from(*value).map_err(|e| e.to_string())?,
                "stall-timeout" => self.options.stall_ms = value * 1_000,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        self.world = world(&self.options);
        Ok(())
    }

    /// Time passes. The shards are called when they asked for it, so nothing may be due that they did not ask for.
    fn wait(&mut self, until_ms: u64) -> Result<(), String> {
        while let Some(ms) = self.next_call_ms().filter(|&ms| ms <= until_ms) {
            self.world.advance(ms.saturating_sub(self.world.now_ms()));
            self.world.settle();
        }
        self.world.take_log();
        self.world.advance(until_ms - self.world.now_ms());
        let overdue = self.world.take_log().into_iter().find(|event| !matches!(event, Event::Took(..)));
        overdue.map_or(Ok(()), |event| Err(format!("no call was asked for, but one was due: {event:?}")))
    }

    fn act(&mut self, name: &str, act: &Act) -> Result<(), String> {
        if *act == Act::Opens || !self.players.contains_key(name) {
            self.open(name);
        }
        let player = self.players.get_mut(name).expect("it has been opened");
        let (world, peer) = (&mut self.world, player.peer);
        world.advance(0);
        player.received.extend(world.take_lines(peer));
        match act {
            Act::Opens => {}
            Act::SendsLine(text) => {
                let line = self.numbers.fill(text) + self.line_end;
                feed(world, peer, &mut player.framer, self.line_bytes_max, line.as_bytes());
            }
            Act::SendsBytes(bytes) => feed(world, peer, &mut player.framer, self.line_bytes_max, bytes),
            Act::Receives(expected) => {
                let line = player.received.pop_front().ok_or("it received nothing")?;
                return self.numbers.check(expected, &line);
            }
            Act::Quiet => return nothing_left(player),
            Act::StopsReading => world.stop_reading(peer),
            Act::Reads(bytes) => world.read_some(peer, *bytes),
            Act::ReadsOn => world.read_on(peer),
            Act::Gone | Act::Leaves => {
                player.over = true;
                world.end(peer);
            }
            Act::Closed(how) => {
                player.over = true;
                let came = world.closed(peer).map(closing_name);
                let expected = how.as_deref().or(came).is_some_and(|how| came == Some(how));
                return if expected { Ok(()) } else { Err(format!("it is closed: {came:?}")) };
            }
        }
        Ok(())
    }

    /// A connection comes, to the shards in turn.
    fn open(&mut self, name: &str) {
        let peer = self.world.open(self.opened % self.world.shards());
        self.opened += 1;
        let framer = Framer::default();
        self.players.insert(name.to_owned(), Player { peer, framer, received: VecDeque::new(), over: false });
    }

    fn finish(&mut self) -> Result<(), String> {
        for (name, player) in &mut self.players {
            player.received.extend(self.world.take_lines(player.peer));
            nothing_left(player).map_err(|what| format!("{name}: {what}"))?;
            if let Some(how) = self.world.closed(player.peer).filter(|_| !player.over) {
                return Err(format!("{name} is closed: {how:?}"));
            }
        }
        self.players.values().for_each(|player| self.world.end(player.peer));
        self.world.settle();
        if !self.stopping {
            self.do_what_waits();
        }
        // What is delayed outlives its submitter.
        while let Some(ms) = self.next_call_ms() {
            self.world.advance(ms.saturating_sub(self.world.now_ms()));
            self.world.settle();
            self.do_what_waits();
        }
        self.world.check_empty();
        Ok(())
    }

    fn next_call_ms(&self) -> Option<u64> {
        (0..self.world.shards()).filter_map(|shard| self.world.next_call_ms(shard)).min()
    }

    /// Workers come and do all jobs that wait: one those that are durable, and have been stored, and one all others.
    fn do_what_waits(&mut self) {
        self.do_what_waits_as(r#""max_jobs":1,"durable":true"#);
        self.do_what_waits_as(r#""max_jobs":1"#);
    }

    fn do_what_waits_as(&mut self, worker_is: &str) {
        let audits = (0..self.world.shards()).map(|shard| self.world.audit(shard));
        let types: Vec<_> = audits.flat_map(|audit| audit.queues).map(|queue| queue.type_name).collect();
        let names: Vec<String> = types.iter().map(|name| format!("\"{name}\"")).collect();
        let worker = self.world.open(0);
        self.world.send_line(worker, &format!(r#"{{"cmd":"can_do","types":[{}],{worker_is}}}"#, names.join(",")));
        self.world.settle();
        while let [line] = &self.world.take_lines(worker)[..] {
            let Job { job } = serde_json::from_str(line).expect("a worker that asks nothing receives only jobs");
            self.world.send_line(worker, &format!(r#"{{"cmd":"did","job":{job}}}"#));
            self.world.settle();
        }
        self.world.end(worker);
        self.world.settle();
    }
}

/// What a worker must know of a job to end it.
#[derive(serde::Deserialize)]
struct Job {
    job: u64,
}

fn world(options: &Options) -> World {
    let mut world = World::new(options.clone());
    world.keep_log();
    world
}

fn nothing_left(player: &Player) -> Result<(), String> {
    player.received.front().map_or(Ok(()), |line| Err(format!("it received {line}")))
}
