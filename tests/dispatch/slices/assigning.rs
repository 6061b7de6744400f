//! Workers of many slots or types, for which many jobs wait: each turn does a part of the work.

use crate::world::{Options, Peer, World};

fn submit(world: &mut World, client: Peer, type_name: &str, ids: std::ops::Range<usize>) {
    for id in ids {
        world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}"}}"#));
    }
    world.settle();
}

#[test]
fn the_jobs_for_a_worker_of_many_slots_are_assigned_in_several_turns_and_in_their_order() {
    const ASSIGNS: u32 = 10;
    for shards in [1, 3] {
        let mut world = World::new(Options { shards, assigns_per_turn: ASSIGNS, ..Options::default() });
        let client = world.open(shards - 1);
        submit(&mut world, client, "t", 0..1_000);
        let home = world.home("t");
        let worker = world.worker(home, &["t"], Some(600));
        let (mut sent, mut turns) = (0, 0);
        while sent < 600 {
            let lines = world.take_lines(worker);
            assert!(lines.len() <= 2 + ASSIGNS as usize, "{} jobs in a turn", lines.len());
            for line in lines {
                assert!(line.starts_with(&format!(r#"{{"cmd":"do","id":{sent},"#)), "{sent}: {line}");
                sent += 1;
            }
            assert!(world.has_work(home) || sent == 600, "it stops at {sent}");
            world.turn(home);
            turns += 1;
        }
        assert!(turns >= 600 / (ASSIGNS as usize + 1), "{turns} turns");
        world.settle();
        world.check_rest();
        world.end(worker);
        world.settle();
        world.check_rest();
        assert_eq!(world.totals().counts.jobs_waiting, 1_000);
    }
}

#[test]
fn the_types_of_a_worker_of_many_are_offered_in_several_turns() {
    const TYPES: usize = 1_000;
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let part = options.types_per_turn;
        let mut world = World::new(options);
        let client = world.open(0);
        let names: Vec<String> = (0..TYPES).map(|nth| format!("t{nth}")).collect();
        for name in &names {
            submit(&mut world, client, name, 0..20);
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let worker = world.worker(0, &names, Some(3));
        let in_use = |world: &World| {
            let pools = world.audit(0).pools.into_iter();
            pools.filter(|pool| pool.open > 0 || pool.starved || pool.running > 0).count()
        };
        let mut before = 0;
        while world.has_work(0) {
            let now = in_use(&world);
            assert!(now <= before + part, "{} types are offered at once", now - before);
            before = now;
            world.turn(0);
        }
        world.settle();
        world.check_rest();
        assert_eq!(world.totals().counts.jobs_running, 3);
        // Each type gets its turn when slots become free.
        let mut done = 0;
        while done < TYPES * 20 {
            let lines = world.take_lines(worker);
            assert!(!lines.is_empty(), "the worker gets nothing after {done} jobs");
            for line in lines {
                let job = line.split(r#""job":"#).nth(1).and_then(|rest| rest.split(['}', ',']).next()).unwrap();
                world.send_line(worker, &format!(r#"{{"cmd":"did","job":{job}}}"#));
                done += 1;
            }
            world.settle();
        }
        assert_eq!(world.totals().counts.jobs_done, 20 * TYPES as u64);
        world.check_rest();
    }
}

/// Its slots become free, and are filled, many times between two turns.
#[test]
fn a_type_waits_for_a_later_turn_once_however_often_its_worker_changes() {
    const TYPES: usize = 1_000;
    let mut world = World::new(Options::default());
    let client = world.open(0);
    let names: Vec<String> = (0..TYPES).map(|nth| format!("t{nth}")).collect();
    for name in &names {
        submit(&mut world, client, name, 0..3);
    }
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let worker = world.worker(0, &names, Some(16));
    world.settle();
    let mut most = 0;
    for _ in 0..100 {
        for line in world.take_lines(worker) {
            let job = line.split(r#""job":"#).nth(1).and_then(|rest| rest.split(['}', ',']).next()).unwrap();
            world.send_line(worker, &format!(r#"{{"cmd":"did","job":{job}}}"#));
        }
        most = most.max(world.audit(0).postponed);
    }
    assert!((1..=TYPES).contains(&most), "{most} wait");
    // A worker that comes and goes leaves nothing behind.
    world.end(worker);
    for _ in 0..10 {
        let worker = world.worker(0, &names, Some(16));
        world.end(worker);
    }
    world.settle();
    assert_eq!(world.audit(0).postponed, 0);
    world.check_rest();
}

#[test]
fn while_jobs_wait_for_the_next_turn_none_goes_before_them() {
    let mut world = World::new(Options { assigns_per_turn: 1, ..Options::default() });
    let client = world.open(0);
    submit(&mut world, client, "t", 0..10);
    let worker = world.worker(0, &["t"], Some(20));
    let sent = world.take_lines(worker).len();
    assert!(sent < 10 && world.has_work(0));
    world.send_line(client, r#"{"cmd":"do","id":"now","type":"t","wait_ms":0}"#);
    let answers = world.take_lines(client);
    assert!(answers.len() == 1 && answers[0].contains("no_worker"), "{answers:?}");
    // A spare worker gets none of them, because the ordinary one takes them all.
    let spare = world.open(0);
    world.send_line(spare, r#"{"cmd":"can_do","types":["t"],"max_jobs":20,"spare":true}"#);
    world.settle();
    assert_eq!((sent + world.take_lines(worker).len(), world.take_lines(spare).len()), (10, 0));
    world.check_rest();
}

/// Its slots are many, and all its types have had a job. So each of them follows what is free.
#[test]
fn a_job_of_a_worker_of_many_types_is_recorded_by_few_of_them() {
    const TYPES: usize = 100;
    const JOBS: usize = 600;
    let mut world = World::new(Options::default());
    let names: Vec<String> = (0..TYPES).map(|nth| format!("t{nth}")).collect();
    let worker = world.worker(0, &names.iter().map(|name| &**name).collect::<Vec<_>>(), Some(1_000));
    let client = world.open(0);
    let free = |world: &World| world.audit(0).pools.iter().map(|pool| pool.free).collect::<Vec<_>>();
    let mut recorded = 0;
    for nth in 0..TYPES + JOBS {
        let before = free(&world);
        submit(&mut world, client, &names[nth % TYPES], nth..nth + 1);
        if nth >= TYPES {
            recorded += free(&world).iter().zip(before).filter(|(now, before)| *now != before).count();
        }
        if nth % 50 == 0 {
            world.check_rest();
        }
    }
    assert_eq!((world.take_lines(worker).len(), world.audit(0).workers[0].tracked.len()), (TYPES + JOBS, TYPES));
    assert!((JOBS..JOBS * 2).contains(&recorded), "{JOBS} jobs were recorded {recorded} times");
}
