//! Jobs that were pulled: submitted, given back, given up, and their results.

use super::*;

#[test]
fn pulled_jobs_are_submitted_and_acknowledged_after_the_confirmation() {
    let mut bridge = Fixture::new(2);
    let line = r#"main: {"cmd":"do","id":1,"type":"t","wait_ms":20,"attempts":1,"cancellable":true,"arg":7}"#;
    assert_eq!(bridge.pulled(1, 1), [line]);
    assert_eq!(bridge.did(1, None, "8"), ["ask 1 b/5/r1 Done 8"]);
    // No answer, and no bridge.
    assert_eq!(bridge.pass(S(2)), ["ask 1 b/5/r1 Done 8"]);
    assert_eq!(bridge.verdict(1, Verdict::Absent), [""; 0]);
    assert_eq!(bridge.pass(S(1)), ["ask 1 b/5/r1 Done 8"]);
    assert_eq!(bridge.verdict(1, Verdict::Delivered), ["Ack ack1"]);
    assert!(!bridge.pass(S(200)).iter().any(|effect| effect.starts_with("ask")));
    bridge.pulled(2, 1);
    assert_eq!(bridge.did(2, Some("failed"), "null"), ["ask 2 b/5/r2 Failed null"]);
    assert_eq!(bridge.verdict(2, Verdict::Dropped), ["Ack ack2"]);
}

#[test]
fn held_messages_are_reported_as_in_progress() {
    let mut bridge = Fixture::new(1);
    bridge.pulled(1, 1);
    let count = |bridge: &mut Fixture| {
        bridge.core.take_effects().iter().filter(|effect| text(effect) == "Progress ack1").count()
    };
    for expected in [0, 1, 0, 1] {
        bridge.now += Duration::from_millis(2_500);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
        assert_eq!(count(&mut bridge), expected);
    }
}

#[test]
fn a_job_without_a_slot_bounces_and_a_job_that_lost_its_worker_goes_elsewhere() {
    let mut bridge = Fixture::new(3);
    for (seq, code, expected) in [
        (1, "no_worker", &["bounce 1", "Nak ack1"][..]),
        (2, "gave_up", &["Nak ack2"]),
        (3, "timed_out", &["Nak ack3"]),
        (4, "shutdown", &["bounce 4", "Nak ack4"]),
        (5, "queue_full", &["bounce 5", "Nak ack5"]),
        (6, "bad_request", &["ask 6 b/5/r6 Failed \"x\""]),
    ] {
        bridge.pulled(seq, 1);
        assert_eq!(bridge.did(seq, Some(code), "\"x\""), expected, "{code}");
    }
}

#[test]
fn poison_is_given_up_only_when_the_bounces_are_known() {
    let mut bridge = Fixture::new(3);
    assert_eq!(bridge.pulled(1, 4), ["count 1 1"]);
    bridge.core.on_counted(1, Some(1));
    let effects = bridge.effects();
    assert!(effects[0].starts_with(r#"main: {"cmd":"do","id":1,"#), "three attempts with this one: {effects:?}");
    bridge.did(1, Some("gave_up"), "\"x\"");
    bridge.pulled(1, 5);
    bridge.core.on_counted(2, None);
    assert!(bridge.effects()[0].starts_with(r#"main: {"cmd":"do","id":2,"#), "it is not known how often it bounced");
    bridge.pulled(1, 6);
    bridge.core.on_counted(3, Some(1));
    assert_eq!(bridge.effects(), [""; 0], "the last bounce may be on its way");
    assert_eq!(bridge.pass(S(1)), ["count 3 1"]);
    bridge.core.on_counted(3, Some(1));
    let effects = bridge.effects();
    assert!(effects[0].starts_with("GaveUp"), "{effects:?}");
    assert!(effects[1].starts_with("ask 3 b/5/r1 GaveUp \"gave_up: "), "{effects:?}");
    assert_eq!(bridge.verdict(3, Verdict::Delivered), ["Term ack1"]);
}

#[test]
fn when_the_server_is_lost_others_get_its_jobs_and_results_are_still_sent() {
    let mut bridge = Fixture::new(3);
    bridge.pulled(1, 1);
    bridge.pulled(2, 1);
    bridge.did(2, None, "8");
    bridge.core.on_server_lost();
    assert_eq!(bridge.effects(), ["Nak ack1"]);
    assert_eq!(bridge.pass(S(2)), ["ask 2 b/5/r2 Done 8"]);
    assert_eq!(bridge.verdict(2, Verdict::Delivered), ["Ack ack2"]);
    // What still comes goes back.
    assert_eq!(bridge.pulled(3, 1), ["bounce 3", "Nak ack3"]);
}

#[test]
fn when_nats_is_back_results_are_sent_at_once() {
    let mut bridge = Fixture::new(3);
    bridge.pulled(1, 1);
    bridge.did(1, None, "8");
    bridge.core.on_engine_lost();
    bridge.effects();
    bridge.core.on_engine_connected(FACTS);
    let effects = bridge.core.take_effects().iter().map(text).collect::<Vec<_>>();
    assert_eq!(effects[..2], ["Progress ack1", "ask 1 b/5/r1 Done 8"]);
}

#[test]
fn a_result_is_dropped_only_when_its_node_is_gone_and_the_stream_has_forgotten_its_id() {
    let mut bridge = Fixture::new(3);
    bridge.announced("b", &[]);
    bridge.pulled(1, 1);
    bridge.did(1, None, "8");
    let is_dropped = |effects: &[String]| effects.iter().any(|effect| effect == "Ack ack1");
    // The node has been silent for 30 s and more, but would be swallowed if it came back and published again.
    assert!(!is_dropped(&bridge.pass(S(120))));
    assert!(is_dropped(&bridge.pass(S(8))));
    // A node that is there, and does not know the job.
    bridge.pulled(2, 1);
    bridge.did(2, None, "8");
    let mut passed = 0;
    loop {
        bridge.announced("b", &[]);
        let effects = bridge.pass(S(1));
        passed += 1;
        if effects.iter().any(|effect| effect == "Ack ack2") {
            break;
        }
        bridge.core.on_verdict(2, Verdict::Unknown);
    }
    assert!((125..130).contains(&passed), "{passed} s");
}
