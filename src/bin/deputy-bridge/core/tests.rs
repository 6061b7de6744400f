use std::collections::HashMap;

use bytes::Bytes;

use super::*;
use crate::names::JobName;
use crate::wire::TypeRow;

const S: fn(u64) -> Duration = Duration::from_secs;
const FACTS: EngineFacts = EngineFacts { max_payload: 1_000, duplicate_window: Duration::from_secs(120) };

/// A core of node `a` whose effects are looked at as texts.
struct Fixture {
    core: Core,
    now: Duration,
}

impl Fixture {
    /// A bridge with a server and NATS, whose server has this many free slots for the type `t`.
    fn new(free: u64) -> Self {
        let settings =
            Settings { node: "a".to_owned(), instance: "1".to_owned(), patterns: Patterns::default(), ack_wait: S(15) };
        let mut fixture = Self { core: Core::new(settings), now: Duration::ZERO };
        fixture.connect(1_000, free);
        fixture.core.on_engine_connected(FACTS);
        fixture.effects();
        fixture
    }

    /// Connects to the server that started at `up_since`.
    fn connect(&mut self, up_since: u64, free: u64) {
        self.core.on_server_connected();
        self.metrics(up_since, free);
    }

    fn metrics(&mut self, up_since: u64, free: u64) {
        let row = TypeRow { workers: self.core.registration.counted("t") + free, free: Some(free) };
        let types = if free > 0 { HashMap::from([("t".to_owned(), row)]) } else { HashMap::new() };
        let metrics = Metrics { up_since, max_line: 10_000, draining: false, types };
        self.core.on_line(Conn::Main, FromServer::Metrics(metrics));
    }

    /// Returns what is to be done; without pings, questions for figures, announcements and in-progress, which come often.
    fn effects(&mut self) -> Vec<String> {
        let often = [
            "main: {\"cmd\":\"ping\"}",
            "durable: {\"cmd\":\"ping\"}",
            "main: {\"cmd\":\"metrics\"",
            "announce",
            "Progress",
        ];
        let effects = self.core.take_effects().iter().map(text).collect::<Vec<_>>();
        effects.into_iter().filter(|effect| !often.iter().any(|start| effect.starts_with(start))).collect()
    }

    /// Lets time pass in steps that are not too large for a timer. Returns what is to be done.
    fn pass(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut all = Vec::new();
        while self.now < end {
            self.now = end.min(self.now + Duration::from_millis(100));
            self.core.set_now(self.now);
            self.core.on_tick();
            if self.core.survey.is_asking() && !self.core.server.is_down() {
                let up_since = self.core.server.known_since().unwrap_or_default();
                self.metrics(up_since, 0);
            }
            all.extend(self.effects());
        }
        all
    }

    /// The server gives a job.
    fn give(&mut self, conn: Conn, job: u64, reference: &str) -> Vec<String> {
        let line = FromServer::Do {
            job,
            reference: Some(reference.to_owned()),
            type_name: "t".to_owned(),
            run_limit_ms: None,
            arg: Some(Bytes::from_static(b"7")),
        };
        self.core.on_line(conn, line);
        self.effects()
    }

    fn stored(&mut self, serial: u64) -> Vec<String> {
        self.core.on_stored(serial, Ok(()));
        self.effects()
    }

    /// A result comes for a job of this node.
    fn result(&mut self, reference: &str, outcome: Outcome, value: &'static str) -> Vec<String> {
        let job = JobName { node: "a".to_owned(), up_since: 1_000, reference: reference.to_owned() };
        self.core.on_result(&ResultMessage { job, outcome, value: Bytes::from_static(value.as_bytes()) }, "inbox");
        self.effects()
    }

    fn pong(&mut self, conn: Conn) -> Vec<String> {
        self.core.on_line(conn, FromServer::Pong);
        self.effects()
    }

    /// A job of node `b` was pulled.
    fn pulled(&mut self, seq: u64, deliveries: u64) -> Vec<String> {
        self.core.on_pulled(pulled(seq, deliveries), false);
        self.effects()
    }

    /// The server answers a job that was pulled.
    fn did(&mut self, id: u64, code: Option<&str>, value: &'static str) -> Vec<String> {
        let value = Some(Bytes::from_static(value.as_bytes()));
        self.core.on_line(Conn::Main, FromServer::Did { id, code: code.map(str::to_owned), value });
        self.effects()
    }

