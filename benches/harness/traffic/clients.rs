//! The two kinds of peer that load a server, without their sockets and for any protocol: they take what was received and
//! say whether it was right.

use super::asks::End;
use super::check::{Outstanding, Pending, Wrong};
use super::workload::{JobKey, Workload, job_named_by};

/// A job that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The job.
    pub(crate) job: JobKey,
    /// When it was due to start, in nanoseconds of the run.
    pub(crate) start_ns: u64,
    /// How it ended.
    pub(crate) end: End,
}

/// Submits jobs and checks the answers.
#[derive(Debug)]
pub(crate) struct Submitter {
    number: u16,
    outstanding: Outstanding,
    /// The sequence number of a job whose right answer is to be called wrong: shows that answers are checked.
    expect_wrong: Option<u64>,
}

impl Submitter {
    /// Returns the submitter of this number, which has submitted nothing yet.
    pub(crate) fn new(number: u16) -> Self {
        Self { number, outstanding: Outstanding::new(number), expect_wrong: None }
    }

    /// Makes it expect another answer to the job of this sequence number, so that the right one is called wrong.
    pub(crate) fn expect_wrong(self, sequence: u64) -> Self {
        Self { expect_wrong: Some(sequence), ..self }
    }

    /// Records the next job. Its latency counts from `start_ns`: now, or the moment when it was due.
    pub(crate) fn submit(&mut self, start_ns: u64) -> JobKey {
        self.outstanding.submit(start_ns)
    }

    /// Takes a result, by id if there is one, otherwise by the job that it names.
    pub(crate) fn on_answer(&mut self, workload: &Workload, id: Option<u64>, res: &[u8]) -> Result<Ended, Wrong> {
        let names = job_named_by(res);
        let sequence = match (id, names) {
            (Some(id), _) => workload.sequence_of(id),
            (None, Some(job)) if job.submitter == self.number => job.sequence,
            (None, _) => return Err(Wrong::UnknownAnswer { submitter: self.number, names }),
        };
        let ended = self.complete(workload, sequence, End::Result)?;
        let expected = JobKey { sequence: sequence + u64::from(self.expect_wrong == Some(sequence)), ..ended.job };
        let expected = names.filter(|other| workload.is_joined(expected, *other)).unwrap_or(expected);
        if !workload.is_res(expected, res) {
            return Err(Wrong::OtherPayload { job: ended.job, names });
        }
        Ok(ended)
    }

    /// Takes the end of a job without a result, by id if there is one, otherwise of the oldest job that has not ended.
    pub(crate) fn on_end(&mut self, workload: &Workload, id: Option<u64>, end: End) -> Result<Ended, Wrong> {
        let sequence = id.map_or_else(|| self.outstanding.oldest(), |id| workload.sequence_of(id));
        self.complete(workload, sequence, end)
    }

    fn complete(&mut self, workload: &Workload, sequence: u64, end: End) -> Result<Ended, Wrong> {
        let Pending { start_ns, reports } = self.outstanding.complete(sequence)?;
        let job = JobKey { submitter: self.number, sequence };
        let expected = workload.reports();
        if reports != expected {
            return Err(Wrong::LackingProgress { job, reports, expected });
        }
        Ok(Ended { job, start_ns, end })
    }

    /// Takes progress of a job: the number of the report.
    pub(crate) fn on_progress(&mut self, workload: &Workload, id: u64, number: u64) -> Result<(), Wrong> {
        self.outstanding.report(workload.sequence_of(id), number)
    }

    /// Returns when its oldest job without an answer was due to start, in nanoseconds of the run.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.outstanding.oldest_ns()
    }

    /// Returns an error if a job has no answer.
    pub(crate) fn check_complete(&self) -> Result<(), Wrong> {
        self.outstanding.check_empty()
    }
}

/// Checks that the jobs that it receives are meant for it.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    types: Vec<u64>,
    /// Jobs that it may hold at once; `None`: any number.
    slots: Option<usize>,
    /// Whether the ids of its jobs are those of the submitters.
    has_ids: bool,
    /// Jobs whose answers the system has not taken yet.
    held: usize,
    /// Those of them whose answers wait to be sent.
    answered: usize,
}

impl Worker {
    /// Returns the worker of this number. `limited`: the server may not send it more jobs than it has slots.
    pub(crate) fn new(number: usize, workload: &Workload, limited: bool) -> Self {
        let mut types: Vec<u64> = workload.types_of(number).collect();
        types.sort_unstable();
        let slots = limited.then(|| workload.slots());
        Self { number, types, slots, has_ids: true, held: 0, answered: 0 }
    }

    /// Its jobs come through another server, so that their ids are not those of the submitters.
    pub(crate) fn without_ids(mut self) -> Self {
        self.has_ids = false;
        self
    }

    /// Returns its number.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns the numbers of its types, sorted.
    pub(crate) fn types(&self) -> &[u64] {
        &self.types
    }

    /// Takes a job; returns its key.
    pub(crate) fn on_job(
        &mut self,
        workload: &Workload,
        id: Option<u64>,
        type_number: Option<u64>,
        arg: &[u8],
    ) -> Result<JobKey, Wrong> {
        let worker = self.number;
        let names = job_named_by(arg);
        let id = id.filter(|_| self.has_ids);
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

    /// Called when its connection has ended, and with it all jobs that it held.
    pub(crate) fn on_disconnected(&mut self) {
        (self.held, self.answered) = (0, 0);
    }

    /// Called when an answer was appended to the unsent bytes.
    pub(crate) fn on_answered(&mut self) {
        self.answered += 1;
    }

    /// Called when the system took some of the unsent bytes: the server may have them and may have sent more jobs.
    pub(crate) fn on_sent(&mut self) {
        self.held -= std::mem::take(&mut self.answered);
    }
}
