//! What passes between cores: batches through a channel, cache lines, metrics. Two threads alternate, so that
//! each finds in the other's cache what the other wrote, as shards do.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crossbeam_channel::unbounded;
use crossbeam_utils::CachePadded;
use deputy::dispatch::job::Job;
use deputy::dispatch::message::{ConnId, Message, Micros, ShardId, Submitter, TypeHash};
use deputy::metrics::{Block, Counts};

use super::clock::{Turns, median, on_two_cores, wall_ns};
use crate::costs::Costs;

const ROUNDS: u64 = 600;
const BATCHES: usize = 16;

/// See the module.
pub(super) fn measure(costs: &mut Costs) {
    (costs.post_ns, costs.receive_ns) = post_and_receive();
    costs.line_ns = line();
    costs.block_ns = blocks();
}

/// Returns the nanoseconds that a batch costs its sender and its receiver. It has one message, and its memory goes back to
/// the sender, as that of received batches does in the server.
fn post_and_receive() -> (u64, u64) {
    let (turns, (sender, receiver), (reuse, spare)) = (Turns::default(), unbounded(), unbounded());
    let hash = TypeHash::of(&ahash::RandomState::with_seeds(1, 2, 3, 4), "t0");
    let post = || {
        let rounds = (0..ROUNDS).map(|round| {
            turns.wait(2 * round);
            let mut spare: Vec<Vec<Message>> = spare.try_iter().collect();
            let messages: Vec<Message> = (0..BATCHES).map(|at| Message::Submit { job: job(at as u64), hash }).collect();
            let ns = wall_ns(|| {
                for message in messages {
                    let mut batch = spare.pop().unwrap_or_default();
                    batch.push(message);
                    sender.send(batch).expect("the receiver waits for it");
                }
                fence(Ordering::SeqCst); // The server has one per post, before it reads the sleeping flags.
            });
            turns.begin(2 * round + 1);
            ns
        });
        median(rounds.collect::<Vec<_>>()) / BATCHES as u64
    };
    let receive = || {
        let rounds = (0..ROUNDS).map(|round| {
            turns.wait(2 * round + 1);
            let (mut jobs, mut handled) = (Vec::with_capacity(BATCHES), Vec::with_capacity(BATCHES));
            let ns = wall_ns(|| {
                for mut batch in receiver.try_iter() {
                    for message in batch.drain(..) {
                        let Message::Submit { job, .. } = message else { unreachable!("nothing else was posted") };
                        jobs.push(job);
                    }
                    handled.push(batch);
                }
            });
            assert_eq!(jobs.len(), BATCHES, "what was posted was received");
            for batch in handled {
                reuse.send(batch).expect("the sender takes it");
            }
            turns.begin(2 * round + 2);
            ns
        });
        median(rounds.collect::<Vec<_>>()) / BATCHES as u64
    };
    on_two_cores(post, receive)
}

fn job(number: u64) -> Job {
    let submitter = Submitter::Conn(ShardId(0), ConnId { index: 0, generation: 0 });
    Job::new(submitter, Micros::default(), &number.to_string(), "t0", Some(crate::ARG.into()))
}

/// Returns half of the time in which a cache line goes to another core and back. Short bursts are rarely disturbed.
fn line() -> u64 {
    const PASSES: u64 = 100;
    let ball = AtomicU64::new(0);
    let play = |mine: u64| {
        let bursts = (0..ROUNDS).map(|burst| {
            wall_ns(|| {
                for pass in burst * PASSES..(burst + 1) * PASSES {
                    while ball.load(Ordering::Acquire) != 2 * pass + mine {
                        std::hint::spin_loop();
                    }
                    ball.store(2 * pass + mine + 1, Ordering::Release);
                }
            })
        });
        median(bursts.collect::<Vec<_>>())
    };
    on_two_cores(|| play(0), || play(1)).0 / PASSES / 2
}

/// Returns the nanoseconds that reading a shard's metrics costs after their owner wrote them.
fn blocks() -> u64 {
    const BLOCKS: u64 = 16;
    let turns = Turns::default();
    let blocks: Vec<CachePadded<Block>> = (0..BLOCKS).map(|_| CachePadded::default()).collect();
    let publish = || {
        for round in 0..ROUNDS {
            turns.wait(2 * round);
            let counts = Counts { job_bytes: round, unsent_bytes: round, shard_turns: round, ..Counts::default() };
            for block in &blocks {
                block.publish(&counts);
            }
            turns.begin(2 * round + 1);
        }
    };
    let read = || {
        let rounds = (0..ROUNDS).map(|round| {
            turns.wait(2 * round + 1);
            let mut held = 0;
            let ns = wall_ns(|| {
                for block in &blocks {
                    let counts = block.read();
                    held += counts.job_bytes + counts.unsent_bytes + counts.partial_bytes;
                }
            });
            assert_eq!(held, 2 * round * BLOCKS, "what was published was read");
            turns.begin(2 * round + 2);
            ns
        });
        median(rounds.collect::<Vec<_>>()) / BLOCKS
    };
    on_two_cores(publish, read).1
}
