//! The library for programs that submit jobs ([`Client`]) or do them ([`Worker`]). It has blocking calls on plain
//! threads, without an async runtime.
//!
//! ```
//! # use deputy::server::{Config, Server};
//! # let server = Server::start(Config { port: 0, ..Config::default() })?;
//! # let url = server.addresses()[0].to_string();
//! use deputy::client::{Client, Worker};
//!
//! let worker = Worker::new(&url).handle_typed("add", |all: Vec<i64>| Ok::<i64, String>(all.iter().sum()));
//! let stopper = worker.stopper();
//! let running = std::thread::spawn(|| worker.run());
//!
//! let client = Client::connect(&url)?;
//! let sum = client.submit::<_, i64>("add", &[1, 2, 3]);
//! assert_eq!(sum.wait()?, 6);
//!
//! stopper.stop();
//! running.join().expect("a worker does not panic")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The server's promises are in docs/protocol.md. The library adds these:
//!
//! - It reconnects after a connection is lost. Jobs and queries that were open on it fail with [`Error::Disconnected`].
//!   The library submits no job twice, and sends no result of a lost connection ([`Client`], [`Worker`]).
//! - It detects a dead server by the system's probes and by `ping` ([`Options`]).
//! - It does not send a line that the server would refuse. The job fails instead, with a reason.
//! - It closes a connection when a line comes that no server sends. It ignores unknown codes, members and lines,
//!   because a later version may send them.
//!
//! Deliberately absent: retries of jobs, a pool of connections, logging (see [`Worker::on_event`]).
//!
//! | file | what |
//! |---|---|
//! | `client`, `questions`, `handle`, `promise` | the client, its queries, and the handles of jobs |
//! | `job_builder`, `job_options` | a job with options |
//! | `control`, `progress`, `completion` | cancelling a job, following it, and receiving its end from a channel |
//! | `submit_session` | the session of a client: open jobs and queries. Pure |
//! | `worker` | handlers and threads. `worker/session`, the session of a worker, is pure |
//! | `link` | a connection and its successors, with a thread that reads and one that writes |
//! | `outgoing`, `finite`, `incoming`, `line_limit` | lines to the server and from it, and their limits |
//! | `url`, `resolver`, `stream`, `backoff`, `options` | the address, the socket, and the options of a connection |
//! | `error`, `connect_error`, `metrics` | errors and metrics |

mod backoff;
#[expect(clippy::module_inception, reason = "the folder is for clients and workers, the file for clients")]
mod client;
mod completion;
mod connect_error;
mod control;
mod error;
mod handle;
mod incoming;
mod job_builder;
mod job_options;
mod link;
mod metrics;
mod options;
mod outgoing;
mod progress;
mod promise;
mod questions;
mod resolver;
mod stream;
mod submit_session;
mod url;
mod worker;

pub use crate::metrics::{BOUNDS_US, Histogram, Outcomes};
pub use client::Client;
pub use completion::Completion;
pub use connect_error::ConnectError;
pub use control::JobControl;
pub use error::{Disconnected, Error};
pub use handle::JobHandle;
pub use job_builder::JobBuilder;
pub use metrics::{FaultMetrics, Metrics, ShardMetrics, TypeMetrics};
pub use options::Options;
pub use progress::Progress;
pub use url::{URL_VARIABLE, Url, UrlError};
pub use worker::{ArgError, Event, Failure, Job, RunError, Stopper, Worker};
