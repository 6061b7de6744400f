//! The slots of a worker.
//!
//! A slot is free, reserved for the answer to a Pull, or taken by a job that the worker holds. `taken` is the sum of the last
//! two, so whatever fills or empties a slot does so here.

use std::collections::HashMap;

use ahash::RandomState;

use super::ids::PoolId;
use super::job::Job;
use super::micros::Micros;
use crate::protocol::command::JobRef;
use crate::protocol::id;

/// The slots that are not free.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Slots reserved for answers to Pulls.
    reserved: u32,
    /// Suspects among the jobs held.
    suspects: u32,
    /// The job that was sent without a lease. There is at most one.
    unleased: Option<Slot>,
    /// The jobs that were sent with a lease, if the worker gave `max_jobs`. Boxed, because most workers do not.
    leased: Option<Box<Leased>>,
}

type Leased = HashMap<u64, Slot, RandomState>;

/// A slot with a job.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) job: Job,
    /// The pool of its type.
    pub(super) pool: PoolId,
    /// When it was sent.
    pub(super) sent: Micros,
}

impl Slots {
    /// Returns whether the next job is sent with a lease.
    pub(super) fn uses_leases(&self) -> bool {
        self.leased.is_some()
    }

    /// Sends all further jobs with a lease.
    pub(super) fn use_leases(&mut self, maps: &RandomState) {
        self.leased.get_or_insert_with(|| Box::new(HashMap::with_hasher(maps.clone())));
    }

    /// Returns how many jobs the worker holds.
    pub(super) fn held(&self) -> u32 {
        let leased = self.leased.as_ref().map_or(0, |slots| slots.len());
        u32::from(self.unleased.is_some()) + u32::try_from(leased).expect("a worker has at most 65,535 slots")
    }

    /// Returns how many slots are not free.
    pub(super) fn taken(&self) -> u32 {
        self.held() + self.reserved
    }

    pub(super) fn reserved(&self) -> u32 {
        self.reserved
    }

    pub(super) fn hold_suspect(&self) -> bool {
        self.suspects > 0
    }

    /// Reserves a free slot.
    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// Frees a reserved slot.
    pub(super) fn unreserve(&mut self) {
        self.reserved -= 1;
    }

    /// Fills a slot, under a lease if the job was sent with one.
    pub(super) fn fill(&mut self, lease: Option<u64>, slot: Slot) {
        self.suspects += u32::from(slot.job.suspect);
        let before = match (lease, &mut self.leased) {
            (Some(lease), Some(slots)) => slots.insert(lease, slot),
            _ => self.unleased.replace(slot),
        };
        assert!(before.is_none(), "a slot was filled twice");
    }

    /// Empties the slot of the job that is named so, if the worker holds it.
    pub(super) fn release(&mut self, name: JobRef<'_>) -> Option<Slot> {
        let slot = match name {
            JobRef::Lease(lease) => self.leased.as_mut()?.remove(&lease),
            JobRef::Id(id) => self.unleased.take_if(|slot| id::same(slot.job.id(), id)),
        }?;
        self.suspects -= u32::from(slot.job.suspect);
        Some(slot)
    }

    /// Empties all slots with jobs. Returns them in the order in which the jobs arrived at their homes.
    pub(super) fn release_all(&mut self) -> Vec<Slot> {
        self.suspects = 0;
        let leased = self.leased.iter_mut().flat_map(|slots| slots.drain());
        let mut slots: Vec<_> = self.unleased.take().into_iter().chain(leased.map(|(_, slot)| slot)).collect();
        slots.sort_unstable_by_key(|slot| slot.job.arrival);
        slots
    }

    /// Iterates over the slots with jobs, each with its lease.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<u64>, &Slot)> {
        let leased = self.leased.iter().flat_map(|slots| slots.iter());
        self.unleased.iter().map(|slot| (None, slot)).chain(leased.map(|(&lease, slot)| (Some(lease), slot)))
    }
}
