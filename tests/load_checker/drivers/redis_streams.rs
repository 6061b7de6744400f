//! Redis streams.

use super::{
    AUDITOR, JOB, Protocol, SUBMITTER, WORKER, WORKER_OF_FOUR, check, exchange, greeted, greeting, sent, workload,
};

const STREAMS: Protocol = Protocol::RedisStreams;

/// Writes a command.
fn command(words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let bulk = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    format!("*{}\r\n{}", words.len(), words.iter().map(bulk).collect::<String>())
}

/// Writes the entry of a job.
fn entry(id: &str, arg: &str) -> String {
    format!("*2\r\n${}\r\n{id}\r\n{}", id.len(), command(&format!("arg {arg}")))
}

#[test]
fn a_redis_job_is_accepted_when_it_is_added() {
    let accepted = "Ended { id: None, end: Accepted }";
    check(STREAMS, SUBMITTER, b"$3\r\n1-0\r\n$3\r\n1-1\r\n", &[accepted; 2], "");
    let submitted = sent(|out| greeted(STREAMS, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, command("XADD t3 * arg \"00070000000010\""));
}

#[test]
fn a_redis_worker_creates_its_groups_and_reads_its_streams() {
    let create = |stream| command(&format!("XGROUP CREATE {stream} workers 0 MKSTREAM"));
    let read = command("XREADGROUP GROUP workers w5 COUNT 1 BLOCK 0 STREAMS t3 t12 > >");
    assert_eq!(greeting(STREAMS, WORKER), format!("{}{}{read}", create("t3"), create("t12")));
    let read = command("XREADGROUP GROUP workers w5 COUNT 4 BLOCK 0 STREAMS t3 >");
    assert_eq!(greeting(STREAMS, WORKER_OF_FOUR), format!("{}{read}", create("t3")));
    assert_eq!(greeting(STREAMS, SUBMITTER), "");
    check(STREAMS, WORKER, b"+OK\r\n-BUSYGROUP Consumer Group name already exists\r\n", &["receipt"; 2], "");
}

#[test]
fn a_redis_worker_acknowledges_and_deletes_what_it_read_when_all_of_it_is_done() {
    let input = format!(
        "+OK\r\n+OK\r\n*2\r\n*2\r\n$3\r\nt12\r\n*1\r\n{}*2\r\n$2\r\nt3\r\n*2\r\n{}{}",
        entry("1-0", "\"a\""),
        entry("1-0", "\"b\""),
        entry("2-0", "\"\"")
    );
    let job = |number, arg| format!("job None of Some({number}), handle «»: {arg}");
    let jobs = [job(12, "\"a\""), job(3, "\"b\""), job(3, "\"\"")];
    let messages = ["receipt", "receipt", "receipt", "receipt", &jobs[0], "receipt", &jobs[1], &jobs[2]];
    check(STREAMS, WORKER, input.as_bytes(), &messages, "");
    let mut worker = greeted(STREAMS, WORKER);
    exchange(&mut *worker, [input.as_bytes()]);
    let mut answer = || sent(|out| worker.answer(b"", JOB, b"\"\"", out));
    assert_eq!((answer(), answer()), (String::new(), String::new()));
    let words = ["XACK t3 workers 1-0 2-0", "XDEL t3 1-0 2-0", "XACK t12 workers 1-0", "XDEL t12 1-0"];
    let read = "XREADGROUP GROUP workers w5 COUNT 1 BLOCK 0 STREAMS t3 t12 > >";
    assert_eq!(answer(), words.into_iter().chain([read]).map(command).collect::<String>());
    check(STREAMS, WORKER, b":2\r\n:2\r\n", &["receipt"; 2], "");
}

#[test]
fn redis_says_how_long_its_streams_are() {
    assert_eq!(greeting(STREAMS, AUDITOR), format!("{}{}", command("XLEN t3"), command("XLEN t12")));
    check(STREAMS, AUDITOR, b":40\r\n:2\r\n", &["receipt", "42 left"], "");
    check(STREAMS, AUDITOR, b":x\r\n", &["unexpected"], "");
}

#[test]
fn redis_may_refuse_what_is_added_to_a_stream() {
    check(STREAMS, SUBMITTER, b"-OOM no memory\r\n", &["refused: -OOM no memory"], "");
}

#[test]
fn replies_that_redis_never_sends_for_streams_are_unexpected() {
    for input in ["HELLO\r\n", "\r\n", "*0\r\n", "*-1\r\n", "$-1\r\n", "+OK\n"] {
        check(STREAMS, WORKER, input.as_bytes(), &["unexpected"], "");
    }
    let other = entry("1-0", "a").replace("arg", "gra");
    for stream in ["*3\r\n", "*2\r\n$1\r\nx\r\n*1\r\n", "*2\r\n$2\r\nt3\r\n*0\r\n", "*2\r\n:1\r\n"] {
        check(STREAMS, WORKER, format!("*1\r\n{stream}").as_bytes(), &["receipt", "unexpected"], "");
    }
    for entry in ["*1\r\n", "*2\r\n$1\r\n1\r\n*4\r\n", &other] {
        let input = format!("*1\r\n*2\r\n$2\r\nt3\r\n*1\r\n{entry}");
        check(STREAMS, WORKER, input.as_bytes(), &["receipt", "receipt", "unexpected"], "");
    }
}
