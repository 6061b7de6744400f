//! The work: how many connections submit and how many work, which types there are, and what each job carries.
//!
//! A job is identified by its submitter and its sequence number there. Type, sizes, payload and work time follow from these
//! two and the seed. Any peer that sees a part of a job can therefore check the rest of it. Submitters and workers need
//! no table in common.

use std::time::Duration;

use super::super::figure::approximate;
use super::shape::STALLED_BYTES;
pub(crate) use super::shape::{Bytes, Interference, Shape, Work};

/// Smallest argument or result, in bytes: two quotes with the job's key between them.
pub(crate) const PAYLOAD_BYTES_MIN: usize = KEY_BYTES + 2;

/// A key in text: the submitter in 4 hexadecimal digits, the sequence number in 10.
const KEY_BYTES: usize = 14;

/// What fills a payload, rotated by one letter per job: shifted text and text of the next job differ from it.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Identifies a job within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobKey {
    /// The number of its submitter.
    pub(crate) submitter: u16,
    /// Its number there, from 0. The id on the wire follows from it alone, so all submitters use the same ids.
    pub(crate) sequence: u64,
}

/// A shape, with what is computed from it once.
#[derive(Debug)]
pub(crate) struct Workload {
    /// The sizes.
    pub(crate) shape: Shape,
    /// Varies sizes and work times.
    seed: u64,
    /// The alphabet, repeated until any rotation of it fills the largest payload.
    fill: Vec<u8>,
}

/// Which of a job's random numbers is drawn.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    ArgBytes,
    WorkTime,
    ResBytes,
    Ask,
}

