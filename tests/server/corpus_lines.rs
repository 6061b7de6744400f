//! The corpus over real sockets: each of its lines is answered as its row says, and other connections are served.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::fixture::bystanders::Bystanders;
use super::fixture::net::{Net, over_both};
use crate::client::Client;
use crate::corpus::{Row, lines, rows};

const PING: &[u8] = b"{\"cmd\":\"ping\"}\r\n";
const PONG: &str = r#"{"cmd":"pong"}"#;

#[test]
fn f34_every_line_of_the_corpus_is_answered_as_its_row_says() {
    over_both(&["--threads", "2"], |net| play(net, &rows(), usize::MAX));
}

#[test]
fn f20_every_whole_line_of_the_corpus_is_answered_so_byte_by_byte() {
    over_both(&["--threads", "2"], |net| play(net, &lines(), 1));
}

/// Sends each line on a connection of its own, in pieces of `piece_bytes`.
fn play(net: &Net, rows: &[Row], piece_bytes: usize) {
    let mut bystanders = Bystanders::new(net);
    let (jobs, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.outcome.starts_with('{'));
    let jobs: Vec<&Row> = jobs.into_iter().filter(|row| is_done_by_a_worker(row)).collect();
    for (nth, row) in others.into_iter().enumerate() {
        let mut client = send_row(net, row, piece_bytes);
        expect_answer(&mut client, &row.outcome);
        if nth % 100 == 0 {
            bystanders.are_served();
        }
    }
    let mut submitters: Vec<Client> = jobs.iter().map(|row| send_row(net, row, piece_bytes)).collect();
    for client in &mut submitters {
        client.expect(PONG);
    }
    bystanders.are_served();
    do_all(net, &jobs);
    for (row, client) in jobs.iter().zip(&mut submitters) {
        client.expect(&answer(job_line(row)));
        client.expect_nothing();
    }
    bystanders.are_served();
}

/// The line that a worker is sent, without the options behind it.
fn job_line(row: &Row) -> &str {
    row.outcome.rfind('}').map_or("", |end| &row.outcome[..=end])
}

/// Whether the job waits for a worker that comes later, and is answered when that has done it. Others are subjects of
/// `tests/dispatch`.
fn is_done_by_a_worker(row: &Row) -> bool {
    let options = &row.outcome[job_line(row).len()..];
    !["delay_ms", "need_worker", "background", "wait_ms", "durable"].iter().any(|name| options.contains(name))
}

/// Sends the line between two pings, of which the first is answered.
fn send_row(net: &Net, row: &Row, piece_bytes: usize) -> Client {
    let mut client = net.connect(&row.line.escape_ascii().to_string());
    let bytes = [PING, &row.line, b"\n", PING].concat();
    bytes.chunks(piece_bytes).for_each(|piece| client.send_bytes(piece));
    client.expect(PONG);
    client
}

/// The line is answered so, and the ping behind it.
fn expect_answer(client: &mut Client, outcome: &str) {
    let (word, rest) = outcome.split_once(' ').unwrap_or((outcome, ""));
    match word {
        "nothing" | "can_do" | "cant_do" | "cancel" => {}
        "ping" => client.expect(PONG),
        "metrics" => {
            // The table by type comes when all shards have sent theirs.
            let mut lines = [client.line(), client.line()];
            lines.sort();
            assert!(lines[0].starts_with(r#"{"cmd":"metrics","#) && lines[1] == PONG, "{lines:?}");
            return;
        }
        "did" => match rest.strip_suffix(" bad_request") {
            Some(id) => {
                let line = client.line();
                assert!(line.starts_with(&format!(r#"{{"cmd":"did","id":{id},"err":""#)), "{line}");
                assert!(line.ends_with(r#"","code":"bad_request"}"#), "{line}");
            }
            None => client.expect_error("not_holding", id_of_did(rest)),
        },
        "progress" | "stored" => client.expect_error("not_holding", id_of_did(rest)),
        code => client.expect_error(code, Some(rest).filter(|id| !id.is_empty())),
    }
    client.expect(PONG);
}

/// The id of a `did`, `progress` or `stored` that names its job in one of these ways: `1 res 2`, `job 17`, `job 17 id "x"`.
fn id_of_did(rest: &str) -> Option<&str> {
    match rest.split(' ').collect::<Vec<_>>()[..] {
        ["job", _, "id", id, ..] => Some(id),
        ["job", ..] | [] => None,
        [id, ..] => Some(id),
    }
}

/// What a worker must know of a job to end it. What else there is may be more than the parser cares to understand.
#[derive(serde::Deserialize)]
struct Job<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, rename = "type")]
    type_name: &'a RawValue,
}

fn job(line: &str) -> Job<'_> {
    serde_json::from_str(line).unwrap()
}

/// The submitter's answer to a job whose worker gave its argument back.
fn answer(job_line: &str) -> String {
    let arg = job_line.strip_suffix('}').unwrap().split_once(r#","arg":"#);
    let res = arg.map_or_else(String::new, |(_, arg)| format!(r#","res":{arg}"#));
    format!(r#"{{"cmd":"did","id":{}{res}}}"#, job(job_line).id)
}

/// A worker is sent each of these jobs once, to the byte, and gives its argument back.
fn do_all(net: &Net, jobs: &[&Row]) {
    let mut worker = net.connect("the worker");
    for row in jobs {
        worker.send(&format!(r#"{{"cmd":"can_do","types":[{}]}}"#, job(job_line(row)).type_name));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for row in jobs {
        *left.entry(job_line(row)).or_default() += 1;
    }
    for _ in jobs {
        let line = worker.line();
        let count = left.get_mut(&*line).unwrap_or_else(|| panic!("no such job was submitted: {line}"));
        *count = count.checked_sub(1).unwrap_or_else(|| panic!("this job came once too often: {line}"));
        worker.send(&answer(&line));
    }
    worker.expect_nothing();
}
