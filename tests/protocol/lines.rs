//! The corpus: each of its lines comes to what its row says, whole or cut, as a later line or as the first.

use deputy::protocol::Code;
use deputy::protocol::command::{
    Command, JobOptions, JobRef, MetricsAsked, Outcome, Refusal, TypeName, TypesAsked, WorkerOptions, decode,
};
use deputy::protocol::frame::{Frame, Framer};

use crate::corpus::{Row, rows};

/// More than any line of the corpus has.
const LINE_BYTES_MAX: usize = 10_000;

/// What lines come to that arrive in these pieces, in the words of the corpus. A line that ends its connection is the last.
fn outcomes<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for mut piece in pieces {
        while let Some(frame) = framer.next(&mut piece, LINE_BYTES_MAX) {
            let (outcome, is_last) = outcome(frame);
            found.push(outcome);
            if is_last {
                return found;
            }
        }
    }
    found
}

/// What a line comes to, and whether it ends its connection.
fn outcome(frame: Frame<'_>) -> (String, bool) {
    match frame {
        Frame::Line { bytes, first } => match decode(bytes) {
            Ok(command) => (understood(&command), false),
            Err(refusal) => (refused(&refusal), first && refusal.code == Code::BadJson),
        },
        Frame::LongLine { .. } => panic!("the framer was asked for whole lines"),
        Frame::NotJson { .. } => (Code::BadJson.name().to_owned(), true),
        Frame::TooLong => (Code::TooLong.name().to_owned(), true),
    }
}

fn understood(command: &Command<'_>) -> String {
    match command {
        Command::Ping => "ping".to_owned(),
        Command::Do { id, type_name, arg, options } => {
            let arg = arg.map_or_else(String::new, |arg| format!(",\"arg\":{arg}"));
            let options = options.as_ref().map_or_else(String::new, |options| asked(options));
            format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}"{arg}}}{options}"#)
        }
        Command::Cancel { id } => format!("cancel {id}"),
        Command::Progress { job, id, data: None } => format!("progress {}", job_name(*job, *id)),
        Command::Progress { job, id, data: Some(data) } => format!("progress {} data {data}", job_name(*job, *id)),
        Command::Stored { job, id } => format!("stored {}", job_name(JobRef::Lease(*job), *id)),
        Command::Did { job, id, outcome } => {
            let name = job_name(*job, *id);
            match outcome {
                Outcome::Res(None) => format!("did {name}"),
                Outcome::Res(Some(res)) => format!("did {name} res {res}"),
                Outcome::Err(err) => format!("did {name} err {err}"),
            }
        }
        Command::CanDo { types, max_jobs, options: WorkerOptions { spare, durable, wants_ref }, .. } => {
            let max_jobs = max_jobs.map_or_else(String::new, |n| format!(" max_jobs {n}"));
            let wants_ref = if *wants_ref { " ref" } else { "" };
            let spare = if *spare { " spare" } else { "" };
            let durable = if *durable { " durable" } else { "" };
            format!("can_do {}{max_jobs}{wants_ref}{spare}{durable}", list(types))
        }
        Command::CantDo { types } => format!("cant_do {}", list(types)),
        Command::Metrics(MetricsAsked { types, histograms, shards }) => {
            let types = match types {
                TypesAsked::None => String::new(),
                TypesAsked::All => " all".to_owned(),
                TypesAsked::Named(types) => format!(" {}", list(types)),
            };
            let histograms = if *histograms { " histograms" } else { "" };
            let shards = if *shards { " shards" } else { "" };
            format!("metrics{types}{histograms}{shards}")
        }
    }
}

/// How a line names a job.
fn job_name(job: JobRef<'_>, id: Option<&str>) -> String {
    match (job, id) {
        (JobRef::Id(id), _) => id.to_owned(),
        (JobRef::Lease(number), None) => format!("job {number}"),
        (JobRef::Lease(number), Some(id)) => format!("job {number} id {id}"),
    }
}

/// The options of a job that are not as if they were absent.
fn asked(options: &JobOptions<'_>) -> String {
    let JobOptions { priority, delay_ms, deadline_ms, run_limit_ms, attempts, .. } = options;
    let JobOptions { cancellable, progress, key, need_worker, background, durable, wait_ms, .. } = options;
    let words = [
        (*priority != 0).then(|| format!(" priority {priority}")),
        (*delay_ms != 0).then(|| format!(" delay_ms {delay_ms}")),
        deadline_ms.map(|ms| format!(" deadline_ms {ms}")),
        run_limit_ms.map(|ms| format!(" run_limit_ms {ms}")),
        attempts.map(|count| format!(" attempts {count}")),
        cancellable.then(|| " cancellable".to_owned()),
        progress.then(|| " progress".to_owned()),
        key.as_ref().map(|key| format!(" key \"{key}\"")),
        need_worker.then(|| " need_worker".to_owned()),
        background.then(|| " background".to_owned()),
        durable.then(|| " durable".to_owned()),
        wait_ms.map(|ms| format!(" wait_ms {ms}")),
    ];
    words.into_iter().flatten().collect()
}

fn list(types: &[TypeName<'_>]) -> String {
    let quoted: Vec<String> = types.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(","))
}

fn refused(refusal: &Refusal<'_>) -> String {
    let code = refusal.code.name();
    match refusal.id {
        None => code.to_owned(),
        Some(id) if refusal.is_do => format!("did {id} {code}"),
        Some(id) => format!("{code} {id}"),
    }
}

/// What a row's line comes to between two pings, which show that it hurts neither what was before nor what comes after.
fn expected(row: &Row) -> Vec<&str> {
    match &*row.outcome {
        "nothing" => vec!["ping", "ping"],
        outcome => vec!["ping", outcome, "ping"],
    }
}

/// The line between two pings, all ended alike.
fn between_pings(row: &Row, end: &[u8]) -> Vec<u8> {
    const PING: &[u8] = br#"{"cmd":"ping"}"#;
    [PING, end, &row.line, end, PING, end].concat()
}

#[test]
fn f34_every_line_of_the_corpus_comes_to_what_its_row_says() {
    let rows = rows();
    assert!(rows.len() > 1_800, "{} rows", rows.len());
    for row in &rows {
        for end in [&b"\n"[..], b"\r\n"] {
            let bytes = between_pings(row, end);
            assert_eq!(outcomes([&bytes[..]]), expected(row), "{}", row.line.escape_ascii());
        }
    }
}

#[test]
fn f20_every_line_of_the_corpus_comes_to_the_same_cut_at_any_place_and_byte_by_byte() {
    for row in rows() {
        let bytes = between_pings(&row, b"\r\n");
        let expected = expected(&row);
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(outcomes([head, tail]), expected, "cut at {at}: {}", row.line.escape_ascii());
        }
        assert_eq!(outcomes(bytes.chunks(1)), expected, "byte by byte: {}", row.line.escape_ascii());
    }
}

#[test]
fn f30_every_line_of_the_corpus_that_is_bad_json_ends_the_connection_whose_first_it_is() {
    for row in rows() {
        let bytes = [&row.line[..], b"\n{\"cmd\":\"ping\"}\n"].concat();
        let expected = match &*row.outcome {
            "bad_json" => vec!["bad_json"],
            _ => expected(&row)[1..].to_vec(),
        };
        assert_eq!(outcomes([&bytes[..]]), expected, "{}", row.line.escape_ascii());
        assert_eq!(outcomes(bytes.chunks(1)), expected, "byte by byte: {}", row.line.escape_ascii());
    }
}
