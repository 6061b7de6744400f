//! The tubes of beanstalkd.

use super::{ANSWERS, AUDITOR, Awaits, JOB, Protocol, SUBMITTER, WORKER, check, greeted, greeting, sent, workload};

const BEANSTALKD: Protocol = Protocol::Beanstalkd(Awaits::Result);
const BACKGROUND: Protocol = Protocol::Beanstalkd(Awaits::Acceptance);

#[test]
fn a_beanstalkd_submitter_puts_on_one_connection_and_reserves_on_another() {
    check(BEANSTALKD, SUBMITTER, b"USING t3\r\nINSERTED 1\r\nINSERTED 2\r\n", &["receipt"; 3], "");
    let input = b"WATCHING 2\r\nWATCHING 1\r\nRESERVED 9 5\r\n\"\r\n1\"\r\nDELETED\r\n";
    let messages = ["receipt", "receipt", "answer None: \"\r\n1\"", "receipt"];
    check(BEANSTALKD, ANSWERS, input, &messages, "delete 9\r\nreserve\r\n");
}

#[test]
fn a_beanstalkd_worker_gets_jobs_by_id() {
    let input = b"USING r7\r\nINSERTED 5\r\nDELETED\r\nRESERVED 6 3\r\n\"a\"\r\n";
    let messages = ["receipt", "receipt", "receipt", "job None of None, handle «6»: \"a\""];
    check(BEANSTALKD, WORKER, input, &messages, "");
}

#[test]
fn beanstalkd_may_refuse() {
    for line in ["JOB_TOO_BIG", "BURIED 3", "OUT_OF_MEMORY", "NOT_FOUND", "UNKNOWN_COMMAND", "DEADLINE_SOON"] {
        check(BEANSTALKD, SUBMITTER, format!("{line}\r\n").as_bytes(), &[&format!("refused: {line}")], "");
    }
}

#[test]
fn lines_that_beanstalkd_never_sends_are_unexpected() {
    for input in ["HELLO\r\n", "\r\n", "DELETED\n", "RESERVED 1\r\n", "RESERVED 1 x\r\n", "RESERVED 1 1\r\na!\r\n"] {
        check(BEANSTALKD, WORKER, input.as_bytes(), &["unexpected"], "");
    }
    check(BEANSTALKD, SUBMITTER, b"RESERVED 1 1\r\na\r\n", &["unexpected"], "");
    check(BEANSTALKD, AUDITOR, b"OK 25\r\ncurrent-jobs-reserved: 2\n\r\n", &["unexpected"], "");
}

#[test]
fn a_beanstalkd_background_job_is_accepted_when_it_is_put_and_then_only_deleted() {
    let messages = ["receipt", "Ended { id: None, end: Accepted }", "Ended { id: None, end: Accepted }"];
    check(BACKGROUND, SUBMITTER, b"USING t3\r\nINSERTED 1\r\nINSERTED 2\r\n", &messages, "");
    let done = sent(|out| greeted(BACKGROUND, WORKER).answer(b"6", JOB, b"\"a\"", out));
    assert_eq!(done, "delete 6\r\nreserve\r\n");
}

#[test]
fn beanstalkd_says_how_many_jobs_it_has() {
    assert_eq!(greeting(BACKGROUND, AUDITOR), "stats\r\n");
    let body = "---\ncurrent-jobs-urgent: 7\ncurrent-jobs-ready: 1\ncurrent-jobs-reserved: 20\n\
                current-jobs-delayed: 300\ncurrent-jobs-buried: 4000\ncmd-put: 9\n";
    check(BACKGROUND, AUDITOR, format!("OK {}\r\n{body}\r\n", body.len()).as_bytes(), &["4321 left"], "");
}

#[test]
fn beanstalkd_tubes_are_selected_once_and_each_answer_reserves_again() {
    assert_eq!(greeting(BEANSTALKD, WORKER), "watch t3\r\nwatch t12\r\nignore default\r\nreserve\r\n");
    assert_eq!(greeting(BEANSTALKD, ANSWERS), "watch r7\r\nignore default\r\nreserve\r\n");
    assert_eq!(greeting(BEANSTALKD, SUBMITTER), "");
    let mut worker = greeted(BEANSTALKD, WORKER);
    let put = "put 0 0 600 3\r\n\"a\"\r\ndelete 6\r\nreserve\r\n";
    assert_eq!(sent(|out| worker.answer(b"6", JOB, b"\"a\"", out)), format!("use r7\r\n{put}"));
    assert_eq!(sent(|out| worker.answer(b"6", JOB, b"\"a\"", out)), put);
    let mut submitter = greeted(BEANSTALKD, SUBMITTER);
    let submitted = sent(|out| submitter.submit(&workload(), JOB, out));
    assert_eq!(submitted, "use t3\r\nput 0 0 600 16\r\n\"00070000000010\"\r\n");
}
