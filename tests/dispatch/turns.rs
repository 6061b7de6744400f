//! A worker of several types gets jobs of each of them in turn.

use std::collections::VecDeque;

use crate::play::check;
use crate::world::World;

/// A worker of one slot does `jobs` of each of these types, which all wait. Returns the order in which it got the types.
fn starts(shards: u16, types: &[&str], jobs: usize) -> Vec<String> {
    let mut world = World::of(shards);
    let client = world.open(0);
    for name in types {
        for _ in 0..jobs {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"{name}"}}"#));
        }
    }
    let worker = world.worker(shards - 1, types, None);
    world.settle();
    let mut received = VecDeque::from(world.take_lines(worker));
    let mut starts = Vec::new();
    while let Some(line) = received.pop_front() {
        let (_, rest) = line.split_once(r#""type":""#).expect("a worker without questions receives jobs alone");
        starts.push(rest.trim_end_matches(r#""}"#).to_owned());
        world.send_line(worker, r#"{"cmd":"did","id":1}"#);
        world.settle();
        received.extend(world.take_lines(worker));
    }
    assert_eq!(starts.len(), types.len() * jobs);
    starts
}

/// Returns the largest number of starts from one of a type to the next, the first not counted.
fn longest_wait(starts: &[String], name: &str) -> usize {
    let at: Vec<usize> = (0..starts.len()).filter(|&i| starts[i] == name).collect();
    at.windows(2).map(|pair| pair[1] - pair[0]).chain([at[0] + 1]).max().expect("it starts once at least")
}

#[test]
fn no_type_that_has_waiting_jobs_starves() {
    for shards in [1, 2, 3, 4] {
        for types in [&["a", "b"][..], &["a", "b", "c"], &["a", "b", "c", "d", "e"]] {
            let starts = starts(shards, types, 20);
            for name in types {
                let wait = longest_wait(&starts, name);
                assert!(wait <= 2 * types.len(), "{name} waits {wait} jobs at {shards} shards: {starts:?}");
            }
        }
    }
}

#[test]
fn a_type_with_one_job_does_not_wait_for_a_backlog_of_another() {
    for shards in [1, 3] {
        for late in ["b", "c", "d"] {
            let mut world = World::of(shards);
            let client = world.open(0);
            let worker = world.worker(shards - 1, &["a", late], None);
            for _ in 0..100 {
                world.send_line(client, r#"{"cmd":"do","id":1,"type":"a"}"#);
            }
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"{late}"}}"#));
            world.settle();
            let late_line = format!(r#"{{"cmd":"do","id":1,"type":"{late}"}}"#);
            let ended = (0..10).find(|_| {
                world.send_line(worker, r#"{"cmd":"did","id":1}"#);
                world.settle();
                world.take_lines(worker).contains(&late_line)
            });
            assert!(ended.is_some(), "{late} did not start among ten jobs");
        }
    }
}

#[test]
fn of_the_types_that_were_turned_away_the_first_has_the_next_slot() {
    for order in [["b", "c", "d"], ["d", "b", "c"], ["c", "d", "b"]] {
        let [first, second, third] = order;
        check(&format!(
            "W> can_do a b c d
             A> do j a
             W< do j a
             A> do j1 {first}; do j2 {second}; do j3 {third}
             W> did j
             A< did j
             W< do j1 {first}
             W> did j1
             A< did j1
             W< do j2 {second}
             W> did j2
             A< did j2
             W< do j3 {third}
             W> did j3
             A< did j3"
        ));
    }
}
