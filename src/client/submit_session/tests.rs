//! What the lines of the server mean for open jobs and queries: without a socket.

use super::super::progress::Progress;
use super::*;

/// A session, and what it sends.
#[derive(Default)]
struct Fixture {
    session: SubmitSession,
    sent: Vec<u8>,
}

impl Fixture {
    fn submit(&mut self, id: u64) -> Arc<Promise> {
        let promise = Arc::new(Promise::default());
        self.session.submit(id, format!("do {id}\n").as_bytes(), Arc::clone(&promise), &mut self.sent);
        promise
    }

    /// Submits a job whose reports are wanted.
    fn submit_followed(&mut self, id: u64) -> (Arc<Promise>, Arc<Reports>, Progress<u32>) {
        let (promise, reports) = (self.submit(id), Arc::new(Reports::default()));
        self.session.follow(id, &reports);
        let progress = Progress::new(Some(Arc::clone(&reports)), None);
        (promise, reports, progress)
    }

    fn cancel(&mut self, id: u64) {
        self.session.cancel(id, &mut self.sent);
    }

    fn ping(&mut self) -> Arc<Promise> {
        let promise = Arc::new(Promise::default());
        self.session.ping(Arc::clone(&promise), &mut self.sent);
        promise
    }

    fn metrics(&mut self, line: &str) -> Arc<Promise> {
        let promise = Arc::new(Promise::default());
        self.session.metrics(format!("{line}\n").as_bytes(), Arc::clone(&promise), &mut self.sent);
        promise
    }

    fn read(&mut self, line: &str) {
        self.session.on_line(Incoming::read(line.as_bytes()).unwrap(), &mut self.sent).unwrap();
    }

    fn sent(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.sent)).unwrap()
    }
}

/// Shows what is in a promise now.
fn shown(promise: &Promise) -> String {
    let text = |outcome: &super::super::promise::Outcome| match outcome {
        Ok(value) => value.get().to_owned(),
        Err(error) => format!("! {error}"),
    };
    promise.wait(Some(std::time::Instant::now()), text).unwrap_or_else(|| "nothing".to_owned())
}

