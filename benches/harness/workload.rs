//! What is to be done: how many ask and how many work, which types there are, and what each job carries.
//!
//! A job is named by its submitter and its number there. Type, size, argument and work time follow from the name and the
//! seed, so whoever sees a part of a job can tell whether the rest belongs to it, without a table that submitters and
//! workers would have to share.

use std::time::Duration;

use super::figure::approximate;

/// Least size of an argument, in bytes: two quotes, and the name of its job between them.
pub(crate) const ARG_BYTES_MIN: usize = NAME_BYTES + 2;

/// Submitter in 4 hexadecimal digits, sequence in 10.
const NAME_BYTES: usize = 14;

/// What fills an argument up, turned by one for each job: text that was shifted or belongs to a neighbour differs.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// The sizes of a workload, as the options give them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Connections that submit.
    pub(crate) submitters: u16,
    /// Jobs that each of them keeps unanswered.
    pub(crate) inflight: usize,
    /// Connections that work.
    pub(crate) workers: usize,
    /// Job types; a submitter takes them in turn.
    pub(crate) types: usize,
    /// Types that each worker does.
    pub(crate) types_per_worker: usize,
    /// Slots of a worker; 0: it does not say, and has one.
    pub(crate) max_jobs: u16,
    /// Least and most bytes of an argument, quotes included.
    pub(crate) arg_bytes: (usize, usize),
    /// How long a job takes.
    pub(crate) work: Work,
    /// Connections that say nothing.
    pub(crate) idle: usize,
    /// A further submitter that asks for one large job each second, of so many bytes and of a type that a further worker
    /// does; 0: there is none.
    pub(crate) giant_bytes: usize,
    /// Whether ids have 16 digits, not as many as they need.
    pub(crate) long_ids: bool,
    /// What strangers do to the server meanwhile.
    pub(crate) beside: Beside,
}

/// What strangers do to the server beside the load, from one thread of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Beside {
    /// There are none.
    Nobody,
    /// So many submitters read nothing: not the answers, of [`STALLED_BYTES`] each, to the jobs that they submit.
    Stalled(u16),
    /// One submits so many jobs in one go, of a type that nobody does.
    Burst(u64),
    /// One asks for the metrics, so many questions in flight.
    Questions(usize),
    /// One submits so many jobs a second that are the end of each worker that takes one.
    Poison(f64),
}

/// Bytes of an argument, and so of an answer, that is not read.
const STALLED_BYTES: usize = 16 << 10;

impl Shape {
    /// What the options are if none is given: scenario A.
    pub(crate) const DEFAULT: Self = Self {
        submitters: 4,
        inflight: 64,
        workers: 16,
        types: 1,
        types_per_worker: 1,
        max_jobs: 0,
        arg_bytes: (32, 32),
        work: Work::None,
        idle: 0,
        giant_bytes: 0,
        long_ids: false,
        beside: Beside::Nobody,
    };
}

/// How long a worker is busy with a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// It answers at once.
    None,
    /// As long for each.
    Fixed(Duration),
    /// Exponentially distributed, with this mean.
    Exponential(Duration),
}

/// Which job: unique in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobName {
    /// Who asked for it.
    pub(crate) submitter: u16,
    /// Its number there, from 0; its id on the wire is made of it alone, so that all submitters use the same ids.
    pub(crate) sequence: u64,
}

/// A shape, with what is computed from it once.
#[derive(Debug)]
pub(crate) struct Workload {
    /// The sizes.
    pub(crate) shape: Shape,
    /// Varies sizes and work times.
    seed: u64,
    /// The alphabet, often enough that any turn of it fills an argument.
    fill: Vec<u8>,
}

