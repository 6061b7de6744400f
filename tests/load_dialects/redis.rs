//! Lists of Redis.

use super::dialect::Language;
use super::{HEARER, JOB, SUBMITTER, WORKER, check, greeted, greeting, said, workload};

const REDIS: Language = Language::Redis;
const POP: &str = "*3\r\n$5\r\nBLPOP\r\n$2\r\nr7\r\n$1\r\n0\r\n";

#[test]
fn a_redis_submitter_asks_here_and_hears_there() {
    check(REDIS, SUBMITTER, b":1\r\n:22\r\n", &["receipt"; 2], "");
    let input = b"*2\r\n$2\r\nr7\r\n$5\r\n\"\r\n1\"\r\n*2\r\n$2\r\nr7\r\n$3\r\n\"b\"\r\n";
    check(REDIS, HEARER, input, &["answer None: \"\r\n1\"", "answer None: \"b\""], &POP.repeat(2));
}

#[test]
fn a_redis_worker_gets_jobs_by_list() {
    let input = b":1\r\n*2\r\n$3\r\nt12\r\n$3\r\n\"a\"\r\n";
    check(REDIS, WORKER, input, &["receipt", "job None of Some(12), ticket «»: \"a\""], "");
}

#[test]
fn redis_may_refuse() {
    check(REDIS, SUBMITTER, b"-OOM no memory\r\n", &["refused: -OOM no memory"], "");
}

#[test]
fn replies_that_redis_does_not_send_are_not_to_be_expected() {
    for input in
        ["HELLO\r\n", "\r\n", ":1\n", "*-1\r\n", "*2\r\n:1\r\n", "*2\r\n$-1\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n"]
    {
        check(REDIS, HEARER, input.as_bytes(), &["not to be expected"], "");
    }
}

#[test]
fn a_redis_worker_pops_with_each_answer() {
    assert_eq!(greeting(REDIS, HEARER), POP);
    assert_eq!(greeting(REDIS, SUBMITTER), "");
    let pop = "*4\r\n$5\r\nBLPOP\r\n$2\r\nt3\r\n$3\r\nt12\r\n$1\r\n0\r\n";
    assert_eq!(greeting(REDIS, WORKER), pop);
    let answer = said(|out| greeted(REDIS, WORKER).answer(b"", JOB, b"\"a\"", out));
    assert_eq!(answer, format!("*3\r\n$5\r\nRPUSH\r\n$2\r\nr7\r\n$3\r\n\"a\"\r\n{pop}"));
    let submitted = said(|out| greeted(REDIS, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, "*3\r\n$5\r\nRPUSH\r\n$2\r\nt3\r\n$16\r\n\"00070000000010\"\r\n");
}
