//! Jobs whose end comes by a channel.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use deputy::client::{Completion, Error, Job, Worker};

use crate::fake::Fake;
use crate::fixture::{Running, Soon, connect, quick_retry, url};
use crate::process::{Server, Via};
use crate::wait::PATIENCE;

fn next<T>(completions: &Receiver<Completion<T>>) -> Completion<T> {
    completions.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn one_thread_waits_for_thousands_of_jobs() {
    const JOBS: usize = 5_000;
    let server = Server::start(&["--threads", "2"]);
    let worker = Worker::new(&url(&server, Via::Unix))
        .handle("even", |job: &Job| {
            let number = job.arg::<usize>()?;
            if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
        })
        .max_jobs(4);
    let _worker = Running::start(worker);
    let client = connect(&server);
    let (sender, completions) = channel();
    for number in 0..JOBS {
        client.job("even", &number).submit_to(&sender, (number, 'x'));
    }
    drop(sender);
    let mut seen = vec![false; JOBS];
    // It ends when every job has ended.
    for completion in completions {
        let (number, _) = completion.tag;
        assert!(!seen[number], "{number} has come twice");
        seen[number] = true;
        match completion.result::<usize>() {
            Ok(half) => assert_eq!((number % 2, half), (0, number / 2)),
            Err(Error::Failed(err)) => assert_eq!(err.get(), format!("\"{number} is odd\"")),
            other => panic!("{other:?}"),
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
}

#[test]
fn a_job_that_is_not_sent_completes_at_once() {
    let fake = Fake::start();
    let client = quick_retry().connect(&fake.url()).unwrap();
    let (sender, completions) = channel();
    client.job("t", &0).deadline(Duration::ZERO).submit_to(&sender, 1);
    client.job("t", &f64::NAN).submit_to(&sender, 2);
    let outcomes: Vec<_> = completions.try_iter().map(|completion| (completion.tag, completion.outcome)).collect();
    assert!(matches!(outcomes[..], [(1, Err(Error::BadRequest(_))), (2, Err(Error::Arg(_)))]), "{outcomes:?}");
}

#[test]
fn a_completion_has_the_result_as_it_came() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let (sender, completions) = channel();
    client.job_raw("t", None).submit_to(&sender, ());
    peer.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    peer.send_line(r#"{"cmd":"did","id":1,"res":[1e400]}"#);
    let completion = next(&completions);
    assert_eq!(completion.outcome.as_ref().unwrap().get(), "[1e400]");
    assert!(matches!(completion.result::<u32>(), Err(Error::Result { res, .. }) if res.get() == "[1e400]"));
}

#[test]
fn a_receiver_that_was_dropped_is_harmless() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let (sender, completions) = channel();
    client.job("t", &0).submit_to(&sender, 1);
    drop((sender, completions));
    peer.next_line().unwrap();
    peer.send_line(r#"{"cmd":"did","id":1,"res":7}"#);
    let handle = client.submit::<_, u8>("t", &0);
    peer.next_line().unwrap();
    peer.send_line(r#"{"cmd":"did","id":2,"res":8}"#);
    assert_eq!(handle.soon().unwrap(), 8);
}

#[test]
fn a_lost_connection_and_a_dropped_client_complete_the_open_jobs() {
    let fake = Fake::start();
    let client = quick_retry().outage_timeout(Duration::from_secs(600)).connect(&fake.url()).unwrap();
    let (sender, completions) = channel();
    client.job("t", &0).submit_to(&sender, "lost");
    drop(fake.accept());
    let lost = next(&completions);
    assert!(lost.tag == "lost" && matches!(lost.outcome, Err(Error::Disconnected(_))), "{lost:?}");
    client.job("t", &0).submit_to(&sender, "closed");
    drop(client);
    let closed = next(&completions);
    assert!(closed.tag == "closed" && matches!(closed.outcome, Err(Error::Closed)), "{closed:?}");
    drop(sender);
    assert!(completions.recv().is_err(), "one completion per job");
}

#[test]
fn a_job_with_a_completion_can_be_cancelled_and_followed() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let (sender, completions) = channel();
    let plain = client.job("t", &0).submit_to(&sender, 1);
    assert!(matches!(plain.cancel(), Err(Error::BadRequest(_))));
    let job = client.job("t", &0).cancellable().progress().submit_to(&sender, 2);
    peer.expect(r#"{"cmd":"do","id":1,"type":"t","arg":0}"#);
    peer.expect(r#"{"cmd":"do","id":2,"type":"t","cancellable":true,"progress":true,"arg":0}"#);
    peer.send_line(r#"{"cmd":"progress","id":2,"data":50}"#);
    assert_eq!(job.progress::<u32>().next().unwrap().unwrap(), 50);
    job.cancel().unwrap();
    peer.expect(r#"{"cmd":"cancel","id":2}"#);
    peer.send_line(r#"{"cmd":"did","id":2,"err":"why","code":"cancelled"}"#);
    let completion = next(&completions);
    assert!(completion.tag == 2 && matches!(completion.outcome, Err(Error::Cancelled(_))));
}
