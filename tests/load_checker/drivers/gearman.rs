//! The packets of gearmand.

use super::{
    AUDITOR, Awaits, JOB, Protocol, SUBMITTER, WORKER, WORKER_OF_FOUR, check, exchange, greeted, greeting, sent,
    workload,
};

const GEARMAN: Protocol = Protocol::Gearman(Awaits::Result);
const BACKGROUND: Protocol = Protocol::Gearman(Awaits::Acceptance);

/// Builds a packet from gearmand, or for it.
fn packet(magic: &str, kind: u32, body: &str) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("the body is short");
    [magic.as_bytes(), &kind.to_be_bytes(), &length.to_be_bytes(), body.as_bytes()].concat()
}

fn packets(magic: &str, packets: &[(u32, &str)]) -> Vec<u8> {
    packets.iter().flat_map(|(kind, body)| packet(magic, *kind, body)).collect()
}

fn from_gearmand(all: &[(u32, &str)]) -> Vec<u8> {
    packets("\0RES", all)
}

fn to_gearmand(all: &[(u32, &str)]) -> String {
    String::from_utf8(packets("\0REQ", all)).expect("it is text")
}

#[test]
fn a_gearman_submitter_gets_receipts_and_answers() {
    let input = from_gearmand(&[(8, "H:1"), (8, "H:2"), (13, "H:2\0\"a\0b\""), (13, "H:1\0\"c\"")]);
    check(GEARMAN, SUBMITTER, &input, &["receipt", "receipt", "answer None: \"a\0b\"", "answer None: \"c\""], "");
}

#[test]
fn a_gearman_worker_sleeps_without_jobs_and_grabs_when_woken() {
    let input = from_gearmand(&[(10, ""), (6, ""), (11, "H:1\0t3\0\"a\"")]);
    let messages = ["receipt", "receipt", "job None of Some(3), handle «H:1»: \"a\""];
    check(GEARMAN, WORKER, &input, &messages, &to_gearmand(&[(4, ""), (9, "")]));
}

#[test]
fn a_gearman_worker_that_is_awake_is_not_woken_again() {
    let input = from_gearmand(&[(6, ""), (10, ""), (6, ""), (6, "")]);
    check(GEARMAN, WORKER, &input, &["receipt"; 4], &to_gearmand(&[(4, ""), (9, "")]));
}

#[test]
fn gearmand_may_refuse() {
    let input = from_gearmand(&[(14, "H:1"), (25, "H:1\0no"), (19, "ERR_X\0why")]);
    check(GEARMAN, SUBMITTER, &input, &["refused: H:1", "refused: H:1\0no", "refused: ERR_X\0why"], "");
}

#[test]
fn packets_that_gearmand_never_sends_are_unexpected() {
    for input in [
        b"\0REQ\0\0\0\x06\0\0\0\0".to_vec(),
        b"OK\r\n".to_vec(),
        b"\0RES\0\0\0\x06\xff\xff\xff\xff".to_vec(),
        from_gearmand(&[(99, "")]),
        from_gearmand(&[(13, "H:1 without an end")]),
        from_gearmand(&[(11, "H:1\0t3")]),
        from_gearmand(&[(11, "H:1\0other\0\"a\"")]),
    ] {
        check(GEARMAN, SUBMITTER, &input, &["unexpected"], "");
    }
}

#[test]
fn a_gearman_worker_names_its_types_and_grabs_with_each_answer() {
    assert_eq!(greeting(GEARMAN, WORKER), to_gearmand(&[(1, "t3"), (1, "t12"), (9, "")]));
    assert_eq!(greeting(GEARMAN, SUBMITTER), "");
    let answer = sent(|out| greeted(GEARMAN, WORKER).answer(b"H:1", JOB, b"\"a\"", out));
    assert_eq!(answer, to_gearmand(&[(13, "H:1\0\"a\""), (9, "")]));
}

#[test]
fn a_gearman_job_has_no_key() {
    let submitted = sent(|out| greeted(GEARMAN, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, to_gearmand(&[(7, "t3\0\0\"00070000000010\"")]));
}

#[test]
fn a_gearman_worker_of_several_slots_grabs_for_each_that_is_idle() {
    assert_eq!(greeting(GEARMAN, WORKER_OF_FOUR), to_gearmand(&[(1, "t3"), (9, ""), (9, ""), (9, ""), (9, "")]));
    // Three of the four find nothing: one word that it sleeps, and three grabs when it is woken.
    let input = from_gearmand(&[(11, "H:1\0t3\0\"a\""), (10, ""), (10, ""), (10, ""), (6, ""), (6, "")]);
    let job = "job None of Some(3), handle «H:1»: \"a\"";
    let messages = [job, "receipt", "receipt", "receipt", "receipt", "receipt"];
    check(GEARMAN, WORKER_OF_FOUR, &input, &messages, &to_gearmand(&[(4, ""), (9, ""), (9, ""), (9, "")]));
    // A job that is done while it sleeps makes it grab for all idle slots, and sleep again if it finds nothing.
    let mut worker = greeted(GEARMAN, WORKER_OF_FOUR);
    let asleep = from_gearmand(&[(11, "H:1\0t3\0\"a\""), (10, ""), (10, "")]);
    assert_eq!(exchange(&mut *worker, [&asleep[..]]).sent, to_gearmand(&[(4, "")]));
    let answer = sent(|out| worker.answer(b"H:1", JOB, b"\"a\"", out));
    assert_eq!(answer, to_gearmand(&[(13, "H:1\0\"a\""), (9, ""), (9, ""), (9, "")]));
    assert_eq!(exchange(&mut *worker, [&from_gearmand(&[(10, "")])[..]]).sent, to_gearmand(&[(4, "")]));
}

#[test]
fn a_gearman_background_job_ends_with_its_receipt() {
    let submitted = sent(|out| greeted(BACKGROUND, SUBMITTER).submit(&workload(), JOB, out));
    assert_eq!(submitted, to_gearmand(&[(18, "t3\0\0\"00070000000010\"")]));
    let input = from_gearmand(&[(8, "H:1"), (8, "H:2")]);
    check(BACKGROUND, SUBMITTER, &input, &["Ended { id: None, end: Accepted }"; 2], "");
}

#[test]
fn gearmand_says_how_many_jobs_it_has() {
    assert_eq!(greeting(BACKGROUND, AUDITOR), "status\n");
    check(BACKGROUND, AUDITOR, b"t3\t17\t3\t1\nt12\t4\t0\t1\n.\n", &["receipt", "receipt", "21 left"], "");
    check(BACKGROUND, AUDITOR, b".\n", &["0 left"], "");
    check(BACKGROUND, AUDITOR, b"t3\tmany\n", &["unexpected"], "");
}
