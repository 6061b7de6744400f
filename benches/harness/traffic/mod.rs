//! What submitters and workers send, and how they check what the server sends back. No module here opens a socket, so the
//! tests of the load test's checks include this folder as it is.
//!
//! | module | contents |
//! |---|---|
//! | `workload` | the shape of the work, and what each job carries |
//! | `pace` | when the submitters of an open loop submit |
//! | `clients` | a submitter and a worker, without their connections |
//! | `check` | what can be wrong with an answer, and the jobs that have no answer yet |
//! | `drivers` | the bytes of each server's protocol |

pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod drivers;
pub(crate) mod pace;
pub(crate) mod workload;
