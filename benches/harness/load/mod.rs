//! One run of the load: connects submitters and workers, lets them run, and measures.
//!
//! ```text
//! measure, backlog -> connect -> thread: one poller per load thread -> in_flight: what is due, what was answered
//!        \-> observe: processor time and the server's own counts     |          \-> asked: what jobs ask for
//!        \-> settle, audit: what the server has at the end           \-> interference: other clients, meanwhile
//! ```

mod asked;
mod audit;
pub(crate) mod backlog;
mod connect;
pub(crate) mod in_flight;
pub(crate) mod interference;
pub(crate) mod measure;
mod observe;
mod settle;
mod shared;
mod thread;
pub(crate) mod timing;
