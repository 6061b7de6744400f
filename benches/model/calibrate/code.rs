//! What the server's own code costs. A job goes through three shards: its submitter's, its type's home, and its worker's.
//! Each stage is timed for many jobs at once. To find what it costs if a message comes from another core, one of the shards
//! runs there.

use std::sync::Mutex;
use std::time::Instant;

use ahash::RandomState;
use deputy::dispatch::batch::Batch;
use deputy::dispatch::message::{Closing, ConnId, Effects, Input, MemoryUse, Message, Micros, ShardId};
use deputy::dispatch::{Dispatch, PerTurn, Settings, home_of};
use deputy::metrics::{Block, Counts, Fault, ShardRow, Totals};
use deputy::protocol::command::{Command, WorkerOptions, check_read, decode, next_line};
use deputy::protocol::frame::Framer;
use deputy::protocol::reply::Reply;

use super::clock::{Turns, median, on_two_cores, wall_ns};
use crate::costs::Costs;
use crate::harness::traffic::drivers::{Deputy, Driver, ServerMessage, push_number};
use crate::harness::traffic::workload::JobKey;

/// Jobs of a round, and workers of one slot each.
const JOBS: u32 = 64;
const ROUNDS: usize = 50;
const PASSES: usize = 15;

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
    // The machine's speed changes, so all arrangements of the shards are timed in each pass, and only figures of one pass
    // are compared.
    let passes: Vec<Costs> = (0..PASSES).map(|_| pass()).collect();
    *costs = Costs::combined(&passes, median);
}

fn pass() -> Costs {
    let near = run([0, 0, 0], &ASSIGNED_AT_ONCE);
    let home_is_far = run([0, 1, 0], &ASSIGNED_AT_ONCE);
    let owner_is_far = run([0, 0, 1], &ASSIGNED_AT_ONCE);
    let queued = run([0, 0, 0], &QUEUED);
    let in_a_run = run([0, 0, 0], &IN_A_RUN);
    let far_run = run([0, 1, 0], &IN_A_RUN);
    let more = |far: &Vec<u64>, near: &Vec<u64>| each(far).saturating_sub(each(near));
    Costs {
        do_ns: each(&near.of_do),
        submit_ns: each(&near.submit),
        assign_ns: each(&near.assign),
        did_ns: each(&near.did),
        result_ns: each(&near.result),
        offer_ns: each(&near.offer),
        pair_ns: each(&queued.offer),
        run_ns: each(&in_a_run.submit),
        far_run_ns: more(&far_run.submit, &in_a_run.submit),
        load_line_ns: each(&near.load),
        turn_ns: each(&near.turn),
        conn_ns: each(&near.conn),
        far_submit_ns: more(&home_is_far.submit, &near.submit),
        far_offer_ns: more(&home_is_far.offer, &near.offer),
        far_assign_ns: more(&owner_is_far.assign, &near.assign),
        far_result_ns: more(&owner_is_far.result, &near.result),
        ..Costs::default()
    }
}

fn each(rounds: &[u64]) -> u64 {
    median(rounds.iter().copied()) / u64::from(JOBS)
}

/// A step of a round, and the shard on whose core it runs.
type Step = (u16, fn(&mut ThreeShards, usize, &mut Stages));

const SUBMIT: Step = (SUBMITTER, ThreeShards::submit);
const TAKE_JOBS: Step = (HOME, |shards, _, stages| stages.submit.push(shards.deliver(SUBMITTER, HOME)));
const TAKE_OFFERS: Step = (HOME, |shards, _, stages| stages.offer.push(shards.take_offers()));
const ASSIGN: Step = (OWNER, |shards, _, stages| stages.assign.push(shards.deliver(HOME, OWNER)));
const ANSWER: Step = (OWNER, |shards, _, stages| shards.answer(stages));
const MERGE_JOBS: Step = (SUBMITTER, |shards, _, _| shards.merge_jobs());
const MERGE_OFFERS: Step = (OWNER, |shards, _, _| shards.merge_offers());
const TAKE_RESULTS: Step = (SUBMITTER, ThreeShards::take_results);
const END_ROUND: Step = (OWNER, |shards, _, stages| shards.end_round(stages));

/// A free worker waits for each job.
const ASSIGNED_AT_ONCE: [Step; 7] = [TAKE_OFFERS, SUBMIT, TAKE_JOBS, ASSIGN, ANSWER, TAKE_RESULTS, END_ROUND];
/// A free worker waits for each job, and all jobs come in one message.
const IN_A_RUN: [Step; 8] = [TAKE_OFFERS, SUBMIT, MERGE_JOBS, TAKE_JOBS, ASSIGN, ANSWER, TAKE_RESULTS, END_ROUND];
/// Each job waits for a free worker, and one offer comes for all of them.
const QUEUED: [Step; 8] = [SUBMIT, TAKE_JOBS, TAKE_OFFERS, ASSIGN, ANSWER, MERGE_OFFERS, TAKE_RESULTS, END_ROUND];

