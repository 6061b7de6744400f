//! What the server's own code costs. A job goes through three shards: its submitter's, its type's home, and its worker's.
//! Each stage is timed for many jobs at once.

use std::time::Instant;

use ahash::RandomState;
use deputy::dispatch::message::{Closing, ConnId, Effects, Input, MemoryUse, Message, Micros, ShardId};
use deputy::dispatch::{Dispatch, PerTurn, Settings, home_of};
use deputy::metrics::{Block, Counts, Fault, ShardRow, Totals};
use deputy::protocol::command::{Command, WorkerOptions, check_read, decode, next_line};
use deputy::protocol::frame::Framer;
use deputy::protocol::reply::Reply;

use super::clock::{median, on_two_cores, wall_ns};
use crate::costs::Costs;
use crate::harness::traffic::drivers::{Deputy, Driver, ServerMessage, push_number};
use crate::harness::traffic::workload::JobKey;

/// Jobs of a round, and workers of one slot each.
const JOBS: u32 = 64;
const ROUNDS: usize = 400;

const SUBMITTER: u16 = 0;
const HOME: u16 = 1;
const OWNER: u16 = 2;

/// Records what a core asks for.
#[derive(Default)]
struct Recorder {
    sent: Vec<u8>,
    posted: Vec<Message>,
}

impl Effects for Recorder {
    fn send(&mut self, _to: ConnId, reply: &Reply<'_>) -> usize {
        reply.encode(&mut self.sent)
    }

    fn post(&mut self, _to: ShardId, message: Message) {
        self.posted.push(message);
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        panic!("no connection closes: {conn:?}, {how:?}");
    }

    fn fault(&mut self, conn: ConnId, fault: Fault) {
        panic!("no peer does anything wrong: {conn:?}, {fault:?}");
    }

    fn peer_name(&mut self, conn: ConnId) -> String {
        panic!("no metrics by type are asked for: {conn:?}");
    }

    fn totals(&mut self, _own: &Counts) -> Totals {
        Totals::default()
    }

    fn shards(&mut self, _own: &Counts) -> Vec<ShardRow> {
        Vec::new()
    }
}

/// The stages of a job, in nanoseconds per round.
#[derive(Default)]
struct Stages {
    of_do: Vec<u64>,
    submit: Vec<u64>,
    assign: Vec<u64>,
    did: Vec<u64>,
    result: Vec<u64>,
    offer: Vec<u64>,
    load: Vec<u64>,
    turn: Vec<u64>,
    conn: Vec<u64>,
}

/// See the module.
pub(super) fn measure(costs: &mut Costs) {
    let (stages, ()) = on_two_cores(run, || ());
    let each = |rounds: Vec<u64>| median(rounds) / u64::from(JOBS);
    costs.do_ns = each(stages.of_do);
    costs.submit_ns = each(stages.submit);
    costs.assign_ns = each(stages.assign);
    costs.did_ns = each(stages.did);
    costs.result_ns = each(stages.result);
    costs.offer_ns = each(stages.offer);
    costs.load_line_ns = each(stages.load);
    costs.turn_ns = each(stages.turn);
    costs.conn_ns = each(stages.conn);
}

fn run() -> Stages {
    let mut shards = ThreeShards::new();
    let mut stages = Stages::default();
    for round in 0..ROUNDS {
        shards.round(round, &mut stages);
    }
    stages
}

/// Three shards' cores, and a type whose home is the second.
struct ThreeShards {
    cores: [Dispatch; 3],
    recorder: Recorder,
    type_number: u64,
}

fn conn(slot: u32) -> ConnId {
    ConnId { index: slot, generation: 0 }
}

impl ThreeShards {
    fn new() -> Self {
        let homes = RandomState::with_seeds(1, 2, 3, 4);
        let is_at_home = |number: &u64| home_of(&homes, 3, &format!("t{number}")).0 == HOME;
        let type_number = (0..1_000).find(is_at_home).expect("one name in three has its home on that shard");
        let cores = [SUBMITTER, HOME, OWNER].map(|shard| {
            Dispatch::new(Settings {
                shard: ShardId(shard),
                shards: 3,
                attempts_max: 3,
                run_limit_ms: 0,
                memory_bytes_max: 1 << 40,
                unsent_bytes_max: 1 << 40,
                stall_ms: 30_000,
                figure_types_max: 4_096,
                per_turn: PerTurn::default(),
                trace: false,
                homes: homes.clone(),
                maps: RandomState::with_seeds(1, 6, 7, shard.into()),
            })
        });
        let mut shards = Self { cores, recorder: Recorder::default(), type_number };
        shards.step(SUBMITTER, Input::Opened { conn: conn(0) });
        let types = [format!("t{type_number}")];
        for slot in 0..JOBS {
            shards.step(OWNER, Input::Opened { conn: conn(slot) });
            let types = types.iter().map(|name| name.as_str().into()).collect();
            shards.step(
                OWNER,
                Input::Command {
                    from: conn(slot),
                    command: &Command::CanDo { types, max_jobs: None, options: WorkerOptions::default(), id: None },
                },
            );
        }
        shards.deliver(OWNER, HOME);
        shards
    }

    fn step(&mut self, shard: u16, input: Input<'_>) {
        self.cores[usize::from(shard)].step(input, &mut self.recorder);
    }

