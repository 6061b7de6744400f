//! Which jobs workers received: with background jobs no answer says that a job is done.

use super::workload::JobKey;

/// A set of jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Executed {
    /// By submitter, a bit for each of its jobs.
    jobs: Vec<Vec<u64>>,
    /// A job that was received twice.
    twice: Option<JobKey>,
}

impl Executed {
    /// Called when a worker receives a job.
    pub(crate) fn on_job(&mut self, job: JobKey) {
        let word = usize::try_from(job.sequence / 64).expect("a run has fewer jobs than memory has bits");
        self.add_bits(job.submitter.into(), word, 1 << (job.sequence % 64));
    }

    /// Adds the jobs that the workers of another thread received.
    pub(crate) fn add(&mut self, other: &Self) {
        self.twice = self.twice.or(other.twice);
        for (submitter, words) in other.jobs.iter().enumerate() {
            for (word, bits) in words.iter().enumerate() {
                self.add_bits(submitter, word, *bits);
            }
        }
    }

    fn add_bits(&mut self, submitter: usize, word: usize, bits: u64) {
        if self.jobs.len() <= submitter {
            self.jobs.resize(submitter + 1, Vec::new());
        }
        let words = &mut self.jobs[submitter];
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        let again = words[word] & bits;
        words[word] |= bits;
        if again != 0 {
            self.twice.get_or_insert(key(submitter, word, again.trailing_zeros()));
        }
    }

    /// Returns an error unless these are this many different jobs, each submitter's without a gap.
    pub(crate) fn check(&self, jobs: u64) -> Result<(), String> {
        if let Some(job) = self.twice {
            return Err(format!("workers received {job} twice"));
        }
        if let Some(job) = self.first_gap() {
            return Err(format!("no worker received {job}"));
        }
        let received: u64 = self.jobs.iter().flatten().map(|bits| u64::from(bits.count_ones())).sum();
        if received == jobs {
            Ok(())
        } else {
            Err(format!("{jobs} jobs were accepted, but workers received {received}"))
        }
    }

    /// Returns a job that is not in the set although a later one of its submitter is.
    fn first_gap(&self) -> Option<JobKey> {
        self.jobs.iter().enumerate().find_map(|(submitter, words)| {
            let (last, full) = words.split_last()?;
            // The last word may end with zeros, but not have one before a one.
            let hole = full.iter().enumerate().find(|(_, bits)| **bits != u64::MAX);
            let hole = hole.or_else(|| Some((full.len(), last)).filter(|_| last.wrapping_add(1) & last != 0));
            hole.map(|(word, bits)| key(submitter, word, bits.trailing_ones()))
        })
    }
}

fn key(submitter: usize, word: usize, bit: u32) -> JobKey {
    let submitter = u16::try_from(submitter).expect("it was one");
    JobKey { submitter, sequence: word as u64 * 64 + u64::from(bit) }
}
