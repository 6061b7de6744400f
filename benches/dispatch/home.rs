//! The home of a hot type whose submitters and workers are all on other shards.

use std::time::{Duration, Instant};

use deputy::dispatch::Dispatch;
use deputy::dispatch::job::Job;
use deputy::dispatch::message::{
    Closing, ConnId, Effects, Input, Message, Micros, PoolId, ShardId, Spends, Submitter, TypeHash, TypeRef,
};
use deputy::metrics::{Counts, Fault, ShardRow, Totals};
use deputy::protocol::command::Class;
use deputy::protocol::reply::Reply;

use crate::fixture::{ARG, JOBS, core, no_other_effects};

/// Shards in all. The home is the first; the others submit and take jobs in rotation.
const SHARDS: u16 = 16;

/// Jobs (or slots) that arrive before the first slot (or job).
const AHEAD: usize = 256;

/// The hot type. All its messages come from other shards, so its name need not hash to this home.
const HOT: &str = "hot";

/// What the home posted: each job and the shard that it was assigned to, in order.
struct Posted(Vec<(ShardId, Job)>);

impl Effects for Posted {
    fn post(&mut self, to: ShardId, message: Message) {
        let Message::Assign { job, spends: Spends::Offer, .. } = message else {
            panic!("a home only assigns here: {message:?}")
        };
        self.0.push((to, job));
    }

    fn send(&mut self, _: ConnId, _: &Reply<'_>) -> usize {
        panic!("no connection is open here");
    }

    no_other_effects!();
}

fn other_shard(number: usize) -> ShardId {
    ShardId(1 + u16::try_from(number % usize::from(SHARDS - 1)).expect("it is less than the number of shards"))
}

/// The hot type as messages name it. The hash is any: one home alone need not agree with others.
fn hot() -> TypeRef {
    TypeRef { name: HOT.into(), hash: TypeHash::of(&ahash::RandomState::with_seeds(1, 2, 3, 4), HOT) }
}

fn submission(number: usize) -> (ShardId, Message) {
    let from = other_shard(number);
    let submitter = Submitter::Conn(from, ConnId { index: 0, generation: 0 });
    (
        from,
        Message::Submit {
            job: Job::new(submitter, Micros::default(), &number.to_string(), HOT, Some(ARG.into())),
            hash: hot().hash,
        },
    )
}

/// Sends all jobs and as many offers of one slot in alternation; one of the two is [`AHEAD`]. Returns the home's time.
pub(crate) fn run(jobs_wait: bool) -> Duration {
    let hot = hot();
    let offer = |number: usize| {
        let offer = Message::Offer { hash: hot.hash, class: Class::Ordinary, n: 1, offers: 1, pool: PoolId(0) };
        (other_shard(number + 7), offer)
    };
    let (jobs_ahead, offers_ahead) = if jobs_wait { (AHEAD, 0) } else { (0, AHEAD) };
    let mut mail: Vec<(ShardId, Message)> = Vec::with_capacity(2 * JOBS);
    for step in 0..JOBS + AHEAD {
        mail.extend((step + jobs_ahead).checked_sub(AHEAD).filter(|&n| n < JOBS).map(submission));
        mail.extend((step + offers_ahead).checked_sub(AHEAD).filter(|&n| n < JOBS).map(offer));
    }
    let mut home = core(SHARDS);
    let mut posted = Posted(Vec::with_capacity(JOBS));
    let others = || (1..SHARDS).map(ShardId);
    let present = others().map(|from| (from, Message::Present(hot.clone(), Class::Ordinary, PoolId(0))));
    deliver(&mut home, present.collect(), &mut posted);
    let took = deliver(&mut home, mail, &mut posted);
    check(&posted.0);
    let absent = others().map(|from| (from, Message::Absent(hot.clone(), Class::Ordinary)));
    deliver(&mut home, absent.collect(), &mut posted);
    assert!(home.audit().queues.is_empty(), "nothing remains at the home");
    took
}

/// Passes the messages to the home. Returns its time. Never inlined, so that a profiler shows it by itself.
#[inline(never)]
fn deliver(home: &mut Dispatch, mail: Vec<(ShardId, Message)>, posted: &mut Posted) -> Duration {
    let start = Instant::now();
    for (from, message) in mail {
        home.step(Input::Message { from, message }, posted);
    }
    start.elapsed()
}

/// Checks that jobs are assigned in the order in which they arrived, to the shards in the order of their offers.
fn check(posted: &[(ShardId, Job)]) {
    assert_eq!(posted.len(), JOBS);
    for (number, (to, job)) in posted.iter().enumerate() {
        assert_eq!((job.id(), *to), (number.to_string().as_str(), other_shard(number + 7)));
    }
}
