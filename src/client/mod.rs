//! For programs that submit jobs ([`Client`]) or do them ([`Worker`]). Blocking calls and plain threads; no async runtime.
//!
//! ```
//! # use deputy::server::{Config, Server};
//! # let server = Server::start(Config { port: 0, ..Config::default() })?;
//! # let url = server.addresses()[0].to_string();
//! use deputy::client::{Client, Worker};
//!
//! let worker = Worker::connect(&url).handle_typed("add", |all: Vec<i64>| Ok::<i64, String>(all.iter().sum()));
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
//! What the server promises is in docs/protocol.md; what is added here:
//!
//! - A connection that is lost is made again. What was open on it fails with [`Error::Disconnected`]: nothing is submitted twice
//!   in silence, and no result of a lost connection is sent ([`Client`], [`Worker`]).
//! - A server that is dead is found, by what the system does about dead machines and by `ping` ([`Options`]).
//! - A line that no server would take is not sent; one that no server would say ends the connection. Codes, members and
//!   lines of later versions are let through.
//!
//! Deliberately absent: retries of jobs, time limits for jobs, a pool of connections, logging (see [`Worker::on_event`]).
//!
//! | file | what |
//! |---|---|
//! | `client`, `handle`, `promise` | what a submitter has in hand |
//! | `submit_session` | its session: what is open, and what an answer means for it. Pure |
//! | `worker` | handlers and threads; `worker/session` is its session: what it offers and holds. Pure |
//! | `link` | a connection and its successors, with a thread that reads and one that writes |
//! | `outgoing`, `incoming` | lines to the server, and from it |
//! | `url`, `stream`, `backoff`, `options` | where to, how, when again |
//! | `error`, `connect_error`, `metrics` | what callers are told |

mod backoff;
#[expect(clippy::module_inception, reason = "a folder for programs, a file for those that submit")]
mod client;
mod connect_error;
mod error;
mod finite;
mod handle;
mod incoming;
mod line_limit;
mod link;
mod metrics;
mod options;
mod outgoing;
mod promise;
mod resolver;
mod stream;
mod submit_session;
mod url;
mod worker;

pub use client::Client;
pub use connect_error::ConnectError;
pub use error::{Disconnected, Error};
pub use handle::JobHandle;
pub use metrics::{FaultMetrics, Metrics, TypeMetrics};
pub use options::Options;
pub use url::{URL_VARIABLE, Url, UrlError};
pub use worker::{ArgError, Event, Failure, Job, RunError, Stopper, Worker};
