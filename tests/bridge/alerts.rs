//! The alerts of docs/monitoring about a bridge: it serves what they name, and a real Prometheus raises one.

use crate::cluster::{Bridge, Site};
use crate::prometheus::Prometheus;
use crate::{page, programs};

/// A bridge without NATS: nothing listens on port 1 of this machine.
fn without_nats(site: &Site) -> Bridge {
    let bridge = Bridge::start(site, "a", "nats://127.0.0.1:1", &[]);
    bridge.until_metric("server_up", 1);
    bridge
}

/// The words of a text that are names of the bridge's metrics.
fn metrics(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("deputy_bridge_"))
}

#[test]
fn a_bridge_serves_the_metrics_of_its_alerts() {
    let site = Site::start();
    let bridge = without_nats(&site);
    let served = bridge.get("/metrics").body;
    let rules = page::read("docs/monitoring/alerts.yml");
    assert!(metrics(&rules).count() > 10);
    for name in metrics(&rules) {
        // What the stream has is not known without NATS; other tests look at it.
        let is_served = served.contains(&format!("\n{name}{{")) || served.contains(&format!("\n{name} "));
        assert!(is_served || name == "deputy_bridge_stream_waiting", "{name}");
    }
    bridge.stop();
}

#[test]
fn prometheus_raises_the_alert_on_a_bridge_without_nats() {
    let Some(program) = programs::find("prometheus") else { return };
    let site = Site::start();
    let bridge = without_nats(&site);
    // The page says that the lines about a bridge are a comment in the sample configuration.
    let commented =
        "  # - job_name: deputy-bridge\n  #   static_configs:\n  #     - targets:\n  #         - 127.0.0.1:9747\n";
    let lines = commented.replace("  # ", "  ").replace("127.0.0.1:9747", &bridge.http.to_string());
    let prometheus = Prometheus::start_with(&program, &[(commented, &lines), ("15s", "500ms")]);
    let alert = prometheus.until_alert("DeputyBridgeNotConnected");
    assert_eq!(alert["labels"]["instance"], bridge.http.to_string());
    bridge.stop();
}
