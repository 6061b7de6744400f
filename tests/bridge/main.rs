//! `deputy-bridge` as a process, between real servers and a real NATS: the one that `DEPUTY_NATS_SERVER` names, or
//! `nats-server` of the PATH. Without one these tests are passed over.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../monitor/browser.rs"]
mod browser;
#[path = "../common/client.rs"]
mod client;
#[path = "../guide/page.rs"]
mod page;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../monitor/prometheus.rs"]
mod prometheus;
#[path = "../common/wait.rs"]
mod wait;

mod cluster;

mod alerts;
mod dying;
mod laptop;
mod options;
mod passing;
mod permissions;
