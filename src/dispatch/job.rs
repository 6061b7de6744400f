//! A job is a pointer to its parts ([`Parts`]), which have its texts in a second allocation. A job with options or a long arg
//! has a third one (`Terms`). A long arg is shared with the unsent bytes of its worker.

mod flags;

use std::ops::{Deref, DerefMut};

use super::answer::{Answer, End};
use super::ids::Submitter;
use super::micros::Micros;
use crate::limits::{JOB_FIXED_BYTES, JOB_OPTIONS_BYTES};
use crate::protocol::carried::{Carried, LongText};
use crate::protocol::command::{Class, JobOptions};
use flags::Flags;

/// A job from the moment it is accepted until it is answered.
///
/// Invariant: it is in exactly one place: a ticket, a queue, a message or a worker's slot.
///
/// Boxed, because a job moves from place to place some ten times, and moving a pointer takes far less time.
#[derive(Debug, PartialEq, Eq)]
pub struct Job(Box<Parts>);

/// The parts of a job, to which it dereferences.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// Id and type, followed by the arg unless that is long.
    text: Box<str>,
    /// Its number among the jobs of its home: assigned when the job is first queued, and kept when it is requeued.
    pub arrival: u64,
    /// When it was accepted; for a delayed job, when its delay ended.
    pub accepted: Micros,
    /// Where the answer goes.
    pub submitter: Submitter,
    /// Lost attempts that count, see docs/protocol.md, the contract, point 4.
    pub attempts: u32,
    id_len: u32,
    type_len: u16,
    flags: Flags,
    /// Its priority among the waiting jobs of its type. The highest goes first.
    pub priority: i8,
    terms: Option<Box<Terms>>,
}

/// The members that few jobs have.
#[derive(Debug, Default, PartialEq, Eq)]
struct Terms {
    long_arg: Option<LongText>,
    run_limit_ms: Option<u64>,
    attempts_max: Option<u8>,
    wait_ms: Option<u64>,
    key: Option<Box<str>>,
    durable: Option<Stored>,
}

/// Whether and by which worker a durable job is stored outside this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// The job is not stored.
    No,
    /// An earlier worker, which was lost since, has stored the job.
    ByFormer,
    /// The job's present worker has stored it.
    ByWorker,
}

impl Job {
    /// Returns a job without options. `type_name` is canonical.
    #[inline(always)]
    pub fn new(submitter: Submitter, accepted: Micros, id: &str, type_name: &str, arg: Option<Carried<'_>>) -> Self {
        let (arg_text, long_arg) = match arg {
            None => ("", None),
            Some(Carried::Short(arg)) => (arg, None),
            Some(Carried::Long(arg)) => ("", Some(arg.clone())),
        };
        let mut text = String::with_capacity(id.len() + type_name.len() + arg_text.len());
        text.push_str(id);
        text.push_str(type_name);
        text.push_str(arg_text);
        Self(Box::new(Parts {
            text: text.into_boxed_str(),
            arrival: 0,
            accepted,
            submitter,
            attempts: 0,
            id_len: u32::try_from(id.len()).expect("a line is at most 1 GiB"),
            type_len: u16::try_from(type_name.len()).expect("255 bytes of a type, escaped, are at most 1,530"),
            flags: Flags(if arg.is_some() { Flags::HAS_ARG } else { 0 }),
            priority: 0,
            terms: long_arg.map(|arg| Box::new(Terms { long_arg: Some(arg), ..Terms::default() })),
        }))
    }

    /// Returns the bytes that a job with these texts would count in the memory budget.
    pub fn bytes_of(id: &str, type_name: &str, arg: Option<Carried<'_>>, options: Option<&JobOptions<'_>>) -> u64 {
        let terms =
            options.filter(|options| has_terms(options)).map_or(0, |options| bytes_of_terms(options.key.as_deref()));
        (id.len() + type_name.len() + arg.map_or(0, Carried::len)) as u64 + JOB_FIXED_BYTES + terms
    }

