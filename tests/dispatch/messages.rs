//! How many messages between shards a job with options costs, over all placements of its home, its client and its worker.

use crate::world::{Event, Peer, World};

/// A home, a client's shard and a worker's shard.
type Placement = [u16; 3];

/// The messages by which jobs are revoked.
const REVOKING: [&str; 5] = ["Revoke", "Revoked", "Drop", "Dropped", "Over"];

fn placements(shards: u16) -> impl Iterator<Item = Placement> {
    let all = move || 0..shards;
    all().flat_map(move |home| all().flat_map(move |client| all().map(move |worker| [home, client, worker])))
}

/// A world with a client and, if it is to hold the job, a worker.
struct Place {
    world: World,
    type_name: String,
    client: Peer,
    worker: Option<Peer>,
}

impl Place {
    fn new(shards: u16, [home, client, worker]: Placement, with_worker: bool) -> Self {
        let mut world = World::of(shards);
        let type_name = world.type_at(home, 0).to_string();
        let client = world.open(client);
        let worker = with_worker.then(|| world.worker(worker, &[&type_name], None));
        world.settle();
        world.keep_log();
        Self { world, type_name, client, worker }
    }

    fn submit(&mut self, id: usize, options: &str) {
        let line = format!(r#"{{"cmd":"do","id":{id},"type":"{}"{options}}}"#, self.type_name);
        self.world.send_line(self.client, &line);
    }

    fn end(&mut self, id: usize) {
        self.world.send_line(self.worker.expect("there is one"), &format!(r#"{{"cmd":"did","id":{id}}}"#));
    }

    fn cancel(&mut self, id: usize) {
        self.world.send_line(self.client, &format!(r#"{{"cmd":"cancel","id":{id}}}"#));
    }

    /// Delivers everything. Returns how many messages of these names were posted since the last call; of none: of all.
    fn posted(&mut self, names: &[&str]) -> u64 {
        self.world.settle();
        let of_these = |event: &Event| match event {
            Event::Posted(_, _, name) => names.is_empty() || names.contains(name),
            _ => false,
        };
        self.world.take_log().iter().filter(|event| of_these(event)).count() as u64
    }
}

/// What a cancel costs at `n` shards, over all placements. A worker holds the job, or it waits.
fn cost_of_cancel(n: u16, is_held: bool) -> u64 {
    let cost = |placement| {
        let mut place = Place::new(n, placement, is_held);
        place.submit(1, r#","cancellable":true"#);
        place.posted(&[]);
        place.cancel(1);
        place.posted(&[])
    };
    placements(n).map(cost).sum()
}

#[test]
fn a_cancel_in_line_costs_two_messages_at_most() {
    for n in [2, 4, 8] {
        // There and back, unless the client is at home. A worker's shard is of no account.
        let n64 = u64::from(n);
        assert_eq!(cost_of_cancel(n, false), 2 * (n64 - 1) * n64.pow(2));
    }
}

#[test]
fn a_cancel_of_a_held_job_costs_one_message_per_shard_beside() {
    for n in [2, 4, 8] {
        let n64 = u64::from(n);
        let (there_and_back, drops, dropped) =
            (2 * (n64 - 1) * n64.pow(2), (n64 - 1) * n64.pow(3), (n64 - 1) * n64.pow(2));
        assert_eq!(cost_of_cancel(n, true), there_and_back + drops + dropped);
    }
}

#[test]
fn a_cancel_that_meets_its_result_costs_no_more() {
    for n in [2, 4, 8] {
        let cost = |placement| {
            let mut place = Place::new(n, placement, true);
            place.submit(1, r#","cancellable":true"#);
            place.posted(&[]);
            place.end(1);
            place.cancel(1);
            place.posted(&REVOKING)
        };
        // Where the worker is at the client's shard, the result has come before.
        let n64 = u64::from(n);
        assert_eq!(placements(n).map(cost).sum::<u64>(), n64 * (n64 - 1).pow(2) * (n64 + 2));
    }
}

#[test]
fn what_is_not_used_costs_none() {
    for placement in placements(4) {
        let cost = |options: &str| {
            let mut place = Place::new(4, placement, true);
            place.submit(1, options);
            let submitted = place.posted(&[]);
            place.end(1);
            (submitted, place.posted(&[]))
        };
        let plain = cost("");
        for options in [
            r#","cancellable":true,"deadline_ms":5000,"progress":true"#,
            r#","priority":5,"attempts":2,"run_limit_ms":5000,"need_worker":true"#,
            r#","background":true"#,
            r#","wait_ms":0"#,
            r#","wait_ms":5000,"background":true"#,
        ] {
            let cost = cost(options);
            assert!(cost == plain, "{placement:?}: {cost:?} for {options}, {plain:?} for a plain one");
        }
    }
}

/// The home passes the result on. So a key costs a way more, and shares the others.
#[test]
fn a_key_shares_what_a_job_costs() {
    for (members, messages) in [(1, 5 * 3), (2, 7 * 3), (4, 11 * 3)] {
        let cost = |placement| {
            let mut place = Place::new(4, placement, true);
            (1..=members).for_each(|id| place.submit(id, r#","key":"k""#));
            place.world.settle();
            place.end(1);
            place.posted(&[])
        };
        // Each way is between two shards in three of four placements.
        assert_eq!(placements(4).map(cost).sum::<u64>(), messages * 16, "{members} members");
    }
}

#[test]
fn progress_costs_one_way_and_with_a_key_two() {
    for (options, ways) in [("", 0), (r#","progress":true"#, 1), (r#","progress":true,"key":"k""#, 2)] {
        let cost = |placement| {
            let mut place = Place::new(4, placement, true);
            place.submit(1, options);
            place.posted(&[]);
            place.world.send_line(place.worker.expect("there is one"), r#"{"cmd":"progress","id":1,"data":1}"#);
            place.posted(&[])
        };
        assert_eq!(placements(4).map(cost).sum::<u64>(), ways * 3 * 16, "{options}");
    }
}
