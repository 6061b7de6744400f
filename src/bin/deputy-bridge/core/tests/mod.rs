//! Tests of the whole core: events go in as values, and effects come out as texts.

mod held;
mod outgoing;
mod stopping;
mod types;

use std::collections::HashMap;

use bytes::Bytes;

use super::*;
use crate::names::JobName;
use crate::wire::TypeRow;

const S: fn(u64) -> Duration = Duration::from_secs;
const FACTS: EngineFacts = EngineFacts { max_payload: 1_000, duplicate_window: Duration::from_secs(120) };

/// A core of node `a` whose effects are compared as texts.
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

    /// Returns the effects without the frequent ones: pings, queries for figures, announcements and in-progress.
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

    /// Lets time pass in steps that are not too large for a timer. Returns the effects.
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
        Effect::Pulls(PullEffect::Cancel { type_name, most }) => format!("cancel {type_name} {most}"),
        Effect::DropServer { reason } => format!("drop server: {reason}"),
        Effect::AfterRead(..) => unreachable!("the core replaces it"),
        Effect::Notice(notice) => format!("{notice:?}"),
    }
}
