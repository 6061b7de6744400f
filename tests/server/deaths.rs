//! Thousands of workers that die in one instant.

use std::time::Instant;

use rustix::process::Signal;

use super::crew::job_lines;
use super::doomed::start_workers;
use super::net::over_both;
use crate::figures::show;
use crate::scale::scaled;

#[test]
fn f08_the_jobs_of_workers_that_die_in_one_instant_start_again_in_order_of_arrival() {
    let workers = scaled(10_000);
    over_both(&["--threads", "2"], |net| {
        let mut client = net.connect("the client");
        let crowd = start_workers(net, workers);
        client.until_metric("workers", workers as u64);
        client.send_bytes(job_lines(workers).as_bytes());
        client.until_metric("jobs_running", workers as u64);
        let killed = Instant::now();
        crowd.signal(Signal::KILL);
        client.until_metric("jobs_waiting", workers as u64);
        let given_back = killed.elapsed();
        let metrics = client.metrics();
        assert_eq!((&metrics["workers"], &metrics["jobs_reassigned"]), (&0.into(), &workers.into()));
        let mut next = net.connect("the next worker");
        next.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..workers {
            next.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":{id}}}"#));
            next.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        show(format_args!(
            "F08, {workers} workers killed over {:?}: all jobs back in line after {given_back:.2?}",
            net.via
        ));
    });
}
