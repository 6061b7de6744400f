//! Workers that leave with their last answer.

use std::collections::HashSet;

use serde_json::Value;

use crate::figures::show;
use crate::scale::scaled;
use crate::server::fixture::echo_workers::{Job, job_lines};
use crate::server::fixture::net::{everywhere, over_both};

#[test]
fn f17_an_answer_and_the_end_of_the_connection_in_one_segment_give_nothing_back() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        for id in 0..100 {
            let mut worker = net.connect("a worker of one job");
            worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            worker.leave_with(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
            // Until then it may still be taken for an idle worker.
            client.until_metric("workers", 0);
        }
        assert_eq!(client.metrics()["jobs_reassigned"], 0);
    });
}

/// The server may give the next job to a worker that is gone before it knows. So with jobs always waiting some are given
/// back; but each answer counts: there are as many workers as jobs, and each answers one.
#[test]
fn f17_of_workers_that_leave_with_an_answer_each_none_is_lost() {
    let jobs = scaled(50_000); // Over TCP, and as many over a UNIX socket.
    over_both(&["--threads", "2", "--max-attempts", "0"], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(job_lines(jobs).as_bytes());
        for _ in 0..jobs {
            let mut worker = net.connect("a worker of one job");
            worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
            let line = worker.line();
            worker.leave_with(&Job::of(&line).echo());
        }
        let mut open: HashSet<usize> = (0..jobs).collect();
        while !open.is_empty() {
            let answer: Value = serde_json::from_str(&client.line()).unwrap();
            assert_eq!(answer["res"], answer["id"]);
            assert!(open.remove(&usize::try_from(answer["id"].as_u64().unwrap()).unwrap()), "twice: {answer}");
        }
        client.expect_nothing();
        let again = &client.metrics()["jobs_reassigned"];
        show(format_args!(
            "F17: {:?}: {jobs} answers came with an end; {again} jobs that were sent after it were given back",
            net.via
        ));
    });
}
