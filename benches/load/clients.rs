//! The two kinds of peer that load a server, without their sockets: a line in, what to send out, and whether it was
//! right.

use crate::check::{Ledger, Wrong, excerpt};
use crate::lines::{self, Said};
use crate::workload::{JobName, Workload, job_named_by};

/// Asks for jobs and checks the answers.
#[derive(Debug)]
pub(crate) struct Submitter {
    number: u16,
    ledger: Ledger,
}

impl Submitter {
    /// The one of this number, which has asked for nothing yet.
    pub(crate) fn new(number: u16) -> Self {
        Self { number, ledger: Ledger::new(number) }
    }

    /// Appends the next job to `out`. Its latency counts from `start_ns`: now, or when it should have been.
    pub(crate) fn submit(&mut self, workload: &Workload, start_ns: u64, out: &mut Vec<u8>) {
        let job = self.ledger.ask(start_ns);
        lines::begin_do(job.sequence, workload.type_of(job), out);
        workload.append_arg(job, out);
        lines::end(out);
    }

    /// Takes a line of the server; gives when the job that it answers was started.
    pub(crate) fn on_line(&mut self, workload: &Workload, line: &[u8]) -> Result<u64, Wrong> {
        let (sequence, res) = match lines::read(line) {
            Some(Said::Done { id, res }) => (id, res),
            Some(Said::Refused) => return Err(Wrong::Refused(excerpt(line))),
            Some(Said::Do { .. }) | None => return Err(Wrong::Unexpected(excerpt(line))),
        };
        let start_ns = self.ledger.settle(sequence)?;
        let job = JobName { submitter: self.number, sequence };
        if !workload.is_arg(job, res) {
            return Err(Wrong::OtherPayload { job, names: job_named_by(res) });
        }
        Ok(start_ns)
    }

    /// What it was asked for and did not get.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Does jobs by sending back what they carry, and checks that they are for it.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    types: Vec<u64>,
    /// Jobs whose answers were not yet handed to the system.
    held: usize,
}

impl Worker {
    /// The one of this number.
    pub(crate) fn new(number: usize, workload: &Workload) -> Self {
        let mut types: Vec<u64> = workload.types_of(number).collect();
        types.sort_unstable();
        Self { number, types, held: 0 }
    }

    /// Appends what makes its connection a worker.
    pub(crate) fn greet(&self, workload: &Workload, out: &mut Vec<u8>) {
        lines::push_can_do(self.types.iter().copied(), workload.shape.max_jobs, out);
    }

    /// Takes a line of the server and appends the answer.
    pub(crate) fn on_line(&mut self, workload: &Workload, line: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
        let (id, type_number, job, arg) = match lines::read(line) {
            Some(Said::Do { id, type_number, job, arg }) => (id, type_number, job, arg),
            Some(Said::Refused) => return Err(Wrong::Refused(excerpt(line))),
            Some(Said::Done { .. }) | None => return Err(Wrong::Unexpected(excerpt(line))),
        };
        self.check(workload, id, type_number, arg)?;
        self.held += 1;
        if self.held > workload.slots() {
            return Err(Wrong::TooManyJobs { worker: self.number, slots: workload.slots() });
        }
        lines::push_did(id, job, arg, out);
        Ok(())
    }

    fn check(&self, workload: &Workload, id: u64, type_number: u64, arg: &[u8]) -> Result<(), Wrong> {
        let worker = self.number;
        let names = job_named_by(arg);
        let job = names
            .filter(|job| job.sequence == id && workload.is_arg(*job, arg))
            .ok_or(Wrong::OtherArgument { worker, names })?;
        if type_number != workload.type_of(job) || self.types.binary_search(&type_number).is_err() {
            return Err(Wrong::OtherType { worker, job, type_number });
        }
        Ok(())
    }

    /// Some of what it appended was handed to the system, so the server may have had it and sent more.
    pub(crate) fn on_sent(&mut self) {
        self.held = 0;
    }
}
