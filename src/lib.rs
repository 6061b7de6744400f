//! Deputy hands jobs from the programs that have them to the programs that can do them.
//!
//! A *client* submits jobs (`do`), a *worker* says which types it does (`can_do`); the server gives each job to one
//! free worker and carries the answer (`did`) back. One JSON object a line, over TCP or a UNIX socket; nothing is
//! stored. docs/protocol.md is the contract with clients, docs/architecture.md the tour of the code.
//!
//! ```text
//!             accept            turn of a shard (one OS thread each, N = --threads)
//!  clients ==> acceptor --conn--> [ wait ] -> read lines -> step(input) -> effects -> [ write once per connection ]
//!                                    ^                         |                        [ wake each shard posted to, once ]
//!                                    +------ mailbox <---------+---- crossbeam channels, one receiver a shard
//! ```
//!
//! Data flows one way through the modules, and each knows only those above it:
//!
//! | module | from -> to |
//! |---|---|
//! | [`limits`] | every bound, with its unit and its reason |
//! | [`metrics`] | what is counted, and its names on the wire |
//! | [`protocol`] | bytes -> line -> command; reply -> bytes |
//! | [`client`] | for programs that submit jobs or do them: lines to a server, and its answers |
//! | [`dispatch`] | command -> who is told what. Pure: no socket, clock, thread, lock or channel |
//! | [`server`] | sockets, threads, time, signals. Decides nothing |
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
pub mod protocol;
pub mod server;
