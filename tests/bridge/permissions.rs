//! What the bridge needs of NATS, and what it says when it may not have it.

use crate::cluster::{Bridge, Cluster, Nats, Site};
use crate::passing::next_job;
use crate::wait::until;

/// Returns the configuration of a user who may publish and subscribe to these subjects.
fn user(publish: &[&str], subscribe: &[&str]) -> String {
    let listed =
        |subjects: &[&str]| subjects.iter().map(|subject| format!("{subject:?}")).collect::<Vec<_>>().join(", ");
    let permissions = format!("publish: [{}], subscribe: [{}]", listed(publish), listed(subscribe));
    let user = format!("{{ user: bridge, password: \"p@ss\", permissions: {{ {permissions} }} }}");
    format!("accounts {{ D: {{ jetstream: enabled, users: [ {user} ] }} }}")
}

/// The user of the configuration, as a URL has it.
const USER: &str = "bridge:p%40ss@";

/// Returns the subjects in the table of the documentation whose first cell begins so.
fn documented(to: &str) -> Vec<&'static str> {
    let page = include_str!("../../docs/scale-out.md");
    let (_, section) = page.split_once("\n### Permissions\n").unwrap();
    let rows = section.trim_start().lines().take_while(|line| line.starts_with('|'));
    let rows = rows.filter(|row| row.starts_with(&format!("| {to}")));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_permissions_of_the_documentation_are_enough() {
    let config = user(&documented("publish"), &documented("subscribe"));
    let Some(nats) = Nats::start_for(USER, &config) else { return };
    let cluster = Cluster::start_at(nats, &[]);
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    let (job, _) = next_job(&mut worker);
    worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    client.expect(r#"{"cmd":"did","id":1}"#);
    cluster.b.1.until_metric("jobs_in_progress", 0);
    for bridge in [cluster.a.1, cluster.b.1] {
        assert!(!bridge.process.stderr().contains("refuses"), "{}", bridge.process.stderr());
        bridge.stop();
    }
}

#[test]
fn a_bridge_that_may_not_do_what_it_needs_says_what_that_is() {
    let config = user(&["deputy.>"], &documented("subscribe"));
    let Some(nats) = Nats::start_for(USER, &config) else { return };
    let site = Site::start();
    let bridge = Bridge::start(&site, "a", &nats.url(), &[]);
    until("the permissions in the log", || {
        let stderr = bridge.process.stderr();
        let refused =
            r#"Permissions Violation for Publish to "$JS.API.STREAM.INFO.DEPUTY"; the bridge needs permission to"#;
        (stderr.contains(refused) && stderr.contains("$JS.API.CONSUMER.MSG.NEXT.DEPUTY.*")).then_some(())
    });
    assert_eq!(bridge.get("/readyz").status, 503);
    bridge.stop();
}
