//! Lines as they are written and read, and lines that are not an answer.

use crate::check::Wrong;
use crate::clients::Worker;
use crate::given::{ARG_BYTES, did, name, to_do, workload};
use crate::received::{receive, submitter_takes, worker_takes};
use crate::traffic::drivers::{Endpoint, Protocol, ServerMessage};

#[test]
fn a_refusal_is_wrong_and_is_quoted() {
    for line in [
        r#"{"cmd":"did","id":1,"err":"no room","code":"queue_full"}"#,
        r#"{"cmd":"error","code":"bad_json","error":"?"}"#,
    ] {
        assert_eq!(submitter_takes(&[line.to_owned()]), Err(Wrong::Refused(line.to_owned())));
        assert_eq!(worker_takes(0, &[line.to_owned()]), Err(Wrong::Refused(line.to_owned())));
    }
}

#[test]
fn lines_for_the_other_kind_of_peer_and_garbled_ones_are_wrong() {
    for line in [to_do(name(2, 1), 3), r#"{"cmd":"did","id":1,"res":"#.to_owned(), r#"{"cmd":"pong"}"#.to_owned()] {
        assert!(matches!(submitter_takes(&[line]), Err(Wrong::Unexpected(_))));
    }
    assert!(matches!(worker_takes(0, &[did(1, name(2, 1))]), Err(Wrong::Unexpected(_))));
}

#[test]
fn workers_together_greet_with_every_type() {
    let workload = workload(16);
    let mut greetings = Vec::new();
    for number in 0..workload.shape.workers {
        let worker = Worker::new(number, &workload, true);
        let place = Endpoint::Worker { number: 1, types: worker.types(), max_jobs: workload.shape.max_jobs };
        Protocol::Deputy.driver().greet(place, &mut greetings);
    }
    let expected = [r#"["t0","t2"]"#, r#"["t1","t3"]"#, r#"["t2","t4"]"#]
        .map(|types| format!("{{\"cmd\":\"can_do\",\"types\":{types},\"max_jobs\":16}}\n"));
    assert_eq!(String::from_utf8(greetings).unwrap(), expected.concat());
}

#[test]
fn a_job_is_one_line_of_the_size_asked_for() {
    let workload = workload(0);
    let mut out = Vec::new();
    Protocol::Deputy.driver().submit(&workload, name(2, 0), &mut out);
    let line = str::from_utf8(&out).unwrap().strip_suffix('\n').unwrap();
    receive(line, |message| {
        let ServerMessage::Job { id: Some(0), type_number: Some(2), arg, .. } = message else { panic!("{message:?}") };
        assert_eq!(arg.len(), ARG_BYTES);
        Ok(())
    })
    .unwrap();
}

#[test]
fn lines_of_unusual_spacing_and_order_are_read_alike() {
    for (usual, unusual) in [
        (
            r#"{"cmd":"do","id":7,"type":"t3","job":9,"arg":"x"}"#,
            r#" { "arg" : "x", "job" : 9, "type" : "t3", "extra":[1], "id":7, "cmd":"do" } "#,
        ),
        (r#"{"cmd":"do","id":7,"type":"t3","arg":"x"}"#, r#"{"id":7,"cmd":"do","type":"t3","arg":"x"}"#),
        (r#"{"cmd":"did","id":7,"res":"x"}"#, r#"{"res": "x", "id": 7, "cmd": "did"}"#),
    ] {
        let debug = |line| receive(line, |message| Ok(format!("{message:?}"))).unwrap();
        assert_eq!(debug(usual), debug(unusual));
    }
}

#[test]
fn a_member_after_the_result_does_not_belong_to_the_result() {
    receive(r#"{"cmd":"did","id":7,"res":"x","more":"y"}"#, |message| {
        assert_eq!(message, ServerMessage::Answer { id: Some(7), res: b"\"x\"" });
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_message_is_read_when_its_line_is_complete() {
    let line = b"{\"cmd\":\"did\",\"id\":7,\"res\":\"x\"}\n{\"cmd\"";
    let line_bytes = line.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut driver = Protocol::Deputy.driver();
    for end in 0..line.len() {
        let mut input = &line[..end];
        let message = driver.next_message(&mut input, &mut Vec::new()).unwrap();
        assert_eq!(message.is_some(), end >= line_bytes, "{end}");
        assert_eq!(driver.may_end_in(&line[..end]), end >= line_bytes);
    }
}
