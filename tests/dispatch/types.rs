//! Types by the hundred thousand: what is left of unused ones, and which shards are their homes.

use std::iter;

use ahash::RandomState;
use deputy::dispatch::home_of;

use crate::scale::scaled;
use crate::world::World;

/// Types per worker.
const TYPES_EACH: usize = 1_024;

/// Returns the numbers of pools and of queues that all shards have.
fn entries(world: &World) -> (usize, usize) {
    let audits = (0..world.shards()).map(|shard| world.audit(shard));
    audits.fold((0, 0), |(pools, queues), audit| (pools + audit.pools.len(), queues + audit.queues.len()))
}

#[test]
fn f42_of_a_type_that_nobody_uses_nothing_is_left() {
    let mut world = World::of(3);
    let client = world.open(0);
    world.worker(1, &["always"], None);
    world.settle();
    assert_eq!(entries(&world), (1, 1), "a pool of the type that is used, and an offer for it");
    for round in 0..scaled(1_000) {
        let names: Vec<String> = (0..TYPES_EACH).map(|at| format!("t{round}.{at}")).collect();
        for name in &names {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"{name}"}}"#));
        }
        world.settle();
        assert_eq!(entries(&world), (1, 1 + TYPES_EACH), "a job waits of each type");
        let worker = world.worker(2, &names.iter().map(String::as_str).collect::<Vec<_>>(), None);
        world.settle();
        for _ in &names {
            assert_eq!(world.take_lines(worker).len(), 1, "it has one job at a time");
            world.send_line(worker, r#"{"cmd":"did","id":1}"#);
            world.settle();
        }
        assert_eq!(world.take_lines(client), vec![r#"{"cmd":"did","id":1}"#; TYPES_EACH]);
        world.end(worker);
        world.settle();
        world.check_rest();
        assert_eq!(entries(&world), (1, 1), "after round {round}");
    }
}

/// Returns how many of `names` have their home at each shard.
fn spread(homes: &RandomState, shards: u16, names: &[String]) -> Vec<usize> {
    let mut spread = vec![0; shards.into()];
    for name in names {
        spread[usize::from(home_of(homes, shards, name).0)] += 1;
    }
    spread
}

/// Returns names that all have their home at shard 0, found with the seed.
fn aimed(homes: &RandomState, shards: u16, count: usize) -> Vec<String> {
    let names = (0_u64..).map(|i| format!("t{i}")).filter(|name| home_of(homes, shards, name).0 == 0);
    names.take(count).collect()
}

#[test]
fn f43_a_hundred_thousand_names_aimed_at_one_shard_are_spread_evenly_by_another_seed() {
    const SHARDS: u16 = 8;
    const COUNT: usize = 100_000;
    let known = RandomState::with_seeds(1, 2, 3, 4);
    let names = aimed(&known, SHARDS, COUNT);
    assert_eq!(spread(&known, SHARDS, &names)[0], COUNT);
    // As the server has it: of the process's own random numbers.
    let random = RandomState::new();
    for homes in [random, RandomState::with_seeds(2, 2, 3, 4), RandomState::with_seeds(1, 2, 3, 5)] {
        for jobs in spread(&homes, SHARDS, &names) {
            // Of a fair spread one in a hundred is a hundred and five off the mean; this is twenty times as much.
            assert!(jobs.abs_diff(COUNT / 8) < COUNT / 8 / 5, "{jobs} of {COUNT} at one of {SHARDS} shards");
        }
    }
}

#[test]
fn f09_repeated_a_hundred_thousand_times_it_still_changes_nothing() {
    const TIMES: usize = 100_000;
    let once = r#"{"cmd":"can_do","types":["t","u"]}"#;
    let in_one_list = format!(r#"{{"cmd":"can_do","types":[{}"u"]}}"#, r#""t","#.repeat(TIMES));
    for shards in [1, 3] {
        let mut world = World::of(shards);
        let worker = world.open(0);
        world.send_line(worker, once);
        world.settle();
        let entries = |world: &World| (0..shards).map(|shard| format!("{:?}", world.audit(shard))).collect::<Vec<_>>();
        let before = (entries(&world), world.posted());
        for again in iter::repeat_n(once, TIMES).chain([&*in_one_list]) {
            world.send_line(worker, again);
        }
        assert_eq!((entries(&world), world.posted()), before);
        let counts = world.totals().counts;
        assert_eq!((counts.workers, counts.workers_added, counts.protocol_errors), (1, 1, 0));
        let client = world.open(shards - 1);
        for id in [1, 2] {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        }
        world.settle();
        assert_eq!(world.take_lines(worker), [r#"{"cmd":"do","id":1,"type":"t"}"#], "one slot is offered once");
        world.check_rest();
    }
}
