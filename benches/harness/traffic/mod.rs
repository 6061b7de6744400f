//! What submitters and workers send, and how they check what the server sends back. No module here opens a socket, so the
//! tests of the load test's checks include this folder as it is.
//!
//! | module | contents |
//! |---|---|
//! | `shape` | the sizes of the work |
//! | `workload` | what each job carries |
//! | `asks` | what each job asks for besides being done, and how it may end |
//! | `executed` | which jobs workers received |
//! | `tally` | how the jobs ended in all, and whether that agrees with the server's counts |
//! | `pace` | when the submitters of an open loop submit |
//! | `clients` | a submitter and a worker, without their connections |
//! | `check` | what can be wrong with an answer, and the jobs that have no answer yet |
//! | `drivers` | the bytes of each server's protocol |

pub(crate) mod asks;
pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod drivers;
mod executed;
pub(crate) mod pace;
mod shape;
pub(crate) mod tally;
pub(crate) mod workload;
