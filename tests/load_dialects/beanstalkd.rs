//! Tubes of beanstalkd.

use super::dialect::Language;
use super::{HEARER, JOB, SUBMITTER, WORKER, check, greeted, greeting, said, workload};

const BEANSTALKD: Language = Language::Beanstalkd;

#[test]
fn a_beanstalkd_submitter_asks_here_and_hears_there() {
    check(BEANSTALKD, SUBMITTER, b"USING t3\r\nINSERTED 1\r\nINSERTED 2\r\n", &["receipt"; 3], "");
    let input = b"WATCHING 2\r\nWATCHING 1\r\nRESERVED 9 5\r\n\"\r\n1\"\r\nDELETED\r\n";
    let heard = ["receipt", "receipt", "answer None: \"\r\n1\"", "receipt"];
    check(BEANSTALKD, HEARER, input, &heard, "delete 9\r\nreserve\r\n");
}

#[test]
fn a_beanstalkd_worker_gets_jobs_by_id() {
    let input = b"USING r7\r\nINSERTED 5\r\nDELETED\r\nRESERVED 6 3\r\n\"a\"\r\n";
    let heard = ["receipt", "receipt", "receipt", "job None of None, ticket «6»: \"a\""];
    check(BEANSTALKD, WORKER, input, &heard, "");
}

#[test]
fn beanstalkd_may_refuse() {
    for line in ["JOB_TOO_BIG", "BURIED 3", "OUT_OF_MEMORY", "NOT_FOUND", "UNKNOWN_COMMAND", "DEADLINE_SOON"] {
        check(BEANSTALKD, SUBMITTER, format!("{line}\r\n").as_bytes(), &[&format!("refused: {line}")], "");
    }
}

#[test]
fn lines_that_beanstalkd_does_not_say_are_not_to_be_expected() {
    for input in ["HELLO\r\n", "\r\n", "DELETED\n", "RESERVED 1\r\n", "RESERVED 1 x\r\n", "RESERVED 1 1\r\na!\r\n"] {
        check(BEANSTALKD, WORKER, input.as_bytes(), &["not to be expected"], "");
    }
    check(BEANSTALKD, SUBMITTER, b"RESERVED 1 1\r\na\r\n", &["not to be expected"], "");
}

#[test]
fn beanstalkd_is_told_tubes_once_and_the_next_reservation_with_each_answer() {
    assert_eq!(greeting(BEANSTALKD, WORKER), "watch t3\r\nwatch t12\r\nignore default\r\nreserve\r\n");
    assert_eq!(greeting(BEANSTALKD, HEARER), "watch r7\r\nignore default\r\nreserve\r\n");
    assert_eq!(greeting(BEANSTALKD, SUBMITTER), "");
    let mut worker = greeted(BEANSTALKD, WORKER);
    let put = "put 0 0 600 3\r\n\"a\"\r\ndelete 6\r\nreserve\r\n";
    assert_eq!(said(|out| worker.answer(b"6", JOB, b"\"a\"", out)), format!("use r7\r\n{put}"));
    assert_eq!(said(|out| worker.answer(b"6", JOB, b"\"a\"", out)), put);
    let mut submitter = greeted(BEANSTALKD, SUBMITTER);
    let submitted = said(|out| submitter.submit(&workload(), JOB, out));
    assert_eq!(submitted, "use t3\r\nput 0 0 600 16\r\n\"00070000000010\"\r\n");
}