    /// Ends the job. The answer takes over the allocation of its texts.
    pub fn answer(self, end: End<'_>) -> Answer {
        let (job_bytes, id_len) = (self.bytes(), self.id_len);
        let mut text = self.0.text.into_string();
        text.truncate(id_len as usize);
        Answer::new(text, end, job_bytes)
    }
}

impl Deref for Job {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Job {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl Parts {
    /// Sets the options of a `do` line, except those that concern only its submitter.
    pub(super) fn set_options(&mut self, options: &JobOptions<'_>) {
        self.priority = options.priority;
        self.flags.add(Flags::NEEDS_WORKER | Flags::CONDITIONAL, options.need_worker);
        self.flags.add(Flags::PROGRESS, options.progress);
        if has_terms(options) {
            self.set_terms(options);
        }
    }

    #[inline(never)]
    fn set_terms(&mut self, options: &JobOptions<'_>) {
        let &JobOptions { run_limit_ms, attempts: attempts_max, wait_ms, ref key, durable, .. } = options;
        self.flags.add(Flags::NEEDS_WORKER, durable);
        self.flags.add(Flags::CONDITIONAL, durable || key.is_some() || wait_ms.is_some());
        let key = key.as_deref().map(Box::from);
        let durable = durable.then_some(Stored::No);
        let long_arg = self.terms.take().and_then(|terms| terms.long_arg);
        self.terms = Some(Box::new(Terms { long_arg, run_limit_ms, attempts_max, wait_ms, key, durable }));
    }

    /// Returns the submitter's id, as received.
    pub fn id(&self) -> &str {
        &self.text[..self.id_len as usize]
    }

    /// Returns the canonical type.
    pub fn type_name(&self) -> &str {
        &self.text[self.id_len as usize..][..usize::from(self.type_len)]
    }

    /// Returns the argument, as received.
    pub fn arg(&self) -> Option<Carried<'_>> {
        if !self.flags.has(Flags::HAS_ARG) {
            return None;
        }
        let long = self.terms.as_ref().and_then(|terms| terms.long_arg.as_ref());
        let short = || Carried::Short(&self.text[self.id_len as usize + usize::from(self.type_len)..]);
        Some(long.map_or_else(short, Carried::Long))
    }

    /// Returns whether a worker was lost while it held the job. A job that is a suspect stays one until it ends.
    pub fn is_suspect(&self) -> bool {
        self.flags.has(Flags::SUSPECT)
    }

    pub(super) fn set_suspect(&mut self) {
        self.flags.set(Flags::SUSPECT, true);
    }

    /// Returns whether it may be revoked: its home and the shard of its worker can then find it by its submitter.
    pub(super) fn is_revocable(&self) -> bool {
        self.flags.has(Flags::REVOCABLE)
    }

    /// Makes it revocable. Its submitter is a ticket or a group, by which it is found from now on.
    pub(super) fn set_revocable(&mut self) {
        self.flags.set(Flags::REVOCABLE, true);
    }

    /// Returns whether its type has figures of its own, as its home has decided.
    pub(super) fn has_figures(&self) -> bool {
        self.flags.has(Flags::HAS_FIGURES)
    }

    pub(super) fn set_has_figures(&mut self, on: bool) {
        self.flags.set(Flags::HAS_FIGURES, on);
    }

    /// Returns whether it has been sent to a worker.
    pub(super) fn was_sent(&self) -> bool {
        self.flags.has(Flags::WAS_SENT)
    }

    pub(super) fn set_was_sent(&mut self) {
        self.flags.set(Flags::WAS_SENT, true);
    }

    /// Returns whether its submitter wants the progress that the worker reports.
    pub(super) fn wants_progress(&self) -> bool {
        self.flags.has(Flags::PROGRESS)
    }

    pub(super) fn set_wants_progress(&mut self) {
        self.flags.set(Flags::PROGRESS, true);
    }

    /// Returns whether its home must check more than its type: a key, `need_worker` or `wait_ms`.
    pub(super) fn is_conditional(&self) -> bool {
        self.flags.has(Flags::CONDITIONAL)
    }

    /// Returns whether it ends if there is no worker when it is first queued. Always true for a durable job.
    pub(super) fn needs_worker(&self) -> bool {
        self.flags.has(Flags::NEEDS_WORKER)
    }

