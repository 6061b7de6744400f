//! The command `deputy` as a process, against a real server: what it prints, how it ends, and what signals and closed
//! pipes do to it. A file a subcommand.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