    /// Delivers all posted messages; returns how long that took.
    fn deliver(&mut self, from: u16, to: u16) -> u64 {
        let messages = std::mem::take(&mut self.recorder.posted);
        self.recorder.posted.reserve(2 * messages.len());
        wall_ns(|| {
            for message in messages {
                self.step(to, Input::Message { from: ShardId(from), message });
            }
        })
    }

    /// Lets connections send lines; returns how long the server's side took.
    fn receive(&mut self, shard: u16, slot: impl Fn(u32) -> u32, texts: &[Vec<u8>]) -> u64 {
        let mut framer = Framer::default();
        wall_ns(|| {
            for (at, text) in (0..).zip(texts) {
                let mut bytes = &text[..];
                let checked = check_read(&framer, bytes);
                while let Some(line) = next_line(&mut framer, &mut bytes, checked, 1 << 20, usize::MAX) {
                    self.cores[usize::from(shard)].step(Input::of_line(conn(slot(at)), &line), &mut self.recorder);
                }
                if slot(at) != slot(at + 1) {
                    self.step(shard, Input::BytesRead { conn: conn(slot(at)), partial_bytes: 0 });
                }
            }
        })
    }

    fn round(&mut self, round: usize, stages: &mut Stages) {
        let first = (round as u64 + 1) * 100_000;
        let dos: Vec<Vec<u8>> = (0..u64::from(JOBS)).map(|at| do_line(first + at, self.type_number)).collect();
        stages.of_do.push(self.receive(SUBMITTER, |_| 0, &dos));
        stages.submit.push(self.deliver(SUBMITTER, HOME));
        stages.assign.push(self.deliver(HOME, OWNER));
        let sent = std::mem::take(&mut self.recorder.sent);
        let mut dids = Vec::new();
        let answering_ns = wall_ns(|| dids = each_message(&sent, did_line));
        stages.did.push(self.receive(OWNER, |at| at, &dids));
        let (offers, results) =
            self.recorder.posted.drain(..).partition(|message| matches!(message, Message::Offer { .. }));
        self.recorder.posted = results;
        stages.result.push(self.deliver(OWNER, SUBMITTER));
        self.recorder.posted = offers;
        stages.offer.push(self.deliver(OWNER, HOME));
        let sent = std::mem::take(&mut self.recorder.sent);
        let asking_ns = wall_ns(|| {
            let answers =
                each_message(&sent, |message| assert!(matches!(message, ServerMessage::Answer { .. }), "{message:?}"));
            assert_eq!(answers.len(), dids.len(), "each job is answered");
            dids.clear();
            dids.extend((0..u64::from(JOBS)).map(|at| do_line(first + at, self.type_number)));
        });
        stages.load.push(answering_ns.midpoint(asking_ns));
        self.acknowledge_writes(sent.len() as u64);
        stages.turn.push(self.turn_ns());
        stages.conn.push(self.conn_ns());
    }

    /// Reports to the cores that all is written, so that no bytes remain unsent.
    fn acknowledge_writes(&mut self, bytes: u64) {
        self.step(SUBMITTER, Input::Written { conn: conn(0), bytes });
        for slot in 0..JOBS {
            self.step(OWNER, Input::Written { conn: conn(slot), bytes: 0 });
        }
    }

    /// Returns the time of as many empty turns as a round has jobs.
    fn turn_ns(&mut self) -> u64 {
        let (block, start) = (Block::default(), Instant::now());
        wall_ns(|| {
            for _ in 0..JOBS {
                let now = Micros(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
                self.step(OWNER, Input::Turn { now, others: MemoryUse::default() });
                block.publish(self.cores[usize::from(OWNER)].counts());
                block.publish(self.cores[usize::from(OWNER)].counts());
            }
        })
    }

    /// Returns the time that connections take without their lines, as many as a round has jobs.
    fn conn_ns(&mut self) -> u64 {
        wall_ns(|| {
            for slot in 0..JOBS {
                self.step(OWNER, Input::BytesRead { conn: conn(slot), partial_bytes: 0 });
                self.step(OWNER, Input::Written { conn: conn(slot), bytes: 0 });
            }
        })
    }
}

fn do_line(id: u64, type_number: u64) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    line.extend_from_slice(b"{\"cmd\":\"do\",\"id\":");
    push_number(id, &mut line);
    line.extend_from_slice(b",\"type\":\"t");
    push_number(type_number, &mut line);
    line.extend_from_slice(b"\",\"arg\":");
    line.extend_from_slice(crate::ARG.as_bytes());
    line.extend_from_slice(b"}\n");
    assert!(decode(&line[..line.len() - 1]).is_ok(), "it is a line of the protocol");
    line
}

fn did_line(sent: ServerMessage<'_>) -> Vec<u8> {
    let ServerMessage::Job { handle, arg, .. } = sent else { panic!("a worker receives jobs, not {sent:?}") };
    let mut line = Vec::with_capacity(128);
    Deputy.answer(&handle, JobKey { submitter: 0, sequence: 0 }, arg, &mut line);
    line
}

/// Gives each message in `sent` to `take`.
fn each_message<T>(mut sent: &[u8], mut take: impl FnMut(ServerMessage<'_>) -> T) -> Vec<T> {
    let mut taken = Vec::new();
    while let Some(message) = Deputy.next_message(&mut sent, &mut Vec::new()).expect("the core sends nothing else") {
        taken.push(take(message));
    }
    taken
}
