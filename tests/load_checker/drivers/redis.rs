//! The lists of Redis.

use super::{
    ANSWERS, Endpoint, JOB, Protocol, SUBMITTER, WORKER, WORKER_OF_FOUR, check, exchange, greeted, greeting, sent,
    workload,
};

const REDIS: Protocol = Protocol::Redis;
const POP: &str = "*3\r\n$5\r\nBLPOP\r\n$2\r\nr7\r\n$1\r\n0\r\n";

#[test]
fn a_redis_submitter_pushes_on_one_connection_and_pops_on_another() {
    check(REDIS, SUBMITTER, b":1\r\n:22\r\n", &["receipt"; 2], "");
    let input = b"*2\r\n$2\r\nr7\r\n$5\r\n\"\r\n1\"\r\n*2\r\n$2\r\nr7\r\n$3\r\n\"b\"\r\n";
    check(REDIS, ANSWERS, input, &["answer None: \"\r\n1\"", "answer None: \"b\""], &POP.repeat(2));
}

#[test]
fn a_redis_worker_gets_jobs_by_list() {
    let input = b":1\r\n*2\r\n$3\r\nt12\r\n$3\r\n\"a\"\r\n";
    check(REDIS, WORKER, input, &["receipt", "job None of Some(12), handle «»: \"a\""], "");
}

#[test]
fn redis_may_refuse() {
    check(REDIS, SUBMITTER, b"-OOM no memory\r\n", &["refused: -OOM no memory"], "");
}

#[test]
fn replies_that_redis_never_sends_are_unexpected() {
    for input in [
        "HELLO\r\n",
        "\r\n",
        ":1\n",
        "*-1\r\n",
        "*2\r\n:1\r\n",
        "*2\r\n$-1\r\n",
        "*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "*2\r\n$2\r\nr7\r\n*0\r\n",
    ] {
        check(REDIS, ANSWERS, input.as_bytes(), &["unexpected"], "");
    }
}

#[test]
fn a_redis_worker_pops_with_each_answer() {
    assert_eq!(greeting(REDIS, ANSWERS), POP);
    assert_eq!(greeting(REDIS, SUBMITTER), "");
    let pop = "*4\r\n$5\r\nBLPOP\r\n$2\r\nt3\r\n$3\r\nt12\r\n$1\r\n0\r\n";
    assert_eq!(greeting(REDIS, WORKER), pop);
    let answer = sent(|out| greeted(REDIS, WORKER).answer(b"", JOB, b"\"a\"", out));
    assert_eq!(answer, format!("*3\r\n$5\r\nRPUSH\r\n$2\r\nr7\r\n$3\r\n\"a\"\r\n{pop}"));
    let submitted = sent(|out| greeted(REDIS, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, "*3\r\n$5\r\nRPUSH\r\n$2\r\nt3\r\n$16\r\n\"00070000000010\"\r\n");
}

#[test]
fn a_redis_worker_of_several_slots_pops_a_batch_and_the_next_when_all_of_it_is_answered() {
    let pop = "*7\r\n$6\r\nBLMPOP\r\n$1\r\n0\r\n$1\r\n1\r\n$2\r\nt3\r\n$4\r\nLEFT\r\n$5\r\nCOUNT\r\n$1\r\n4\r\n";
    assert_eq!(greeting(REDIS, WORKER_OF_FOUR), pop);
    let input = b"*2\r\n$2\r\nt3\r\n*2\r\n$3\r\n\"a\"\r\n$3\r\n\"b\"\r\n:1\r\n";
    let job = |arg| format!("job None of Some(3), handle «»: {arg}");
    check(REDIS, WORKER_OF_FOUR, input, &[&job("\"a\""), &job("\"b\""), "receipt"], "");
    let mut worker = greeted(REDIS, WORKER_OF_FOUR);
    assert_eq!(exchange(&mut *worker, [&input[..]]).sent, "");
    let push = |res| format!("*3\r\n$5\r\nRPUSH\r\n$2\r\nr7\r\n$3\r\n{res}\r\n");
    assert_eq!(sent(|out| worker.answer(b"", JOB, b"\"a\"", out)), push("\"a\""));
    assert_eq!(sent(|out| worker.answer(b"", JOB, b"\"b\"", out)), format!("{}{pop}", push("\"b\"")));
}

#[test]
fn redis_answers_are_popped_as_many_at_once_as_workers_have_slots() {
    let endpoint = Endpoint::Answers { submitter: 7, at_once: 4 };
    let pop = "*7\r\n$6\r\nBLMPOP\r\n$1\r\n0\r\n$1\r\n1\r\n$2\r\nr7\r\n$4\r\nLEFT\r\n$5\r\nCOUNT\r\n$1\r\n4\r\n";
    assert_eq!(greeting(REDIS, endpoint), pop);
    let input = b"*2\r\n$2\r\nr7\r\n*2\r\n$3\r\n\"a\"\r\n$3\r\n\"b\"\r\n";
    check(REDIS, endpoint, input, &["answer None: \"a\"", "answer None: \"b\""], pop);
}
