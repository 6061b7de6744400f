//! What a job costs in messages, how long a type waits for a slot, and what ten thousand losses cost. Counted, never
//! timed.

use std::collections::{BTreeMap, VecDeque};

use super::figures::show;
use super::random::Random;
use super::world::{Event, Options, Peer, World};

/// Jobs of one measurement.
const JOBS: u32 = 1_000;

/// Measurements of one mean. They differ in the homes of the types and the shards of the workers, which decide what is a
/// message and what stays within a shard.
const PLACEMENTS: u32 = 60;

/// docs/performance.md promises at most this much more than the four messages of a job whose submitter, home and worker
/// are at different shards, as often as chance has it.
const MESSAGES_SLACK: f64 = 0.1;

#[test]
fn a_job_of_workers_of_one_type_costs_four_messages_at_most() {
    for shards in [2, 4, 8, 16] {
        for in_flight in [8, 16, 32] {
            let runs = (0..u64::from(PLACEMENTS)).map(|seed| messages_per_job(shards, in_flight, seed));
            let mean = runs.sum::<f64>() / f64::from(PLACEMENTS);
            let bound = 4.0 * (1.0 - 1.0 / f64::from(shards)) + MESSAGES_SLACK;
            show(format_args!("{mean:.3} messages a job of 4 types at {shards} shards, {in_flight} in flight"));
            assert!(mean <= bound, "at most {bound}");
        }
    }
}

#[test]
fn f47_one_type_for_all_shards_costs_no_more_than_many() {
    let runs = (0..u64::from(PLACEMENTS)).map(|seed| messages_of(Farm::new(16, 16, 1, 1, seed), 32));
    let mean = runs.sum::<f64>() / f64::from(PLACEMENTS);
    let bound = 4.0 * (1.0 - 1.0 / 16.0) + MESSAGES_SLACK;
    show(format_args!("F47: {mean:.3} messages a job of one type for 16 shards"));
    assert!(mean <= bound, "{mean} messages a job; at most {bound}");
}

/// A closed loop of `in_flight` jobs and 16 workers of one type each.
fn messages_per_job(shards: u16, in_flight: u32, seed: u64) -> f64 {
    messages_of(Farm::new(shards, 16, 4, 1, seed), in_flight)
}

/// What a job costs with `in_flight` of them at once, messages and answers in any order.
fn messages_of(mut farm: Farm, in_flight: u32) -> f64 {
    let before = farm.world.posted();
    farm.run(JOBS, in_flight);
    farm.world.check_rest();
    let messages = u32::try_from(farm.world.posted() - before).expect("few messages");
    f64::from(messages) / f64::from(JOBS)
}

/// Workers and submitters spread over the shards, and what they do at random.
struct Farm {
    world: World,
    random: Random,
    types: Vec<String>,
    clients: Vec<Peer>,
    /// Jobs that were started and not ended, with their workers.
    held: Vec<(Peer, String)>,
    submitted: u32,
    answered: u32,
}

impl Farm {
    /// `workers` take `types_each` of `types` types.
    fn new(shards: u16, workers: usize, types: usize, types_each: usize, seed: u64) -> Self {
        let mut world = World::new(Options { shards, seed, ..Options::default() });
        world.keep_log();
        let mut random = Random::new(seed);
        let types: Vec<String> = (0..types).map(|at| format!("t{at}")).collect();
        for worker in 0..workers {
            let names: Vec<&str> = (0..types_each).map(|nth| &*types[(worker + nth) % types.len()]).collect();
            let shard = random.below(shards.into());
            world.worker(u16::try_from(shard).expect("a shard"), &names, None);
        }
        let clients = (0..shards).map(|shard| world.open(shard)).collect();
        world.settle();
        world.take_log();
        Self { world, random, types, clients, held: Vec::new(), submitted: 0, answered: 0 }
    }

    /// Submits and does `jobs` jobs, with at most `in_flight` of them at once.
    fn run(&mut self, jobs: u32, in_flight: u32) {
        while self.answered < jobs {
            let busy = self.world.busy_links().len();
            match self.random.below(8) {
                0 if self.submitted < jobs && self.submitted - self.answered < in_flight => self.submit(),
                1 if !self.held.is_empty() => self.end_any(),
                _ if busy > 0 => {
                    let at = self.random.below(busy);
                    let link = self.world.busy_links().nth(at).expect("below their number");
                    self.world.deliver(link);
                }
                _ => {}
            }
            self.look();
        }
        self.world.settle();
    }

