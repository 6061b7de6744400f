//! Many jobs at once, with their messages delivered in any order: a poison among neighbours, one type for all shards,
//! shards that flood each other. Sizes at which what is lost, doubled or grown would show.

use std::collections::BTreeMap;

use super::random::Random;
use super::world::{Event, Options, Peer, World};

/// A world, and what its peers know.
struct Crowd {
    world: World,
    random: Random,
    /// By shard.
    clients: Vec<Peer>,
    /// Jobs that workers were sent and did not end, each with its worker.
    held: Vec<(Peer, Job)>,
    /// By id: the code, if the job failed.
    answers: BTreeMap<String, Option<String>>,
}

/// The line of a job that a worker is sent.
#[derive(Clone, serde::Deserialize)]
struct Job {
    id: String,
    job: Option<u64>,
}

impl Crowd {
    fn new(shards: u16, seed: u64) -> Self {
        let mut world = World::new(Options { shards, seed, ..Options::default() });
        world.keep_log();
        let clients = (0..shards).map(|shard| world.open(shard)).collect();
        Self { world, random: Random::new(seed), clients, held: Vec::new(), answers: BTreeMap::new() }
    }

    fn submit(&mut self, shard: u16, id: &str, type_name: &str) {
        let client = self.clients[usize::from(shard)];
        self.world.send_line(client, &format!(r#"{{"cmd":"do","id":"{id}","type":"{type_name}"}}"#));
        self.look();
    }

    /// Delivers some message; false if none is on the way.
    fn deliver_any(&mut self) -> bool {
        let busy = self.world.busy_links().len();
        if busy == 0 {
            return false;
        }
        let at = self.random.below(busy);
        let link = self.world.busy_links().nth(at).expect("below their number");
        self.world.deliver(link);
        self.look();
        true
    }

    fn deliver_all(&mut self) {
        while self.deliver_any() {}
    }

    /// Ends some job that is held; false if none is.
    fn end_any(&mut self) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let at = self.random.below(self.held.len());
        let (worker, Job { id, job }) = self.held.swap_remove(at);
        let name = job.map_or(format!(r#""id":"{id}""#), |job| format!(r#""job":{job}"#));
        self.world.send_line(worker, &format!(r#"{{"cmd":"did",{name}}}"#));
        self.look();
        true
    }

    /// Delivers and ends whatever there is, in any order, until nothing is left of either.
    fn finish(&mut self) {
        loop {
            let ended = self.random.one_in(4) && self.end_any();
            if !ended && !self.deliver_any() && !self.end_any() {
                return;
            }
        }
    }

    fn look(&mut self) {
        for event in self.world.take_log() {
            let Event::Sent(peer, text) = event else { continue };
            let line: serde_json::Value = serde_json::from_str(&text).expect("a line is JSON");
            if line["cmd"] == "do" {
                self.held.push((peer, serde_json::from_value(line).expect("a job")));
            } else {
                let id = line["id"].as_str().expect("an answer names its job").to_owned();
                let again = self.answers.insert(id, line["code"].as_str().map(str::to_owned));
                assert_eq!(again, None, "answered twice: {text}");
            }
        }
    }

    /// Everybody leaves; nothing may be remembered.
    fn leave(mut self, workers: Vec<Peer>) {
        self.world.check_rest();
        self.world.end_all(workers.into_iter().chain(self.clients));
    }
}

#[test]
fn f07_ten_thousand_neighbours_of_a_poison_are_all_done_at_hardly_more_cost() {
    let [without, with] = [false, true].map(work_beside_a_poison);
    assert!(with <= without + without / 10, "{without} messages without a poison, {with} with it");
}

/// Has ten thousand jobs done by workers of a hundred slots, perhaps with a poison among them; how many messages it took.
fn work_beside_a_poison(poison: bool) -> u64 {
    const JOBS: usize = 10_000;
    let mut crowd = Crowd::new(4, 1);
    let worker = |crowd: &mut Crowd, shard| crowd.world.worker(shard, &["t"], Some(100));
    let mut workers: Vec<Peer> = (0..4).map(|shard| worker(&mut crowd, shard)).collect();
    for (shard, nth) in [0, 1, 2, 3].into_iter().cycle().zip(0..JOBS) {
        if poison && nth == JOBS / 2 {
            crowd.submit(shard, "poison", "t");
        }
        crowd.submit(shard, &nth.to_string(), "t");
    }
    let mut deaths = 0;
    while crowd.answers.len() < JOBS + usize::from(poison) {
        if !crowd.deliver_any() || crowd.random.one_in(4) {
            crowd.end_any();
        }
        if let Some(&(dies, _)) = crowd.held.iter().find(|(_, job)| job.id == "poison") {
            deaths += 1;
            crowd.held.retain(|(holder, _)| *holder != dies);
            crowd.world.end(dies);
            workers.retain(|worker| *worker != dies);
            let shard = crowd.world.conn_id(dies).0;
            workers.push(worker(&mut crowd, shard));
            crowd.look();
        }
    }
    crowd.deliver_all();
    assert_eq!(deaths, if poison { 4 } else { 0 }, "three attempts, and the first loss was in company");
    assert_eq!(crowd.answers.remove("poison"), poison.then(|| Some("gave_up".to_owned())));
    assert!(crowd.answers.values().all(Option::is_none), "a neighbour failed");
    let posted = crowd.world.posted();
    crowd.leave(workers);
    posted
}

#[test]
fn f47_one_type_keeps_the_workers_of_all_shards_busy() {
    const SHARDS: u16 = 16;
    const WORKERS: usize = 64;
    let mut crowd = Crowd::new(SHARDS, 1);
    let workers: Vec<Peer> =
        (0..SHARDS).cycle().take(WORKERS).map(|shard| crowd.world.worker(shard, &["t"], None)).collect();
    for round in 0..20 {
        for (shard, nth) in (0..SHARDS).cycle().zip(0..WORKERS) {
            crowd.submit(shard, &format!("{round}.{nth}"), "t");
        }
        crowd.deliver_all();
        let mut busy: Vec<Peer> = crowd.held.iter().map(|(worker, _)| *worker).collect();
        busy.sort_unstable();
        assert_eq!(busy, workers, "each has one job");
        crowd.finish();
        assert_eq!(crowd.answers.len(), (round + 1) * WORKERS);
    }
    crowd.leave(workers);
}

#[test]
fn f71_two_shards_that_flood_each_other_lose_nothing() {
    const JOBS: usize = 20_000;
    let mut crowd = Crowd::new(2, 1);
    let types = [crowd.world.type_at(1, 0), crowd.world.type_at(0, 0)];
    let workers = [0, 1].map(|shard| crowd.world.worker(shard, &[&types[0], &types[1]], Some(100)));
    crowd.deliver_all();
    // Each shard's jobs are at home with the other; nothing is delivered until all are on the way.
    for nth in 0..JOBS {
        for shard in [0, 1] {
            crowd.submit(shard, &format!("{shard}.{nth}"), &types[usize::from(shard)]);
        }
    }
    let on_the_way = crowd.world.busy_links().map(|link| crowd.world.on_the_way(link).len()).collect::<Vec<_>>();
    assert_eq!(on_the_way, [JOBS; 2]);
    crowd.finish();
    assert_eq!(crowd.answers.len(), 2 * JOBS);
    crowd.leave(workers.to_vec());
}
