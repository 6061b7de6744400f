//! Durable jobs at the real server. The test is the bridge: it says that a job is stored, and answers it.

use std::sync::mpsc::channel;
use std::time::Duration;

use deputy::client::{Error, JobHandle};
use serde_json::Value;

use crate::bridge_peer::BridgePeer;
use crate::fixture::{Soon, with_client};
use crate::process::Server;
use crate::wait::PATIENCE;

#[test]
fn a_submitter_learns_that_its_job_is_stored_and_then_gets_its_result() {
    let (server, client) = with_client(Server::start(&[]));
    let mut bridge = BridgePeer::start(&server, "t");
    let job = client.job("t", &7).durable().submit::<String>();
    let number = bridge.next_number();
    assert!(matches!(job.wait_stored(Duration::ZERO), Err(Error::TimedOut)) && !job.control().is_stored());
    bridge.store(&number);
    job.wait_stored(PATIENCE).unwrap();
    assert!(job.control().is_stored() && job.try_wait().is_none());
    bridge.answer(&number, r#""done""#);
    assert_eq!(job.soon().unwrap(), "done");
    job.wait_stored(Duration::ZERO).unwrap();
    // One that is done at once needs no store.
    let job = client.job("t", &7).durable().submit::<String>();
    let number = bridge.next_number();
    bridge.answer(&number, r#""at once""#);
    job.wait_stored(PATIENCE).unwrap();
    assert!(!job.control().is_stored());
    assert_eq!(job.soon().unwrap(), "at once");
}

#[test]
fn the_wait_for_the_store_ends_with_the_job() {
    let (server, client) = with_client(Server::start(&[]));
    let refused = client.job("t", &7).durable().submit::<()>();
    let error = refused.wait_stored(PATIENCE).unwrap_err();
    assert!(matches!(error, Error::NoBridge(_)) && !error.may_have_run(), "{error:?}");
    assert!(matches!(refused.soon(), Err(Error::NoBridge(_))));
    let mut bridge = BridgePeer::start(&server, "t");
    let failed = client.job("t", &7).durable().submit::<()>();
    let number = bridge.next_number();
    bridge.fail(&number, r#""why""#);
    assert!(matches!(failed.wait_stored(PATIENCE), Err(Error::Failed(_))));
    // It was taken, and is not stored, when its bridge leaves.
    let given_back = client.job("t", &7).durable().submit::<()>();
    bridge.next_number();
    drop(bridge);
    assert!(matches!(given_back.wait_stored(PATIENCE), Err(Error::NoBridge(_))));
    let plain = client.submit::<_, ()>("t", &7);
    assert!(matches!(plain.wait_stored(PATIENCE), Err(Error::BadRequest(_))) && !plain.control().is_stored());
    let key = client.job("t", &7).durable().key("k").submit::<()>();
    assert!(matches!(key.wait_stored(PATIENCE), Err(Error::BadRequest(_))));
    assert_eq!(client.metrics().unwrap().jobs_refused, 0);
}

#[test]
fn a_job_in_the_background_is_answered_when_it_is_stored_or_done() {
    let (server, client) = with_client(Server::start(&[]));
    let mut bridge = BridgePeer::start(&server, "t");
    for is_stored in [true, false] {
        let job = client.job("t", &7).durable().submit_background();
        let number = bridge.next_number();
        assert!(job.try_wait().is_none());
        if is_stored {
            bridge.store(&number);
        } else {
            bridge.answer(&number, r#""a result that nobody wants""#);
        }
        job.soon().unwrap();
        job.wait_stored(Duration::ZERO).unwrap();
    }
}

#[test]
fn a_lost_connection_says_which_jobs_will_be_done() {
    let (server, client) = with_client(Server::start(&[]));
    let mut bridge = BridgePeer::start(&server, "t");
    let (sender, completions) = channel();
    let controls = [0, 1].map(|tag| client.job("t", &tag).durable().submit_to(&sender, tag));
    let handles: [JobHandle<()>; 2] = [2, 3].map(|arg| client.job("t", &arg).durable().submit());
    let numbers: Vec<Value> = (0..4).map(|_| bridge.next_number()).collect();
    for number in [&numbers[0], &numbers[2]] {
        bridge.store(number);
    }
    assert!(controls[0].wait_stored(PATIENCE));
    handles[0].wait_stored(PATIENCE).unwrap();
    server.kill();
    let mut outcomes = completions.iter().take(2).map(|completion| (completion.tag, completion.outcome));
    let mut ended: Vec<_> = outcomes.by_ref().collect();
    ended.sort_by_key(|(tag, _)| *tag);
    assert!(matches!(ended[..], [(0, Err(Error::AnswerLost(_))), (1, Err(Error::Disconnected(_)))]), "{ended:?}");
    let error = handles[0].soon().unwrap_err();
    assert!(matches!(error, Error::AnswerLost(_)) && error.may_have_run());
    assert!(error.to_string().starts_with("the job is stored and will be done"), "{error}");
    handles[0].wait_stored(Duration::ZERO).unwrap();
    assert!(matches!(handles[1].wait_stored(PATIENCE), Err(Error::Disconnected(_))));
    assert!(controls[0].is_stored() && !controls[1].wait_stored(PATIENCE));
}
