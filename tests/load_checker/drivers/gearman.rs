//! The packets of gearmand.

use super::{JOB, Protocol, SUBMITTER, WORKER, check, greeted, greeting, sent, workload};

const GEARMAN: Protocol = Protocol::Gearman;

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
