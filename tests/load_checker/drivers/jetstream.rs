//! Streams of NATS `JetStream`.

use super::{
    AUDITOR, JOB, Protocol, SUBMITTER, Storage, WORKER, WORKER_OF_FOUR, check, exchange, greeted, greeting, sent,
    workload,
};

const MEMORY: Protocol = Protocol::JetStream(Storage::Memory);
const RESULTS: Protocol = Protocol::JetStreamResults(3);

/// Writes a publication.
fn publication(subjects: &str, payload: &str) -> String {
    format!("PUB {subjects} {}\r\n{payload}\r\n", payload.len())
}

/// Writes what the administration replies to a worker.
fn reply(payload: &str) -> String {
    format!("MSG _INBOX.w5.api 1 {}\r\n{payload}\r\n", payload.len())
}

fn pull(type_number: u64, jobs: u64) -> String {
    let subjects = format!("$JS.API.CONSUMER.MSG.NEXT.JOBS.t{type_number} _INBOX.w5.jobs");
    publication(&subjects, &format!("{{\"batch\":{jobs}}}"))
}

fn greeting_after_connect(protocol: Protocol, endpoint: super::Endpoint<'_>) -> String {
    greeting(protocol, endpoint).split_once("}\r\n").expect("it begins with JSON").1.to_owned()
}

