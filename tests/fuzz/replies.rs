//! Whatever comes in, each line that goes out is one line of JSON, and what is carried in it is byte for byte what came.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::found::Found;
use crate::world::{Peer, World};
use crate::{Carried, Command, JobOptions, LINES, Outcome, decode, each, found};

#[test]
fn what_is_carried_comes_out_as_it_went_in() {
    bolero::check!(name = "replies").for_each(|bytes: &[u8]| each(bytes, &LINES, check));
}

fn check(bytes: &[u8]) {
    let mut fixture = Fixture::new();
    for line in found(&[bytes]).0 {
        if let Found::Line(line, _) = line {
            fixture.feed(&line);
        }
    }
}

/// A line of the server, as one who reads JSON without a mind for Deputy has it. A member given twice would be an error.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Line<'a> {
    cmd: &'a str,
    #[serde(borrow, deserialize_with = "text")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    type_name: Option<String>,
    job: Option<u64>,
    attempt: Option<u64>,
    run_limit_ms: Option<u64>,
    #[serde(borrow, deserialize_with = "text")]
    arg: Option<&'a str>,
    #[serde(borrow, deserialize_with = "text")]
    res: Option<&'a str>,
    #[serde(borrow, deserialize_with = "text")]
    err: Option<&'a str>,
    #[serde(borrow, deserialize_with = "text")]
    data: Option<&'a str>,
    code: Option<&'a str>,
    error: Option<String>,
}

/// A value as the text that stands there, `null` included.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(|raw| Some(raw.get()))
}

fn read(line: &str) -> Line<'_> {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// A client and two workers, the second of which gave `max_jobs`.
struct Fixture {
    world: World,
    client: Peer,
    workers: [Peer; 2],
}

impl Fixture {
    fn new() -> Self {
        let mut world = World::of(1);
        let client = world.open(0);
        let workers = [None, Some(1)].map(|max_jobs| world.worker(0, &[], max_jobs));
        Self { world, client, workers }
    }

    /// Has values carried that stand in a line, or the line refused.
    fn feed(&mut self, line: &[u8]) {
        match decode(line) {
            Ok(Command::Do { id, type_name, arg, options }) => {
                // Time stands still here, and there is no worker for durable jobs.
                let options = options.map(|options| JobOptions { delay_ms: 0, durable: false, ..*options });
                let options = options.unwrap_or_default();
                self.carry(id, &type_name, arg.and_then(Carried::short), &options, Outcome::Res(arg));
            }
            Ok(Command::Did { id, outcome, .. }) => {
                self.carry(id.unwrap_or("0"), "t", None, &JobOptions::default(), outcome);
            }
            Ok(Command::Progress { id, data, .. }) => {
                let options = JobOptions { progress: true, ..JobOptions::default() };
                self.carry(id.unwrap_or("0"), "t", data.and_then(Carried::short), &options, Outcome::Res(data));
            }
            Ok(_) => {}
            Err(refusal) => {
                let (code, id, is_do) = (refusal.code.name(), refusal.id, refusal.is_do);
                self.world.refused(self.client, &refusal);
                let received = self.received(self.client);
                let received = read(&received);
                assert_eq!((received.code, received.id), (Some(code), id));
                assert_eq!(received.cmd, if is_do { "did" } else { "error" });
            }
        }
    }

    /// Each worker gets a job of this type, says that it is at it, and ends it so.
    fn carry(&mut self, id: &str, type_name: &str, arg: Option<&str>, options: &JobOptions<'_>, outcome: Outcome<'_>) {
        let meaning: String = serde_json::from_str(&format!("\"{type_name}\"")).expect("the inside of a string");
        for worker in self.workers {
            self.world.can_do(worker, &[type_name], None);
            let options_of_it = Some(Box::new(options.clone()));
            let command =
                Command::Do { id, type_name: type_name.into(), arg: arg.map(Carried::Short), options: options_of_it };
            self.world.command(self.client, &command);
            let line = self.received(worker);
            let received = read(&line);
            let run_limit_ms = options.run_limit_ms.filter(|_| received.job.is_some());
            let expected_type = Some(meaning.clone());
            let expected =
                Line { cmd: "do", id: Some(id), type_name: expected_type, arg, run_limit_ms, ..Line::default() };
            assert_eq!(Line { job: None, ..received }, expected);
            if options.background {
                let line = self.received(self.client);
                assert_eq!(read(&line), Line { cmd: "did", id: Some(id), ..Line::default() });
            }
            let key = received.job.map_or_else(|| format!("\"id\":{id}"), |job| format!("\"job\":{job}"));
            let (member, expected) = match outcome {
                Outcome::Res(None) => (String::new(), Line::default()),
                Outcome::Res(Some(res)) => (format!(",\"res\":{res}"), Line { res: res.short(), ..Line::default() }),
                Outcome::Err(err) => {
                    (format!(",\"err\":{err}"), Line { err: err.short(), code: Some("failed"), ..Line::default() })
                }
            };
            let data = arg.map(|data| format!(",\"data\":{data}")).unwrap_or_default();
            self.world.send_line(worker, &format!("{{\"cmd\":\"progress\",{key}{data}}}"));
            if options.progress && arg.is_some() {
                let line = self.received(self.client);
                assert_eq!(read(&line), Line { cmd: "progress", id: Some(id), data: arg, ..Line::default() });
            }
            self.world.send_line(worker, &format!("{{\"cmd\":\"did\",{key}{member}}}"));
            if !options.background {
                let line = self.received(self.client);
                assert_eq!(read(&line), Line { cmd: "did", id: Some(id), ..expected });
            }
            self.world.cant_do(worker, &[type_name]);
        }
    }

    /// Returns the one line that a peer received.
    fn received(&mut self, peer: Peer) -> String {
        let mut lines = self.world.take_lines(peer);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.pop().expect("there is one")
    }
}
