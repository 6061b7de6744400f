//! Reports of progress: from a handler to the server, and from the server to the submitter. The test plays the server.

use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use deputy::client::{Error, Failure, Job, RunError, Worker};

use crate::fake::{Fake, Peer};
use crate::fixture::{Running, Soon, next, quick_retry};
use crate::wait::PATIENCE;

fn report(peer: &mut Peer, data: &str) {
    peer.send_line(&format!(r#"{{"cmd":"progress","id":1,"data":{data}}}"#));
}

#[test]
fn a_submitter_follows_a_job_that_goes_on() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let job = client.job("t", &0).progress().submit::<String>();
    peer.expect(r#"{"cmd":"do","id":1,"type":"t","progress":true,"arg":0}"#);
    let mut progress = job.progress::<(u32, String)>();
    assert!(progress.try_next().is_none() && progress.latest().is_none());
    assert!(matches!(progress.next_timeout(Duration::ZERO), Some(Err(Error::TimedOut))));
    for data in [r#"[1,"one"]"#, "2", r#"[3,"three"]"#] {
        report(&mut peer, data);
    }
    assert_eq!(progress.next_timeout(PATIENCE).unwrap().unwrap(), (1, "one".to_owned()));
    match progress.next() {
        Some(Err(Error::Result { res, .. })) => assert_eq!(res.get(), "2"),
        other => panic!("{other:?}"),
    }
    assert_eq!(progress.next().unwrap().unwrap(), (3, "three".to_owned()));
    assert!(job.try_wait().is_none());
    // Another thread follows it while this one waits.
    let following = thread::spawn(move || progress.map(Result::unwrap).collect::<Vec<_>>());
    report(&mut peer, r#"[4,"four"]"#);
    peer.send_line(r#"{"cmd":"did","id":1,"res":"done"}"#);
    assert_eq!(job.soon().unwrap(), "done");
    assert_eq!(following.join().unwrap(), [(4, "four".to_owned())]);
    assert!(job.progress::<u32>().next().is_none());
}

#[test]
fn a_lost_job_has_no_more_progress() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let job = client.job("t", &0).progress().submit::<()>();
    report(&mut peer, "1");
    let mut progress = job.progress::<u32>();
    assert_eq!(progress.next().unwrap().unwrap(), 1);
    drop(peer);
    assert!(progress.next().is_none());
    assert!(matches!(job.wait(), Err(Error::Disconnected(_))));
}

#[test]
fn a_submitter_that_did_not_ask_gets_none() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let jobs = [client.submit::<_, u8>("t", &0), client.job("t", &0).cancellable().submit()];
    report(&mut peer, "1");
    for (job, id) in jobs.iter().zip(1..) {
        assert!(job.progress::<u32>().next().is_none());
        peer.send_line(&format!(r#"{{"cmd":"did","id":{id},"res":7}}"#));
        assert_eq!(job.soon().unwrap(), 7);
    }
}

/// Accepts a worker with one slot, and gives it a job.
fn give(fake: &Fake, members: &str) -> Peer {
    let mut peer = fake.accept();
    peer.expect(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer.send_line(&format!(r#"{{"cmd":"do","id":1,"type":"t","job":5{members}}}"#));
    peer
}

#[test]
fn a_handler_reports_before_it_answers() {
    let fake = Fake::start();
    let handler = |job: &Job| -> Result<_, Failure> {
        job.progress(&(1, "half \"é\""))?;
        job.progress(&())?;
        job.keep_alive()?;
        assert!(matches!(job.progress(&f64::NAN), Err(Error::Arg(_))));
        assert!(matches!(job.progress(&"x".repeat(5_000)), Err(Error::TooLong(_))));
        Ok((job.attempt(), job.time_left().map(|left| left > Duration::from_secs(1_000))))
    };
    let options = quick_retry().max_line(1_000);
    let worker = Running::start(Worker::new(&fake.url()).handle("t", handler).options(options));
    let mut peer = give(&fake, r#","attempt":3,"run_limit_ms":3600000"#);
    peer.expect(r#"{"cmd":"progress","job":5,"data":[1,"half \"é\""]}"#);
    peer.expect(r#"{"cmd":"progress","job":5,"data":null}"#);
    peer.expect(r#"{"cmd":"progress","job":5}"#);
    peer.expect(r#"{"cmd":"did","job":5,"res":[3,true]}"#);
    drop((fake, peer, worker));
}

#[test]
fn a_long_report_waits_for_the_servers_limit() {
    let fake = Fake::start();
    let handler = |job: &Job| -> Result<_, Failure> {
        job.progress(&"x".repeat(2_000))?;
        Ok(job.progress(&"x".repeat(4_000)).unwrap_err().to_string())
    };
    let worker = Running::start(Worker::new(&fake.url()).handle("t", handler));
    let mut peer = give(&fake, "");
    peer.expect(r#"{"cmd":"metrics","types":false}"#);
    peer.send_line(r#"{"cmd":"metrics","metrics":{"max_line":3000}}"#);
    peer.expect(&format!(r#"{{"cmd":"progress","job":5,"data":"{}"}}"#, "x".repeat(2_000)));
    let did = peer.next_line().unwrap();
    assert!(did.starts_with(r#"{"cmd":"did","job":5,"res":"too_long: "#) && did.contains("3000"), "{did}");
    drop((fake, peer, worker));
}

#[test]
fn a_worker_ends_while_its_handler_waits_to_report() {
    let fake = Fake::start();
    let (ends, ended) = unbounded();
    let handler = move |job: &Job| {
        ends.send(job.progress(&"x".repeat(2_000))).unwrap();
        Ok::<_, String>(())
    };
    let worker = Running::start(Worker::new(&fake.url()).handle("t", handler));
    let mut peer = give(&fake, "");
    peer.expect(r#"{"cmd":"metrics","types":false}"#);
    peer.send_line(r#"{"cmd":"error","code":"bad_request","error":"a type is too long"}"#);
    assert!(matches!(next(&ended), Err(Error::Closed)));
    peer.expect_closed();
    assert!(matches!(worker.ended(), Err(RunError::Refused(_))));
}

#[test]
fn an_older_server_refuses_reports_and_keeps_the_worker() {
    let fake = Fake::start();
    let (report, events) = unbounded();
    let (go_on, may_go_on) = unbounded::<()>();
    let handler = move |job: &Job| -> Result<_, Failure> {
        job.progress(&1)?;
        may_go_on.recv()?;
        Ok(job.progress(&2)?)
    };
    let worker = Worker::new(&fake.url()).handle("t", handler);
    let worker = Running::start(worker.on_event(move |event| report.send(event.to_string()).unwrap_or_default()));
    let mut peer = give(&fake, "");
    assert_eq!(next(&events), "connected");
    peer.expect(r#"{"cmd":"progress","job":5,"data":1}"#);
    peer.send_line(r#"{"cmd":"error","code":"unknown_cmd","error":"cmd must be can_do"}"#);
    assert_eq!(next(&events), "the server refused a line: unknown_cmd: cmd must be can_do");
    go_on.send(()).unwrap();
    peer.expect(r#"{"cmd":"did","job":5,"res":null}"#);
    drop((fake, peer, worker));
}