    fn verdict(&mut self, id: u64, verdict: Verdict) -> Vec<String> {
        self.core.on_verdict(id, verdict);
        self.effects()
    }

    fn announced(&mut self, node: &str, types: &[&str]) -> Vec<String> {
        self.core.on_announced(node, "2", types.iter().map(|&name| name.to_owned()).collect());
        self.effects()
    }
}

/// A job of node `b`.
fn pulled(seq: u64, deliveries: u64) -> Pulled {
    Pulled {
        type_name: "t".into(),
        job: JobName { node: "b".to_owned(), up_since: 5, reference: format!("r{seq}") },
        run_limit_ms: None,
        arg: Bytes::from_static(b"7"),
        ack: format!("ack{seq}"),
        seq,
        deliveries,
        age: Duration::ZERO,
    }
}

fn text(effect: &Effect) -> String {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().trim_end().to_owned();
    match effect {
        Effect::Line(Conn::Main, line) => format!("main: {}", utf8(line)),
        Effect::Line(Conn::Durable, line) => format!("durable: {}", utf8(line)),
        Effect::Publish { serial, message } => format!("publish {serial} {} {}", message.id, utf8(&message.arg)),
        Effect::Respond { ack, reply } => format!("{reply:?} {ack}"),
        Effect::Bounce { seq } => format!("bounce {seq}"),
        Effect::CountBounces { id, seq } => format!("count {id} {seq}"),
        Effect::Ask { id, result } => format!("ask {id} {} {:?} {}", result.job, result.outcome, utf8(&result.value)),
        Effect::Verdict { to, verdict } => format!("{verdict:?} to {to}"),
        Effect::Announce { types, leaving } => format!("announce {types:?} {leaving}"),
        Effect::Pulls(PullEffect::Consumer { type_name }) => format!("consumer {type_name}"),
        Effect::Pulls(PullEffect::Pull { type_name, batch, .. }) => format!("pull {type_name} {batch}"),
        Effect::Pulls(PullEffect::CallBack { type_name, most }) => format!("call back {type_name} {most}"),
        Effect::DropServer { reason } => format!("drop server: {reason}"),
        Effect::AfterRead(..) => unreachable!("the core replaces it"),
        Effect::Notice(notice) => format!("{notice:?}"),
    }
}

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

#[test]
fn pulled_jobs_are_submitted_and_acknowledged_after_the_confirmation() {
    let mut bridge = Fixture::new(2);
    let line = r#"main: {"cmd":"do","id":1,"type":"t","wait_ms":20,"attempts":1,"cancellable":true,"arg":7}"#;
    assert_eq!(bridge.pulled(1, 1), [line]);
    assert_eq!(bridge.did(1, None, "8"), ["ask 1 b/5/r1 Done 8"]);
    // No answer, and no bridge.
    assert_eq!(bridge.pass(S(2)), ["ask 1 b/5/r1 Done 8"]);
    assert_eq!(bridge.verdict(1, Verdict::Absent), [""; 0]);
    assert_eq!(bridge.pass(S(1)), ["ask 1 b/5/r1 Done 8"]);
    assert_eq!(bridge.verdict(1, Verdict::Delivered), ["Ack ack1"]);
    assert!(!bridge.pass(S(200)).iter().any(|effect| effect.starts_with("ask")));
    bridge.pulled(2, 1);
    assert_eq!(bridge.did(2, Some("failed"), "null"), ["ask 2 b/5/r2 Failed null"]);
    assert_eq!(bridge.verdict(2, Verdict::Dropped), ["Ack ack2"]);
}

#[test]
fn held_messages_are_reported_as_in_progress() {
    let mut bridge = Fixture::new(1);
    bridge.pulled(1, 1);
    let count = |bridge: &mut Fixture| {
        bridge.core.take_effects().iter().filter(|effect| text(effect) == "Progress ack1").count()
    };
    for expected in [0, 1, 0, 1] {
        bridge.now += Duration::from_millis(2_500);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
        assert_eq!(count(&mut bridge), expected);
    }
}

