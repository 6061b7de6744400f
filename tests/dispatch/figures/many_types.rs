//! Metrics by type while there are more types, or more queries, than a turn handles.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::world::{Options, Peer, World};

pub(super) const ALL: &str = r#"{"cmd":"metrics","types":true}"#;
pub(super) const ALL_WITH_HISTOGRAMS: &str = r#"{"cmd":"metrics","types":true,"histograms":true}"#;

pub(super) fn world(shards: u16, rows_per_turn: u32) -> World {
    World::new(Options { shards, rows_per_turn, ..Options::default() })
}

/// Returns the tables by type that a peer was sent since it was last asked.
pub(super) fn tables(world: &mut World, peer: Peer) -> Vec<Value> {
    let lines = world.take_lines(peer).into_iter().filter(|line| line.starts_with(r#"{"cmd":"metrics""#));
    lines.map(|line| serde_json::from_str::<Value>(&line).expect("a line of metrics")["metrics"].take()).collect()
}

/// Submits a job of each of `n` types, of which some are delayed, and connects workers of every third.
pub(super) fn populate(world: &mut World, n: usize) -> Peer {
    let shards = world.shards();
    let client = world.open(0);
    for nth in 0..n {
        let delay = if nth % 5 == 4 { r#","delay_ms":60000"# } else { "" };
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{nth},"type":"t{nth}"{delay}}}"#));
        if nth % 3 == 0 {
            let shard = u16::try_from(nth).expect("there are few types") % shards;
            world.worker(shard, &[&format!("t{nth}"), "shared"], Some(2));
        }
    }
    world.settle();
    client
}

#[test]
fn a_table_in_slices_is_the_table_in_one_piece() {
    for shards in [1, 3] {
        let mut first: Option<Vec<Value>> = None;
        for rows_per_turn in [1_000_000, 64, 7, 1] {
            let mut world = world(shards, rows_per_turn);
            populate(&mut world, 200);
            let asker = world.open(shards - 1);
            // Each of the 200 types has a job, and one has workers only.
            let named = r#"{"cmd":"metrics","types":["t3","t4","t3","shared","unheard of"],"histograms":true}"#;
            for line in [ALL, ALL_WITH_HISTOGRAMS, named] {
                world.send_line(asker, line);
            }
            world.settle();
            let answers = tables(&mut world, asker);
            let parts = ["types", "other_types", "bounds_us"];
            let answers: Vec<Value> =
                answers.iter().map(|metrics| parts.iter().map(|&part| metrics[part].clone()).collect()).collect();
            assert_eq!(answers.len(), 3);
            let lengths = answers.iter().map(|answer| answer[0].as_object().unwrap().len());
            assert_eq!(lengths.collect::<Vec<_>>(), [201, 201, 4]);
            assert_eq!(
                first.get_or_insert_with(|| answers.clone()),
                &answers,
                "{rows_per_turn} rows at {shards} shards"
            );
            world.check_rest();
        }
    }
}

#[test]
fn a_peer_is_answered_in_the_order_of_its_queries() {
    let mut world = world(2, 4);
    populate(&mut world, 50);
    let asker = world.open(0);
    let plain = r#"{"cmd":"metrics"}"#;
    for line in [plain, ALL, plain, r#"{"cmd":"metrics","types":["t1"]}"#, ALL_WITH_HISTOGRAMS, plain] {
        world.send_line(asker, line);
    }
    world.settle();
    let rows = |metrics: Value| metrics["types"].as_object().map(serde_json::Map::len);
    let rows: Vec<_> = tables(&mut world, asker).into_iter().map(rows).collect();
    assert_eq!(rows, [None, Some(51), None, Some(1), Some(51), None]);
    world.send_line(asker, plain);
    assert_eq!(tables(&mut world, asker).len(), 1, "it is answered at once");
}

/// What a query that waits holds counts in the budget. If answers had it, the figure would hardly ever be 0.
#[test]
fn no_answer_contains_the_bytes_of_other_queries() {
    let mut world = world(1, 4);
    populate(&mut world, 50);
    let [first, second, plain] = [(); 3].map(|()| world.open(0));
    let held = |world: &mut World, asker| tables(world, asker).pop().map(|metrics| metrics["bytes_held"].clone());
    world.send_line(plain, r#"{"cmd":"metrics"}"#);
    let before = held(&mut world, plain);
    for asker in [first, second] {
        world.send_line(asker, ALL);
    }
    world.send_line(plain, r#"{"cmd":"metrics"}"#);
    assert!(before.is_some() && world.metrics_bytes(0) > 0);
    assert_eq!(held(&mut world, plain), before, "while both wait");
    world.settle();
    assert_eq!(held(&mut world, first), before, "while the second waits");
}

/// Of each type that stays there is one job, so a row of two would be one that was met twice.
#[test]
fn types_that_come_and_go_between_slices_are_in_no_row_twice() {
    let mut world = world(1, 8);
    let client = populate(&mut world, 100);
    let asker = world.open(0);
    world.send_line(asker, ALL);
    let mut round = 0;
    while world.has_work(0) {
        // The first types go and come back at other places, and many new ones make all tables grow.
        for nth in (0..20).filter(|nth| nth % 5 != 4 && nth % 3 != 0) {
            world.send_line(client, &format!(r#"{{"cmd":"cancel","id":{nth}}}"#));
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{nth},"type":"t{nth}","cancellable":true}}"#));
        }
        for nth in 0..50 {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":"n","type":"new{round}-{nth}"}}"#));
        }
        round += 1;
        world.turn(0);
    }
    assert!(round > 20, "{round} turns");
    let table = tables(&mut world, asker).pop().unwrap();
    let rows = table["types"].as_object().unwrap();
    for nth in 20..100 {
        let row = &rows[&format!("t{nth}")];
        let jobs = ["waiting", "running", "delayed"].map(|member| row[member].as_u64().unwrap());
        assert_eq!(jobs.iter().sum::<u64>(), 1, "t{nth}: {row}");
    }
    for (name, row) in rows {
        let waiting = row["waiting"].as_u64().unwrap();
        assert!(waiting <= 1 + round, "{name}: {row}");
    }
}

#[test]
fn the_work_of_a_turn_is_bounded_and_so_is_a_message() {
    let (types, rows_per_turn) = (2_000, 100);
    for shards in [1, 4] {
        let mut world = world(shards, rows_per_turn);
        let client = world.open(0);
        for nth in 0..types {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"t{nth}"}}"#));
        }
        world.settle();
        let asker = world.open(shards - 1);
        world.send_line(asker, ALL);
        let mut turns = 0;
        while tables(&mut world, asker).is_empty() {
            while let Some(link) = world.oldest_link() {
                for message in world.on_the_way(link) {
                    if let deputy::dispatch::message::Message::StatsReply { rows, .. } = message {
                        assert!(rows.len() <= 100 / usize::from(shards), "{} rows", rows.len());
                    }
                }
                world.deliver(link);
            }
            (0..shards).for_each(|shard| world.turn(shard));
            turns += 1;
            assert!(turns < 10_000, "it does not end");
        }
        // A row is found, added and encoded, and what is chosen is gone through.
        assert!(turns >= types / rows_per_turn, "{turns} turns at {shards} shards");
    }
}

#[test]
fn all_who_ask_while_a_table_is_gathered_share_the_next() {
    let mut world = world(2, 16);
    populate(&mut world, 100);
    let ask = |world: &mut World, askers: usize| {
        let askers: Vec<Peer> = (0..askers).map(|_| world.open(1)).collect();
        let before = world.posted();
        for &asker in &askers {
            world.send_line(asker, ALL);
        }
        world.settle();
        for asker in askers {
            let table = tables(world, asker).pop().expect("each is answered");
            assert_eq!(table["types"].as_object().unwrap().len(), 101);
            world.end(asker);
        }
        world.posted() - before
    };
    let one = ask(&mut world, 1);
    let many = ask(&mut world, 300);
    // One table for the first, and one for the others.
    assert!(many < one * 4, "{many} messages for 300 askers, {one} for one");
}

/// One that leaves is answered if it still reads; one that is gone is forgotten. Others get their answers.
#[test]
fn askers_that_leave_hold_up_no_other_and_leave_nothing_behind() {
    let mut world = world(2, 4);
    let client = populate(&mut world, 60);
    let (leaver, stalled, gone, patient) = (world.open(0), world.open(0), world.open(0), world.open(0));
    world.stop_reading(stalled);
    for asker in [leaver, stalled, gone, patient] {
        world.send_line(asker, ALL);
        world.send_line(asker, r#"{"cmd":"metrics","types":["t1"]}"#);
    }
    assert!(world.metrics_bytes(0) > 0, "the queries are counted");
    world.turn(0);
    world.end(leaver);
    // A line that is no JSON object closes the connection at once, whatever was asked.
    world.send_line(gone, "no JSON");
    world.settle();
    assert_eq!(tables(&mut world, leaver).len(), 2);
    assert_eq!(tables(&mut world, patient).len(), 2);
    assert!(!world.is_open(leaver) && world.unsent_bytes(stalled) > 0);
    assert_eq!((world.metrics_bytes(0), world.metrics_bytes(1)), (0, 0));
    let held = world.totals().counts.unsent_bytes;
    assert_eq!(held, world.unsent_bytes(stalled), "what was gathered is no more counted");
    for peer in [gone, stalled, patient, client] {
        world.end(peer);
    }
    world.settle();
}

#[test]
fn what_is_gathered_counts_as_unsent_and_is_not_in_the_answer() {
    let mut world = world(1, 8);
    populate(&mut world, 100);
    let before = world.counts(0).unsent_bytes;
    let asker = world.open(0);
    world.send_line(asker, ALL_WITH_HISTOGRAMS);
    let mut most = 0;
    while world.has_work(0) {
        world.turn(0);
        most = most.max(world.counts(0).unsent_bytes - before);
    }
    assert!(most > 100 * 200, "{most} bytes");
    assert_eq!(world.counts(0).unsent_bytes, before);
    let answer = tables(&mut world, asker).pop().unwrap();
    assert_eq!(answer["bytes_held"], world.counts(0).job_bytes);
}

#[test]
fn a_query_that_came_before_the_stop_is_still_answered() {
    let mut world = world(2, 4);
    populate(&mut world, 60);
    let (asker, late) = (world.open(0), world.open(0));
    world.send_line(asker, ALL);
    assert!(world.owes_metrics(0) && !world.owes_metrics(1));
    (0..2).for_each(|shard| world.stop(shard));
    assert!(world.owes_metrics(0), "the shell waits for it");
    world.send_line(late, ALL);
    world.settle();
    assert!(!world.owes_metrics(0));
    assert_eq!((tables(&mut world, asker).len(), tables(&mut world, late).len()), (1, 1));
}

#[test]
fn the_fullest_types_are_chosen_in_their_order() {
    let mut world = world(1, 50);
    let client = world.open(0);
    for nth in 0..1_200 {
        for _ in 0..=(nth % 3) {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"t{nth:04}"}}"#));
        }
    }
    let asker = world.open(0);
    world.send_line(asker, ALL);
    world.settle();
    let line = world.take_lines(asker).pop().unwrap();
    let mut expected: Vec<(i32, String)> = (0..1_200).map(|nth| (-1 - nth % 3, format!("t{nth:04}"))).collect();
    expected.sort();
    let places = expected.iter().map(|(_, name)| line.find(&format!("\"{name}\":"))).collect::<Vec<_>>();
    assert!(places[..1_000].is_sorted() && places[..1_000].iter().all(Option::is_some), "by jobs, then by name");
    assert!(places[1_000..].iter().all(Option::is_none));
    let waiting: BTreeMap<String, Value> = serde_json::from_str::<Value>(&line).unwrap()["metrics"]["types"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, row)| (name.clone(), row["waiting"].clone()))
        .collect();
    assert_eq!((&waiting["t0002"], &waiting["t0000"]), (&3.into(), &1.into()));
}
