//! A read may bring several lines. The slots that they free are offered together, and before any line that may need one.

use crate::world::{Event, Peer, World};

/// A worker of three slots, which holds three jobs of a client.
struct Busy {
    world: World,
    type_name: String,
    worker: Peer,
    client: Peer,
    /// The numbers of its jobs.
    jobs: Vec<u64>,
}

impl Busy {
    /// All are at the shard 0, and the home of the type is `home`.
    fn new(shards: u16, home: u16) -> Self {
        let mut world = World::of(shards);
        let type_name = world.type_at(home, 0).to_string();
        let worker = world.worker(0, &[&type_name], Some(3));
        let client = world.open(0);
        for id in 1..=3 {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}"}}"#));
        }
        world.settle();
        let jobs = world.take_lines(worker).iter().map(|line| number_of(line)).collect();
        world.take_lines(client);
        Self { world, type_name, worker, client, jobs }
    }

    /// The worker ends its jobs, and sends this line in the same read, where `TYPE` is its type.
    fn end_all_and_send(&mut self, line: &str) {
        self.world.begin_read();
        for job in &self.jobs {
            self.world.send_line(self.worker, &format!(r#"{{"cmd":"did","job":{job}}}"#));
        }
        if !line.is_empty() {
            self.world.send_line(self.worker, &line.replace("TYPE", &self.type_name));
        }
        self.world.end_read(self.worker);
        self.world.settle();
    }
}

/// Returns the number of the job in a line.
fn number_of(line: &str) -> u64 {
    let (_, rest) = line.split_once(r#""job":"#).expect("the worker gave `max_jobs`");
    rest.trim_end_matches('}').parse().expect("the number is the last member")
}

#[test]
fn slots_that_one_read_frees_are_one_offer() {
    for (shards, home) in [(2, 1), (3, 2)] {
        let mut busy = Busy::new(shards, home);
        busy.world.keep_log();
        busy.end_all_and_send("");
        let posted: Vec<&str> = busy.world.take_log().iter().filter_map(posted).collect();
        assert_eq!(posted, ["Offer"], "{shards} shards");
        busy.world.check_rest();
    }
}

fn posted(event: &Event) -> Option<&'static str> {
    match event {
        Event::Posted(_, _, name) => Some(name),
        _ => None,
    }
}

#[test]
fn a_turn_is_due_at_once_while_offers_wait_for_the_end_of_a_read() {
    let mut busy = Busy::new(1, 0);
    busy.world.advance(5);
    assert_eq!(busy.world.next_call_ms(0), None);
    busy.world.begin_read();
    busy.world.send_line(busy.worker, &format!(r#"{{"cmd":"did","job":{}}}"#, busy.jobs[0]));
    assert_eq!(busy.world.next_call_ms(0), Some(5));
    busy.world.end_read(busy.worker);
    assert_eq!(busy.world.next_call_ms(0), None);
}

#[test]
fn a_worker_that_ends_all_its_jobs_in_one_read_is_idle() {
    let mut busy = Busy::new(1, 0);
    assert_eq!(busy.world.totals().counts.workers_idle, 0);
    busy.end_all_and_send("");
    assert_eq!(busy.world.totals().counts.workers_idle, 1);
    assert_eq!(busy.world.take_lines(busy.client).len(), 3);
}

#[test]
fn a_job_that_may_not_wait_finds_a_slot_that_its_read_has_freed() {
    for (shards, home) in [(1, 0), (2, 0)] {
        let mut busy = Busy::new(shards, home);
        busy.end_all_and_send(r#"{"cmd":"do","id":4,"type":"TYPE","wait_ms":0}"#);
        let lines = busy.world.take_lines(busy.worker);
        assert!(matches!(&lines[..], [line] if line.contains(r#""cmd":"do","id":4"#)), "{lines:?}");
    }
}

#[test]
fn a_plain_job_goes_to_an_ordinary_slot_that_its_read_has_freed() {
    for (shards, home) in [(1, 0), (2, 0)] {
        let mut busy = Busy::new(shards, home);
        let spare = busy.world.open(0);
        let can_do = format!(r#"{{"cmd":"can_do","types":["{}"],"max_jobs":9,"spare":true}}"#, busy.type_name);
        busy.world.send_line(spare, &can_do);
        busy.end_all_and_send(r#"{"cmd":"do","id":4,"type":"TYPE"}"#);
        let lines = busy.world.take_lines(busy.worker);
        assert!(matches!(&lines[..], [line] if line.contains(r#""cmd":"do","id":4"#)), "{lines:?}");
        assert_eq!(busy.world.take_lines(spare), [""; 0]);
    }
}
