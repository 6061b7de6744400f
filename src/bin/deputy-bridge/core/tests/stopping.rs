//! A bridge that stops.

use super::*;

#[test]
fn a_bridge_that_stops_ends_its_jobs_or_gives_them_back() {
    let mut bridge = Fixture::new(1);
    assert!(!bridge.core.is_finished());
    bridge.pulled(1, 1);
    bridge.core.stop();
    assert_eq!(bridge.effects(), [r#"durable: {"cmd":"cant_do","types":["t"]}"#]);
    assert!(!bridge.core.is_finished());
    assert_eq!(bridge.pulled(2, 1), ["bounce 2", "Nak ack2"]);
    bridge.pass(S(7));
    assert!(!bridge.core.is_finished());
    bridge.pass(S(1));
    assert!(bridge.core.is_finished());
    assert_eq!(bridge.effects(), ["bounce 1", "Nak ack1"]);
    let mut idle = Fixture::new(0);
    // A stored job is safe.
    idle.give(Conn::Durable, 7, "x");
    idle.stored(1);
    idle.core.stop();
    assert!(idle.core.is_finished());
}

#[test]
fn a_bridge_that_stops_gives_back_what_pulls_still_bring() {
    let mut bridge = Fixture::new(2);
    bridge.core.on_consumer(&"t".into(), ConsumerState::Ready);
    assert_eq!(bridge.effects(), ["pull t 2"]);
    bridge.core.stop();
    let is_cancelled = |effects: &[String]| effects.iter().any(|effect| effect == "cancel t 2");
    let ms = Duration::from_millis;
    assert!(!is_cancelled(&bridge.pass(ms(100))));
    assert_eq!(bridge.pulled(1, 1), ["bounce 1", "Nak ack1"]);
    assert!(!is_cancelled(&bridge.pass(ms(100))), "they bring jobs");
    assert!(!bridge.core.is_finished());
    assert!(is_cancelled(&bridge.pass(ms(100))));
    assert!(!bridge.core.is_finished(), "NATS may have sent a job that is on its way");
    bridge.core.on_pulled(pulled(2, 1), true);
    assert_eq!(bridge.effects(), ["bounce 2", "Nak ack2"]);
    bridge.core.on_pulls_cancelled();
    assert!(bridge.core.is_finished());
    // Pulls that are used up need not be cancelled.
    let mut busy = Fixture::new(1);
    busy.core.on_consumer(&"t".into(), ConsumerState::Ready);
    busy.effects();
    busy.core.stop();
    assert!(!busy.core.is_finished());
    busy.pulled(1, 1);
    assert!(busy.core.is_finished());
    // Without NATS nothing comes.
    let mut cut_off = Fixture::new(2);
    cut_off.core.on_consumer(&"t".into(), ConsumerState::Ready);
    cut_off.effects();
    cut_off.core.stop();
    cut_off.core.on_engine_lost();
    assert!(cut_off.core.is_finished());
}

#[test]
fn a_bridge_that_stops_waits_for_spare_and_unstored_jobs() {
    for conn in [Conn::Main, Conn::Durable] {
        let mut bridge = Fixture::new(0);
        bridge.give(conn, 7, "x");
        bridge.core.stop();
        assert!(!bridge.core.is_finished(), "{conn:?}");
        bridge.stored(1);
        assert_eq!(bridge.core.is_finished(), conn == Conn::Durable);
        bridge.result("x", Outcome::Done, "8");
        assert!(!bridge.core.is_finished(), "the sender would wait for the confirmation for minutes");
        bridge.pong(conn);
        assert!(bridge.core.is_finished());
    }
}