/// Runs the steps of all rounds, with each of the three shards on one of two cores.
fn run(cores: [usize; 3], steps: &[Step]) -> Stages {
    let shared = Mutex::new((ThreeShards::new(), Stages::default()));
    let turns = Turns::default();
    let thread = |core: usize| {
        let rounds = (0..ROUNDS).flat_map(|round| steps.iter().map(move |&(shard, step)| (round, shard, step)));
        for (at, (round, shard, step)) in (0..).zip(rounds) {
            if cores[usize::from(shard)] == core {
                turns.wait(at);
                let (shards, stages) = &mut *shared.lock().expect("no step panics");
                step(shards, round, stages);
                turns.begin(at + 1);
            }
        }
    };
    on_two_cores(|| thread(0), || thread(1));
    shared.into_inner().expect("no step panics").1
}

/// Three shards' cores, and a type whose home is the second.
struct ThreeShards {
    cores: [Dispatch; 3],
    recorder: Recorder,
    type_number: u64,
    /// What the workers' shard has for the home, until its step.
    offers: Vec<Message>,
    answering_ns: u64,
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
        let mut shards =
            Self { cores, recorder: Recorder::default(), type_number, offers: Vec::new(), answering_ns: 0 };
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
        shards.offers = std::mem::take(&mut shards.recorder.posted);
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

    fn submit(&mut self, round: usize, stages: &mut Stages) {
        let dos = self.do_lines(round);
        stages.of_do.push(self.receive(SUBMITTER, |_| 0, &dos));
    }

    fn do_lines(&self, round: usize) -> Vec<Vec<u8>> {
        let first = (round as u64 + 1) * 100_000;
        (0..u64::from(JOBS)).map(|at| do_line(first + at, self.type_number)).collect()
    }

    /// Lets the workers answer, and keeps what they offer.
    fn answer(&mut self, stages: &mut Stages) {
        let sent = std::mem::take(&mut self.recorder.sent);
        let mut dids = Vec::new();
        self.answering_ns = wall_ns(|| dids = each_message(&sent, did_line));
        stages.did.push(self.receive(OWNER, |at| at, &dids));
        (self.offers, self.recorder.posted) =
            self.recorder.posted.drain(..).partition(|message| matches!(message, Message::Offer { .. }));
    }

    /// Makes one message of the submitted jobs, as a shard does that sends them together.
    fn merge_jobs(&mut self) {
        let mut batch = Batch::default();
        self.recorder.posted.drain(..).for_each(|message| batch.push(message));
        self.recorder.posted = batch.take(Vec::new());
        assert_eq!(self.recorder.posted.len(), 1, "all jobs have one type");
    }

    /// Makes one offer of the kept ones, as a shard does that sends them together.
    fn merge_offers(&mut self) {
        self.offers.truncate(1);
        if let Some(Message::Offer { n, offers, .. }) = self.offers.first_mut() {
            (*n, *offers) = (JOBS, JOBS);
        }
    }

    fn take_offers(&mut self) -> u64 {
        // A turn allows the home many assignments.
        self.step(HOME, Input::Turn { now: Micros::default(), others: MemoryUse::default() });
        let other_messages = std::mem::replace(&mut self.recorder.posted, std::mem::take(&mut self.offers));
        let ns = self.deliver(OWNER, HOME);
        self.recorder.posted.extend(other_messages);
        ns
    }

    fn take_results(&mut self, round: usize, stages: &mut Stages) {
        stages.result.push(self.deliver(OWNER, SUBMITTER));
        let sent = std::mem::take(&mut self.recorder.sent);
        let asking_ns = wall_ns(|| {
            let answers =
                each_message(&sent, |message| assert!(matches!(message, ServerMessage::Answer { .. }), "{message:?}"));
            assert_eq!(answers.len(), JOBS as usize, "each job is answered");
            drop(self.do_lines(round));
        });
        stages.load.push(self.answering_ns.midpoint(asking_ns));
        // All is written, so that no bytes remain unsent.
        self.step(SUBMITTER, Input::Written { conn: conn(0), bytes: sent.len() as u64 });
    }

    fn end_round(&mut self, stages: &mut Stages) {
        for slot in 0..JOBS {
            self.step(OWNER, Input::Written { conn: conn(slot), bytes: 0 });
        }
        stages.turn.push(self.turn_ns());
        stages.conn.push(self.conn_ns());
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
