//! A key that many `do` lines share: each turn serves a share of them, and all receive their answer in the end.

use std::collections::BTreeMap;

use crate::world::{Options, Peer, World};

/// The most members that a turn serves.
const PER_TURN: usize = 10;
/// More than a few turns serve.
const MANY: usize = 95;

/// A key of type `t`, of which `worker` holds the job. The home and the worker are of the first shard.
struct Group {
    world: World,
    client: Peer,
    worker: Peer,
}

impl Group {
    /// `members` are further members of each `do`.
    fn new(shards: u16, members: &str) -> Self {
        let mut world = World::new(Options { shards, members_per_turn: PER_TURN, ..Options::default() });
        let type_name = world.type_at(0, 0);
        let (client, worker) = (world.open(shards - 1), world.worker(0, &[&type_name], Some(3)));
        let mut group = Self { world, client, worker };
        (0..MANY).for_each(|id| group.submit(&id.to_string(), "k", members));
        group.world.settle();
        group.turn();
        assert_eq!(group.leases(), ["1"]);
        group
    }

    fn submit(&mut self, id: &str, key: &str, members: &str) {
        let type_name = self.world.type_at(0, 0);
        let line = format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}","key":"{key}"{members}}}"#);
        self.world.send_line(self.client, &line);
        self.world.deliver_all();
    }

    /// The jobs that the worker was sent since the last call.
    fn leases(&mut self) -> Vec<String> {
        let shards = u64::from(self.world.shards());
        let lease = |line: &String| -> String {
            let job = line.split(r#""job":"#).nth(1).expect("it has a lease").split([',', '}']).next();
            (job.expect("a number").parse::<u64>().expect("a number") / shards).to_string()
        };
        self.world.take_lines(self.worker).iter().filter(|line| line.contains(r#""cmd":"do""#)).map(lease).collect()
    }

    /// The worker sends a line about its nth job.
    fn send(&mut self, cmd: &str, nth: u64, members: &str) {
        let job = nth * u64::from(self.world.shards());
        self.world.send_line(self.worker, &format!(r#"{{"cmd":"{cmd}","job":{job}{members}}}"#));
        self.world.deliver_all();
        self.world.check_shard(0);
    }

    fn turn(&mut self) {
        self.world.turn(0);
        self.world.deliver_all();
        self.world.check_shard(0);
    }

    /// The ids of what the client received since the last call, in order, with the end of each line.
    fn received(&mut self) -> Vec<(usize, String)> {
        let read = |line: String| {
            let (_, rest) = line.split_once(r#""id":"#).expect("it has an id");
            let (id, rest) = rest.split_once([',', '}']).expect("something follows");
            (id.parse().expect("a number"), rest.trim_end_matches('}').to_owned())
        };
        self.world.take_lines(self.client).into_iter().map(read).collect()
    }

    fn bytes(&self) -> u64 {
        self.world.counts(0).job_bytes
    }
}

fn ids(lines: &[(usize, String)]) -> Vec<usize> {
    lines.iter().map(|(id, _)| *id).collect()
}

#[test]
fn the_members_are_answered_in_several_turns_and_in_their_order() {
    for shards in [1, 3] {
        let mut group = Group::new(shards, "");
        group.send("did", 1, r#","res":7"#);
        let mut next = 0;
        while next < MANY {
            let lines = group.received();
            // One member beside the share, for the answer.
            let share = PER_TURN + usize::from(next == 0);
            let expected: Vec<usize> = (next..(next + share).min(MANY)).collect();
            assert_eq!(ids(&lines), expected);
            assert!(lines.iter().all(|(_, rest)| rest == r#""res":7"#), "{lines:?}");
            next += lines.len();
            assert_eq!(group.world.has_work(0), next < MANY);
            assert_eq!(group.world.next_call_ms(0).is_some(), next < MANY);
            group.turn();
        }
        assert_eq!(group.world.totals().counts.jobs_done, MANY as u64);
        assert_eq!(group.received(), []);
        group.world.check_rest();
        group.world.end_all([group.client, group.worker]);
    }
}

/// The answer counts for as long as it waits, in the place of its job.
#[test]
fn an_answer_that_waits_counts_in_the_memory_budget() {
    let mut group = Group::new(3, "");
    let before = group.bytes();
    let value = "x".repeat(5_000);
    group.send("did", 1, &format!(r#","res":"{value}""#));
    assert!((before + 4_000..before + 6_000).contains(&group.bytes()), "{before}, and then {}", group.bytes());
    group.world.settle();
    assert_eq!((group.bytes(), group.received().len()), (0, MANY));
}

#[test]
fn a_member_that_is_cancelled_meanwhile_has_that_answer_alone() {
    for shards in [1, 3] {
        let mut group = Group::new(shards, r#","cancellable":true"#);
        group.send("did", 1, r#","res":7"#);
        assert_eq!(group.received().len(), PER_TURN + 1);
        for id in [0, 50, MANY - 1] {
            group.world.send_line(group.client, &format!(r#"{{"cmd":"cancel","id":{id}}}"#));
            group.world.deliver_all();
            group.world.check_shard(0);
        }
        let received = group.received();
        assert_eq!(ids(&received), [50, MANY - 1], "the first was answered before");
        assert!(received.iter().all(|(_, rest)| rest.contains("cancelled")), "{received:?}");
        group.world.settle();
        let expected: Vec<usize> = (PER_TURN + 1..MANY - 1).filter(|&id| id != 50).collect();
        assert_eq!(ids(&group.received()), expected);
        group.world.check_rest();
    }
}

/// None is left to be answered, and the worker has ended the job: nothing is revoked.
#[test]
fn all_members_may_leave_meanwhile() {
    for shards in [1, 3] {
        let mut group = Group::new(shards, r#","cancellable":true"#);
        group.send("did", 1, r#","res":7"#);
        group.world.end(group.client);
        group.world.deliver_all();
        group.world.check_shard(0);
        group.world.settle();
        assert_eq!(group.world.totals().counts.slots_spent, 0);
        assert_eq!(group.leases(), Vec::<String>::new());
        group.world.check_rest();
        group.world.end_all([group.worker]);
    }
}

#[test]
fn a_do_with_the_key_makes_a_new_job_meanwhile() {
    for shards in [1, 3] {
        let mut group = Group::new(shards, "");
        group.send("did", 1, r#","res":7"#);
        group.submit("1000", "k", "");
        assert_eq!(group.leases(), ["2"], "it joins no job that has ended");
        group.submit("1001", "k", "");
        group.send("did", 2, r#","res":8"#);
        group.world.settle();
        let lines: BTreeMap<usize, String> = group.received().into_iter().collect();
        assert_eq!(lines.len(), MANY + 2, "each once");
        let is_right = |(id, rest): (&usize, &String)| rest == if *id < MANY { r#""res":7"# } else { r#""res":8"# };
        assert!(lines.iter().all(is_right), "{lines:?}");
        group.world.check_rest();
    }
}

/// It has its part of the next turn.
#[test]
fn a_small_group_does_not_wait_for_a_large_one() {
    let options = Options { members_per_turn: 100, ..Options::default() };
    let mut world = World::new(options);
    let (client, worker) = (world.open(0), world.worker(0, &["t"], Some(2)));
    for id in 0..1_010 {
        let key = if id < 1_000 { "large" } else { "small" };
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t","key":"{key}"}}"#));
    }
    world.turn(0);
    for job in [1, 2] {
        world.send_line(worker, &format!(r#"{{"cmd":"did","job":{job},"res":0}}"#));
    }
    assert!(world.take_lines(client).len() < 110);
    world.turn(0);
    let received = world.take_lines(client);
    assert!(received.iter().filter(|line| line.contains(r#""id":100"#)).count() >= 9, "{received:?}");
    world.settle();
    world.check_rest();
}

/// Else lines that come faster than turns serve would pile up what is to be done.
#[test]
fn each_do_that_joins_a_group_serves_a_member_more() {
    let mut group = Group::new(3, "");
    group.send("did", 1, "");
    group.submit("1000", "k", "");
    assert_eq!(group.received().len(), PER_TURN + 1);
    for id in 0..20 {
        group.submit(&(1_001 + id).to_string(), "k", "");
        assert_eq!(group.received().len(), 1, "{id}");
    }
    group.world.settle();
    assert_eq!(group.received().len(), MANY - PER_TURN - 21);
}

#[test]
fn a_stop_answers_what_is_left_at_once() {
    for drain_over in [false, true] {
        let mut group = Group::new(1, "");
        if drain_over {
            group.world.stop(0);
            group.world.drain_over(0);
            assert!(group.received().iter().all(|(_, rest)| rest.contains("shutdown")));
        } else {
            group.send("did", 1, r#","res":7"#);
            assert_eq!(group.received().len(), PER_TURN + 1);
            group.world.stop(0);
            let lines = group.received();
            assert_eq!(ids(&lines), (PER_TURN + 1..MANY).collect::<Vec<_>>());
            assert!(lines.iter().all(|(_, rest)| rest == r#""res":7"#), "{lines:?}");
        }
        assert_eq!((group.world.pending(0), group.bytes()), (0, 0));
        group.world.check_rest();
    }
}

/// The first and the last report come to all, and those between to none who was not served yet.
#[test]
fn progress_is_passed_on_in_several_turns_and_the_latest_follows() {
    for shards in [1, 3] {
        let mut group = Group::new(shards, r#","progress":true"#);
        group.submit("1000", "k", "");
        group.received();
        let before = group.bytes();
        for data in 1..=4 {
            group.send("progress", 1, &format!(r#","data":{data}"#));
        }
        assert_eq!(group.bytes(), before + 2, "two values of one digit");
        assert_eq!(group.world.totals().counts.progress_dropped, 2);
        assert_eq!(ids(&group.received()), (0..PER_TURN).collect::<Vec<_>>());
        // One that joins later receives what came later.
        group.submit("1001", "k", r#","progress":true"#);
        group.send("did", 1, r#","res":7"#);
        assert!(group.received().iter().all(|(_, rest)| rest == r#""data":1"#), "the answer comes last");
        group.world.settle();
        let mut by_id: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (id, rest) in group.received() {
            by_id.entry(id).or_default().push(rest);
        }
        assert_eq!(by_id[&1_000], [r#""res":7"#]);
        assert_eq!(by_id[&1_001], [r#""data":4"#, r#""res":7"#]);
        assert_eq!(by_id[&(MANY - 1)], [r#""data":1"#, r#""data":4"#, r#""res":7"#]);
        assert_eq!(by_id[&0], [r#""data":4"#, r#""res":7"#]);
        assert_eq!(group.bytes(), 0);
        group.world.check_rest();
    }
}
