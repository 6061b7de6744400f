//! The workload of these tests, with few peers and types, and the server's lines for them.

use crate::asks::Ask;
use crate::workload::{JobKey, Shape, Workload};

pub(crate) const ARG_BYTES: usize = 32;

pub(crate) fn shape(max_jobs: u16) -> Shape {
    let arg_bytes = (ARG_BYTES, ARG_BYTES);
    Shape {
        submitters: 4,
        inflight: 8,
        workers: 3,
        types: 5,
        types_per_worker: 2,
        max_jobs,
        arg_bytes,
        ..Shape::DEFAULT
    }
}

pub(crate) fn workload(max_jobs: u16) -> Workload {
    Workload::new(shape(max_jobs), 0)
}

pub(crate) fn name(submitter: u16, sequence: u64) -> JobKey {
    JobKey { submitter, sequence }
}

pub(crate) fn arg(job: JobKey) -> String {
    let mut text = Vec::new();
    workload(0).append_arg(job, &mut text);
    String::from_utf8(text).expect("arguments are text")
}

pub(crate) fn did(sequence: u64, payload_of: JobKey) -> String {
    format!(r#"{{"cmd":"did","id":{sequence},"res":{}}}"#, arg(payload_of))
}

pub(crate) fn to_do(job: JobKey, type_number: u64) -> String {
    format!(r#"{{"cmd":"do","id":{},"type":"t{type_number}","arg":{}}}"#, job.sequence, arg(job))
}

/// Returns a workload whose jobs ask for this, over one type.
pub(crate) fn asking(ask: Ask) -> Workload {
    Workload::new(Shape { ask, types: 1, types_per_worker: 1, ..shape(4) }, 0)
}

/// Returns the first job of submitter 2 that has a property.
pub(crate) fn first_job(has: impl Fn(JobKey) -> bool) -> JobKey {
    (0..100_000).map(|sequence| name(2, sequence)).find(|job| has(*job)).expect("some job has it")
}