impl Workload {
    /// The workload of this shape, whose arguments have at least [`ARG_BYTES_MIN`] bytes.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        let largest = shape.arg_bytes.1.max(shape.giant_bytes).max(STALLED_BYTES) + ALPHABET.len();
        Self { shape, seed, fill: ALPHABET.iter().copied().cycle().take(largest).collect() }
    }

    /// The type of a job, below `types`; that of a large one, and of a burst, is `types`. Submitters start at different
    /// ones.
    pub(crate) fn type_of(&self, job: JobName) -> u64 {
        let types = self.shape.types as u64;
        let apart = matches!(self.shape.beside, Beside::Burst(_)) && self.is_strangers(job);
        let large = self.giant() == Some(job.submitter);
        if apart || large { types } else { (u64::from(job.submitter) + job.sequence) % types }
    }

    /// The types of a worker: as far from each other as can be, so that jobs whose types come in turn are not all for one
    /// worker. Together the workers do all, if `workers` x `types_per_worker` is enough. The one behind them does large ones.
    pub(crate) fn types_of(&self, worker: usize) -> impl Iterator<Item = u64> + use<> {
        let Shape { workers, types, types_per_worker, .. } = self.shape;
        let large = worker == workers;
        (0..if large { 1 } else { types_per_worker })
            .map(move |i| if large { types } else { (worker + i * types / types_per_worker) % types } as u64)
    }

    /// Jobs that a worker may hold at once.
    pub(crate) fn slots(&self) -> usize {
        usize::from(self.shape.max_jobs).max(1)
    }

    /// The id of a job on the wire.
    pub(crate) fn id_of(&self, job: JobName) -> u64 {
        job.sequence + if self.shape.long_ids { LONG_ID_BASE } else { 0 }
    }

    /// The sequence that an id stands for.
    pub(crate) fn sequence_of(&self, id: u64) -> u64 {
        id.wrapping_sub(if self.shape.long_ids { LONG_ID_BASE } else { 0 })
    }

    /// The number of the submitter that asks for large jobs: the one behind all others.
    pub(crate) fn giant(&self) -> Option<u16> {
        (self.shape.giant_bytes > 0).then_some(self.shape.submitters)
    }

    /// The number of a stranger: behind all others.
    pub(crate) fn stranger(&self, place: u16) -> u16 {
        self.shape.submitters + 1 + place
    }

    fn is_strangers(&self, job: JobName) -> bool {
        job.submitter > self.shape.submitters
    }

    /// Whether a job is the end of its worker.
    pub(crate) fn kills(&self, job: JobName) -> bool {
        matches!(self.shape.beside, Beside::Poison(_)) && self.is_strangers(job)
    }

    /// How many bytes the argument of a job has.
    pub(crate) fn arg_bytes(&self, job: JobName) -> usize {
        let (least, most) = self.shape.arg_bytes;
        if self.giant() == Some(job.submitter) {
            self.shape.giant_bytes
        } else if matches!(self.shape.beside, Beside::Stalled(_)) && self.is_strangers(job) {
            STALLED_BYTES
        } else if least == most {
            least
        } else {
            least + usize::try_from(self.random(job, 0) % (most - least + 1) as u64).expect("it is at most the range")
        }
    }

    /// How long a worker is busy with a job, in nanoseconds.
    pub(crate) fn work_ns(&self, job: JobName) -> u64 {
        match self.shape.work {
            Work::None => 0,
            Work::Fixed(time) => nanoseconds(time),
            Work::Exponential(mean) => {
                // 53 bits, so that a double has them all; never 0, whose logarithm is none.
                let uniform = approximate((self.random(job, 1) >> 11) + 1) / approximate(1 << 53);
                nanoseconds(mean.mul_f64(-uniform.ln()))
            }
        }
    }

    /// Appends the argument of a job: a JSON string.
    pub(crate) fn append_arg(&self, job: JobName, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&name_text(job));
        out.extend_from_slice(self.fill_of(job));
        out.push(b'"');
    }

    /// Whether `text` is the argument of this job, to the last byte.
    pub(crate) fn is_arg(&self, job: JobName, text: &[u8]) -> bool {
        let inside = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\""));
        inside.and_then(|t| t.strip_prefix(&name_text(job))) == Some(self.fill_of(job))
    }

    fn fill_of(&self, job: JobName) -> &[u8] {
        let turn = usize::try_from(job.sequence % ALPHABET.len() as u64).expect("it is below 26");
        &self.fill[turn..turn + self.arg_bytes(job) - ARG_BYTES_MIN]
    }

    /// A number that looks random, the same each time (the finaliser of `SplitMix64`).
    fn random(&self, job: JobName, of: u64) -> u64 {
        let mut x = self.seed ^ (u64::from(job.submitter) << 48 | job.sequence << 1 | of);
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Ids from here on have 16 digits.
const LONG_ID_BASE: u64 = 1_000_000_000_000_000;

/// A time span as the clocks of the harness count it.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a run of 584 years does not end")
}

/// The job that an argument names, if it names one.
pub(crate) fn job_named_by(arg: &[u8]) -> Option<JobName> {
    let name = str::from_utf8(arg.get(1..=NAME_BYTES)?).ok()?;
    let (submitter, sequence) = name.split_at_checked(4)?;
    Some(JobName {
        submitter: u16::from_str_radix(submitter, 16).ok()?,
        sequence: u64::from_str_radix(sequence, 16).ok()?,
    })
}

fn name_text(job: JobName) -> [u8; NAME_BYTES] {
    let mut rest = u64::from(job.submitter) << 40 | job.sequence;
    let mut text = [0; NAME_BYTES];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    text
}
