//! A connection that does not move: more than 1 MiB unsent, and no byte in either direction for `--stall-timeout`.

use crate::play::check;
use crate::script::scripts;
use crate::world::{Peer, World};

/// A has more than 1 MiB unsent from the start, and does not read.
const STALLED: &str = r#"V> can_do u
    A> do 1 u
    A stops reading
    V< do 1 u
    V> did 1 res "<x*1100000>"
"#;

fn check_stalled(rest: &str) {
    check(&format!("{STALLED}{rest}"));
}

scripts! {
    f40_who_takes_nothing_is_closed_after_the_time_out: check_stalled "
        at 29999
        M> metrics
        M< metrics connections_open 3
        at 30001
        A closed dropped
        M> metrics
        M< metrics connections_open 2, bytes_held 0, protocol_errors 0";
}

#[test]
fn the_time_out_is_an_option() {
    check(&format!(
        "deputy --stall-timeout 5\n{STALLED}at 4999\nM> metrics\nM< metrics connections_open 3\nat 5001\nA closed dropped"
    ));
    check(&format!("deputy --stall-timeout 0\n{STALLED}at 86400000\nM> metrics\nM< metrics connections_open 3"));
}

#[test]
fn with_1_mib_unsent_or_less_it_may_wait_for_ever() {
    let res = (1 << 20) - r#"{"cmd":"did","id":1,"res":""}"#.len() - 2;
    check(&format!(
        r#"V> can_do u
           A> do 1 u
           A stops reading
           V< do 1 u
           V> did 1 res "<x*{res}>"
           at 86400000
           A reads on
           A< did 1 res "<x*{res}>""#
    ));
}

#[test]
fn f40_a_byte_from_it_starts_the_time_anew() {
    for sent in ["A> ping", r#"A sends {"c"#, r"A sends \n"] {
        check_stalled(&format!(
            "at 20000
             {sent}
             at 49999
             M> metrics
             M< metrics connections_open 3
             at 50001
             A closed dropped"
        ));
    }
}

scripts! {
    f40_a_byte_to_it_starts_the_time_anew: check_stalled "
        at 20000
        A reads 1
        at 49999
        M> metrics
        M< metrics connections_open 3
        at 50001
        A closed dropped";
}

#[test]
fn f40_a_client_that_submits_for_two_minutes_before_it_reads_lives() {
    let second = |s: u32| format!("at {}\nA> do {s} u\nV< do {s} u\nV> did {s}\n", 1_000 * s);
    let answer = |s: u32| format!("A< did {s}\n");
    check(&format!(
        r#"V> can_do u
           A> do 0 u
           A stops reading
           V< do 0 u
           V> did 0 res "<x*1100000>"
           {}
           M> metrics
           M< metrics connections_open 3
           A reads on
           A< did 0 res "<x*1100000>"
           {}"#,
        (1..=120).map(second).collect::<String>(),
        (1..=120).map(answer).collect::<String>(),
    ));
}

scripts! {
    more_bytes_that_wait_are_no_movement: r#"
        V> can_do u max_jobs 2
        A> do 1 u; do 2 u
        A stops reading
        V< do 1 u $a; do 2 u $b
        V> did $a res "<x*1100000>"
        at 20000
        V> did $b
        at 30001
        A closed dropped"#;
}

#[test]
fn f40_a_peer_that_reads_slowly_lives() {
    let reads: Vec<String> = (1..60).map(|i| format!("at {}\nA reads 100\n", i * 29_000)).collect();
    check_stalled(&format!("{}A reads on\nA< did 1 res \"<x*1100000>\"", reads.concat()));
}

scripts! {
    who_has_read_enough_is_no_longer_watched: check_stalled r#"
        at 29000
        A reads 100000
        at 86400000
        A reads on
        A< did 1 res "<x*1100000>""#;

    the_time_starts_when_the_bytes_come_to_wait: r#"
        V> can_do u
        A> do 1 u
        A stops reading
        V< do 1 u
        at 100000
        V> did 1 res "<x*1100000>"
        at 129999
        M> metrics
        M< metrics connections_open 3
        at 130001
        A closed dropped"#;

    f40_what_a_stalled_worker_held_is_given_back: r#"
        W> can_do t max_jobs 2
        A> do 1 t
        W< do 1 t $a
        W stops reading
        A> do 2 t "<x*1100000>"
        V> can_do t
        at 31000
        W closed dropped
        V< do 1 t
        V> did 1
        A< did 1
        V< do 2 t "<x*1100000>"
        V> did 2
        A< did 2"#;

    a_stopped_server_closes_stalled_connections_too: check_stalled "stop\nat 31000\nA closed dropped";
}

/// A peer with more than 1 MiB unsent that does not read, when its shard is held up for a minute.
fn held_up_with_much_unsent() -> (World, Peer) {
    let mut world = World::of(1);
    let (client, worker) = (world.open(0), world.worker(0, &["u"], None));
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"u"}"#);
    world.stop_reading(client);
    world.send_line(worker, &format!(r#"{{"cmd":"did","id":1,"res":"{}"}}"#, "x".repeat(1_100_000)));
    world.advance(60_000);
    (world, client)
}

#[test]
fn f62_who_moved_while_the_server_stood_still_is_not_stalled() {
    let moves: [fn(&mut World, Peer); 2] =
        [|world, client| world.read_some(client, 1), |world, client| world.bytes_read(client, 0)];
    for it_moves in moves {
        let (mut world, client) = held_up_with_much_unsent();
        it_moves(&mut world, client);
        world.advance(29_999);
        world.advance(0);
        assert!(world.is_open(client));
    }
}

#[test]
fn f62_who_did_not_move_while_the_server_stood_still_is_stalled_at_its_next_turn() {
    let (mut world, client) = held_up_with_much_unsent();
    assert!(world.is_open(client));
    assert!(world.next_call_ms(0).is_some_and(|ms| ms <= world.now_ms()), "the next turn is due at once");
    world.advance(0);
    assert!(!world.is_open(client));
}
