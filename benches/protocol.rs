//! The wire's part of a job: framing bytes into lines, decoding lines, encoding replies.
//!
//! Workload: 64 different lines of each kind, from a fixed seed, as clients write them (without white space). Units: bytes
//! per second for framing, lines per second for the rest. Each benchmark checks its results once before it is timed. Under
//! `cargo test` it does that and one pass over the lines.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use deputy::limits::{LINE_BYTES_DEFAULT, READ_BUFFER_BYTES, WHOLE_LINE_BYTES_MAX};
use deputy::protocol::command::{Command, JobOptions, JobRef, Outcome, WorkerOptions, decode, decode_frame};
use deputy::protocol::frame::{Frame, Framer};
use deputy::protocol::reply::Reply;

#[path = "../tests/common/random.rs"]
mod random;

use random::Random;

/// Lines of each kind: enough that the branch predictor does not learn them.
const LINES: usize = 64;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A line, and its meaning in Rust's notation.
struct Case {
    line: String,
    meaning: String,
}

impl Case {
    fn new(line: String, meaning: &Command<'_>) -> Self {
        Self { line, meaning: format!("{meaning:?}") }
    }
}

/// Returns a JSON string of this many letters.
fn string(random: &mut Random, letters: usize) -> String {
    let inside = (0..letters).map(|_| char::from(*random.pick(b"abcdefghijklmnopqrstuvwxyz0123456789 /.-")));
    format!("\"{}\"", inside.collect::<String>())
}

/// Returns an id of six digits, as counting clients use.
fn id(random: &mut Random) -> String {
    (100_000 + random.below(900_000)).to_string()
}

/// Returns a `do` with this argument.
fn submission(random: &mut Random, arg: &str) -> Case {
    let (id, name) = (id(random), format!("t{}", random.below(100)));
    let line = format!(r#"{{"cmd":"do","id":{id},"type":"{name}","arg":{arg}}}"#);
    Case::new(line, &Command::Do { id: &id, type_name: name.into(), arg: Some(arg.into()), options: None })
}

fn do_plain(random: &mut Random) -> Case {
    let arg = string(random, 30);
    submission(random, &arg)
}

/// Returns a `do` whose argument nests objects, lists, numbers and strings, 4 KiB or slightly more.
fn do_nested(random: &mut Random) -> Case {
    let mut arg = String::from("[");
    while arg.len() < 4_096 {
        let (name, number, text) = (string(random, 6), random.below(1_000_000), string(random, 12));
        write!(arg, r#"{{{name}:[{number},-{number}.25,{{"on":true,"text":{text}}}]}},"#)
            .expect("writing to a String cannot fail");
    }
    arg.push_str("null]");
    submission(random, &arg)
}

/// Returns a `do` with escapes in its id, type and argument.
fn do_escaped(random: &mut Random) -> Case {
    let (id, arg) = (format!(r#""j\u002d{}""#, random.below(1_000)), r#""C:\\a\tb \ud83d\ude00""#);
    let line = format!(r#"{{"cmd":"do","id":{id},"type":"im\u0061ges\/\u00e9","arg":{arg}}}"#);
    Case::new(line, &Command::Do { id: &id, type_name: "images/\u{e9}".into(), arg: Some(arg.into()), options: None })
}

/// Returns a `do` with options.
fn do_options(random: &mut Random) -> Case {
    let (id, arg, limit) = (id(random), string(random, 30), 1 + random.below(100_000) as u64);
    let line = format!(
        r#"{{"cmd":"do","id":{id},"type":"t","priority":5,"run_limit_ms":{limit},"cancellable":true,"arg":{arg}}}"#
    );
    let options = JobOptions { priority: 5, run_limit_ms: Some(limit), cancellable: true, ..JobOptions::default() };
    let options = Some(Box::new(options));
    Case::new(line, &Command::Do { id: &id, type_name: "t".into(), arg: Some((&arg).into()), options })
}

fn did_by_id(random: &mut Random) -> Case {
    let (id, res) = (id(random), string(random, 22));
    let line = format!(r#"{{"cmd":"did","id":{id},"res":{res}}}"#);
    Case::new(line, &Command::Did { job: JobRef::Id(&id), id: Some(&id), outcome: Outcome::Res(Some((&res).into())) })
}

fn did_by_number(random: &mut Random) -> Case {
    let (job, res) = (random.below(1 << 40), string(random, 22));
    let line = format!(r#"{{"cmd":"did","job":{job},"res":{res}}}"#);
    Case::new(
        line,
        &Command::Did { job: JobRef::Lease(job as u64), id: None, outcome: Outcome::Res(Some((&res).into())) },
    )
}

fn can_do(random: &mut Random) -> Case {
    let types = [string(random, 8), string(random, 12), string(random, 4)];
    let line = format!(r#"{{"cmd":"can_do","types":[{}],"max_jobs":16}}"#, types.join(","));
    let types = types.iter().map(|name| name.trim_matches('"').into()).collect();
    Case::new(line, &Command::CanDo { types, max_jobs: Some(16), options: WorkerOptions::default(), id: None })
}

fn cases(make: fn(&mut Random) -> Case) -> Vec<Case> {
    let mut random = Random::new(1);
    (0..LINES).map(|_| make(&mut random)).collect()
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, cases) in [
        ("do, arg of 32 bytes", cases(do_plain)),
        ("do, arg of 4 KiB, nested", cases(do_nested)),
        ("do, escapes", cases(do_escaped)),
        ("do, 3 options, arg of 32 bytes", cases(do_options)),
        ("did by id", cases(did_by_id)),
        ("did by job", cases(did_by_number)),
        ("can_do, 3 types", cases(can_do)),
    ] {
        for Case { line, meaning } in &cases {
            let command = decode(line.as_bytes()).expect("the line is legal");
            assert_eq!(format!("{command:?}"), *meaning, "{line}");
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for case in &cases {
                    black_box(decode(black_box(case.line.as_bytes()))).expect("the line is legal");
                }
            });
        });
    }
    group.finish();
}

/// Frames pieces into lines; returns the number of lines and their bytes.
fn frame<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (usize, usize) {
    let (mut framer, mut lines, mut bytes_seen) = (Framer::default(), 0, 0);
    for mut piece in pieces {
        while let Some(frame) = framer.next(&mut piece, LINE_BYTES_DEFAULT) {
            let Frame::Line { bytes, .. } = frame else { panic!("the lines are legal") };
            lines += 1;
            bytes_seen += black_box(bytes).len();
        }
    }
    (lines, bytes_seen)
}

/// Frames one read's worth of `do` lines: in one piece, and cut so that most lines arrive in two parts.
fn framing(criterion: &mut Criterion) {
    let mut random = Random::new(2);
    let (mut chunk, mut lines) = (String::new(), 0);
    while chunk.len() < READ_BUFFER_BYTES {
        chunk.push_str(&do_plain(&mut random).line);
        chunk.push('\n');
        lines += 1;
    }
    let answer = (lines, chunk.len() - lines);
    let mut pieces = Vec::new();
    let mut rest = chunk.as_bytes();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(1 + random.below(150)));
        pieces.push(piece);
        rest = after;
    }
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Bytes(chunk.len() as u64));
    for (name, pieces) in
        [("64 KiB of whole lines", vec![chunk.as_bytes()]), ("64 KiB in pieces of 1 to 150 bytes", pieces)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(frame(black_box(&pieces).iter().copied()), answer));
        });
    }
    group.finish();
}

