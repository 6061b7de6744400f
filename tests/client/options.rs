//! Jobs with options: the lines that the library sends, to a server that the test plays.

use std::collections::BTreeMap;
use std::time::Duration;

use deputy::client::Error;
use serde_json::value::RawValue;

use crate::fake::Fake;
use crate::fixture::{Soon, quick_retry};

#[test]
fn options_are_members_of_the_line() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let day = Duration::from_secs(24 * 60 * 60);
    let job = client.job("t", &[7]).priority(-5).delay(day).deadline(30 * day).run_limit(Duration::from_nanos(1));
    let handle = job.attempts(2).cancellable().progress().key("a \"key\"").need_worker().submit::<u32>();
    peer.expect(
        r#"{"cmd":"do","id":1,"type":"t","priority":-5,"delay_ms":86400000,"deadline_ms":2592000000,"run_limit_ms":1,"attempts":2,"key":"a \"key\"","cancellable":true,"progress":true,"need_worker":true,"arg":[7]}"#,
    );
    peer.send_line(r#"{"cmd":"did","id":1,"res":8}"#);
    assert_eq!(handle.soon().unwrap(), 8);
    // The last call counts.
    let handle = client.job("t", "x").priority(1).priority(2).submit_raw();
    peer.expect(r#"{"cmd":"do","id":2,"type":"t","priority":2,"arg":"x"}"#);
    peer.send_line(r#"{"cmd":"did","id":2,"res":1e400}"#);
    assert_eq!(handle.soon().unwrap().get(), "1e400");
    let arg = RawValue::from_string("1e400".to_owned()).unwrap();
    let handles = [client.job_raw("t", Some(&arg)).submit::<()>(), client.job_raw("t", None).attempts(1).submit()];
    peer.expect(r#"{"cmd":"do","id":3,"type":"t","arg":1e400}"#);
    peer.expect(r#"{"cmd":"do","id":4,"type":"t","attempts":1}"#);
    let waits = client.job("t", &0).wait_limit(Duration::ZERO).submit::<()>();
    peer.expect(r#"{"cmd":"do","id":5,"type":"t","wait_ms":0,"arg":0}"#);
    peer.send_line(r#"{"cmd":"did","id":5,"err":"why","code":"no_worker"}"#);
    assert!(matches!(waits.soon(), Err(Error::NoWorker(text)) if text == "why"));
    drop(handles);
}

#[test]
fn a_job_in_the_background_is_answered_when_it_is_accepted() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let jobs = [(); 2].map(|()| client.job("mail", "you").need_worker().submit_background());
    for (id, answer) in [(1, ""), (2, r#","err":"full","code":"queue_full""#)] {
        peer.expect(&format!(
            r#"{{"cmd":"do","id":{id},"type":"mail","need_worker":true,"background":true,"arg":"you"}}"#
        ));
        peer.send_line(&format!(r#"{{"cmd":"did","id":{id}{answer}}}"#));
    }
    jobs[0].soon().unwrap();
    assert!(matches!(jobs[1].soon(), Err(Error::QueueFull(_))));
}

#[test]
fn a_job_that_the_server_would_refuse_is_not_sent() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let job = || client.job("t", &0).cancellable().progress();
    for (handle, option) in [
        (job().deadline(Duration::ZERO).submit(), "deadline is 0ns"),
        (job().delay(Duration::MAX).submit(), "delay is "),
        (job().attempts(0).submit(), "attempts is 0"),
        (job().key("").submit(), "key has 0 bytes"),
        (job().submit_background(), "cannot have cancellable"),
    ] {
        let error = handle.try_wait().unwrap().unwrap_err();
        assert!(matches!(&error, Error::BadRequest(text) if text.contains(option)), "{error:?}");
        assert!(!error.may_have_run());
        assert!(handle.progress::<u32>().next().is_none());
        handle.cancel().unwrap();
    }
    // So is one with a wrong arg.
    let handle = client.job("t", &BTreeMap::from([([1], 1)])).progress().submit::<()>();
    assert!(matches!(handle.try_wait(), Some(Err(Error::Arg(_)))));
    assert!(handle.progress::<u32>().next().is_none());
    drop(client);
    peer.expect_closed();
}

#[test]
fn each_end_that_options_bring_is_an_error_of_its_own() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let mut ended = |id: u64, code: &str| {
        let handle = client.submit::<_, ()>("t", &0);
        peer.next_line().unwrap();
        peer.send_line(&format!(r#"{{"cmd":"did","id":{id},"err":"why","code":"{code}"}}"#));
        handle.soon().unwrap_err()
    };
    assert!(matches!(ended(1, "cancelled"), Error::Cancelled(text) if text == "why"));
    assert!(matches!(ended(2, "expired"), Error::Expired(text) if text == "why"));
    assert!(matches!(ended(3, "timed_out"), Error::RunLimit(text) if text == "why"));
    assert!(matches!(ended(4, "no_worker"), Error::NoWorker(text) if text == "why"));
}
