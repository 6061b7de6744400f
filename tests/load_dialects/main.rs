//! What the load says to other job servers and makes of what they say, byte by byte: whole, and cut anywhere.

#![allow(dead_code, reason = "the programs use all of these modules, the tests a part")]

#[path = "../../benches/harness/check.rs"]
mod check;
#[path = "../../benches/harness/dialect/mod.rs"]
mod dialect;
#[path = "../../benches/harness/figure.rs"]
mod figure;
#[path = "../../benches/harness/workload.rs"]
mod workload;

mod beanstalkd;
mod gearman;
mod nats;
mod redis;

use check::Wrong;
use dialect::{Dialect, Heard, Language, Place};
use workload::{JobName, Shape, Workload};

const OTHERS: [Language; 4] = [Language::Gearman, Language::Beanstalkd, Language::Redis, Language::Nats];
const SUBMITTER: Place<'static> = Place::Submitter(7);
const HEARER: Place<'static> = Place::Hearer(7);
const WORKER: Place<'static> = Place::Worker { types: &[3, 12], max_jobs: 0 };

/// Of type 3 out of 20, as its submitter's first job is of type 7.
const JOB: JobName = JobName { submitter: 7, sequence: 16 };

fn workload() -> Workload {
    Workload::new(Shape { types: 20, arg_bytes: (16, 16), ..Shape::DEFAULT }, 0)
}

/// A connection of this kind, whose greeting is forgotten.
fn greeted(language: Language, place: Place<'_>) -> Box<dyn Dialect> {
    let mut dialect = language.dialect();
    dialect.greet(place, &mut Vec::new());
    dialect
}

fn greeting(language: Language, place: Place<'_>) -> String {
    said(|out| language.dialect().greet(place, out))
}

fn said(say: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    say(&mut out);
    String::from_utf8(out).expect("what is said is text")
}

/// What was heard in some input, as text, and what was said in return. The last line may be an error.
#[derive(Debug, Default, PartialEq)]
struct Talk {
    heard: Vec<String>,
    said: String,
}

/// Gives the input to a connection in pieces, each behind what was left of those before.
fn talk<'a>(dialect: &mut dyn Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Talk {
    let (mut talk, mut partial, mut out) = (Talk::default(), Vec::new(), Vec::new());
    'pieces: for piece in pieces {
        partial.extend_from_slice(piece);
        let mut rest = &partial[..];
        loop {
            match dialect.hear(&mut rest, &mut out) {
                Ok(Some(heard)) => talk.heard.push(told(&heard)),
                Ok(None) => break,
                Err(wrong) => {
                    talk.heard.push(told_of_wrong(&wrong).to_owned());
                    break 'pieces;
                }
            }
        }
        let taken = partial.len() - rest.len();
        partial.drain(..taken);
    }
    talk.said = String::from_utf8(out).expect("what is said is text");
    talk
}

fn told(heard: &Heard<'_>) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match heard {
        Heard::Job { id, type_number, ticket, arg } => {
            format!("job {id:?} of {type_number:?}, ticket «{}»: {}", text(ticket), text(arg))
        }
        Heard::Answer { id, res } => format!("answer {id:?}: {}", text(res)),
        Heard::Refused(said) => format!("refused: {}", text(said)),
        Heard::Receipt => "receipt".to_owned(),
    }
}

fn told_of_wrong(wrong: &Wrong) -> &'static str {
    match wrong {
        Wrong::Unexpected(_) => "not to be expected",
        _ => "wrong",
    }
}

/// Checks that a connection hears this, and says that in return, however its input is cut.
fn check(language: Language, place: Place<'_>, input: &[u8], heard: &[&str], said: &str) {
    let expected = Talk { heard: heard.iter().map(|text| (*text).to_owned()).collect(), said: said.to_owned() };
    assert_eq!(talk(&mut *greeted(language, place), [input]), expected, "{language:?}, whole");
    assert_eq!(talk(&mut *greeted(language, place), input.chunks(1)), expected, "{language:?}, byte by byte");
    for cut in 1..input.len() {
        let (before, after) = input.split_at(cut);
        assert_eq!(talk(&mut *greeted(language, place), [before, after]), expected, "{language:?}, cut at {cut}");
    }
}

#[test]
fn input_without_an_end_is_given_up() {
    for language in [Language::Beanstalkd, Language::Redis, Language::Nats] {
        let heard = talk(&mut *greeted(language, WORKER), [&vec![b'x'; 1 << 17][..]]).heard;
        assert_eq!(heard, ["not to be expected"], "{language:?}");
    }
    for input in ["RESERVED 1 99999999999\r\n", "*2\r\n$99999999999\r\n", "MSG t3 4 _INBOX.7.1 99999999999\r\n"] {
        let heard = OTHERS.map(|language| talk(&mut *greeted(language, WORKER), [input.as_bytes()]).heard);
        assert!(heard.iter().all(|heard| heard == &["not to be expected"]), "{input}: {heard:?}");
    }
}
