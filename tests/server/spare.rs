//! Spare workers over sockets, with connections of any shard.

use super::fixture::killable_worker::start_workers;
use super::fixture::net::everywhere;
use crate::client::Client;

const TAKE_T: &str = r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#;
const TAKE_T_AS_SPARE: &str = r#"{"cmd":"can_do","types":["t"],"max_jobs":100,"spare":true}"#;

fn submit(client: &mut Client, id: usize) {
    client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
}

/// The number of the job of this id, which a worker is sent next.
fn taken(worker: &mut Client, id: usize) -> u64 {
    let line: serde_json::Value = serde_json::from_str(&worker.line()).unwrap();
    assert_eq!((&line["cmd"], &line["id"]), (&"do".into(), &id.into()), "{line}");
    line["job"].as_u64().unwrap()
}

fn end(worker: &mut Client, job: u64) {
    worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
}

#[test]
fn a_spare_worker_gets_only_what_the_ordinary_ones_have_no_slot_for() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        let mut spare = net.connect("the spare worker");
        spare.send(TAKE_T_AS_SPARE);
        spare.expect_nothing();
        let mut ordinary: Vec<Client> = (0..5).map(|_| net.connect("an ordinary worker")).collect();
        for worker in &mut ordinary {
            worker.send(TAKE_T);
            worker.expect_nothing();
        }
        for round in 0..20 {
            let ids = round * 7..(round + 1) * 7;
            for id in ids.clone() {
                submit(&mut client, id);
            }
            client.until_metric("jobs_running", 7);
            // The last two.
            let spared = [5, 6].map(|nth| taken(&mut spare, ids.start + nth));
            spare.expect_nothing();
            for job in spared {
                end(&mut spare, job);
            }
            spare.expect_nothing();
            for worker in &mut ordinary {
                let line: serde_json::Value = serde_json::from_str(&worker.line()).unwrap();
                end(worker, line["job"].as_u64().unwrap());
                worker.expect_nothing();
            }
            for _ in ids {
                client.line();
            }
        }
        let row = client.metrics_with(r#","types":["t"]"#);
        assert_eq!((&row["jobs_done"], &row["jobs_reassigned"]), (&140.into(), &0.into()));
        assert_eq!((&row["types"]["t"]["workers"], &row["types"]["t"]["free"]), (&6.into(), &5.into()));
    });
}

#[test]
fn a_spare_worker_takes_over_when_the_ordinary_one_is_killed() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        submit(&mut client, 1);
        let killable = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        let mut spare = net.connect("the spare worker");
        spare.send(TAKE_T_AS_SPARE);
        spare.expect_nothing();
        killable.signal(rustix::process::Signal::KILL);
        let job = taken(&mut spare, 1);
        submit(&mut client, 2);
        let second = taken(&mut spare, 2);
        let mut ordinary = net.connect("the next ordinary worker");
        ordinary.send(TAKE_T);
        ordinary.expect_nothing();
        submit(&mut client, 3);
        let third = taken(&mut ordinary, 3);
        spare.expect_nothing();
        for (worker, job, id) in [(&mut spare, job, 1), (&mut ordinary, third, 3)] {
            end(worker, job);
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        end(&mut spare, second);
        client.expect(r#"{"cmd":"did","id":2}"#);
    });
}
