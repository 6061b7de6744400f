//! What is to be done: how many ask and how many work, which types there are, and what each job carries.
//!
//! A job is named by its submitter and its number there. Type and argument follow from the name, so whoever sees a part
//! of a job can tell whether the rest belongs to it, without a table that submitters and workers would have to share.

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
    /// Size of an argument, quotes included.
    pub(crate) arg_bytes: usize,
}

/// Which job: unique in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobName {
    /// Who asked for it.
    pub(crate) submitter: u16,
    /// Its number there, from 0; also its id on the wire, so that all submitters use the same ids.
    pub(crate) sequence: u64,
}

/// A shape, with what is computed from it once.
#[derive(Debug)]
pub(crate) struct Workload {
    /// The sizes.
    pub(crate) shape: Shape,
    /// The alphabet, often enough that any turn of it fills an argument.
    fill: Vec<u8>,
}

impl Workload {
    /// The workload of this shape, whose `arg_bytes` is at least [`ARG_BYTES_MIN`].
    pub(crate) fn new(shape: Shape) -> Self {
        let fill = ALPHABET.iter().copied().cycle().take(shape.arg_bytes + ALPHABET.len()).collect();
        Self { shape, fill }
    }

    /// The type of a job, below `types`. Submitters start at different ones.
    pub(crate) fn type_of(&self, job: JobName) -> u64 {
        (u64::from(job.submitter) + job.sequence) % self.shape.types as u64
    }

    /// The types of a worker. Together the workers do all, if `workers` x `types_per_worker` is enough.
    pub(crate) fn types_of(&self, worker: usize) -> impl Iterator<Item = u64> + use<> {
        let Shape { types, types_per_worker, .. } = self.shape;
        (0..types_per_worker).map(move |i| ((worker * types_per_worker + i) % types) as u64)
    }

    /// Jobs that a worker may hold at once.
    pub(crate) fn slots(&self) -> usize {
        usize::from(self.shape.max_jobs).max(1)
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
        &self.fill[turn..turn + self.shape.arg_bytes - ARG_BYTES_MIN]
    }
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
