//! The subcommands, a file each: a row of the table, and what it does.

pub(crate) mod completions;
pub(crate) mod man;
pub(crate) mod ping;
