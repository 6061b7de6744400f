//! The shell: sockets, threads, time and signals. It decides nothing.

pub mod bound;
mod config;
mod log;
mod memory;
#[cfg(test)]
mod scratch;
mod start_error;
mod stderr;

pub use bound::ConfigError;
pub use config::{Config, HOST_RIGHT, KEEPALIVE_RIGHT, Keepalive, SOCK_RIGHT};
pub use log::Level;
pub use start_error::StartError;
