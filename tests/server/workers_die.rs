//! Workers that go away with a job: as closed connections, and as processes that are killed or stopped.

use std::time::Instant;

use rustix::process::Signal;

use super::doomed::start_workers;
use super::script::{Net, everywhere, over_both, play, play_with};
use crate::client::Client;
use crate::figures::{Spread, show};
use crate::scale::scaled;

#[test]
fn f01_the_job_of_a_killed_worker_process_is_next_in_line() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t","arg":"first"}"#);
        let doomed = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        client.send(r#"{"cmd":"do","id":2,"type":"t","arg":"second"}"#);
        client.until_metric("jobs_waiting", 1);
        doomed.signal(Signal::KILL);
        client.until_metric("jobs_waiting", 2);
        assert_eq!(client.metrics()["jobs_reassigned"], 1);
        let mut worker = net.connect("the next worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for (id, arg) in [(1, "first"), (2, "second")] {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id},"res":"{arg}"}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":"{arg}"}}"#));
        }
        let metrics = client.metrics();
        assert_eq!((&metrics["jobs_added"], &metrics["jobs_done"]), (&2.into(), &2.into()));
        assert_eq!(metrics["jobs_dispatched"], 3);
    });
}

#[test]
fn f01_each_job_of_a_killed_worker_process_goes_to_the_worker_that_is_free() {
    let kills = scaled(500);
    over_both(&["--threads", "2"], |net| {
        let (mut client, mut spare) = (net.connect("the client"), net.connect("the spare worker"));
        let mut took = Vec::new();
        for id in 0..kills {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            let doomed = start_workers(net, 1);
            client.until_metric("jobs_running", 1);
            spare.send(r#"{"cmd":"can_do","types":["t"]}"#);
            spare.expect_nothing();
            let killed = Instant::now();
            doomed.signal(Signal::KILL);
            spare.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            took.push(killed.elapsed());
            spare.send(r#"{"cmd":"cant_do","types":["t"]}"#);
            spare.send(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        }
        show(format_args!("F01, from a kill to the next worker over {:?}: {}", net.via, Spread::of(took)));
    });
}

#[test]
fn f02_the_job_of_a_stopped_worker_process_stays_held_and_others_go_on() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        let stopped = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        stopped.signal(Signal::STOP);
        let mut worker = net.connect("the other worker");
        worker.send(r#"{"cmd":"can_do","types":["t","u","v"]}"#);
        for (id, name) in (2..20).zip(["t", "u", "v"].into_iter().cycle()) {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{name}"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"{name}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        assert_eq!(client.metrics()["jobs_running"], 1);
        stopped.signal(Signal::KILL);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    });
}

#[test]
fn jobs_that_are_given_back_start_first_and_in_order_of_arrival() {
    play(
        r#"
        V> {"cmd":"can_do","types":["t"]}
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        C> {"cmd":"do","id":3,"type":"t"}
        jobs_running = 2
        jobs_waiting = 1
        W leaves
        jobs_waiting = 2
        V leaves
        jobs_waiting = 3
        X> {"cmd":"can_do","types":["t"]}
        X< {"cmd":"do","id":1,"type":"t"}
        X> {"cmd":"did","id":1}
        X< {"cmd":"do","id":2,"type":"t"}
        X> {"cmd":"did","id":2}
        X< {"cmd":"do","id":3,"type":"t"}
        jobs_added = 3
        jobs_reassigned = 2
        "#,
    );
}

#[test]
fn a_job_that_was_given_back_keeps_away_from_others_that_were() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"],"max_jobs":2}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t","job":$a}
        W< {"cmd":"do","id":2,"type":"t","job":$b}
        W leaves
        jobs_waiting = 2
        X> {"cmd":"can_do","types":["t"],"max_jobs":2}
        X< {"cmd":"do","id":1,"type":"t","job":$c}
        jobs_waiting = 1
        X quiet
        C> {"cmd":"do","id":3,"type":"t"}
        X< {"cmd":"do","id":3,"type":"t","job":$d}
        X> {"cmd":"did","job":$c}
        X< {"cmd":"do","id":2,"type":"t","job":$e}
        "#,
    );
}

/// Lets a worker come, take the job, and leave with it.
fn lose_the_job(net: &Net, observer: &mut Client, losses: u64) {
    let mut worker = net.connect("a doomed worker");
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    drop(worker);
    observer.until_metric("jobs_reassigned", losses);
}

#[test]
fn f07_a_job_that_lost_three_workers_is_given_up() {
    everywhere(&[], |net| {
        let (mut client, mut observer) = (net.connect("the client"), net.connect("the observer"));
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        (1..=2).for_each(|losses| lose_the_job(net, &mut observer, losses));
        client.expect_nothing();
        let mut last = net.connect("the last worker");
        last.send(r#"{"cmd":"can_do","types":["t"]}"#);
        last.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        drop(last);
        let answer = client.line();
        assert!(answer.starts_with(r#"{"cmd":"did","id":1,"err":""#), "{answer}");
        assert!(answer.ends_with(r#","code":"gave_up"}"#), "{answer}");
        observer.until_metric("jobs_failed", 1);
        let metrics = observer.metrics();
        assert_eq!((&metrics["jobs_waiting"], &metrics["jobs_running"]), (&0.into(), &0.into()));
    });
}

#[test]
fn without_a_limit_of_attempts_a_job_is_never_given_up() {
    everywhere(&["--max-attempts", "0"], |net| {
        let (mut client, mut observer) = (net.connect("the client"), net.connect("the observer"));
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        (1..=8).for_each(|losses| lose_the_job(net, &mut observer, losses));
        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        worker.send(r#"{"cmd":"did","id":1,"res":"at last"}"#);
        client.expect(r#"{"cmd":"did","id":1,"res":"at last"}"#);
    });
}

#[test]
fn f07_with_one_attempt_a_job_alone_at_its_worker_is_given_up_at_the_first_loss() {
    play_with(
        &["--max-attempts", "1"],
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        W leaves
        C< {"cmd":"did","id":1,"err":"...","code":"gave_up"}
        "#,
    );
}

#[test]
fn f07_a_loss_in_company_is_no_attempt() {
    play_with(
        &["--max-attempts", "1"],
        r#"
        W> {"cmd":"can_do","types":["t"],"max_jobs":2}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t","job":$a}
        W< {"cmd":"do","id":2,"type":"t","job":$b}
        W leaves
        jobs_waiting = 2
        X> {"cmd":"can_do","types":["t"]}
        X< {"cmd":"do","id":1,"type":"t"}
        X leaves
        C< {"cmd":"did","id":1,"err":"...","code":"gave_up"}
        Y> {"cmd":"can_do","types":["t"]}
        Y< {"cmd":"do","id":2,"type":"t"}
        Y> {"cmd":"did","id":2}
        C< {"cmd":"did","id":2}
        "#,
    );
}
