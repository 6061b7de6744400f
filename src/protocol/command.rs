//! A line becomes a [`Command`], or a [`Refusal`] that says why not.
//!
//! Checked in this order: JSON (UTF-8, syntax, an object, depth), doubled known members, `cmd`, then the members that
//! the command uses. The size was checked by the framer. Values that are only carried are never parsed.

use std::borrow::Cow;

use super::Code;

/// The canonical text of a type: what stands between the quotes when it is encoded with the shortest escapes. Two types
/// are the same exactly if these texts are.
pub type TypeName<'a> = Cow<'a, str>;

/// A line that was understood. Ids and values are the text that arrived, without the white space around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    /// This connection is a worker for these types.
    CanDo {
        /// In the order given; may repeat. At most as many as the line had room for: the limit of types a connection is
        /// checked where they are added.
        types: Vec<TypeName<'a>>,
        /// Its slots from now on; 1 to [`crate::limits::JOBS_PER_WORKER_MAX`].
        max_jobs: Option<u32>,
    },
    /// It takes no more jobs of these types.
    CantDo {
        /// In the order given; may repeat.
        types: Vec<TypeName<'a>>,
    },
    /// A job is submitted.
    Do {
        /// A JSON string or number.
        id: &'a str,
        /// Picks the queue.
        type_name: TypeName<'a>,
        /// Any JSON value, or none.
        arg: Option<&'a str>,
    },
    /// A worker's answer.
    Did {
        /// Which job.
        job: JobName<'a>,
        /// The line's id where one could be read, for an error that speaks of it.
        id: Option<&'a str>,
        /// What came of it.
        outcome: Outcome<'a>,
    },
    /// The metrics are asked for.
    Metrics {
        /// Whether with a table by type.
        types: TypesAsked<'a>,
    },
    /// Answer with `pong`.
    Ping,
}

/// How a `did` names its job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JobName<'a> {
    /// By `job`: a numbered job.
    Number(u64),
    /// By `id`: the one that came without a number.
    Id(&'a str),
}

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// Done, with the result if there is one.
    Res(Option<&'a str>),
    /// Failed; a JSON value that says how.
    Err(&'a str),
}

/// Which types a metrics question asks about.
#[derive(Clone, Debug, PartialEq)]
pub enum TypesAsked<'a> {
    /// No table.
    None,
    /// The busiest, at most [`crate::limits::TYPE_ROWS_MAX`].
    All,
    /// Just these, at most [`crate::limits::TYPES_PER_CONNECTION_MAX`].
    Named(Vec<TypeName<'a>>),
}

/// Why a line is not obeyed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal<'a> {
    /// The code to answer with.
    pub code: Code,
    /// For people: the inside of a JSON string, escapes applied.
    pub text: Cow<'static, str>,
    /// The line's id, where one could be read.
    pub id: Option<&'a str>,
    /// Whether the line was a `do` whose id could be read: it is answered by `did`, not by `error`.
    pub is_do: bool,
}
