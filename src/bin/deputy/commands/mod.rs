//! The subcommands, a file each: a row of the table, and what it does.

use deputy::limits::{TYPE_BYTES_MAX, TYPES_PER_CONNECTION_MAX};

use crate::error::{CliError, Outcome};

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod r#do;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod status;
pub(crate) mod top;
pub(crate) mod why;
pub(crate) mod work;

mod health;

/// Whether a job can be of this type.
fn check_type(name: &str) -> Outcome {
    if (1..=TYPE_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(CliError::usage(format!("TYPE has 1 to {TYPE_BYTES_MAX} bytes, and not {}", name.len())))
}

/// As [`check_type`], of a list for one connection or one question.
fn check_types<T: AsRef<str>>(names: &[T]) -> Outcome {
    if names.len() > TYPES_PER_CONNECTION_MAX {
        return Err(CliError::usage(format!("there may be {TYPES_PER_CONNECTION_MAX} TYPEs at most")));
    }
    names.iter().try_for_each(|name| check_type(name.as_ref()))
}
