//! The subcommands, a file each: a row of the table, and what it does.

use deputy::limits::TYPE_BYTES_MAX;

use crate::problem::{Outcome, Problem};

pub(crate) mod completions;
pub(crate) mod r#do;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod work;

/// Whether a job can be of this type.
fn check_type(name: &str) -> Outcome {
    if (1..=TYPE_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(Problem::usage(format!("TYPE has 1 to {TYPE_BYTES_MAX} bytes, and not {}", name.len())))
}
