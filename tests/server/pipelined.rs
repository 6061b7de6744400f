//! Jobs by the hundred thousand in one go.

use std::fmt::Write;
use std::thread;

use super::bystanders::beside_bystanders;
use super::net::over_both;
use crate::client::Client;
use crate::scale::scaled;

/// Jobs that the worker answers with one write.
const BATCH: usize = 100;

#[test]
fn f23_jobs_submitted_in_one_go_keep_their_order_and_others_are_served() {
    let count = scaled(1_000_000).next_multiple_of(BATCH);
    let mut lines = String::new();
    for id in 0..count {
        writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"t"}}"#).unwrap();
    }
    over_both(&["--threads", "2"], |net| {
        let (mut client, worker) = (net.connect("the client"), net.connect("the worker"));
        beside_bystanders(net, || {
            thread::scope(|scope| {
                scope.spawn(|| work_in_order(worker, count));
                client.send_bytes(lines.as_bytes());
                for id in 0..count {
                    client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
                }
                client.expect_nothing();
            });
        });
    });
}

/// Is sent the jobs in the order in which they were submitted, and ends them so.
fn work_in_order(mut worker: Client, count: usize) {
    worker.send(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":{BATCH}}}"#));
    for first in (0..count).step_by(BATCH) {
        let mut answers = String::new();
        for id in first..first + BATCH {
            let line = worker.line();
            let number = line.strip_prefix(&format!(r#"{{"cmd":"do","id":{id},"type":"t","job":"#));
            let number = number.and_then(|rest| rest.strip_suffix('}'));
            let number = number.unwrap_or_else(|| panic!("job {id} should have been next, not {line}"));
            writeln!(answers, r#"{{"cmd":"did","job":{number},"res":{id}}}"#).unwrap();
        }
        worker.send_bytes(answers.as_bytes());
    }
    worker.expect_nothing();
}