#[test]
fn each_job_gets_its_own_answer_and_is_then_forgotten() {
    let mut fixture = Fixture::default();
    let promises = [1, 2, 3].map(|id| fixture.submit(id));
    assert_eq!(fixture.sent(), "do 1\ndo 2\ndo 3\n");
    fixture.read(r#"{"cmd":"did","id":2,"res":"two"}"#);
    fixture.read(r#"{"cmd":"did","id":3,"err":[3],"code":"failed"}"#);
    assert_eq!(promises.each_ref().map(|promise| shown(promise)), ["nothing", "\"two\"", "! the job failed: [3]"]);
    fixture.read(r#"{"cmd":"did","id":2,"res":"again"}"#);
    fixture.read(r#"{"cmd":"error","code":"later","error":"no","id":1}"#);
    assert_eq!(promises.each_ref().map(|promise| shown(promise)), ["! later: no", "\"two\"", "! the job failed: [3]"]);
    assert!(fixture.session.open.is_empty());
}

#[test]
fn lines_that_are_not_for_it_are_ignored() {
    let mut fixture = Fixture::default();
    let promise = fixture.submit(1);
    for line in [
        r#"{"cmd":"did","id":7,"res":0}"#,
        r#"{"cmd":"did","id":"1","res":0}"#,
        r#"{"cmd":"did","id":-1,"res":0}"#,
        r#"{"cmd":"did","id":1e0,"res":0}"#,
        r#"{"cmd":"error","code":"bad_request","error":"","id":{}}"#,
        r#"{"cmd":"do","id":1,"type":"t","job":1}"#,
        r#"{"cmd":"pong"}"#,
        r#"{"cmd":"metrics","metrics":{}}"#,
        r#"{"cmd":"later"}"#,
        r#"{"cmd":"cancel","job":1}"#,
        r#"{"cmd":"progress","id":1,"data":1}"#,
    ] {
        fixture.read(line);
        assert_eq!(shown(&promise), "nothing", "{line}");
    }
}

#[test]
fn pongs_come_in_the_order_of_all_pings() {
    let mut fixture = Fixture::default();
    let first = fixture.ping();
    fixture.session.send_ping(&mut fixture.sent);
    let second = fixture.ping();
    assert_eq!(fixture.sent(), "{\"cmd\":\"ping\"}\n".repeat(3));
    for shown_then in [["null", "nothing"], ["null", "nothing"], ["null", "null"]] {
        fixture.read(r#"{"cmd":"pong"}"#);
        assert_eq!([&first, &second].map(|promise| shown(promise)), shown_then);
    }
}

#[test]
fn one_metrics_question_is_sent_at_a_time() {
    let mut fixture = Fixture::default();
    let promises = ["a", "b", "c"].map(|line| fixture.metrics(line));
    let ping = fixture.ping();
    assert_eq!(fixture.sent(), "a\n{\"cmd\":\"ping\"}\n");
    // A pong may overtake the metrics.
    fixture.read(r#"{"cmd":"pong"}"#);
    assert_eq!(shown(&ping), "null");
    fixture.read(r#"{"cmd":"metrics","metrics":{"a":1}}"#);
    assert_eq!(fixture.sent(), "b\n");
    fixture.read(r#"{"cmd":"error","code":"bad_request","error":"what?"}"#);
    assert_eq!(fixture.sent(), "c\n");
    fixture.read(r#"{"cmd":"metrics","metrics":{}}"#);
    assert_eq!(promises.each_ref().map(|promise| shown(promise)), [r#"{"a":1}"#, "! bad_request: what?", "{}"]);
}

#[test]
fn an_error_without_an_id_is_for_the_oldest_question_unless_it_can_be_for_a_job() {
    for (code, shown_ping) in [
        ("bad_request", "! bad_request: x"),
        ("unknown_cmd", "! unknown_cmd: x"),
        ("later", "! later: x"),
        ("bad_json", "nothing"),
        ("too_long", "nothing"),
        ("queue_full", "nothing"),
    ] {
        let mut fixture = Fixture::default();
        let (job, ping) = (fixture.submit(1), fixture.ping());
        fixture.read(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#));
        assert_eq!([shown(&job), shown(&ping)], ["nothing", shown_ping], "{code}");
    }
}

#[test]
fn a_lost_connection_fails_all_that_is_open() {
    let mut fixture = Fixture::default();
    let promises = [fixture.submit(1), fixture.ping(), fixture.metrics("a"), fixture.metrics("b")];
    fixture.session.on_disconnect(&Disconnected { url: "unix:s".to_owned(), reason: "gone".to_owned(), code: None });
    assert_eq!(promises.map(|promise| shown(&promise)), ["! the connection to unix:s was lost: gone"; 4]);
    // Nothing is left that would keep the next query waiting.
    fixture.sent();
    fixture.metrics("c");
    assert_eq!(fixture.sent(), "c\n");
}

#[test]
fn the_limit_is_known_from_the_first_metrics_answer_until_the_connection_is_lost() {
    let mut fixture = Fixture::default();
    assert_eq!([10, 2_000].map(|bytes| fixture.session.fit(bytes)), [Fit::Fits, Fit::Unknown]);
    fixture.metrics("a");
    fixture.read(r#"{"cmd":"metrics","metrics":{"max_line":1999}}"#);
    assert_eq!([2_000, 2_001].map(|bytes| fixture.session.fit(bytes)), [Fit::Fits, Fit::TooLong(1_999)]);
    fixture.session.on_disconnect(&Disconnected { url: String::new(), reason: String::new(), code: None });
    assert_eq!(fixture.session.fit(2_000), Fit::Unknown);
    // A server that has no metrics.
    fixture.metrics("b");
    fixture.read(r#"{"cmd":"error","code":"unknown_cmd","error":"metrics"}"#);
    assert_eq!(fixture.session.fit(1 << 30), Fit::Fits);
}

#[test]
fn an_answer_that_is_too_long_fails_its_job_alone() {
    let mut fixture = Fixture::default();
    let promises = [fixture.submit(1), fixture.submit(2)];
    fixture.session.on_line(Incoming::LongAnswer { id: 1 }, &mut Vec::new()).unwrap();
    let outcomes = promises.map(|promise| shown(&promise));
    assert!(outcomes[0].contains("raise max_line"), "{outcomes:?}");
    assert_eq!(outcomes[1], "nothing");
}

#[test]
fn reports_go_to_the_job_that_asked_until_its_answer() {
    let mut fixture = Fixture::default();
    let (first, _first_reports, mut of_first) = fixture.submit_followed(1);
    let (_, _second_reports, mut of_second) = fixture.submit_followed(2);
    fixture.submit(3);
    let unknown = ["3", "4", "\"1\"", "{}"].map(|id| format!(r#"{{"cmd":"progress","id":{id},"data":9}}"#));
    for line in &unknown {
        fixture.read(line);
    }
    fixture.read(r#"{"cmd":"progress","id":2,"data":20}"#);
    fixture.read(r#"{"cmd":"progress","id":1,"data":10}"#);
    fixture.read(r#"{"cmd":"progress","id":1,"data":11}"#);
    fixture.read(r#"{"cmd":"did","id":1,"res":"one"}"#);
    fixture.read(r#"{"cmd":"progress","id":1,"data":12}"#);
    assert_eq!(of_first.by_ref().map(Result::unwrap).collect::<Vec<_>>(), [10, 11]);
    assert_eq!(shown(&first), "\"one\"");
    assert_eq!(of_second.try_next().unwrap().unwrap(), 20);
    assert!(matches!(of_second.next_timeout(std::time::Duration::ZERO), Some(Err(Error::TimedOut))));
    assert_eq!(fixture.session.reports.len(), 1);
}

#[test]
fn reports_that_nobody_can_read_are_dropped() {
    let mut fixture = Fixture::default();
    let (promise, reports, progress) = fixture.submit_followed(1);
    drop((reports, progress));
    fixture.read(r#"{"cmd":"progress","id":1,"data":10}"#);
    fixture.read(r#"{"cmd":"did","id":1}"#);
    assert_eq!(shown(&promise), "null");
    assert!(fixture.session.reports.is_empty());
}

#[test]
fn a_lost_connection_ends_the_reports() {
    let mut fixture = Fixture::default();
    let (_, _reports, mut progress) = fixture.submit_followed(1);
    fixture.session.on_disconnect(&Disconnected { url: String::new(), reason: String::new(), code: None });
    assert!(progress.next().is_none());
    assert!(fixture.session.reports.is_empty());
}

#[test]
fn a_stored_job_is_reported_to_those_who_follow_it_and_stays_open() {
    let mut fixture = Fixture::default();
    let (first, of_first, _) = fixture.submit_followed(1);
    let (_, of_second, _) = fixture.submit_followed(2);
    // The third one has no follower.
    fixture.submit(3);
    let is_stored = |reports: &Reports| reports.wait_stored(Some(std::time::Instant::now()));
    for id in ["1", "1", "3", "4", "\"2\"", "{}"] {
        fixture.read(&format!(r#"{{"cmd":"stored","id":{id}}}"#));
    }
    assert_eq!([is_stored(&of_first), is_stored(&of_second)], [true, false]);
    assert_eq!(shown(&first), "nothing");
    assert_eq!(fixture.session.stored.len(), 2);
    fixture.read(r#"{"cmd":"did","id":1,"res":"one"}"#);
    fixture.read(r#"{"cmd":"did","id":3,"err":"why","code":"gave_up"}"#);
    assert_eq!(shown(&first), "\"one\"");
    assert!(fixture.session.stored.is_empty());
    fixture.read(r#"{"cmd":"stored","id":1}"#);
    assert!(fixture.session.stored.is_empty());
}

#[test]
fn a_lost_connection_says_which_jobs_are_stored() {
    let mut fixture = Fixture::default();
    let promises = [1, 2].map(|id| fixture.submit(id));
    let (third, reports, _) = fixture.submit_followed(3);
    for id in [1, 3] {
        fixture.read(&format!(r#"{{"cmd":"stored","id":{id}}}"#));
    }
    fixture.session.on_disconnect(&Disconnected { url: "unix:s".to_owned(), reason: "gone".to_owned(), code: None });
    let lost = "the connection to unix:s was lost: gone";
    let answer_lost = format!("! the job is stored and will be done, but its answer is lost: {lost}");
    assert_eq!(promises.map(|promise| shown(&promise)), [answer_lost.clone(), format!("! {lost}")]);
    assert_eq!(shown(&third), answer_lost);
    assert!(reports.wait_stored(None));
    assert!(fixture.session.stored.is_empty() && fixture.session.open.is_empty());
}

#[test]
fn only_an_open_job_is_cancelled() {
    let mut fixture = Fixture::default();
    let promises = [1, 2].map(|id| fixture.submit(id));
    fixture.sent();
    for id in [0, 1, 7] {
        fixture.cancel(id);
    }
    assert_eq!(fixture.sent(), "{\"cmd\":\"cancel\",\"id\":1}\n");
    fixture.read(r#"{"cmd":"did","id":1,"err":"taken back","code":"cancelled"}"#);
    fixture.cancel(1);
    // An older server.
    fixture.cancel(2);
    fixture.read(r#"{"cmd":"error","code":"unknown_cmd","error":"cmd must be do","id":2}"#);
    assert_eq!(fixture.sent(), "{\"cmd\":\"cancel\",\"id\":2}\n");
    assert_eq!(promises.map(|promise| shown(&promise)), ["! cancelled: taken back", "! unknown_cmd: cmd must be do"]);
}
