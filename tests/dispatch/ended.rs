//! A connection whose input has ended while shards still owe it an answer.

use crate::world::World;

#[test]
fn what_was_asked_before_the_end_of_the_input_is_answered() {
    for shards in [1, 2, 3, 16] {
        let mut world = World::of(shards);
        let worker = world.worker(0, &["t"], None);
        let asker = world.open(shards - 1);
        world.send_line(asker, r#"{"cmd":"do","id":1,"type":"t"}"#);
        world.send_line(asker, r#"{"cmd":"metrics","types":true}"#);
        world.send_line(asker, r#"{"cmd":"metrics","types":["t"]}"#);
        world.send_line(asker, r#"{"cmd":"ping"}"#);
        world.end(asker);
        world.settle();
        let lines = world.take_lines(asker);
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((lines.len(), count(r#"{"cmd":"pong"}"#), count(r#"{"cmd":"metrics""#)), (3, 1, 2), "{lines:?}");
        assert!(!world.is_open(asker), "at {shards} shards it is open");
        assert_eq!(world.take_lines(worker), [r#"{"cmd":"do","id":1,"type":"t"}"#]);
        world.check_rest();
    }
}

/// It stays for the answer to a metrics query that crosses shards; lines after its end are not handled.
#[test]
fn lines_of_a_connection_that_has_ended_change_nothing() {
    let mut world = World::of(2);
    let peer = world.open(0);
    let type_name = world.type_at(1, 0);
    world.send_line(peer, &format!(r#"{{"cmd":"metrics","types":["{type_name}"]}}"#));
    world.end(peer);
    assert!(world.is_open(peer));
    for line in [r#"{"cmd":"ping"}"#, r#"{"cmd":"nope"}"#, r#"{"cmd":"do","id":1}"#, "nonsense"] {
        world.send_line(peer, line);
    }
    world.settle();
    let lines = world.take_lines(peer);
    assert!(lines.len() == 1 && lines[0].starts_with(r#"{"cmd":"metrics""#), "{lines:?}");
    let counts = world.totals().counts;
    assert_eq!((counts.protocol_errors, counts.jobs_added, counts.connections_open), (0, 0, 0));
    world.check_empty();
}