    fn submit(&mut self) {
        let client = self.clients[self.submitted as usize % self.clients.len()];
        let name = self.random.pick(&self.types);
        let line = format!(r#"{{"cmd":"do","id":{},"type":"{name}"}}"#, self.submitted);
        self.world.send_line(client, &line);
        self.submitted += 1;
    }

    fn end_any(&mut self) {
        let at = self.random.below(self.held.len());
        let (worker, id) = self.held.swap_remove(at);
        self.world.send_line(worker, &format!(r#"{{"cmd":"did","id":{id}}}"#));
    }

    fn look(&mut self) {
        for event in self.world.take_log() {
            let Event::Sent(peer, text) = event else { continue };
            let line: serde_json::Value = serde_json::from_str(&text).expect("a line is JSON");
            match line["cmd"].as_str() {
                Some("do") => self.held.push((peer, line["id"].to_string())),
                Some("did") => self.answered += 1,
                _ => panic!("{peer:?} received {text}"),
            }
        }
    }
}

/// By jobs in flight for 16 one-slot workers, half idle to saturated: the most messages per job at 4 shards that
/// docs/performance.md promises, if workers take 3 types.
const THREE_TYPES: [(u32, f64); 3] = [(8, 3.9), (13, 5.3), (32, 5.3)];

#[test]
fn a_job_of_workers_of_three_types_costs_little_more() {
    for types in [4, 12] {
        for (in_flight, bound) in THREE_TYPES {
            let runs = (0..20).map(|seed| messages_of(Farm::new(4, 16, types, 3, seed), in_flight));
            let mean = runs.sum::<f64>() / 20.0;
            assert!(mean <= bound, "{mean} messages a job, {types} types, {in_flight} in flight; at most {bound}");
        }
    }
}

#[test]
fn a_job_costs_no_pass_over_all_types_of_its_worker() {
    const TYPES: usize = 1_000;
    let mut world = World::of(2);
    let names: Vec<String> = (0..TYPES).map(|at| format!("t{at}")).collect();
    let worker = world.worker(0, &names.iter().map(String::as_str).collect::<Vec<_>>(), None);
    let client = world.open(1);
    world.settle();
    for (serial, name) in names.iter().enumerate() {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{serial},"type":"{name}"}}"#));
        world.settle();
        let followed = &world.audit(0).workers[0].tracked;
        assert_eq!(
            followed.iter().map(|(name, _)| &**name).collect::<Vec<&str>>(),
            [name],
            "books that know of the job"
        );
        world.send_line(worker, &format!(r#"{{"cmd":"did","id":{serial}}}"#));
        world.settle();
        // A pass over all types of each type: it would take most of the time of all tests here.
        if serial % 100 == 99 {
            world.check_rest();
        }
    }
}

#[test]
fn types_of_one_worker_take_turns() {
    for (types, between_max) in [(2, 4), (5, 8)] {
        for seed in 0..200 {
            let worst = worst_between_two_starts(types, seed);
            assert!(worst <= between_max, "{worst} jobs between two starts of one of {types} types; seed {seed}");
        }
    }
}

/// The most jobs of other types that one worker starts between two of a type, while all types have jobs waiting, and a job
/// takes longer than messages do: without that, no rule could bound it.
fn worst_between_two_starts(types: usize, seed: u64) -> usize {
    const STARTS: usize = 120;
    let mut random = Random::new(seed);
    let shards = u16::try_from(1 + random.below(6)).expect("few shards");
    let mut world = World::new(Options { shards, seed, ..Options::default() });
    world.keep_log();
    let names: Vec<String> = (0..types).map(|at| format!("t{at}")).collect();
    let client = world.open(0);
    for serial in 0..STARTS * types {
        let name = &names[serial % types];
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{serial},"type":"{name}"}}"#));
    }
    world.settle();
    let shard = u16::try_from(random.below(shards.into())).expect("a shard");
    let worker = world.worker(shard, &names.iter().map(String::as_str).collect::<Vec<_>>(), None);
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut worst, mut starts) = (0, 0);
    let mut held = VecDeque::new();
    while starts < STARTS {
        for event in world.take_log() {
            if let Event::Sent(peer, text) = event
                && peer == worker
            {
                let line: serde_json::Value = serde_json::from_str(&text).expect("a line is JSON");
                let serial = usize::try_from(line["id"].as_u64().expect("a number")).expect("few jobs");
                let before = last.insert(serial % types, starts).map_or(0, |before| starts - before - 1);
                worst = worst.max(before);
                starts += 1;
                held.push_back(serial);
            }
        }
        let busy = world.busy_links().len();
        if busy > 0 {
            let at = random.below(busy);
            let link = world.busy_links().nth(at).expect("below their number");
            world.deliver(link);
        } else if let Some(serial) = held.pop_front() {
            world.send_line(worker, &format!(r#"{{"cmd":"did","id":{serial}}}"#));
        }
    }
    worst
}

#[test]
fn f08_ten_thousand_deaths_at_once_cost_a_few_messages_each() {
    const WORKERS: usize = 10_000;
    let mut world = World::of(4);
    world.keep_log();
    let name = world.type_at(0, 0);
    let workers: Vec<Peer> =
        (0_u16..4).cycle().take(WORKERS).map(|shard| world.worker(shard, &[&name], None)).collect();
    world.settle();
    let client = world.open(0);
    for serial in 0..WORKERS {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{serial},"type":"{name}"}}"#));
    }
    world.settle();
    let before = world.posted();
    for worker in workers {
        world.end(worker);
    }
    world.settle();
    world.check_rest();
    assert!(world.posted() - before <= 2 * WORKERS as u64, "{} messages", world.posted() - before);
    let successor = world.worker(1, &[&name], Some(10_000));
    world.take_log();
    world.settle();
    let sent = world.take_log().into_iter().filter(|event| matches!(event, Event::Sent(peer, _) if *peer == successor));
    assert_eq!(sent.count(), 1, "jobs that were given back are kept apart");
    assert_eq!(world.totals().counts.jobs_waiting, WORKERS as u64 - 1);
}

#[test]
fn f08_ten_thousand_jobs_given_back_start_in_the_order_in_which_they_came() {
    const WORKERS: u64 = 10_000;
    let mut world = World::of(2);
    let name = world.type_at(0, 0);
    let workers: Vec<Peer> = (0..WORKERS).map(|_| world.worker(0, &[&name], None)).collect();
    let client = world.open(0);
    for serial in 0..WORKERS {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{serial},"type":"{name}"}}"#));
    }
    for worker in workers.into_iter().rev() {
        world.end(worker);
    }
    world.settle();
    let successor = world.worker(0, &[&name], None);
    for serial in 0..WORKERS {
        let received = world.take_lines(successor);
        assert_eq!(received, [format!(r#"{{"cmd":"do","id":{serial},"type":"{name}"}}"#)]);
        world.send_line(successor, &format!(r#"{{"cmd":"did","id":{serial}}}"#));
    }
    world.check_rest();
}
