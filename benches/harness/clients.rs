//! The two kinds of peer that load a server, without their sockets and in no language: what was heard in, whether it was
//! right out.

use super::check::{Ledger, Wrong};
use super::workload::{JobName, Workload, job_named_by};

/// Asks for jobs and checks the answers.
#[derive(Debug)]
pub(crate) struct Submitter {
    number: u16,
    ledger: Ledger,
    /// The sequence of a job whose answer is expected to be another than it will be: to see that the check sees it.
    expect_wrong: Option<u64>,
}

impl Submitter {
    /// The one of this number, which has asked for nothing yet.
    pub(crate) fn new(number: u16) -> Self {
        Self { number, ledger: Ledger::new(number), expect_wrong: None }
    }

    /// One that expects a wrong answer to the job of this sequence, so that a right one is called wrong.
    pub(crate) fn expect_wrong(self, sequence: u64) -> Self {
        Self { expect_wrong: Some(sequence), ..self }
    }

    /// Enters the next job. Its latency counts from `start_ns`: now, or when it should have been.
    pub(crate) fn ask(&mut self, start_ns: u64) -> JobName {
        self.ledger.ask(start_ns)
    }

    /// Takes an answer, by id where there is one, else by what it carries; gives when its job was started.
    pub(crate) fn on_answer(&mut self, workload: &Workload, id: Option<u64>, res: &[u8]) -> Result<u64, Wrong> {
        let names = job_named_by(res);
        let sequence = match (id, names) {
            (Some(id), _) => workload.sequence_of(id),
            (None, Some(job)) if job.submitter == self.number => job.sequence,
            (None, _) => return Err(Wrong::NobodysAnswer { submitter: self.number, names }),
        };
        let start_ns = self.ledger.settle(sequence)?;
        let expected = sequence + u64::from(self.expect_wrong == Some(sequence));
        let job = JobName { submitter: self.number, sequence };
        if !workload.is_arg(JobName { sequence: expected, ..job }, res) {
            return Err(Wrong::OtherPayload { job, names });
        }
        Ok(start_ns)
    }

    /// What it was asked for and did not get.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Checks that jobs are for it. The answer to one is what it carries.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    types: Vec<u64>,
    /// Jobs that it may hold at once; `None`: any number.
    slots: Option<usize>,
    /// Jobs whose answers were not yet handed to the system.
    held: usize,
    /// Those of them that were answered.
    answered: usize,
}

impl Worker {
    /// The one of this number. `bounded`: the server may not send it more jobs than it has slots.
    pub(crate) fn new(number: usize, workload: &Workload, bounded: bool) -> Self {
        let mut types: Vec<u64> = workload.types_of(number).collect();
        types.sort_unstable();
        let slots = bounded.then(|| workload.slots());
        Self { number, types, slots, held: 0, answered: 0 }
    }

    /// The numbers of its types, sorted.
    pub(crate) fn types(&self) -> &[u64] {
        &self.types
    }

    /// Takes a job; gives its name.
    pub(crate) fn on_job(
        &mut self,
        workload: &Workload,
        id: Option<u64>,
        type_number: Option<u64>,
        arg: &[u8],
    ) -> Result<JobName, Wrong> {
        let worker = self.number;
        let names = job_named_by(arg);
        let job = names
            .filter(|job| id.is_none_or(|id| id == workload.id_of(*job)) && workload.is_arg(*job, arg))
            .ok_or(Wrong::OtherArgument { worker, names })?;
        let of_type = workload.type_of(job);
        if type_number.is_some_and(|number| number != of_type) || self.types.binary_search(&of_type).is_err() {
            return Err(Wrong::OtherType { worker, job, type_number });
        }
        self.held += 1;
        match self.slots {
            Some(slots) if self.held > slots => Err(Wrong::TooManyJobs { worker, slots }),
            _ => Ok(job),
        }
    }

    /// Its connection has ended, and with it what it held.
    pub(crate) fn forget(&mut self) {
        (self.held, self.answered) = (0, 0);
    }

    /// An answer was appended to what will be sent.
    pub(crate) fn on_answered(&mut self) {
        self.answered += 1;
    }

    /// Some of what was appended was handed to the system, so the server may have had it and sent more.
    pub(crate) fn on_sent(&mut self) {
        self.held -= std::mem::take(&mut self.answered);
    }
}
