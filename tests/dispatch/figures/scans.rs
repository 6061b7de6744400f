//! What shards send each other for metrics by type, and what changes while they do.

use deputy::dispatch::message::Message;
use serde_json::Value;

use super::many_types::{ALL, ALL_WITH_HISTOGRAMS, populate, tables, world};
use crate::world::{Peer, World};

/// Delivers all messages, turn by turn. Returns the rows that came from other shards: each a name, and whether it has figures.
fn rows_sent(world: &mut World) -> Vec<(String, bool)> {
    let mut sent = Vec::new();
    loop {
        while let Some(link) = world.oldest_link() {
            if let Some(Message::StatsReply { rows, .. }) = world.on_the_way(link).next()
                && link.from != link.to
            {
                sent.extend(rows.iter().map(|(name, row)| (name.to_string(), row.figures.is_some())));
            }
            world.deliver(link);
        }
        let Some(shard) = (0..world.shards()).find(|&shard| world.has_work(shard)) else { return sent };
        world.turn(shard);
    }
}

#[test]
fn of_a_named_type_no_other_rows_are_sent() {
    let mut world = world(2, 1_000);
    populate(&mut world, 50);
    let asker = world.open(1);
    world.send_line(asker, r#"{"cmd":"metrics","types":["t1","t2","t3","t4"]}"#);
    let sent = rows_sent(&mut world);
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|(name, _)| ["t1", "t2", "t3", "t4"].contains(&name.as_str())), "{sent:?}");
}

#[test]
fn no_figures_are_sent_unless_histograms_are_asked_for() {
    let mut world = world(2, 1_000);
    populate(&mut world, 50);
    let asker = world.open(1);
    for (line, figures) in [(ALL, false), (ALL_WITH_HISTOGRAMS, true)] {
        world.send_line(asker, line);
        let sent = rows_sent(&mut world);
        assert_eq!((sent.is_empty(), sent.iter().any(|(_, has_figures)| *has_figures)), (false, figures), "{line}");
    }
}

#[test]
fn a_table_without_histograms_is_the_same_beside_one_with_them() {
    let mut world = world(1, 8);
    populate(&mut world, 30);
    let asker = world.open(0);
    // The second and the third are gathered together, because the first is being gathered.
    for line in [ALL, ALL, ALL_WITH_HISTOGRAMS] {
        world.send_line(asker, line);
    }
    world.settle();
    let types: Vec<Value> = tables(&mut world, asker).iter_mut().map(|metrics| metrics["types"].take()).collect();
    assert_eq!(types[0], types[1]);
    assert!(types[2]["t1"]["has_figures"].is_boolean() && types[0]["t1"]["has_figures"].is_null());
}

/// Two workers, each with a job of `t`, and an asker. There are 50 other connections, so a scan takes some turns.
struct Running {
    world: World,
    workers: [Peer; 2],
    asker: Peer,
}

impl Running {
    fn new() -> Self {
        let mut world = world(1, 1);
        let client = world.open(0);
        let workers = [1, 2].map(|id| {
            let worker = world.worker(0, &["t"], None);
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            world.settle();
            world.advance(100);
            worker
        });
        (0..50).for_each(|_| _ = world.open(0));
        let asker = world.open(0);
        Self { world, workers, asker }
    }

    /// Asks for all types, and makes the change after a number of turns. Returns the row of `t`; `None` if the answer came
    /// before the change.
    fn row(mut self, turns: usize, change: impl Fn(&mut World, [Peer; 2])) -> Option<Value> {
        self.world.send_line(self.asker, ALL);
        for _ in 0..turns {
            self.world.turn(0);
        }
        if !tables(&mut self.world, self.asker).is_empty() {
            return None;
        }
        change(&mut self.world, self.workers);
        self.world.settle();
        Some(tables(&mut self.world, self.asker).pop().expect("a table")["types"]["t"].take())
    }
}

/// Returns the row of `t` for a change after no turn, after one, and so on.
fn rows(change: impl Fn(&mut World, [Peer; 2])) -> Vec<Value> {
    (0..1_000).map_while(|turns| Running::new().row(turns, &change)).collect()
}

#[test]
fn no_job_is_the_oldest_once_none_is_running() {
    let rows = rows(|world, workers| {
        for (worker, id) in workers.into_iter().zip([1, 2]) {
            world.send_line(worker, &format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
    });
    let (ended, running): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["running"] == 0);
    assert!(ended.len() > 2 && running.len() > 2, "{rows:?}");
    assert!(ended.iter().all(|row| row["oldest_running_ms"] == 0), "{ended:?}");
    assert!(running.iter().all(|row| row["oldest_running_ms"] == 200), "{running:?}");
}

#[test]
fn a_worker_that_has_left_has_not_the_oldest_job() {
    let rows = rows(|world, [first, _]| world.end(first));
    let (left, both): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["running"] == 1);
    assert!(left.len() > 2 && both.len() > 2, "{rows:?}");
    assert!(left.iter().all(|row| row["oldest_running_ms"] != 200), "{left:?}");
    assert!(both.iter().all(|row| row["oldest_running_ms"] == 200), "{both:?}");
}

/// Its connection stays until its question is answered, but it takes part in nothing else.
#[test]
fn no_progress_is_sent_to_an_asker_that_leaves() {
    let mut world = world(1, 4);
    let worker = world.worker(0, &["t"], None);
    populate(&mut world, 50);
    let [leaver, asker] = [(); 2].map(|()| world.open(0));
    for (client, id) in [(leaver, 1), (asker, 2)] {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t","progress":true}}"#));
        world.settle();
        world.send_line(client, ALL);
        if client == leaver {
            world.end(leaver);
        }
        world.send_line(worker, &format!(r#"{{"cmd":"progress","id":{id},"data":1}}"#));
        world.settle();
        let lines = world.take_lines(client);
        let reports = lines.iter().filter(|line| line.contains(r#""cmd":"progress""#)).count();
        assert_eq!((lines.len(), reports), if client == leaver { (1, 0) } else { (2, 1) }, "{lines:?}");
        world.send_line(worker, &format!(r#"{{"cmd":"did","id":{id}}}"#));
    }
}
