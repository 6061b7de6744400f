//! Jobs of the local server: published, stored, answered, and given again.

use super::*;

#[test]
fn a_spare_job_is_published_until_stored_and_its_result_is_confirmed_when_the_server_has_read_it() {
    let mut bridge = Fixture::new(0);
    assert_eq!(bridge.give(Conn::Main, 7, "x.1"), ["publish 1 a/1000/x.1 7"]);
    // No acknowledgement: it is published again, with the same id.
    assert_eq!(bridge.pass(S(5)), ["publish 1 a/1000/x.1 7"]);
    bridge.core.on_stored(1, Err(StoreError::Later("full".to_owned())));
    assert_eq!(bridge.effects(), ["NotStored { reason: \"full\" }"]);
    assert_eq!(bridge.pass(S(1)), ["publish 1 a/1000/x.1 7"]);
    assert_eq!(bridge.stored(1), [""; 0], "only durable jobs are reported as stored");
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), [r#"main: {"cmd":"did","job":7,"res":8}"#]);
    // The same result again, before the server has read the first.
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Unknown to inbox"]);
    assert_eq!(bridge.pong(Conn::Main), ["Delivered to inbox"]);
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Dropped to inbox"]);
    assert_eq!(bridge.core.outgoing.held(), 0);
}

#[test]
fn a_durable_job_is_stored_and_failures_come_back() {
    let mut bridge = Fixture::new(0);
    assert_eq!(bridge.give(Conn::Durable, 7, "x.1"), ["publish 1 a/1000/x.1 7"]);
    assert_eq!(bridge.stored(1), [r#"durable: {"cmd":"stored","job":7}"#]);
    assert_eq!(bridge.stored(1), [""; 0]);
    let line = r#"durable: {"cmd":"did","job":7,"err":"no"}"#;
    assert_eq!(bridge.result("x.1", Outcome::Failed, "\"no\""), [line]);
    assert_eq!(bridge.pong(Conn::Main), [""; 0], "the other connection");
    assert_eq!(bridge.pong(Conn::Durable), ["Delivered to inbox"]);
}

#[test]
fn what_is_too_large_is_refused_with_the_reason() {
    let mut bridge = Fixture::new(0);
    let arg = Some(Bytes::from("9".repeat(1_000)));
    let line =
        FromServer::Do { job: 7, reference: Some("x".to_owned()), type_name: "t".to_owned(), run_limit_ms: None, arg };
    bridge.core.on_line(Conn::Main, line);
    let effects = bridge.effects();
    assert!(
        effects[0].starts_with(r#"main: {"cmd":"did","job":7,"err":"the job is too large for other machines: 11"#),
        "{effects:?}"
    );
    assert!(effects[1].starts_with("JobRefused"), "{effects:?}");
    // A result that the submitter's server would not take.
    bridge.give(Conn::Main, 8, "y");
    let job = JobName { node: "a".to_owned(), up_since: 1_000, reference: "y".to_owned() };
    let value = Bytes::from("9".repeat(10_001));
    bridge.core.on_result(&ResultMessage { job, outcome: Outcome::Done, value }, "inbox");
    let effects = bridge.effects();
    assert!(effects[0].starts_with(r#"main: {"cmd":"did","job":8,"err":"the result is too long"#), "{effects:?}");
    // A result that NATS would not take.
    let mut bridge = Fixture::new(1);
    bridge.pulled(1, 1);
    let value = Some(Bytes::from("9".repeat(1_000)));
    bridge.core.on_line(Conn::Main, FromServer::Did { id: 1, code: None, value });
    let effects = bridge.effects();
    assert!(effects[0].starts_with(r#"ask 1 b/5/r1 Failed "the result is too large to come back"#), "{effects:?}");
}

#[test]
fn a_job_that_the_server_gives_again_is_not_published_again() {
    let mut bridge = Fixture::new(0);
    bridge.give(Conn::Durable, 7, "x.1");
    bridge.stored(1);
    // Its run limit passed: the server takes it back, and gives it again.
    bridge.core.on_line(Conn::Durable, FromServer::Cancel { job: 7 });
    assert_eq!(bridge.effects(), [r#"durable: {"cmd":"did","job":7}"#]);
    assert_eq!(bridge.give(Conn::Durable, 8, "x.1"), [r#"durable: {"cmd":"stored","job":8}"#]);
    // The connections are lost, and the same server gives it again.
    bridge.core.on_server_lost();
    bridge.connect(1_000, 0);
    bridge.effects();
    assert_eq!(bridge.give(Conn::Durable, 9, "x.1"), [r#"durable: {"cmd":"stored","job":9}"#]);
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), [r#"durable: {"cmd":"did","job":9,"res":8}"#]);
}

#[test]
fn a_job_whose_message_is_gone_gets_another_id() {
    let mut bridge = Fixture::new(0);
    bridge.give(Conn::Main, 7, "x.1");
    bridge.stored(1);
    bridge.core.on_line(Conn::Main, FromServer::Cancel { job: 7 });
    bridge.effects();
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Dropped to inbox"]);
    assert_eq!(bridge.give(Conn::Main, 8, "x.1"), ["publish 1 a/1000/x.1/1 7"]);
}

#[test]
fn results_for_a_server_that_has_been_restarted_are_dropped_and_others_wait() {
    let mut bridge = Fixture::new(0);
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Unknown to inbox"], "the server may give it later");
    bridge.give(Conn::Main, 7, "x.1");
    bridge.core.on_server_lost();
    bridge.effects();
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Unknown to inbox"], "there is no server now");
    bridge.connect(2_000, 0);
    bridge.effects();
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Dropped to inbox"]);
}

#[test]
fn an_unconfirmed_answer_is_given_again_after_the_server_was_lost() {
    let mut bridge = Fixture::new(0);
    bridge.give(Conn::Durable, 7, "x.1");
    bridge.stored(1);
    bridge.result("x.1", Outcome::Done, "8");
    // The server has not read the answer.
    bridge.core.on_server_lost();
    bridge.connect(1_000, 0);
    bridge.effects();
    assert_eq!(bridge.give(Conn::Durable, 9, "x.1"), [r#"durable: {"cmd":"stored","job":9}"#]);
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), [r#"durable: {"cmd":"did","job":9,"res":8}"#]);
}

#[test]
fn a_result_that_came_before_its_job_answers_it_at_once_and_is_confirmed_when_the_server_has_read_that() {
    // A new bridge: the one before it has published the jobs, and they are not published again.
    let mut bridge = Fixture::new(0);
    for (conn, name, reference) in [(Conn::Main, "main", "x.1"), (Conn::Durable, "durable", "x.2")] {
        assert_eq!(bridge.result(reference, Outcome::Done, "8"), ["Unknown to inbox"]);
        let line = format!(r#"{name}: {{"cmd":"did","job":7,"res":8}}"#);
        assert_eq!(bridge.give(conn, 7, reference), [line]);
        assert_eq!(bridge.result(reference, Outcome::Done, "8"), ["Unknown to inbox"], "the server has not read it");
        assert_eq!(bridge.pong(conn), ["Delivered to inbox"]);
        assert_eq!(bridge.result(reference, Outcome::Done, "8"), ["Dropped to inbox"]);
    }
    // The server did not read the answer: nothing is confirmed, and the next result is taken.
    bridge.result("x.3", Outcome::Failed, "\"no\"");
    bridge.give(Conn::Main, 8, "x.3");
    bridge.core.on_server_lost();
    bridge.connect(1_000, 0);
    assert!(!bridge.effects().iter().any(|effect| effect.starts_with("Delivered")));
    assert_eq!(
        bridge.result("x.3", Outcome::Failed, "\"no\""),
        ["Unknown to inbox"],
        "the server has not given it yet"
    );
    assert_eq!(bridge.give(Conn::Main, 9, "x.3"), [r#"main: {"cmd":"did","job":9,"err":"no"}"#]);
    assert_eq!(bridge.pong(Conn::Main), ["Delivered to inbox"]);
    assert_eq!(bridge.core.outgoing.held(), 0);
}

#[test]
fn a_result_that_came_while_the_connections_were_lost_is_not_dropped() {
    let mut bridge = Fixture::new(0);
    bridge.give(Conn::Main, 7, "x.1");
    bridge.stored(1);
    bridge.core.on_server_lost();
    bridge.connect(1_000, 0);
    bridge.effects();
    assert_eq!(bridge.result("x.1", Outcome::Done, "8"), ["Unknown to inbox"], "the server will give the job again");
    assert_eq!(bridge.give(Conn::Main, 8, "x.1"), [r#"main: {"cmd":"did","job":8,"res":8}"#]);
    assert_eq!(bridge.pong(Conn::Main), ["Delivered to inbox"]);
}

#[test]
fn results_before_their_jobs_are_forgotten_with_their_server_and_their_sender() {
    let mut bridge = Fixture::new(0);
    bridge.result("x.1", Outcome::Done, "8");
    bridge.pass(S(6));
    assert_eq!(bridge.give(Conn::Main, 7, "x.1"), ["publish 1 a/1000/x.1 7"], "its sender did not repeat it");
    bridge.result("x.2", Outcome::Done, "8");
    bridge.core.on_server_lost();
    bridge.connect(2_000, 0);
    bridge.effects();
    assert_eq!(bridge.give(Conn::Main, 7, "x.2"), ["publish 2 a/2000/x.2 7"], "the server was started again");
}
