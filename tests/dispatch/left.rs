//! A submitter leaves, and clients that are their own workers.

use crate::play::check;
use crate::world::World;

#[test]
fn f13_jobs_of_a_submitter_that_left_are_still_done_and_their_results_dropped() {
    check(
        r#"W> can_do t
           A> do 1 t
           A> do 2 t
           A> do 3 t
           W< do 1 t
           A gone
           W> did 1 res "x"
           W< do 2 t
           W> did 2 err "y"
           W< do 3 t
           W gone
           B> metrics
           B< metrics results_dropped 2, jobs_added 3, jobs_done 1, jobs_failed 1, jobs_waiting 1, connections_open 1"#,
    );
}

#[test]
fn giving_up_drops_its_answer_too() {
    check(
        r#"deputy --max-attempts 1
           A> do 1 t
           A gone
           W> can_do t
           W< do 1 t
           W gone
           B> metrics
           B< metrics results_dropped 1, jobs_failed 1, jobs_waiting 0, bytes_held 0"#,
    );
}

#[test]
fn whoever_comes_in_its_place_is_told_nothing() {
    check(
        r#"W> can_do t
           A> do x t
           A gone
           A opens
           B opens
           C opens
           A> do x t "mine"
           W< do x t
           W> did x res 1
           A quiet
           B quiet
           C quiet
           W< do x t "mine"
           W> did x res 2
           A< did x res 2"#,
    );
}

#[test]
fn f16_a_client_may_work_for_itself() {
    check(
        r#"A> can_do t
           A> do x t [1]
           A< do x t [1]
           A> did x res [2]
           A< did x res [2]
           A> do y t
           A< do y t
           A> did y err 0
           A< did y failed 0"#,
    );
}

#[test]
fn f16_a_client_that_worked_for_itself_leaves_its_job_to_others() {
    check(
        r#"A> can_do t
           A> do x t
           A< do x t
           A gone
           W> can_do t
           W< do x t
           W> did x
           B> metrics
           B< metrics results_dropped 1, jobs_done 1, jobs_reassigned 1, jobs_running 0, jobs_waiting 0, workers 1, connections_open 2"#,
    );
}

#[test]
fn a_worker_may_submit_to_others() {
    check(
        r#"V> can_do outer
           W> can_do inner
           A> do x outer
           V< do x outer
           V> do x inner
           W< do x inner
           W> did x res 1
           V< did x res 1
           V> did x res 2
           A< did x res 2"#,
    );
}

#[test]
fn what_was_asked_before_the_end_of_the_input_is_answered() {
    for shards in [1, 2, 3, 16] {
        let mut world = World::of(shards);
        let worker = world.worker(0, &["t"], None);
        let asker = world.open(shards - 1);
        world.say(asker, r#"{"cmd":"do","id":1,"type":"t"}"#);
        world.say(asker, r#"{"cmd":"metrics","types":true}"#);
        world.say(asker, r#"{"cmd":"metrics","types":["t"]}"#);
        world.say(asker, r#"{"cmd":"ping"}"#);
        world.end(asker);
        world.settle();
        let told = world.take_lines(asker);
        let count = |start: &str| told.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((told.len(), count(r#"{"cmd":"pong"}"#), count(r#"{"cmd":"metrics""#)), (3, 1, 2), "{told:?}");
        assert!(!world.is_open(asker), "at {shards} shards it is open");
        assert_eq!(world.take_lines(worker), [r#"{"cmd":"do","id":1,"type":"t"}"#]);
        world.check_rest();
    }
}

/// It stays for an answer to a metrics question that crosses shards; what it says after its end is not heard.
#[test]
fn lines_of_a_connection_that_has_ended_change_nothing() {
    let mut world = World::of(2);
    let peer = world.open(0);
    let type_name = world.type_at(1, 0);
    world.say(peer, &format!(r#"{{"cmd":"metrics","types":["{type_name}"]}}"#));
    world.end(peer);
    assert!(world.is_open(peer));
    for line in [r#"{"cmd":"ping"}"#, r#"{"cmd":"nope"}"#, r#"{"cmd":"do","id":1}"#, "nonsense"] {
        world.say(peer, line);
    }
    world.settle();
    let lines = world.take_lines(peer);
    assert!(lines.len() == 1 && lines[0].starts_with(r#"{"cmd":"metrics""#), "{lines:?}");
    let counts = world.totals().counts;
    assert_eq!((counts.protocol_errors, counts.jobs_added, counts.connections_open), (0, 0, 0));
    world.check_empty();
}
