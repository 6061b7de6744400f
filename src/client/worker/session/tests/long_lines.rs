//! Results and jobs whose lines may be too long for the server, or for the worker.

use super::*;

#[test]
fn a_long_result_waits_until_the_limit_is_known() {
    let mut fixture = Fixture::open(3, u64::MAX);
    let (one, two, three) = (fixture.give(1), fixture.give(2), fixture.give(3));
    fixture.sent();
    fixture.finish_long(&one, 2_000);
    fixture.finish_long(&two, 4_000);
    fixture.finish(&three);
    assert_eq!(fixture.sent(), "metrics, did 3");
    fixture.read(r#"{"cmd":"metrics","metrics":{"max_line":2000}}"#).unwrap();
    let sent = fixture.sent();
    let (first, second) = sent.split_once(", ").unwrap();
    assert_eq!(first, "did 1 ");
    assert!(second.contains(r#""job":2,"err":"the worker's answer cannot be sent: "#), "{second}");
    assert!(second.contains("the line would have 4000 bytes, and the limit is 2000"), "{second}");
    // From now on it is known.
    let (one, two) = (fixture.give(4), fixture.give(5));
    fixture.finish_long(&one, 2_000);
    fixture.finish_long(&two, 2_001);
    let sent = fixture.sent();
    assert!(sent.starts_with("did 4 , ") && sent.contains(r#""job":5,"err""#), "{sent}");
}

#[test]
fn a_server_that_reports_no_limit_gets_every_result() {
    for answer in [r#"{"cmd":"metrics","metrics":{}}"#, r#"{"cmd":"error","code":"unknown_cmd","error":"metrics"}"#] {
        let mut fixture = Fixture::open(1, 1);
        let job = fixture.give(1);
        fixture.sent();
        fixture.finish_long(&job, 5_000);
        fixture.stop();
        fixture.read(answer).unwrap();
        // A worker that was stopped meanwhile waits for the answer to be read.
        assert_eq!(fixture.sent(), "metrics, cant_do, did 1 , ping");
        assert!(!fixture.ended());
        fixture.pong();
        assert!(fixture.ended());
    }
}

#[test]
fn a_long_result_that_waits_is_dropped_with_its_connection() {
    let mut fixture = Fixture::open(2, u64::MAX);
    let (one, two) = (fixture.give(1), fixture.give(2));
    fixture.finish_long(&one, 2_000);
    fixture.disconnect();
    fixture.connect();
    assert_eq!(fixture.sent(), "can_do 1, ping");
    fixture.finish(&two);
    assert_eq!(fixture.sent(), "can_do 2");
    // The next server may have another limit.
    fixture.pong();
    let job = fixture.give(3);
    fixture.finish_long(&job, 2_000);
    assert_eq!(fixture.sent(), "metrics");
}

#[test]
fn a_job_whose_line_is_too_long_fails_without_a_handler() {
    let mut fixture = Fixture::open(1, 2);
    fixture.sent();
    fixture.session.on_line(Incoming::LongDo { job: 7 }, &mut fixture.sent).unwrap();
    let sent = fixture.sent();
    assert!(sent.contains(r#""job":7,"err":"the arg's line is longer than this worker accepts"#), "{sent}");
    let job = fixture.give(8);
    fixture.session.on_line(Incoming::LongDo { job: 9 }, &mut fixture.sent).unwrap_err();
    fixture.finish(&job);
    assert_eq!(fixture.sent(), "cant_do, did 8, ping");
}
