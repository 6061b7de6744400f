//! Many jobs of a client that are given up together: a share of them per turn, and all in the end.

use crate::world::{Options, Peer, World};

/// More than a few turns give up.
const MANY: usize = 1_000;
/// The most that a turn gives up.
const PER_TURN: u64 = 256;

/// A world in which `client` has submitted many jobs of one id that can be cancelled. No worker does their type.
struct Many {
    world: World,
    client: Peer,
}

impl Many {
    /// `members` are further members of each `do`. The client is of the first shard, and so is the home of type `near`.
    fn new(shards: u16, members: &str) -> Self {
        let mut world = World::new(Options { shards, ..Options::default() });
        let client = world.open(0);
        let near = world.type_at(0, 0);
        for _ in 0..MANY {
            let line = format!(r#"{{"cmd":"do","id":1,"type":"{near}","cancellable":true{members}}}"#);
            world.send_line(client, &line);
        }
        world.settle();
        Self { world, client }
    }

    /// How many were cancelled, as all shards count.
    fn cancelled(&self) -> u64 {
        self.world.totals().counts.jobs_cancelled
    }

    /// Takes turns until nothing is to be given up. Returns how many were cancelled in each.
    fn turns(&mut self) -> Vec<u64> {
        let mut by_turn = Vec::new();
        while self.world.next_call_ms(0).is_some_and(|due| due <= self.world.now_ms()) {
            let before = self.cancelled();
            self.world.turn(0);
            self.world.deliver_all();
            by_turn.push(self.cancelled() - before);
        }
        by_turn
    }
}

#[test]
fn a_cancel_of_an_id_of_many_jobs_takes_some_turns() {
    for members in ["", r#","delay_ms":60000"#, r#","key":"k""#] {
        for shards in [1, 3] {
            let Many { mut world, client } = Many::new(shards, members);
            world.turn(0);
            world.send_line(client, r#"{"cmd":"cancel","id":1.0}"#);
            world.deliver_all();
            let mut many = Many { world, client };
            assert_eq!(many.cancelled(), PER_TURN);
            assert_eq!(many.turns(), [PER_TURN, PER_TURN, MANY as u64 - 3 * PER_TURN], "{members} at {shards} shards");
            let received = many.world.take_lines(client);
            assert_eq!(received.iter().filter(|line| line.contains(r#""code":"cancelled""#)).count(), MANY);
            many.world.check_rest();
        }
    }
}

#[test]
fn jobs_that_come_after_a_cancel_are_not_meant() {
    let Many { mut world, client } = Many::new(1, "");
    world.turn(0);
    let near = world.type_at(0, 0);
    world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
    // While most of the others are still there.
    let late = format!(r#"{{"cmd":"do","id":1,"type":"{near}","cancellable":true}}"#);
    world.send_line(client, &late);
    let mut many = Many { world, client };
    many.turns();
    assert_eq!(many.cancelled(), MANY as u64);
    assert_eq!(many.world.totals().counts.jobs_waiting, 1);
    many.world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
    assert_eq!(many.cancelled(), MANY as u64 + 1);
    many.world.check_rest();
}

#[test]
fn each_further_cancel_gives_up_one_more() {
    let Many { mut world, client } = Many::new(1, "");
    world.turn(0);
    for _ in 0..10 {
        world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
    }
    let mut many = Many { world, client };
    assert_eq!(many.cancelled(), PER_TURN + 9);
    assert_eq!(many.turns().iter().sum::<u64>(), MANY as u64 - PER_TURN - 9);
    many.world.check_rest();
}

/// Some of them are cancelled too when the connection ends: both are done, and each job once.
#[test]
fn the_end_of_a_connection_with_many_jobs_takes_some_turns() {
    for cancel_first in [false, true] {
        for shards in [1, 3] {
            let Many { mut world, client } = Many::new(shards, "");
            world.turn(0);
            if cancel_first {
                world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
            }
            world.end(client);
            world.deliver_all();
            let mut many = Many { world, client };
            assert_eq!(many.cancelled(), PER_TURN);
            assert_eq!(many.turns().iter().sum::<u64>(), MANY as u64 - PER_TURN);
            many.world.check_rest();
            many.world.check_empty();
        }
    }
}

/// A job that is not given up yet goes on as any, and its end takes it out of what is left.
#[test]
fn what_is_not_given_up_yet_may_be_done() {
    let Many { mut world, client } = Many::new(1, "");
    let near = world.type_at(0, 0);
    world.turn(0);
    world.end(client);
    let worker = world.open(0);
    world.send_line(worker, &format!(r#"{{"cmd":"can_do","types":["{near}"]}}"#));
    world.send_line(worker, r#"{"cmd":"did","id":1,"res":0}"#);
    let mut many = Many { world, client };
    let before = many.cancelled();
    assert_eq!(many.world.totals().counts.jobs_done, 1);
    let later: u64 = many.turns().iter().sum();
    assert_eq!(before + later, MANY as u64 - 1);
    many.world.end_all([worker]);
}

/// A stop answers what is left.
#[test]
fn a_stop_in_between_answers_all_once() {
    let Many { mut world, client } = Many::new(1, r#","delay_ms":60000"#);
    world.turn(0);
    world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
    world.stop(0);
    let mut many = Many { world, client };
    many.turns();
    let received = many.world.take_lines(client);
    let of = |code: &str| received.iter().filter(|line| line.contains(&format!(r#""code":"{code}""#))).count();
    assert_eq!((of("cancelled") as u64, of("shutdown") as u64), (PER_TURN, MANY as u64 - PER_TURN));
    assert_eq!(many.world.pending(0), 0);
}
