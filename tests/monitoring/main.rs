//! What docs/monitoring.md and docs/monitoring/ say of the server, with a real server and a real Prometheus.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../guide/page.rs"]
mod page;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod prometheus;
mod promql;
mod served;

mod alerts;
mod docs_table;
mod grafana;
mod scraped;
