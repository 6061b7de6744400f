//! What the server says, and its bytes. Members stand in the order of docs/protocol.md, without white space outside
//! of carried values, and every line ends with CRLF.

use super::Code;

/// One line to a peer. What is text here is JSON already: it is copied, never encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply<'a> {
    /// To a worker: do this job.
    Do {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The type's canonical text, without its quotes.
        type_name: &'a str,
        /// The job's number, for workers that gave `max_jobs`.
        job: Option<u64>,
        /// The argument, as it came; none where the submitter gave none.
        arg: Option<&'a str>,
    },
    /// To a submitter: done.
    Done {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The result, as it came; none where the worker gave none.
        res: Option<&'a str>,
    },
    /// To a submitter: it will not be done.
    Failed {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The worker's own value, or a JSON string for people: a whole JSON value, quotes included.
        err: &'a str,
        /// Why.
        code: Code,
    },
    /// A line was not obeyed.
    Error {
        /// Why.
        code: Code,
        /// For people: the inside of a JSON string, escapes applied.
        text: &'a str,
        /// The line's id, where one could be read.
        id: Option<&'a str>,
    },
    /// The metrics.
    Metrics {
        /// A whole JSON object.
        metrics: &'a str,
    },
    /// The answer to `ping`.
    Pong,
}
