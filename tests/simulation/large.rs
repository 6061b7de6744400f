//! Two schedules of a size at which what grows, or takes a pass over all, would show: a million jobs, and a hundred thousand
//! connections at 64 shards. `DEPUTY_TEST_SCALE` is a percentage of that; by default a tenth.

use super::asks::Odds;
use super::plan::{Family, Op, Plan};
use super::random::Random;
use super::scale::scaled;
use super::schedule::Schedule;
use super::world::Options;

/// A plan of this size, in which nothing is left to chance but the draws.
fn plan(random: &mut Random, shards: u16, types: usize, peers_max: usize, weights: &[(Op, usize)]) -> Plan {
    let mut plan = Plan::new(Family::Uniform, 1, random);
    plan.options = Options { shards, trace: true, ..Options::default() };
    plan.odds = Odds::light();
    (plan.types, plan.peers_max, plan.types_a_worker, plan.slots_max) = (types, peers_max, 3, 4);
    (plan.poison_one_in, plan.twins, plan.watched, plan.rests_one_in) = (0, true, false, peers_max * 1_000);
    // To see that an ordinary worker is preferred, all that waits is looked at.
    plan.spare_one_in = 0;
    plan.only(weights);
    plan
}

#[test]
fn a_million_jobs_in_one_schedule() {
    let jobs = scaled(1_000_000) as u64;
    let weights = [
        (Op::Deliver, 60),
        (Op::OpenClient, 2),
        (Op::OpenWorker, 6),
        (Op::Leave, 1),
        (Op::Do, 30),
        (Op::Answer, 40),
        (Op::CanDo, 1),
        (Op::CantDo, 1),
        (Op::MaxJobs, 1),
        (Op::Pass, 1),
    ];
    let mut random = Random::new(1);
    let mut plan = plan(&mut random, 4, 6, 20, &weights);
    // Thousands come while nothing is delivered, and then all is.
    (plan.family, plan.flood_max) = (Family::Bursty, 5_000);
    let mut schedule = Schedule::of(plan, random);
    while schedule.serial < jobs {
        schedule.trouble();
    }
    schedule.finish();
    assert_eq!(schedule.shadow.tally.added, schedule.shadow.tally.done + schedule.shadow.tally.failed);
}

#[test]
fn a_hundred_thousand_connections_at_sixty_four_shards() {
    let connections = scaled(100_000);
    let weights = [(Op::Deliver, 40), (Op::Do, 40), (Op::Answer, 30), (Op::Leave, 4), (Op::OpenWorker, 4)];
    let mut random = Random::new(1);
    let mut schedule = Schedule::of(plan(&mut random, 64, 40, connections, &weights), random);
    while schedule.shadow.live.len() < connections {
        if schedule.random.one_in(3) {
            schedule.open();
        } else {
            schedule.open_worker();
        }
    }
    schedule.settle();
    schedule.check_rest();
    for _ in 0..3 {
        for _ in 0..connections {
            schedule.trouble();
        }
        schedule.check_places();
    }
    schedule.finish();
}
