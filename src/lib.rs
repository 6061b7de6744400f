//! Deputy is a job server: clients submit jobs, workers run them, and the server returns each result to the client that
//! asked.
//!
//! A *client* submits jobs (`do`), and a *worker* offers the types that it does (`can_do`). The server sends each job
//! to one free worker, and the answer (`did`) back. Peers send one JSON object per line, over TCP or a UNIX socket. The
//! server stores no job on disk. docs/protocol.md is the contract with clients; docs/architecture.md explains the code.
//!
//! ```text
//!             accept            turn of a shard (one OS thread each, N = --threads)
//!  clients ==> acceptor --conn--> [ wait ] -> read lines -> step(input) -> effects -> [ write once per connection ]
//!                                    ^                         |                        [ wake each shard with messages once ]
//!                                    +------ mailbox <---------+---- crossbeam channels, one receiver per shard
//! ```
//!
//! Each module uses only those above it in this table:
//!
//! | module | from -> to |
//! |---|---|
//! | [`limits`] | all limits, with their units and reasons |
//! | [`metrics`] | the metrics, and their names on the wire |
//! | [`protocol`] | bytes -> line -> command; reply -> bytes |
//! | [`client`] | for programs that submit jobs or do them: connects to a server, sends lines, reads answers |
//! | [`dispatch`] | command -> which connection receives which reply. Pure: no socket, clock, thread, lock or channel |
//! | [`server`] | sockets, threads, time, signals. Makes no decisions about jobs |
//! | `monitor` | figures -> HTTP, and text for the command. With the feature `http` |
//!
//! A server inside another program:
//!
//! ```
//! use deputy::server::{Config, Server};
//!
//! let server = Server::start(Config { port: 0, ..Config::default() })?;
//! println!("listening on {:?}", server.addresses());
//! server.stop();
//! # Ok::<(), deputy::server::StartError>(())
//! ```

pub mod client;
pub mod dispatch;
mod flag;
pub mod limits;
pub mod metrics;
#[cfg(feature = "http")]
pub mod monitor;
pub mod protocol;
pub mod server;
