//! The types for which the bridge is a worker, the local server and the other nodes.

use super::*;

#[test]
fn the_bridge_is_spare_for_what_others_announce_and_durable_for_all_types() {
    let mut bridge = Fixture::new(0);
    let effects = bridge.announced("b", &["t", "u"]);
    let joined = "Node(Joined(\"b\"))";
    let spare = r#"main: {"cmd":"can_do","types":["t","u"],"max_jobs":65535,"spare":true,"ref":true}"#;
    let durable = r#"durable: {"cmd":"can_do","types":["t","u"],"max_jobs":65535,"durable":true,"ref":true}"#;
    assert_eq!(effects, [joined, spare, durable]);
    assert_eq!(bridge.announced("b", &["t", "u"]), [""; 0]);
    bridge.core.on_consumers(BTreeSet::from(["v".into()]));
    let durable = r#"durable: {"cmd":"can_do","types":["v"],"max_jobs":65535,"durable":true,"ref":true}"#;
    assert_eq!(bridge.effects(), [durable], "its consumer says that it was used before");
    // The node leaves.
    bridge.core.on_left("b");
    let effects = bridge.pass(S(6));
    let expected = [
        "Node(Left(\"b\"))",
        r#"main: {"cmd":"cant_do","types":["t","u"]}"#,
        r#"durable: {"cmd":"cant_do","types":["t","u"]}"#,
    ];
    assert_eq!(effects, expected);
}

#[test]
fn own_types_are_announced_but_not_those_that_only_the_bridge_does() {
    let mut bridge = Fixture::new(0);
    bridge.announced("b", &["t"]);
    let announced = |bridge: &mut Fixture| {
        bridge.now += S(3);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
        let effects = bridge.core.take_effects().iter().map(text).collect::<Vec<_>>();
        effects.into_iter().find(|effect| effect.starts_with("announce")).unwrap()
    };
    // The bridge is a worker of the type itself.
    let row = |workers| HashMap::from([("t".to_owned(), TypeRow { workers, free: Some(workers - 1) })]);
    let metrics = |workers| Metrics { up_since: 1_000, max_line: 10_000, draining: false, types: row(workers) };
    announced(&mut bridge);
    bridge.core.on_line(Conn::Main, FromServer::Metrics(metrics(1)));
    assert_eq!(announced(&mut bridge), "announce [] false");
    bridge.core.on_line(Conn::Main, FromServer::Metrics(metrics(2)));
    assert_eq!(announced(&mut bridge), "announce [\"t\"] false");
    let pulls = bridge.effects();
    assert!(pulls.is_empty(), "{pulls:?}");
}

#[test]
fn without_nats_and_while_it_stalls_the_bridge_takes_no_jobs() {
    let mut bridge = Fixture::new(0);
    bridge.announced("b", &["t"]);
    bridge.core.on_engine_lost();
    let withdrawn = [r#"main: {"cmd":"cant_do","types":["t"]}"#, r#"durable: {"cmd":"cant_do","types":["t"]}"#];
    assert_eq!(bridge.effects(), withdrawn);
    // What the bridge has is published when NATS is back.
    assert_eq!(bridge.give(Conn::Durable, 7, "x.1"), [""; 0]);
    bridge.core.on_engine_connected(FACTS);
    let effects = bridge.effects();
    assert_eq!(effects[0], "publish 1 a/1000/x.1 7");
    assert!(effects[1].contains("can_do") && effects[2].contains("can_do"), "{effects:?}");
    // NATS is there, but stores nothing.
    let effects = bridge.pass(S(10));
    assert!(effects.iter().any(|effect| *effect == withdrawn[1]), "{effects:?}");
    bridge.core.on_stored(1, Ok(()));
    assert!(bridge.effects()[1].contains("can_do"));
}

#[test]
fn a_server_that_is_too_old_or_does_not_answer_is_left() {
    let mut bridge = Fixture::new(0);
    let line = FromServer::Do { job: 7, reference: None, type_name: "t".to_owned(), run_limit_ms: None, arg: None };
    bridge.core.on_line(Conn::Main, line);
    let effects = bridge.effects();
    assert!(effects[1].starts_with("drop server: the server does not support spare workers"), "{effects:?}");
    let mut bridge = Fixture::new(0);
    let is_dropped = |bridge: &mut Fixture| {
        bridge.effects().iter().any(|effect| effect.starts_with("drop server: no answer for 10 s"))
    };
    let tick = |bridge: &mut Fixture, ms| {
        bridge.now += Duration::from_millis(ms);
        bridge.core.set_now(bridge.now);
        bridge.core.on_tick();
    };
    tick(&mut bridge, 500);
    // The bridge itself was frozen: the answer may be there, and not read.
    tick(&mut bridge, 60_000);
    assert!(!is_dropped(&mut bridge));
    for _ in 0..20 {
        assert!(!is_dropped(&mut bridge));
        tick(&mut bridge, 500);
    }
    assert!(is_dropped(&mut bridge));
}

#[test]
fn two_bridges_of_one_name_are_noticed() {
    let mut bridge = Fixture::new(0);
    bridge.core.on_announced("a", "1", Vec::new());
    assert_eq!(bridge.effects(), [""; 0]);
    assert_eq!(bridge.announced("a", &["t"]), [r#"Twin { instance: "2" }"#]);
    assert_eq!(bridge.announced("a", &["t"]), [""; 0]);
}
