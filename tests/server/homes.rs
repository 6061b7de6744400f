//! Which shard is the home of a type must be nobody's guess.

use std::fmt::Write;

use ahash::RandomState;
use deputy::dispatch::home_of;

use crate::process::{Server, Via};
use crate::scale::scaled;

const SHARDS: u16 = 8;

/// Names that all have their home at one shard, for who knows the seed.
fn aimed(count: usize) -> impl Iterator<Item = String> {
    let known = RandomState::with_seeds(1, 2, 3, 4);
    let names = (0_u64..).map(|i| format!("t{i}"));
    names.filter(move |name| home_of(&known, SHARDS, name).0 == 0).take(count)
}

#[test]
fn f43_jobs_of_types_aimed_at_one_shard_by_a_known_seed_reach_all_shards_alike() {
    let count = scaled(100_000);
    let mut lines = String::new();
    for name in aimed(count) {
        writeln!(lines, r#"{{"cmd":"do","id":1,"type":"{name}"}}"#).unwrap();
    }
    let server = Server::start(&["--threads", &SHARDS.to_string()]);
    let mut client = server.connect(Via::Tcp, "the client");
    client.send_bytes(lines.as_bytes());
    client.until_metric("jobs_waiting", count as u64);
    // A job is posted to its home if that is not the submitter's own shard: of one shard all or none are, of eight that
    // share them alike seven of eight. A hundred thousand are then within a hundredth of that; this is seven times as much.
    let posted = usize::try_from(client.metrics()["shard_messages"].as_u64().unwrap()).unwrap();
    assert!((count * 80 / 100..count * 95 / 100).contains(&posted), "{posted} of {count} jobs went to another shard");
}
