//! Many jobs of a type that nobody does, and then one worker.

use std::time::Instant;

use super::crew::{Job, job_lines};
use super::net::over_both;
use crate::figures::show;
use crate::scale::scaled;

#[test]
fn f15_one_worker_that_comes_late_does_a_backlog_in_order() {
    let jobs = scaled(100_000);
    over_both(&["--threads", "2"], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(job_lines(jobs).as_bytes());
        client.until_metric("jobs_waiting", jobs as u64);
        let mut other = net.connect("a worker and client of another type");
        other.send(r#"{"cmd":"can_do","types":["other"]}"#);
        other.send(r#"{"cmd":"do","id":1,"type":"other"}"#);
        other.expect(r#"{"cmd":"do","id":1,"type":"other"}"#);
        other.send(r#"{"cmd":"did","id":1}"#);
        other.expect(r#"{"cmd":"did","id":1}"#);
        let start = Instant::now();
        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
        for id in 0..jobs {
            let line = worker.line();
            let job = Job::of(&line);
            assert_eq!(job.arg(), id.to_string());
            worker.send(&job.echo());
        }
        for id in 0..jobs {
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        }
        client.expect_nothing();
        show(format_args!("F15: {:?}: {jobs} jobs were done by one worker in {:.2?}", net.via, start.elapsed()));
    });
}