impl Workload {
    /// Returns the workload of this shape, whose payloads have at least [`PAYLOAD_BYTES_MIN`] bytes.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        let sizes = [shape.arg_bytes.1, shape.res_bytes.unwrap_or_default().1, shape.large_job_bytes, STALLED_BYTES];
        let largest = sizes.into_iter().fold(0, usize::max) + ALPHABET.len();
        Self { shape, seed, fill: ALPHABET.iter().copied().cycle().take(largest).collect() }
    }

    /// Returns the type of a job, below `types`. Large jobs and those of a burst have the type `types`. Submitters start
    /// at different types.
    pub(crate) fn type_of(&self, job: JobKey) -> u64 {
        let types = self.shape.types as u64;
        let of_burst = matches!(self.shape.interference, Interference::Burst(_)) && self.is_interfering(job);
        if of_burst || self.is_large(job) { types } else { (u64::from(job.submitter) + job.sequence) % types }
    }

    /// Returns the types of a worker, as far apart as possible, because jobs of adjacent types arrive together.
    /// Together the workers do all types if `workers` x `types_per_worker` is enough. The worker after the last one does
    /// the large jobs.
    pub(crate) fn types_of(&self, worker: usize) -> impl Iterator<Item = u64> + use<> {
        let Shape { workers, types, types_per_worker, .. } = self.shape;
        let large = worker == workers;
        (0..if large { 1 } else { types_per_worker })
            .map(move |i| if large { types } else { (worker + i * types / types_per_worker) % types } as u64)
    }

    /// Returns how many jobs a worker may hold at once.
    pub(crate) fn slots(&self) -> usize {
        usize::from(self.shape.max_jobs).max(1)
    }

    /// Returns the id of a job on the wire.
    pub(crate) fn id_of(&self, job: JobKey) -> u64 {
        job.sequence + if self.shape.long_ids { LONG_ID_BASE } else { 0 }
    }

    /// Returns the sequence number that an id stands for.
    pub(crate) fn sequence_of(&self, id: u64) -> u64 {
        id.wrapping_sub(if self.shape.long_ids { LONG_ID_BASE } else { 0 })
    }

    /// Returns the number of the submitter of large jobs: the one after all others.
    pub(crate) fn large_jobs_submitter(&self) -> Option<u16> {
        (self.shape.large_job_bytes > 0).then_some(self.shape.submitters)
    }

    fn is_large(&self, job: JobKey) -> bool {
        self.large_jobs_submitter() == Some(job.submitter)
    }

    /// Returns the submitter number of an interfering client: after all others.
    pub(crate) fn interfering(&self, index: u16) -> u16 {
        self.shape.submitters + 1 + index
    }

    fn is_interfering(&self, job: JobKey) -> bool {
        job.submitter > self.shape.submitters
    }

    /// Whether a job ends the connection of the worker that takes it.
    pub(crate) fn kills(&self, job: JobKey) -> bool {
        matches!(self.shape.interference, Interference::Poison(_)) && self.is_interfering(job)
    }

    /// Returns the size of a job's argument.
    pub(crate) fn arg_bytes(&self, job: JobKey) -> usize {
        if self.is_large(job) {
            self.shape.large_job_bytes
        } else if matches!(self.shape.interference, Interference::StalledReaders(_)) && self.is_interfering(job) {
            STALLED_BYTES
        } else {
            self.size(job, self.shape.arg_bytes, Draw::ArgBytes)
        }
    }

    /// Returns the size of a job's result. The results of large jobs and of interfering clients always repeat their
    /// arguments.
    fn res_bytes(&self, job: JobKey) -> usize {
        match self.shape.res_bytes {
            Some(bytes) if !self.is_large(job) && !self.is_interfering(job) => self.size(job, bytes, Draw::ResBytes),
            _ => self.arg_bytes(job),
        }
    }

    fn size(&self, job: JobKey, (least, most): Bytes, draw: Draw) -> usize {
        if least == most {
            return least;
        }
        least + usize::try_from(self.random(job, draw) % (most - least + 1) as u64).expect("it is within the range")
    }

    /// Returns how long a worker is busy with a job, in nanoseconds.
    pub(crate) fn work_ns(&self, job: JobKey) -> u64 {
        match self.shape.work {
            Work::None => 0,
            Work::Fixed(time) => nanoseconds(time),
            Work::Exponential(mean) => {
                // 53 bits, because a double holds no more. Never 0, because 0 has no logarithm.
                let uniform = approximate((self.random(job, Draw::WorkTime) >> 11) + 1) / approximate(1 << 53);
                nanoseconds(mean.mul_f64(-uniform.ln()))
            }
        }
    }

    /// Appends the argument of a job: a JSON string.
    pub(crate) fn append_arg(&self, job: JobKey, out: &mut Vec<u8>) {
        self.append_payload(job, self.arg_bytes(job), out);
    }

    /// Appends the result of a job: a JSON string.
    pub(crate) fn append_res(&self, job: JobKey, out: &mut Vec<u8>) {
        self.append_payload(job, self.res_bytes(job), out);
    }

    /// Whether results repeat their arguments.
    pub(crate) fn echoes(&self) -> bool {
        self.shape.res_bytes.is_none()
    }

    fn append_payload(&self, job: JobKey, bytes: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&key_text(job));
        out.extend_from_slice(self.fill_of(job, bytes));
        out.push(b'"');
    }

    /// Whether `text` is the argument of this job, to the last byte.
    pub(crate) fn is_arg(&self, job: JobKey, text: &[u8]) -> bool {
        self.is_payload(job, self.arg_bytes(job), text)
    }

    /// Whether `text` is the result of this job, to the last byte.
    pub(crate) fn is_res(&self, job: JobKey, text: &[u8]) -> bool {
        self.is_payload(job, self.res_bytes(job), text)
    }

    fn is_payload(&self, job: JobKey, bytes: usize, text: &[u8]) -> bool {
        let inside = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        inside.and_then(|text| text.strip_prefix(&key_text(job))) == Some(self.fill_of(job, bytes))
    }

    fn fill_of(&self, job: JobKey, bytes: usize) -> &[u8] {
        let rotation = usize::try_from(job.sequence % ALPHABET.len() as u64).expect("it is below 26");
        &self.fill[rotation..rotation + bytes - PAYLOAD_BYTES_MIN]
    }

    /// Returns a number that looks random and is the same each time (the finaliser of `SplitMix64`).
    pub(super) fn random(&self, job: JobKey, draw: Draw) -> u64 {
        let mut x = self.seed ^ (u64::from(job.submitter) << 48 | job.sequence << 2 | draw as u64);
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// The first id of 16 digits.
const LONG_ID_BASE: u64 = 1_000_000_000_000_000;

/// Returns a duration as the clocks of the harness count it.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a run of 584 years does not end")
}

/// Returns the job that a payload names, if it names one.
pub(crate) fn job_named_by(payload: &[u8]) -> Option<JobKey> {
    let key = str::from_utf8(payload.get(1..=KEY_BYTES)?).ok()?;
    let (submitter, sequence) = key.split_at_checked(4)?;
    Some(JobKey {
        submitter: u16::from_str_radix(submitter, 16).ok()?,
        sequence: u64::from_str_radix(sequence, 16).ok()?,
    })
}

fn key_text(job: JobKey) -> [u8; KEY_BYTES] {
    let mut rest = u64::from(job.submitter) << 40 | job.sequence;
    let mut text = [0; KEY_BYTES];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    text
}
