//! The slots of a worker.
//!
//! A slot is free, reserved for the answer to a Pull, held by a job, or *spent*: its job has ended, and the worker has
//! not answered yet. `taken` is the sum of the last three, so only this module fills and empties slots.

use crate::dispatch::collections::fifo::Fifo;
use crate::dispatch::collections::timers::TimerId;
use crate::dispatch::ids::PoolId;
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;
use crate::protocol::command::JobRef;
use crate::protocol::id;

/// The slots that are not free.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Slots {
    /// Slots that jobs have taken. A worker has at most 65,535 slots, and only a free slot is filled.
    filled: u16,
    /// Slots reserved for answers to Pulls.
    reserved: u16,
    /// Suspects among the jobs that are held, or were held in a slot that is spent.
    suspects: u32,
    /// The slot of the job that was sent without a lease. There is at most one.
    unleased: Option<Slot>,
    /// The slots of jobs that were sent with a lease, if the worker gave `max_jobs`. Boxed, because most workers do
    /// not.
    leased: Option<Box<Leased>>,
}

/// By lease, which is the order in which they were filled. A hash table would sometimes be copied as a whole, and would
/// be emptied as a whole.
type Leased = Fifo<(u64, Slot)>;

fn find_leased(slots: &mut Leased, lease: u64) -> Option<&mut Slot> {
    slots.get_by_key(lease, lease_of).map(|(_, slot)| slot)
}

fn lease_of((lease, _): &(u64, Slot)) -> u64 {
    *lease
}

/// A slot that a job has taken.
#[derive(Debug)]
pub(in crate::dispatch) enum Slot {
    /// The worker holds the job.
    Held(Held),
    /// The job has ended, but the worker has not answered.
    Spent(Spent),
}

/// A job that a worker holds.
#[derive(Debug)]
pub(in crate::dispatch) struct Held {
    pub(in crate::dispatch) job: Job,
    /// The pool of its type. It stays while the job runs.
    pub(in crate::dispatch) pool: PoolId,
    /// When it was sent.
    pub(in crate::dispatch) sent: Micros,
    /// The timer of its run limit, if it has one.
    pub(in crate::dispatch) limit: Option<TimerId>,
}

/// The record of a job that has ended.
#[derive(Debug)]
pub(in crate::dispatch) struct Spent {
    /// The pool of its type. It stays while the slot is spent.
    pub(in crate::dispatch) pool: PoolId,
    suspect: bool,
    /// The job's id, by which the worker will name it, if it has no lease.
    id: Option<Box<str>>,
}

impl Slot {
    /// Returns the job, if the worker holds it.
    pub(in crate::dispatch) fn held(&self) -> Option<&Held> {
        match self {
            Self::Held(held) => Some(held),
            Self::Spent(_) => None,
        }
    }

    /// Returns the record of the job, if it has ended.
    pub(in crate::dispatch) fn spent(&self) -> Option<&Spent> {
        match self {
            Self::Held(_) => None,
            Self::Spent(spent) => Some(spent),
        }
    }

    fn is_suspect(&self) -> bool {
        match self {
            Self::Held(held) => held.job.is_suspect(),
            Self::Spent(spent) => spent.suspect,
        }
    }

    fn has_id(&self, name: &str) -> bool {
        match self {
            Self::Held(held) => id::same(held.job.id(), name),
            Self::Spent(spent) => spent.id.as_deref().is_some_and(|own| id::same(own, name)),
        }
    }
}

impl Spent {
    /// Returns the bytes that it counts in the memory budget.
    pub(in crate::dispatch) fn bytes(&self) -> u64 {
        self.id.as_deref().map_or(0, |id| id.len() as u64)
    }
}

impl Slots {
    /// Returns whether the next job is sent with a lease.
    pub(in crate::dispatch) fn uses_leases(&self) -> bool {
        self.leased.is_some()
    }

    /// Sends all further jobs with a lease.
    pub(in crate::dispatch) fn use_leases(&mut self) {
        self.leased.get_or_insert_default();
    }

    /// Returns how many slots jobs have taken: those that are held, and those that are spent.
    pub(in crate::dispatch) fn filled(&self) -> u32 {
        self.filled.into()
    }

