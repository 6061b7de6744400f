//! Texts made from the table of subcommands.

pub(crate) mod bash;
pub(crate) mod fish;
pub(crate) mod help;
pub(crate) mod roff;
pub(crate) mod zsh;

use crate::options::Opt;

/// The names of an option, with their dashes.
fn dashed(option: &Opt) -> impl Iterator<Item = String> {
    option.short.map(|short| format!("-{short}")).into_iter().chain([option.long.to_owned()])
}
