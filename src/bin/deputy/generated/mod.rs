//! Texts made from the table of subcommands.

pub(crate) mod completions;
pub(crate) mod help;
pub(crate) mod man;