/// Frames and decodes `do` lines of 8 MiB that arrive in reads: in one piece at their end, and checked as they come.
fn long_lines(criterion: &mut Criterion) {
    const BYTES: usize = 8 << 20;
    let mut group = criterion.benchmark_group("long");
    group.throughput(Throughput::Bytes(BYTES as u64)).sample_size(10);
    for (name, value) in [
        ("text", format!("\"{}\"", "x".repeat(BYTES))),
        ("text with escapes", format!("\"{}\"", "\\n".repeat(BYTES / 2))),
        ("text of two-byte characters", format!("\"{}\"", "\u{e9}".repeat(BYTES / 2))),
        ("numbers", format!("[{}0]", "0,".repeat(BYTES / 2))),
        ("objects", format!("[{}0]", r#"{"a":[1,"b"]},"#.repeat(BYTES / 14))),
    ] {
        let line = format!("{{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"arg\":{value}}}\n");
        for (how, whole_bytes_max) in [("in one piece", usize::MAX), ("as it comes", WHOLE_LINE_BYTES_MAX)] {
            group.bench_function(format!("{name}, {how}"), |bencher| {
                bencher.iter(|| {
                    let (mut framer, mut commands) = (Framer::default(), 0);
                    for mut piece in black_box(line.as_bytes()).chunks(READ_BUFFER_BYTES) {
                        while let Some(frame) = framer.next_checked(&mut piece, 2 * BYTES, whole_bytes_max) {
                            commands += usize::from(decode_frame(frame).is_ok());
                        }
                    }
                    assert_eq!(commands, 1);
                });
            });
        }
    }
    group.finish();
}

/// The parts of a reply.
struct Texts {
    id: String,
    value: String,
    job: u64,
}

/// Returns a `do` to a worker, which has the job's number if the worker gave `max_jobs`.
fn reply_do(it: &Texts, job: Option<u64>) -> Reply<'_> {
    Reply::Do {
        id: &it.id,
        type_name: "t17",
        job,
        attempt: 1,
        run_limit_ms: None,
        reference: None,
        arg: Some((&it.value).into()),
    }
}

/// A kind of reply, and the line that it must become.
struct Kind {
    name: &'static str,
    reply: fn(&Texts) -> Reply<'_>,
    line: fn(&Texts) -> String,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "do, arg of 32 bytes",
        reply: |it| reply_do(it, None),
        line: |it| format!(r#"{{"cmd":"do","id":{},"type":"t17","arg":{}}}"#, it.id, it.value),
    },
    Kind {
        name: "do with a number, arg of 32 bytes",
        reply: |it| reply_do(it, Some(it.job)),
        line: |it| format!(r#"{{"cmd":"do","id":{},"type":"t17","job":{},"arg":{}}}"#, it.id, it.job, it.value),
    },
    Kind {
        name: "did, res of 32 bytes",
        reply: |it| Reply::Done { id: &it.id, res: Some((&it.value).into()) },
        line: |it| format!(r#"{{"cmd":"did","id":{},"res":{}}}"#, it.id, it.value),
    },
];

/// Encodes replies into one buffer, as a turn does.
fn encoding(criterion: &mut Criterion) {
    let mut random = Random::new(3);
    let texts: Vec<_> = (0..LINES)
        .map(|_| Texts { id: id(&mut random), value: string(&mut random, 30), job: random.below(1 << 40) as u64 })
        .collect();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(LINES as u64));
    for Kind { name, reply, line } in KINDS {
        let lines: String = texts.iter().map(|texts| line(texts) + "\r\n").collect();
        let mut out = Vec::new();
        let mut append = || {
            out.clear();
            for texts in black_box(&texts) {
                reply(texts).encode(&mut out);
            }
            black_box(&out).len()
        };
        group.bench_function(name, |bencher| bencher.iter(|| assert_eq!(append(), lines.len())));
        assert_eq!(String::from_utf8(out).as_ref(), Ok(&lines));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = framing, long_lines, decoding, encoding
}
criterion_main!(benches);