#[test]
fn a_job_without_a_slot_bounces_and_a_job_that_lost_its_worker_goes_elsewhere() {
    let mut bridge = Fixture::new(3);
    for (seq, code, expected) in [
        (1, "no_worker", &["bounce 1", "Nak ack1"][..]),
        (2, "gave_up", &["Nak ack2"]),
        (3, "timed_out", &["Nak ack3"]),
        (4, "shutdown", &["bounce 4", "Nak ack4"]),
        (5, "queue_full", &["bounce 5", "Nak ack5"]),
        (6, "bad_request", &["ask 6 b/5/r6 Failed \"x\""]),
    ] {
        bridge.pulled(seq, 1);
        assert_eq!(bridge.did(seq, Some(code), "\"x\""), expected, "{code}");
    }
}

#[test]
fn poison_is_given_up_only_when_the_bounces_are_known() {
    let mut bridge = Fixture::new(3);
    assert_eq!(bridge.pulled(1, 4), ["count 1 1"]);
    bridge.core.on_counted(1, Some(1));
    let effects = bridge.effects();
    assert!(effects[0].starts_with(r#"main: {"cmd":"do","id":1,"#), "three attempts with this one: {effects:?}");
    bridge.did(1, Some("gave_up"), "\"x\"");
    bridge.pulled(1, 5);
    bridge.core.on_counted(2, None);
    assert!(bridge.effects()[0].starts_with(r#"main: {"cmd":"do","id":2,"#), "it is not known how often it bounced");
    bridge.pulled(1, 6);
    bridge.core.on_counted(3, Some(1));
    assert_eq!(bridge.effects(), [""; 0], "the last bounce may be on its way");
    assert_eq!(bridge.pass(S(1)), ["count 3 1"]);
    bridge.core.on_counted(3, Some(1));
    let effects = bridge.effects();
    assert!(effects[0].starts_with("GaveUp"), "{effects:?}");
    assert!(effects[1].starts_with("ask 3 b/5/r1 GaveUp \"gave_up: "), "{effects:?}");
    assert_eq!(bridge.verdict(3, Verdict::Delivered), ["Term ack1"]);
}

#[test]
fn when_the_server_is_lost_others_get_its_jobs_and_results_are_still_sent() {
    let mut bridge = Fixture::new(3);
    bridge.pulled(1, 1);
    bridge.pulled(2, 1);
    bridge.did(2, None, "8");
    bridge.core.on_server_lost();
    assert_eq!(bridge.effects(), ["Nak ack1"]);
    assert_eq!(bridge.pass(S(2)), ["ask 2 b/5/r2 Done 8"]);
    assert_eq!(bridge.verdict(2, Verdict::Delivered), ["Ack ack2"]);
    // What still comes goes back.
    assert_eq!(bridge.pulled(3, 1), ["bounce 3", "Nak ack3"]);
}

#[test]
fn when_nats_is_back_results_are_sent_at_once() {
    let mut bridge = Fixture::new(3);
    bridge.pulled(1, 1);
    bridge.did(1, None, "8");
    bridge.core.on_engine_lost();
    bridge.effects();
    bridge.core.on_engine_connected(FACTS);
    let effects = bridge.core.take_effects().iter().map(text).collect::<Vec<_>>();
    assert_eq!(effects[..2], ["Progress ack1", "ask 1 b/5/r1 Done 8"]);
}

#[test]
fn a_result_is_dropped_only_when_its_node_is_gone_and_the_stream_has_forgotten_its_id() {
    let mut bridge = Fixture::new(3);
    bridge.announced("b", &[]);
    bridge.pulled(1, 1);
    bridge.did(1, None, "8");
    let is_dropped = |effects: &[String]| effects.iter().any(|effect| effect == "Ack ack1");
    // The node has been silent for 30 s and more, but would be swallowed if it came back and published again.
    assert!(!is_dropped(&bridge.pass(S(120))));
    assert!(is_dropped(&bridge.pass(S(8))));
    // A node that is there, and does not know the job.
    bridge.pulled(2, 1);
    bridge.did(2, None, "8");
    let mut passed = 0;
    loop {
        bridge.announced("b", &[]);
        let effects = bridge.pass(S(1));
        passed += 1;
        if effects.iter().any(|effect| effect == "Ack ack2") {
            break;
        }
        bridge.core.on_verdict(2, Verdict::Unknown);
    }
    assert!((125..130).contains(&passed), "{passed} s");
}

#[test]
fn the_bridge_is_spare_for_what_others_announce_and_durable_for_all_types() {
    let mut bridge = Fixture::new(0);
    let effects = bridge.announced("b", &["t", "u"]);
    let joined = "Node(Joined(\"b\"))";
    let spare = r#"main: {"cmd":"can_do","types":["t","u"],"max_jobs":65535,"spare":true,"ref":true}"#;
    let durable = r#"durable: {"cmd":"can_do","types":["t","u"],"max_jobs":65535,"durable":true,"ref":true}"#;
    assert_eq!(effects, [joined, spare, durable]);
    assert_eq!(bridge.announced("b", &["t", "u"]), [""; 0]);
    bridge.core.on_consumers(BTreeSet::from(["v".into()]));
    let durable = r#"durable: {"cmd":"can_do","types":["v"],"max_jobs":65535,"durable":true,"ref":true}"#;
    assert_eq!(bridge.effects(), [durable], "its consumer says that it was used before");
    // The node leaves.
    bridge.core.on_left("b");
    let effects = bridge.pass(S(6));
    let expected = [
        "Node(Left(\"b\"))",
        r#"main: {"cmd":"cant_do","types":["t","u"]}"#,
        r#"durable: {"cmd":"cant_do","types":["t","u"]}"#,
    ];
    assert_eq!(effects, expected);
}

#[test]
fn own_types_are_announced_but_not_those_that_only_the_bridge_does() {
    let mut bridge = Fixture::new(0);
    bridge.announced("b", &["t"]);
    let announced = |bridge: &mut Fixture| {
        bridge.now += S(3);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
        let effects = bridge.core.take_effects().iter().map(text).collect::<Vec<_>>();
        effects.into_iter().find(|effect| effect.starts_with("announce")).unwrap()
    };
    // The bridge is a worker of the type itself.
    let row = |workers| HashMap::from([("t".to_owned(), TypeRow { workers, free: Some(workers - 1) })]);
    let metrics = |workers| Metrics { up_since: 1_000, max_line: 10_000, draining: false, types: row(workers) };
    announced(&mut bridge);
    bridge.core.on_line(Conn::Main, FromServer::Metrics(metrics(1)));
    assert_eq!(announced(&mut bridge), "announce [] false");
    bridge.core.on_line(Conn::Main, FromServer::Metrics(metrics(2)));
    assert_eq!(announced(&mut bridge), "announce [\"t\"] false");
    let pulls = bridge.effects();
    assert!(pulls.is_empty(), "{pulls:?}");
}

#[test]
fn without_nats_and_while_it_stalls_the_bridge_takes_no_jobs() {
    let mut bridge = Fixture::new(0);
    bridge.announced("b", &["t"]);
    bridge.core.on_engine_lost();
    let withdrawn = [r#"main: {"cmd":"cant_do","types":["t"]}"#, r#"durable: {"cmd":"cant_do","types":["t"]}"#];
    assert_eq!(bridge.effects(), withdrawn);
    // What the bridge has is published when NATS is back.
    assert_eq!(bridge.give(Conn::Durable, 7, "x.1"), [""; 0]);
    bridge.core.on_engine_connected(FACTS);
    let effects = bridge.effects();
    assert_eq!(effects[0], "publish 1 a/1000/x.1 7");
    assert!(effects[1].contains("can_do") && effects[2].contains("can_do"), "{effects:?}");
    // NATS is there, but stores nothing.
    let effects = bridge.pass(S(10));
    assert!(effects.iter().any(|effect| *effect == withdrawn[1]), "{effects:?}");
    bridge.core.on_stored(1, Ok(()));
    assert!(bridge.effects()[1].contains("can_do"));
}

#[test]
fn a_bridge_that_stops_ends_its_jobs_or_gives_them_back() {
    let mut bridge = Fixture::new(1);
    assert!(!bridge.core.is_finished());
    bridge.pulled(1, 1);
    bridge.core.stop();
    assert_eq!(bridge.effects(), [r#"durable: {"cmd":"cant_do","types":["t"]}"#]);
    assert!(!bridge.core.is_finished());
    assert_eq!(bridge.pulled(2, 1), ["bounce 2", "Nak ack2"]);
    bridge.pass(S(7));
    assert!(!bridge.core.is_finished());
    bridge.pass(S(1));
    assert!(bridge.core.is_finished());
    assert_eq!(bridge.effects(), ["bounce 1", "Nak ack1"]);
    let mut idle = Fixture::new(0);
    // A stored job is safe.
    idle.give(Conn::Durable, 7, "x");
    idle.stored(1);
    idle.core.stop();
    assert!(idle.core.is_finished());
}

#[test]
fn a_bridge_that_stops_gives_back_what_pulls_still_bring() {
    let mut bridge = Fixture::new(2);
    bridge.core.on_consumer(&"t".into(), ConsumerState::Ready);
    assert_eq!(bridge.effects(), ["pull t 2"]);
    bridge.core.stop();
    let called_back = |effects: &[String]| effects.iter().any(|effect| effect == "call back t 2");
    let ms = Duration::from_millis;
    assert!(!called_back(&bridge.pass(ms(100))));
    assert_eq!(bridge.pulled(1, 1), ["bounce 1", "Nak ack1"]);
    assert!(!called_back(&bridge.pass(ms(100))), "they bring jobs");
    assert!(!bridge.core.is_finished());
    assert!(called_back(&bridge.pass(ms(100))));
    assert!(!bridge.core.is_finished(), "NATS may have sent a job that is on its way");
    bridge.core.on_pulled(pulled(2, 1), true);
    assert_eq!(bridge.effects(), ["bounce 2", "Nak ack2"]);
    bridge.core.on_called_back();
    assert!(bridge.core.is_finished());
    // Pulls that are used up need not be called back.
    let mut busy = Fixture::new(1);
    busy.core.on_consumer(&"t".into(), ConsumerState::Ready);
    busy.effects();
    busy.core.stop();
    assert!(!busy.core.is_finished());
    busy.pulled(1, 1);
    assert!(busy.core.is_finished());
    // Without NATS nothing comes.
    let mut cut_off = Fixture::new(2);
    cut_off.core.on_consumer(&"t".into(), ConsumerState::Ready);
    cut_off.effects();
    cut_off.core.stop();
    cut_off.core.on_engine_lost();
    assert!(cut_off.core.is_finished());
}

#[test]
fn a_bridge_that_stops_waits_for_spare_and_unstored_jobs() {
    for conn in [Conn::Main, Conn::Durable] {
        let mut bridge = Fixture::new(0);
        bridge.give(conn, 7, "x");
        bridge.core.stop();
        assert!(!bridge.core.is_finished(), "{conn:?}");
        bridge.stored(1);
        assert_eq!(bridge.core.is_finished(), conn == Conn::Durable);
        bridge.result("x", Outcome::Done, "8");
        assert!(!bridge.core.is_finished(), "the sender would wait for the confirmation for minutes");
        bridge.pong(conn);
        assert!(bridge.core.is_finished());
    }
}

#[test]
fn a_server_that_is_too_old_or_does_not_answer_is_left() {
    let mut bridge = Fixture::new(0);
    let line = FromServer::Do { job: 7, reference: None, type_name: "t".to_owned(), run_limit_ms: None, arg: None };
    bridge.core.on_line(Conn::Main, line);
    let effects = bridge.effects();
    assert!(effects[1].starts_with("drop server: it does not know spare workers"), "{effects:?}");
    let mut bridge = Fixture::new(0);
    let is_dropped = |bridge: &mut Fixture| {
        bridge.effects().iter().any(|effect| effect.starts_with("drop server: it has not answered for 10 s"))
    };
    let tick = |bridge: &mut Fixture, ms| {
        bridge.now += Duration::from_millis(ms);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
    };
    tick(&mut bridge, 500);
    // The bridge itself was frozen: the answer may be there, and not read.
    tick(&mut bridge, 60_000);
    assert!(!is_dropped(&mut bridge));
    for _ in 0..20 {
        assert!(!is_dropped(&mut bridge));
        tick(&mut bridge, 500);
    }
    assert!(is_dropped(&mut bridge));
}

#[test]
fn two_bridges_of_one_name_are_noticed() {
    let mut bridge = Fixture::new(0);
    bridge.core.on_announced("a", "1", Vec::new());
    assert_eq!(bridge.effects(), [""; 0]);
    assert_eq!(bridge.announced("a", &["t"]), ["Twin"]);
    assert_eq!(bridge.announced("a", &["t"]), [""; 0]);
}
