//! The shell: sockets, threads, time and signals. It decides nothing.

mod acceptor;
mod address;
pub mod bound;
mod config;
mod listen;
mod log;
mod memory;
mod panic;
mod porter;
mod report;
#[cfg(test)]
mod scratch;
mod sock_file;
mod start_error;
mod stderr;
mod stream;
mod system;

pub use address::Address;
pub use bound::ConfigError;
pub use config::{Config, HOST_RIGHT, KEEPALIVE_RIGHT, Keepalive, SOCK_RIGHT};
pub use log::Level;
pub use panic::abort_on_panic;
pub use start_error::StartError;
pub use system::raise_descriptor_limit;
