//! The nats-servers that are tested here.

use crate::engine::{Engine, Program};
use crate::programs;
use crate::wait::until;

/// The stream of jobs.
pub(crate) const STREAM: &str = "DEPUTY";

/// Returns the programs that are here; none after saying that the test is passed over.
pub(crate) fn programs() -> Vec<Program> {
    let found = Program::all().unwrap();
    if found.is_empty() {
        programs::find("nats-server");
    }
    found
}

/// Returns the program that is recommended, if it is here. It says that the test is passed over if it is not.
pub(crate) fn recommended() -> Option<Program> {
    let found = programs();
    let chosen = found.iter().find(|program| program.is_recommended()).cloned();
    if chosen.is_none() && !found.is_empty() {
        let missing = "there is no nats-server of 2.10 or later here (DEPUTY_NATS_SERVER)";
        assert!(std::env::var_os("DEPUTY_TEST_ALL").is_none_or(|all| all != "1"), "{missing}");
        programs::pass_over(missing);
    }
    chosen
}

#[test]
fn a_stream_of_three_survives_the_leader() {
    let _alone = crate::alone();
    let Some(program) = recommended() else { return };
    let mut engine = Engine::start(&program, 3).unwrap();
    let stream = r#"{"name":"TEST","subjects":["test.*"],"storage":"file","num_replicas":3}"#;
    until("a stream", || engine.ask("STREAM.CREATE.TEST", stream).filter(|made| made["error"].is_null()));
    let publish = |engine: &Engine, number: usize| engine.request(number, "test.a", "1")?["seq"].as_u64();
    let leader = until("a leader", || engine.leader_of("TEST"));
    assert_eq!(until("a publication", || publish(&engine, leader)), 1);
    engine.kill(leader);
    let next = until("another leader", || engine.leader_of("TEST").filter(|next| *next != leader));
    assert!(until("a publication", || publish(&engine, next)) >= 2);
    engine.restart(leader).unwrap();
    assert!(until("a publication by the old one", || publish(&engine, leader)) >= 3);
}