    /// Returns whether only workers for durable jobs may get it.
    pub fn is_durable(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.durable.is_some())
    }

    /// Returns whether a worker has stored it outside this server.
    pub(super) fn is_stored(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| matches!(terms.durable, Some(Stored::ByFormer | Stored::ByWorker)))
    }

    /// Called when its worker has stored it. Returns whether this is the first worker that did; `None` if this worker
    /// did so before, or the job is not durable.
    pub(super) fn store(&mut self) -> Option<bool> {
        let Terms { durable, wait_ms, .. } = &mut **self.terms.as_mut()?;
        let is_first = match durable.as_ref()? {
            Stored::No => true,
            Stored::ByFormer => false,
            Stored::ByWorker => return None,
        };
        *durable = Some(Stored::ByWorker);
        // The job reached a worker in time. From now on its wait has no limit.
        *wait_ms = None;
        Some(is_first)
    }

    /// Called when its worker is lost. A stored job stays stored.
    pub(super) fn lose_storer(&mut self) {
        if let Some(durable @ Some(Stored::ByWorker)) = self.terms.as_mut().map(|terms| &mut terms.durable) {
            *durable = Some(Stored::ByFormer);
        }
    }

    /// Returns how long a worker may hold it without progress, if the `do` line said so.
    pub(super) fn run_limit_ms(&self) -> Option<u64> {
        self.terms.as_ref()?.run_limit_ms
    }

    /// Returns after how many attempts it ends, if the `do` line said so.
    pub(super) fn attempts_max(&self) -> Option<u8> {
        self.terms.as_ref()?.attempts_max
    }

    /// Returns the time within which it must be sent to a worker, if the `do` line set it; 0: a slot must be free when
    /// it is queued.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        self.terms.as_ref()?.wait_ms
    }

    /// Returns whether workers of a class may take it. A job with `wait_ms` is not for spare workers: a spare worker
    /// may only pass the job on, so the job could circulate for ever.
    #[inline]
    pub(super) fn fits(&self, class: Class) -> bool {
        class != Class::Spare || self.wait_ms().is_none()
    }

    /// Returns until when it may wait for a worker, if that is limited. If it may not wait at all, its home decides,
    /// without a time.
    pub(super) fn waits_until(&self) -> Option<Micros> {
        let ms = self.wait_ms().filter(|&ms| ms > 0)?;
        Some(self.accepted + Micros::from_ms(ms))
    }

    /// Returns the key, as canonical text.
    pub(super) fn key(&self) -> Option<&str> {
        self.terms.as_ref()?.key.as_deref()
    }

    /// Returns what it counts in the memory budget.
    pub fn bytes(&self) -> u64 {
        let terms = self.terms.as_ref().map_or(0, |terms| terms.bytes());
        self.text.len() as u64 + JOB_FIXED_BYTES + terms
    }
}

impl Terms {
    /// Returns what they count in the memory budget.
    fn bytes(&self) -> u64 {
        let Self { long_arg, run_limit_ms, attempts_max, wait_ms, key, durable } = self;
        let asks = run_limit_ms.is_some() || attempts_max.is_some() || wait_ms.is_some();
        let asks = asks || key.is_some() || durable.is_some();
        let arg = long_arg.as_ref().map_or(0, LongText::len) as u64;
        arg + if asks { bytes_of_terms(key.as_deref()) } else { 0 }
    }
}

fn has_terms(options: &JobOptions<'_>) -> bool {
    let JobOptions { run_limit_ms, attempts, wait_ms, key, durable, .. } = options;
    run_limit_ms.is_some() || attempts.is_some() || wait_ms.is_some() || key.is_some() || *durable
}

fn bytes_of_terms(key: Option<&str>) -> u64 {
    JOB_OPTIONS_BYTES + key.map_or(0, str::len) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million plain jobs may wait. What few of them ask for is kept apart. A job itself is a pointer.
    #[test]
    fn a_plain_job_takes_64_bytes_beside_its_text() {
        assert_eq!((size_of::<Submitter>(), size_of::<Parts>(), size_of::<Job>()), (12, 64, 8));
    }
}
