//! A guard against work that creeps in: the instructions of six operations, compared with those on record.
//!
//! Instructions do not depend on what else runs on the machine, so a change of 3% is a change of the code. valgrind counts
//! them: this program runs itself under it once per operation, and counts one function of it, so that preparation and most
//! checks are left out. Nothing is random.
//!
//! - `decode do`, `decode did`: a line of a plain job, from bytes to a command.
//! - `job`: all that the core does for a plain job whose submitter, home and worker are on one shard, and its lines.
//! - `job of 64 slots`: the same with workers of 64 slots, so the lines carry job numbers.
//! - `cancellable job`: the same as `job`, for jobs that can be cancelled, while 10,000 of them wait.
//! - `job at its home`: what a home does for a job whose submitter and worker are on other shards.
//!
//! `record.txt` has a line per change, with its reason; the last one counts. `cargo test` runs each operation once without
//! counting, so that their own checks are made.

#[path = "../dispatch/fixture.rs"]
mod fixture;
#[path = "../dispatch/home.rs"]
mod home;
#[path = "../dispatch/one_shard.rs"]
mod one_shard;
mod record;
mod valgrind;

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deputy::protocol::command::{JobOptions, decode};
use fixture::JOBS;
use one_shard::{OneShard, Shape};
use record::{Counts, Entry};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is done [`JOBS`] times.
struct Operation {
    /// Its name in the record.
    name: &'static str,
    /// Prepares it, and calls the function that is counted.
    run: fn(),
    /// The function that is counted, as a pattern of valgrind.
    counted: &'static str,
}

/// The number of operations.
const OPERATIONS: usize = 6;

const ALL: [Operation; OPERATIONS] = [
    Operation {
        name: "decode do",
        run: || decode_line(r#"{"cmd":"do","id":123456,"type":"thumbnail","arg":"thirty letters and two quotes !!"}"#),
        counted: "*decode_often*",
    },
    Operation {
        name: "decode did",
        run: || decode_line(r#"{"cmd":"did","id":123456,"res":"twenty-two letters, yes"}"#),
        counted: "*decode_often*",
    },
    Operation {
        name: "job",
        run: || _ = OneShard::with_workers(&Shape { workers: 16, in_flight: 256, ..SHAPE }).run(),
        counted: "*OneShard*run_jobs*",
    },
    Operation {
        name: "job of 64 slots",
        run: || _ = OneShard::with_workers(&Shape { workers: 4, slots: 64, in_flight: 1_024, ..SHAPE }).run(),
        counted: "*OneShard*run_jobs*",
    },
    Operation {
        name: "cancellable job",
        run: || {
            let options = Some(JobOptions { cancellable: true, ..JobOptions::default() });
            _ = OneShard::with_backlog(&Shape { workers: 16, in_flight: 10_000, options, ..SHAPE }).run();
        },
        counted: "*OneShard*run_jobs*",
    },
    Operation { name: "job at its home", run: || _ = home::run(true), counted: "*home*deliver*" },
];

const SHAPE: Shape = Shape { types: 1, workers: 0, slots: 0, types_per_worker: 1, in_flight: 0, options: None };

/// Decodes one line again and again. The line is copied to the heap, because checking its UTF-8 takes more instructions at
/// some places in a word than at others.
fn decode_line(line: &str) {
    decode_often(&Vec::from(line));
}

/// Never inlined, because valgrind finds it by its name.
#[inline(never)]
fn decode_often(line: &[u8]) {
    for _ in 0..JOBS {
        black_box(decode(black_box(line))).expect("the line is legal");
    }
}

/// Percent by which an operation may differ from the record.
const TOLERANCE: f64 = 3.0;

/// The same where another compiler or another processor made the record.
const TOLERANCE_ELSEWHERE: f64 = 20.0;

const HELP: &str = "\
Counts the instructions of six operations with valgrind, and compares them with the record.

  cargo bench --bench instructions                      fail if one is more than 3% above the record
  cargo bench --bench instructions -- --record REASON   add the figures of now to the record, with the reason in a line
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        // As valgrind runs it.
        ["--operation", name] => run_one(name),
        ["--bench"] => compare(),
        ["--bench", "--record", reason] | ["--record", reason, "--bench"] => add_to_record(reason),
        // As `cargo test` runs it.
        [] => run_all(),
        _ => Err(HELP.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "{text}"); // The exit code remains if stderr is closed.
            ExitCode::FAILURE
        }
    }
}

fn run_one(name: &str) -> Result<(), String> {
    let operation = ALL.iter().find(|operation| operation.name == name);
    (operation.ok_or_else(|| format!("no operation is called {name}"))?.run)();
    Ok(())
}

/// Runs each operation, and checks that the record can be read and that the comparison would notice a change.
fn run_all() -> Result<(), String> {
    for operation in &ALL {
        (operation.run)();
    }
    let last = last_entry()?;
    let more = last.counts.map(|count| count * 1.04);
    if last.judge(&last.counts, TOLERANCE).is_err() || last.judge(&more, TOLERANCE).is_ok() {
        return Err("the comparison is wrong".to_owned());
    }
    print(&format!("{OPERATIONS} operations run, the record is of {}\n", last.date))
}

/// Counts all operations: instructions per job or line.
fn count() -> Result<Counts, String> {
    let mut counts = [0.0; OPERATIONS];
    for (count, operation) in counts.iter_mut().zip(&ALL) {
        #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
        let each = valgrind::count(operation.name, operation.counted)? as f64 / JOBS as f64;
        *count = each;
    }
    Ok(counts)
}

fn compare() -> Result<(), String> {
    let (last, counts) = (last_entry()?, count()?);
    let here = record::environment();
    let tolerance = if last.environment == here { TOLERANCE } else { TOLERANCE_ELSEWHERE };
    let mut lines = vec![format!("{:<18}{:>12}{:>12}{:>9}", "operation", "record", "now", "change")];
    lines.extend(ALL.iter().zip(last.counts).zip(counts).map(|((operation, before), now)| {
        let change = (now / before - 1.0) * 100.0;
        format!("{:<18}{before:>12.0}{now:>12.0}{change:>8.1}%", operation.name)
    }));
    lines.push(format!("record of {}: {}", last.date, last.reason));
    if last.environment != here {
        lines.push(format!(
            "The record was made with {}, and this is {here}: so {TOLERANCE_ELSEWHERE}% are allowed.",
            last.environment
        ));
    }
    print(&(lines.join("\n") + "\n"))?;
    last.judge(&counts, tolerance).map_err(|worse| {
        format!(
            "more than {tolerance}% above the record: {worse}. benches/README.md says how to find out why. If the change is \
             worth it: cargo bench --bench instructions -- --record REASON"
        )
    })
}

fn add_to_record(reason: &str) -> Result<(), String> {
    let entry = Entry::now(count()?, reason)?;
    let wrong = |error| format!("cannot write to {}: {error}", path().display());
    let mut file = OpenOptions::new().append(true).open(path()).map_err(wrong)?;
    writeln!(file, "{entry}").map_err(wrong)?;
    print(&format!("{entry}\n"))
}

fn last_entry() -> Result<Entry, String> {
    let text = fs::read_to_string(path()).map_err(|error| format!("cannot read {}: {error}", path().display()))?;
    record::last(&text)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/record.txt")
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot write to stdout: {error}"))
}
