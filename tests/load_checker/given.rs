//! The workload of these tests, with few peers and types, and the server's lines for them.

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
