//! HTTP/1.1, as far as probes, scrapers and browsers need it: GET and HEAD, keep-alive, pipelining.
//!
//! ```text
//! poller -> conn: bytes -> request -> service -> response -> bytes
//!              ^                         |
//!              +-- waker <-- sampler <---+ (a request that needs fresh figures waits)
//! ```
//!
//! Invariant: a fault of a peer leads to an error status or a close, and to nothing else. A connection has at most one
//! head of [`HTTP_HEAD_BYTES_MAX`](crate::limits::HTTP_HEAD_BYTES_MAX) and one answer, and each of its stages has a
//! deadline.
//!
//! Deliberately absent: TLS, compression, bodies of requests, chunked answers, ranges, caches, access control.
//!
//! | file | what it does |
//! |---|---|
//! | `address` | the addresses to listen on |
//! | `server`, `thread`, `listening`, `cpu_budget` | the thread: its poller, its connections, and how much of a core it takes |
//! | `conn` | one connection |
//! | `request`, `accept`, `hosts` | reads requests; the preferred format; the accepted hosts |
//! | `service`, `bodies`, `page`, `program` | makes the answers: for servers, and for another program |
//! | `response`, `date` | an answer and its bytes |

mod accept;
mod address;
mod bodies;
mod conn;
mod cpu_budget;
mod date;
mod hosts;
mod listening;
mod page;
mod program;
mod request;
mod response;
mod server;
mod service;
mod thread;

pub use address::{HTTP_EXPECTED, HttpAddress, HttpAddressError, HttpListeners};
pub use program::Program;
pub(super) use program::ProgramService;
pub(super) use server::HttpServer;
pub(super) use service::{ServersService, Service};
