//! What the load sends to other projects' servers and reads from them, byte by byte: complete, and cut at every byte.

mod beanstalkd;
mod gearman;
mod jetstream;
mod nats;
mod redis;
mod redis_streams;

use crate::traffic::check::Wrong;
use crate::traffic::drivers::{Awaits, Driver, Endpoint, Protocol, ServerMessage, Storage};
use crate::traffic::workload::{JobKey, Shape, Workload};

/// Those whose messages are lines and blocks.
const TEXT_PROTOCOLS: [Protocol; 6] = [
    Protocol::Beanstalkd(Awaits::Result),
    Protocol::Redis,
    Protocol::RedisStreams,
    Protocol::Nats,
    Protocol::JetStream(Storage::Memory),
    Protocol::JetStreamResults(1),
];
const SUBMITTER: Endpoint<'static> = Endpoint::Submitter(7);
const ANSWERS: Endpoint<'static> = Endpoint::Answers { submitter: 7, at_once: 0 };
const WORKER: Endpoint<'static> = Endpoint::Worker { number: 5, types: &[3, 12], max_jobs: 0 };
/// A worker of one type that has several slots.
const WORKER_OF_FOUR: Endpoint<'static> = Endpoint::Worker { number: 5, types: &[3], max_jobs: 4 };
const AUDITOR: Endpoint<'static> = Endpoint::Auditor(&[3, 12]);

/// A job of type 3 of 20, because its submitter's first job has type 7.
const JOB: JobKey = JobKey { submitter: 7, sequence: 16 };

fn workload() -> Workload {
    Workload::new(Shape { types: 20, arg_bytes: (16, 16), ..Shape::DEFAULT }, 0)
}

/// Returns a driver of this kind of connection, after its greeting.
fn greeted(protocol: Protocol, endpoint: Endpoint<'_>) -> Box<dyn Driver> {
    let mut driver = protocol.driver();
    driver.greet(endpoint, &mut Vec::new());
    driver
}

fn greeting(protocol: Protocol, endpoint: Endpoint<'_>) -> String {
    sent(|out| protocol.driver().greet(endpoint, out))
}

fn sent(send: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    send(&mut out);
    String::from_utf8(out).expect("what is sent is text")
}

/// The messages in some input, as text, and the replies to them. The last message may be an error.
#[derive(Debug, Default, PartialEq)]
struct Exchange {
    messages: Vec<String>,
    sent: String,
}

/// Gives the input to a driver in pieces, each after the unread rest of those before.
fn exchange<'a>(driver: &mut dyn Driver, pieces: impl IntoIterator<Item = &'a [u8]>) -> Exchange {
    let (mut exchange, mut partial, mut out) = (Exchange::default(), Vec::new(), Vec::new());
    'pieces: for piece in pieces {
        partial.extend_from_slice(piece);
        let mut rest = &partial[..];
        loop {
            match driver.next_message(&mut rest, &mut out) {
                Ok(Some(message)) => exchange.messages.push(describe(&message)),
                Ok(None) => break,
                Err(wrong) => {
                    exchange.messages.push(describe_error(&wrong).to_owned());
                    break 'pieces;
                }
            }
        }
        let taken = partial.len() - rest.len();
        partial.drain(..taken);
    }
    exchange.sent = String::from_utf8(out).expect("what is sent is text");
    exchange
}

fn describe(message: &ServerMessage<'_>) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match message {
        ServerMessage::Job { id, type_number, handle, arg, .. } => {
            format!("job {id:?} of {type_number:?}, handle «{}»: {}", text(handle), text(arg))
        }
        ServerMessage::Answer { id, res } => format!("answer {id:?}: {}", text(res)),
        other @ (ServerMessage::Cancel { .. } | ServerMessage::Ended { .. } | ServerMessage::Progress { .. }) => {
            format!("{other:?}")
        }
        ServerMessage::Left(jobs) => format!("{jobs} left"),
        ServerMessage::Refused(line) => format!("refused: {}", text(line)),
        ServerMessage::Receipt => "receipt".to_owned(),
    }
}

fn describe_error(wrong: &Wrong) -> &'static str {
    match wrong {
        Wrong::Unexpected(_) => "unexpected",
        _ => "wrong",
    }
}

/// Checks that a connection reads these messages and sends these replies, wherever its input is cut.
fn check(protocol: Protocol, endpoint: Endpoint<'_>, input: &[u8], messages: &[&str], sent: &str) {
    let messages = messages.iter().map(|text| (*text).to_owned()).collect();
    let expected = Exchange { messages, sent: sent.to_owned() };
    let driver = || greeted(protocol, endpoint);
    assert_eq!(exchange(&mut *driver(), [input]), expected, "{protocol:?}, complete");
    assert_eq!(exchange(&mut *driver(), input.chunks(1)), expected, "{protocol:?}, byte by byte");
    for cut in 1..input.len() {
        let (before, after) = input.split_at(cut);
        assert_eq!(exchange(&mut *driver(), [before, after]), expected, "{protocol:?}, cut at {cut}");
    }
}

#[test]
fn input_without_an_end_is_an_error() {
    for protocol in TEXT_PROTOCOLS {
        let messages = exchange(&mut *greeted(protocol, WORKER), [&vec![b'x'; 1 << 17][..]]).messages;
        assert_eq!(messages, ["unexpected"], "{protocol:?}");
    }
    for input in ["RESERVED 1 99999999999\r\n", "*2\r\n$99999999999\r\n", "MSG t3 4 _INBOX.7.1 99999999999\r\n"] {
        let read = |protocol| exchange(&mut *greeted(protocol, WORKER), [input.as_bytes()]).messages;
        let all: Vec<_> = TEXT_PROTOCOLS.into_iter().chain([Protocol::Gearman(Awaits::Result)]).map(read).collect();
        // The first line alone begins a reply of two streams.
        let unexpected = |messages: &Vec<String>| messages.last().is_some_and(|last| last == "unexpected");
        assert!(all.iter().all(unexpected), "{input}: {all:?}");
    }
}
