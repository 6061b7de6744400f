//! Many timers at once, and a shard that was held up itself: delays, deadlines and run limits.

use deputy::limits::TIMERS_PER_TURN;

use crate::scale::scaled;
use crate::world::{Peer, World};

const MANY: usize = 10_000;

/// Turns in which this number of timers must be handled: before it falls due, each is moved down twice in five seconds.
const TURNS_MAX: usize = 3 * MANY / TIMERS_PER_TURN + 4;

fn submit(world: &mut World, client: Peer, jobs: usize, options: &str) {
    for id in 0..jobs {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t",{options}}}"#));
    }
    world.settle();
}

/// Begins turns until `world` needs none. Another connection is served after each. `handled` returns how many timers have
/// been handled ever.
fn turn_until_none_is_due(world: &mut World, handled: impl Fn(&World) -> u64) {
    let other = world.open(0);
    let mut before = handled(world);
    for turn in 0.. {
        if world.next_call_ms(0).is_none_or(|ms| ms > world.now_ms()) {
            return assert!(turn >= MANY / TIMERS_PER_TURN, "{turn} turns are too few for a bounded share");
        }
        assert!(turn <= TURNS_MAX, "it needs too many turns");
        world.turn(0);
        let now = handled(world);
        assert!(now - before <= TIMERS_PER_TURN as u64, "a turn handles {}", now - before);
        before = now;
        world.send_line(other, r#"{"cmd":"ping"}"#);
        assert_eq!(world.take_lines(other), [r#"{"cmd":"pong"}"#], "it is served in between");
        world.settle();
    }
}

#[test]
fn ten_thousand_deadlines_at_once_do_not_hold_up_others() {
    let mut world = World::of(1);
    let client = world.open(0);
    submit(&mut world, client, MANY, r#""deadline_ms":5000"#);
    world.wait(5_000);
    turn_until_none_is_due(&mut world, |world| world.totals().counts.jobs_expired);
    assert_eq!(world.take_lines(client).len(), MANY);
    assert_eq!(world.audit(0).timers, [0, 0]);
    world.check_rest();
}

#[test]
fn ten_thousand_delays_at_once_do_not_hold_up_others() {
    let mut world = World::of(1);
    let client = world.open(0);
    submit(&mut world, client, MANY, r#""delay_ms":5000"#);
    world.wait(5_000);
    turn_until_none_is_due(&mut world, |world| MANY as u64 - world.totals().counts.jobs_delayed);
    assert_eq!(world.totals().counts.jobs_waiting, MANY as u64);
    assert_eq!((world.audit(0).timers, world.audit(0).tickets.len()), ([0, 0], 0));
    world.check_rest();
}

#[test]
fn ten_thousand_run_limits_at_once_do_not_hold_up_others() {
    let mut world = World::of(1);
    let client = world.open(0);
    let worker = world.worker(0, &["t"], Some(20_000));
    submit(&mut world, client, MANY, r#""run_limit_ms":5000,"attempts":1"#);
    world.wait(5_000);
    turn_until_none_is_due(&mut world, |world| world.totals().counts.jobs_timed_out);
    assert_eq!(world.totals().counts.slots_spent, MANY as u64);
    let cancels = world.take_lines(worker).into_iter().filter(|line| line.starts_with(r#"{"cmd":"cancel""#));
    assert_eq!((cancels.count(), world.audit(0).timers), (MANY, [0, 0]));
    world.check_rest();
}

/// What came while the shard was suspended is in the first turn after it, and is handled before anything is overdue.
#[test]
fn a_suspended_shard_times_nothing_out_that_was_answered_in_time() {
    for shards in [1, 3] {
        for options in [
            r#""deadline_ms":1000"#,
            r#""run_limit_ms":1000,"attempts":1"#,
            r#""run_limit_ms":1000,"deadline_ms":1000,"attempts":1"#,
        ] {
            let mut world = World::of(shards);
            let client = world.open(0);
            let worker = world.worker(shards - 1, &["t"], None);
            world.settle();
            submit(&mut world, client, 1, options);
            world.wait(60_000);
            (0..shards).for_each(|shard| world.turn(shard));
            world.send_line(worker, r#"{"cmd":"did","id":0,"res":5}"#);
            world.settle();
            world.advance(0);
            world.advance(0);
            assert_eq!(world.take_lines(client), [r#"{"cmd":"did","id":0,"res":5}"#], "{options}");
            assert!(world.audits().iter().all(|audit| audit.timers == [0, 0]));
            world.check_rest();
        }
    }
}

#[test]
fn progress_that_came_while_the_shard_was_suspended_counts() {
    let mut world = World::of(1);
    let client = world.open(0);
    let worker = world.worker(0, &["t"], None);
    submit(&mut world, client, 1, r#""run_limit_ms":1000,"attempts":1"#);
    world.wait(60_000);
    world.turn(0);
    world.send_line(worker, r#"{"cmd":"progress","id":0}"#);
    world.advance(999);
    world.advance(0);
    assert_eq!(world.take_lines(client), Vec::<String>::new(), "the limit starts again when it is read");
    world.advance(1);
    world.advance(0);
    assert_eq!(world.totals().counts.jobs_timed_out, 1);
}

/// Without an answer in that turn, the next one ends the job.
#[test]
fn a_suspended_shard_ends_what_was_not_answered() {
    for (options, code) in [(r#""deadline_ms":1000"#, "expired"), (r#""run_limit_ms":1000,"attempts":1"#, "timed_out")]
    {
        let mut world = World::of(1);
        let client = world.open(0);
        world.worker(0, &["t"], None);
        submit(&mut world, client, 1, options);
        world.wait(60_000);
        world.turn(0);
        assert_eq!(world.take_lines(client), Vec::<String>::new());
        assert!(world.next_call_ms(0).is_some_and(|ms| ms <= world.now_ms()), "it asks for another turn");
        world.turn(0);
        let received = world.take_lines(client);
        assert!(received.len() == 1 && received[0].contains(code), "{received:?}");
    }
}

#[test]
fn a_million_jobs_that_end_in_time_leave_no_timer() {
    let jobs = scaled(1_000_000);
    let mut world = World::of(1);
    world.drop_lines();
    let client = world.open(0);
    submit(&mut world, client, jobs, r#""deadline_ms":3600000,"run_limit_ms":3600000,"cancellable":true,"key":"k""#);
    assert_eq!(world.totals().counts.jobs_joined, jobs as u64 - 1);
    submit(&mut world, client, jobs, r#""deadline_ms":3600000,"run_limit_ms":3600000,"cancellable":true"#);
    assert_eq!(world.audit(0).timers, [2 * jobs, 0]);
    let worker = world.worker(0, &["t"], Some(65_535));
    world.settle();
    assert_eq!(world.audit(0).timers, [2 * jobs, 65_535.min(jobs + 1)]);
    // Of one shard, the numbers of jobs are in a row.
    for number in 1..=jobs + 1 {
        world.send_line(worker, &format!(r#"{{"cmd":"did","job":{number}}}"#));
    }
    world.settle();
    let (audit, counts) = (world.audit(0), world.counts(0));
    assert_eq!((audit.timers, audit.tickets.len(), audit.groups.len(), audit.revocable), ([0, 0], 0, 0, [0; 4]));
    assert_eq!((counts.jobs_done, counts.job_bytes), (2 * jobs as u64, 0));
    world.check_rest();
    // A worker that was sent thousands of jobs at once is watched for a while.
    world.advance(3_600_000);
    world.advance(0);
    assert_eq!((world.next_call_ms(0), world.counts(0).jobs_failed, world.counts(0).slots_spent), (None, 0, 0));
}