    /// Returns how many slots are not free.
    pub(in crate::dispatch) fn taken(&self) -> u32 {
        self.filled() + self.reserved()
    }

    pub(in crate::dispatch) fn reserved(&self) -> u32 {
        self.reserved.into()
    }

    pub(in crate::dispatch) fn hold_suspect(&self) -> bool {
        self.suspects > 0
    }

    /// Reserves a free slot.
    pub(in crate::dispatch) fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// Frees a reserved slot.
    pub(in crate::dispatch) fn unreserve(&mut self) {
        self.reserved -= 1;
    }

    /// Fills a slot, under a lease if the job was sent with one. It is above all earlier ones.
    #[inline(always)]
    pub(in crate::dispatch) fn fill(&mut self, lease: Option<u64>, held: Held) {
        self.filled += 1;
        self.suspects += u32::from(held.job.is_suspect());
        let slot = Slot::Held(held);
        if let (Some(lease), Some(slots)) = (lease, &mut self.leased) {
            slots.push((lease, slot));
        } else {
            let before = self.unleased.replace(slot);
            assert!(before.is_none(), "a slot was filled twice");
        }
    }

    /// Returns the slot of the job with this name.
    pub(in crate::dispatch) fn find(&mut self, name: JobRef<'_>) -> Option<&mut Slot> {
        match name {
            JobRef::Lease(lease) => find_leased(self.leased.as_mut()?, lease),
            JobRef::Id(id) => self.unleased.as_mut().filter(|slot| slot.has_id(id)),
        }
    }

    /// Returns the slot of the job that was sent without a lease, if there is one.
    pub(in crate::dispatch) fn unleased(&mut self) -> Option<&mut Slot> {
        self.unleased.as_mut()
    }

    /// Empties the slot of the job with this name, if there is one.
    pub(in crate::dispatch) fn release(&mut self, name: JobRef<'_>) -> Option<Slot> {
        let slot = match name {
            JobRef::Lease(lease) => Some(self.leased.as_mut()?.take_by_key(lease, lease_of)?.1),
            JobRef::Id(id) => self.unleased.take_if(|slot| slot.has_id(id)),
        }?;
        self.filled -= 1;
        self.suspects -= u32::from(slot.is_suspect());
        Some(slot)
    }

    /// Removes the job from a slot, which is spent from now on. `None` if the worker holds no such job. Also returns
    /// the bytes that the spent slot counts.
    pub(in crate::dispatch) fn spend(&mut self, lease: Option<u64>) -> Option<(Held, u64)> {
        let slot = match lease {
            Some(lease) => find_leased(self.leased.as_mut()?, lease)?,
            None => self.unleased.as_mut()?,
        };
        let Held { job, pool, .. } = slot.held()?;
        let id = lease.is_none().then(|| job.id().into());
        let spent = Spent { pool: *pool, suspect: job.is_suspect(), id };
        let bytes = spent.bytes();
        match std::mem::replace(slot, Slot::Spent(spent)) {
            Slot::Held(held) => Some((held, bytes)),
            Slot::Spent(_) => None,
        }
    }

    /// Empties up to `max` slots that jobs have taken, in the order in which they were filled. Returns them; the held
    /// ones are in the order in which the jobs arrived at their homes.
    pub(in crate::dispatch) fn release_some(&mut self, max: usize) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(max.min(self.filled.into()));
        slots.extend(self.unleased.take_if(|_| max > 0));
        while slots.len() < max
            && let Some((_, slot)) = self.leased.as_mut().and_then(|slots| slots.pop())
        {
            slots.push(slot);
        }
        self.filled -= u16::try_from(slots.len()).expect("no more than were filled");
        self.suspects -= slots.iter().map(|slot| u32::from(slot.is_suspect())).sum::<u32>();
        slots.sort_unstable_by_key(|slot| slot.held().map(|held| held.job.arrival));
        slots
    }

    /// Iterates over the slots that jobs have taken, each with its lease.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (Option<u64>, &Slot)> {
        let leased = self.leased.iter().flat_map(|slots| slots.iter());
        self.unleased.iter().map(|slot| (None, slot)).chain(leased.map(|(lease, slot)| (Some(*lease), slot)))
    }
}
