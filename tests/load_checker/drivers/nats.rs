//! Request and reply over NATS.

use super::{JOB, Protocol, SUBMITTER, WORKER, check, exchange, greeted, greeting, sent, workload};

const NATS: Protocol = Protocol::Nats;
const INFO: &str = "INFO {\"server_id\":\"N\"}\r\n";

#[test]
fn a_nats_submitter_reads_answers_by_id_and_replies_to_pings() {
    let input = format!("{INFO}PONG\r\nMSG _INBOX.7.16 1 5\r\n\"\r\n1\"\r\nPING\r\n");
    let messages = ["receipt", "receipt", "answer Some(16): \"\r\n1\"", "receipt"];
    check(NATS, SUBMITTER, input.as_bytes(), &messages, "PONG\r\n");
}

#[test]
fn a_nats_worker_gets_jobs_with_a_subject_to_reply_to() {
    let input = b"MSG t12 13 _INBOX.7.5 3\r\n\"a\"\r\n";
    check(NATS, WORKER, input, &["job Some(5) of Some(12), handle «_INBOX.7.5»: \"a\""], "");
}

#[test]
fn nats_may_refuse() {
    let line = "-ERR 'Maximum Payload Violation'";
    check(NATS, SUBMITTER, format!("{line}\r\n").as_bytes(), &[&format!("refused: {line}")], "");
}

#[test]
fn lines_that_nats_never_sends_are_unexpected() {
    for input in [
        "HELLO\r\n",
        "\r\n",
        "PING\n",
        "MSG\r\n",
        "MSG t3 4 x\r\n",
        "MSG t3 4 1\r\na\r\n",
        "MSG _INBOX.7.x 1 1\r\na\r\n",
        "MSG _INBOX.7.1 1 1\r\na!\r\n",
        "MSG t3 4 _INBOX.7.1 more 1\r\na\r\n",
    ] {
        check(NATS, SUBMITTER, input.as_bytes(), &["unexpected"], "");
    }
}

#[test]
fn a_nats_client_is_ready_when_its_subscriptions_have_taken_effect() {
    let mut worker = greeted(NATS, WORKER);
    exchange(&mut *worker, [INFO.as_bytes()]);
    assert!(!worker.is_ready());
    exchange(&mut *worker, [&b"PONG\r\n"[..]]);
    assert!(worker.is_ready());
}

#[test]
fn a_nats_worker_is_one_of_a_group_and_answers_to_the_inbox() {
    let greeted_with =
        |endpoint| greeting(NATS, endpoint).split_once("}\r\n").expect("it begins with JSON").1.to_owned();
    assert_eq!(greeted_with(WORKER), "SUB t3 workers 4\r\nSUB t12 workers 13\r\nPING\r\n");
    assert_eq!(greeted_with(SUBMITTER), "SUB _INBOX.7.* 1\r\nPING\r\n");
    let answer = sent(|out| greeted(NATS, WORKER).answer(b"_INBOX.7.16", JOB, b"\"a\"", out));
    assert_eq!(answer, "PUB _INBOX.7.16 3\r\n\"a\"\r\n");
    let submitted = sent(|out| greeted(NATS, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, "PUB t3 _INBOX.7.16 16\r\n\"00070000000010\"\r\n");
}
