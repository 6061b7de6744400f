//! Peers that speak no Deputy, or speak it with bad intent.

use std::fmt::Write;
use std::time::Instant;

use super::{Fault, TYPES};
use crate::random::Random;
use crate::round::{Phase, Round};
use crate::wait::PATIENCE;
use crate::wire::{Leave, Received, Wire};

/// Each closes a connection that begins with it.
const OTHER_PROTOCOLS: [&[u8]; 8] = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n{\"cmd\":\"do\",\"id\":1,\"type\":\"a\"}\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"*1\r\n$4\r\nPING\r\n",
    b"\0REQ\0\0\0\x07\0\0\0\0",
    b"{\"cmd\":\"ping\"\n",
    b"{\"cmd\":\"p\xffng\"}\n",
    b"[]\n",
];

/// Each is answered by an `error`, or `did` where it has an id, and the connection goes on.
const BAD_LINES: [&str; 8] = [
    r#"{"cmd":"do","id":1}"#,
    r#"{"cmd":"do","id":1,"type":""}"#,
    r#"{"cmd":"dough"}"#,
    r#"{"cmd":"did","id":1,"res":1,"err":1}"#,
    r#"{"cmd":"can_do","types":["a",1]}"#,
    r#"{"cmd":"can_do","types":["a"],"max_jobs":0}"#,
    r#"{"cmd":"metrics","types":{}}"#,
    "{\"cmd\":\"ping\"}\u{0}",
];

/// Sends a line that is not valid. The server answers with an error or closes the connection.
pub(super) fn garbage(round: &Round, random: &mut Random) {
    let Some(mut wire) = round.connect(random) else { return };
    if random.one_in(2) {
        wire.send(random.pick(&OTHER_PROTOCOLS));
        wait_for_the_end(round, wire, Fault::Garbage);
    } else {
        wire.send(format!("{{\"cmd\":\"ping\"}}\n{}\n", random.pick(&BAD_LINES)));
        expect(round, &mut wire, &[r#"{"cmd":"pong"}"#, r#"{"cmd":"#], Fault::Garbage);
        wire.leave(*random.pick(&Leave::ALL));
    }
}

/// A line without end.
pub(super) fn long_line(round: &Round, random: &mut Random) {
    let Some(mut wire) = round.connect(random) else { return };
    wire.send(r#"{"cmd":"do","id":1,"type":"a","arg":""#);
    // It fails when the server has read enough of it.
    let part = "x".repeat(64 << 10);
    while wire.send(&part) && !round.is(Phase::Over) {
        if let Received::Line(_) | Received::End = wire.receive() {
            break;
        }
    }
    wait_for_the_end(round, wire, Fault::LongLine);
}

/// Answers jobs of others, by numbers and ids that they may well have.
pub(super) fn thief(round: &Round, random: &mut Random) {
    let Some(mut wire) = round.connect(random) else { return };
    let mut lines = String::new();
    for _ in 0..20 {
        let id = random.below(100);
        let name = match random.below(3) {
            0 => format!(r#""id":{id}"#),
            1 => format!(r#""id":"{id}""#),
            _ => format!(r#""job":{}"#, random.below(20_000)),
        };
        writeln!(lines, r#"{{"cmd":"did",{name},"res":"stolen"}}"#).unwrap();
    }
    wire.send(lines);
    expect(round, &mut wire, &[r#"{"cmd":"error","code":"not_holding","#; 20], Fault::Thief);
    wire.leave(*random.pick(&Leave::ALL));
}

/// Goes in the middle of a line that would have been a job, or a worker.
pub(super) fn reset_mid_line(round: &Round, random: &mut Random) {
    let Some(mut wire) = round.connect(random) else { return };
    let lines = [
        format!(r#"{{"cmd":"do","id":1,"type":"a","arg":"{}"}}"#, "x".repeat(random.below(8 << 10))),
        format!(r#"{{"cmd":"can_do","types":{TYPES:?},"max_jobs":8}}"#),
    ];
    let line = random.pick(&lines);
    wire.send(&line[..random.below(line.len())]);
    wire.leave(Leave::Reset);
    round.tally.made(Fault::MidLineReset, 1);
}

/// These must be the beginnings of what comes, unless the connection is refused.
fn expect(round: &Round, wire: &mut Wire, beginnings: &[&str], fault: Fault) {
    for beginning in beginnings {
        match next(round, wire) {
            Some(line) if line.starts_with(beginning) => {}
            Some(line) => return round.fail(format!("a stranger received {line}, and not {beginning}...")),
            None => return,
        }
    }
    round.tally.made(fault, 1);
}

/// The server must close the connection.
fn wait_for_the_end(round: &Round, mut wire: Wire, fault: Fault) {
    while let Some(line) = next(round, &mut wire) {
        if !line.starts_with(r#"{"cmd":"error","#) {
            return round.fail(format!("a stranger received {line}"));
        }
    }
    round.tally.made(fault, 1);
}

/// The next line, or none at the end of the connection.
fn next(round: &Round, wire: &mut Wire) -> Option<String> {
    let start = Instant::now();
    while !round.is(Phase::Over) {
        match wire.receive() {
            Received::Line(line) => return Some(line),
            Received::Nothing if start.elapsed() > PATIENCE => {
                round.fail("the server neither answers a stranger nor closes the connection");
            }
            Received::Nothing => {}
            Received::End => break,
        }
    }
    None
}
