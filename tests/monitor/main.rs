//! The server's HTTP side over real sockets: probes, metrics, the page, and peers that mean it harm. And what
//! docs/monitoring.md and docs/monitoring/ build on it.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../guide/page.rs"]
mod page;
#[path = "../common/proc.rs"]
mod proc;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod browser;
mod fixture;
mod prometheus;
mod promql;
mod served;

mod alerts;
mod answers;
mod docs_table;
mod figures;
mod flood;
mod grafana;
mod hostile;
mod probes;
mod scraped;
mod start;