#[test]
fn a_jetstream_job_is_accepted_when_the_stream_has_it() {
    let input = "MSG _INBOX.7.16 1  26\r\n{\"stream\":\"JOBS\", \"seq\":1}\r\nPING\r\n";
    check(MEMORY, SUBMITTER, input.as_bytes(), &["Ended { id: Some(16), end: Accepted }", "receipt"], "PONG\r\n");
    let submitted = sent(|out| greeted(MEMORY, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, publication("jobs.t3 _INBOX.7.16", "\"00070000000010\""));
    assert_eq!(greeting_after_connect(MEMORY, SUBMITTER), "SUB _INBOX.7.* 1\r\nPING\r\n");
}

#[test]
fn a_jetstream_worker_creates_stream_and_consumers_and_then_asks_for_jobs() {
    for (storage, name) in [(Storage::Memory, "memory"), (Storage::Disk, "file")] {
        let stream = format!(
            "{{\"name\":\"JOBS\",\"subjects\":[\"jobs.*\"],\"retention\":\"workqueue\",\"storage\":\"{name}\",\
             \"num_replicas\":1}}"
        );
        let consumer = |number| {
            let config = format!(
                "{{\"stream_name\":\"JOBS\",\"config\":{{\"durable_name\":\"t{number}\",\
                 \"filter_subject\":\"jobs.t{number}\",\"ack_policy\":\"explicit\"}}}}"
            );
            publication(&format!("$JS.API.CONSUMER.DURABLE.CREATE.JOBS.t{number} _INBOX.w5.api"), &config)
        };
        let created = publication("$JS.API.STREAM.CREATE.JOBS _INBOX.w5.api", &stream);
        let expected = format!("SUB _INBOX.w5.* 1\r\n{created}{}{}PING\r\n", consumer(3), consumer(12));
        assert_eq!(greeting_after_connect(Protocol::JetStream(storage), WORKER), expected);
    }
    let confirmed = reply("{\"type\":\"x\",\"state\":{\"messages\":0}}").repeat(3);
    check(MEMORY, WORKER, confirmed.as_bytes(), &["receipt"; 3], &format!("{}{}", pull(3, 1), pull(12, 1)));
}

#[test]
fn a_jetstream_worker_is_ready_when_its_consumers_are() {
    let mut worker = greeted(MEMORY, WORKER);
    let mut is_ready_after = |input: &str| {
        exchange(&mut *worker, [input.as_bytes()]);
        worker.is_ready()
    };
    assert!(!is_ready_after(&format!("PONG\r\n{}", reply("{}").repeat(2))));
    assert!(is_ready_after(&reply("{}")));
}

#[test]
fn a_jetstream_worker_acknowledges_each_job_and_asks_for_more_when_half_of_its_slots_are_free() {
    let mut worker = greeted(MEMORY, WORKER_OF_FOUR);
    assert_eq!(exchange(&mut *worker, [reply("{}").repeat(2).as_bytes()]).sent, pull(3, 4));
    let handle = |number| format!("$JS.ACK.JOBS.t3.1.{number}.{number}.17.0");
    let input = format!("MSG jobs.t3 1 {} 3\r\n\"a\"\r\n", handle(1));
    let job = format!("job None of Some(3), handle «{}»: \"a\"", handle(1));
    check(MEMORY, WORKER_OF_FOUR, input.as_bytes(), &[&job], "");
    let mut answer = |number| sent(|out| worker.answer(handle(number).as_bytes(), JOB, b"\"a\"", out));
    let acknowledged = |number| publication(&handle(number), "+ACK");
    assert_eq!(answer(1), acknowledged(1));
    assert_eq!(answer(2), format!("{}{}", acknowledged(2), pull(3, 2)));
    assert_eq!(answer(3), acknowledged(3));
}

#[test]
fn a_jetstream_result_is_confirmed_before_its_job_is_acknowledged() {
    let mut worker = greeted(RESULTS, WORKER_OF_FOUR);
    exchange(&mut *worker, [reply("{}").repeat(2).as_bytes()]);
    let handle = |number| format!("$JS.ACK.JOBS.t3.1.{number}.{number}.17.0");
    for number in [1, 2] {
        let answered = sent(|out| worker.answer(handle(number).as_bytes(), JOB, b"\"a\"", out));
        assert_eq!(answered, publication(&format!("res.7 _INBOX.w5.{number}"), "\"a\""));
    }
    let confirmed = |number| format!("MSG _INBOX.w5.{number} 1 0\r\n\r\n");
    let acknowledged = |number| publication(&handle(number), "+ACK");
    let after = exchange(&mut *worker, [confirmed(2).as_bytes()]);
    assert_eq!((after.messages, after.sent), (vec!["receipt".to_owned()], acknowledged(2)));
    let after = exchange(&mut *worker, [confirmed(1).as_bytes()]);
    assert_eq!(after.sent, format!("{}{}", acknowledged(1), pull(3, 2)));
    // A second confirmation of one result.
    assert_eq!(exchange(&mut *worker, [confirmed(1).as_bytes()]).messages, ["unexpected"]);
}

#[test]
fn a_jetstream_submitter_confirms_its_results() {
    assert_eq!(greeting_after_connect(RESULTS, SUBMITTER), "SUB _INBOX.7.* 1\r\nSUB res.7 2\r\nPING\r\n");
    let stored = "MSG _INBOX.7.16 1  26\r\n{\"stream\":\"JOBS\", \"seq\":1}\r\n";
    check(RESULTS, SUBMITTER, stored.as_bytes(), &["receipt"], "");
    let result = "MSG res.7 2 _INBOX.w5.9 3\r\n\"a\"\r\n";
    check(RESULTS, SUBMITTER, result.as_bytes(), &["answer None: \"a\""], &publication("_INBOX.w5.9", ""));
}

#[test]
fn jetstream_says_how_many_jobs_its_stream_has() {
    let request = publication("$JS.API.STREAM.INFO.JOBS _INBOX.audit.api", "");
    assert_eq!(greeting_after_connect(MEMORY, AUDITOR), format!("SUB _INBOX.audit.* 1\r\n{request}PING\r\n"));
    let info = "{\"type\":\"x\",\"config\":{},\"state\":{\"messages\":3,\"bytes\":78}}";
    let input = format!("MSG _INBOX.audit.api 1 {}\r\n{info}\r\n", info.len());
    check(MEMORY, AUDITOR, input.as_bytes(), &["3 left"], "");
}

#[test]
fn jetstream_may_refuse() {
    let error = "{\"error\":{\"code\":503},\"stream\":\"JOBS\",\"seq\":0}";
    let refused = format!("refused: {error}");
    check(MEMORY, WORKER, reply(error).as_bytes(), &[&refused], "");
    let input = format!("MSG _INBOX.7.16 1 {}\r\n{error}\r\n", error.len());
    check(MEMORY, SUBMITTER, input.as_bytes(), &[&refused], "");
    check(MEMORY, SUBMITTER, b"-ERR 'no'\r\n", &["refused: -ERR 'no'"], "");
}

#[test]
fn what_jetstream_never_sends_is_unexpected() {
    for input in [
        "MSG _INBOX.w5.jobs 1 0\r\n\r\n".to_owned(),
        "MSG _INBOX.w5.16 1 2\r\n{}\r\n".to_owned(),
        "MSG _INBOX.w5.16 1 x 2\r\n{}\r\n".to_owned(),
        "MSG other.t3 1 x 2\r\n{}\r\n".to_owned(),
        "MSG jobs.t3 1 2\r\n{}\r\n".to_owned(),
        reply("no JSON"),
    ] {
        check(MEMORY, WORKER, input.as_bytes(), &["unexpected"], "");
    }
}

/// A cluster whose leader changes may answer a request twice.
#[test]
fn an_answer_too_many_is_a_receipt_and_asks_for_no_jobs() {
    let mut worker = greeted(MEMORY, WORKER);
    let three = exchange(&mut *worker, [reply("{}").repeat(3).as_bytes()]);
    assert_eq!(three.messages, ["receipt"; 3]);
    assert!(!three.sent.is_empty(), "its first jobs");
    let fourth = exchange(&mut *worker, [reply("{}").as_bytes()]);
    assert_eq!((fourth.messages, fourth.sent.len()), (vec!["receipt".to_owned()], 0));
}
