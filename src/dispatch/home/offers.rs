//! The offers of shards for one type, at its home: the offers in the order in which they came, the shards that have
//! workers, and the shards that take no suspects.
//!
//! Withdrawing is O(1): a shard's withdrawn offers have an older epoch than the shard. They are dropped when they are
//! reached in the list, or all at once when they are more than half of the list.

use std::num::NonZeroU32;

use smallvec::SmallVec;

use crate::dispatch::collections::fifo::Fifo;
use crate::dispatch::ids::{PoolId, ShardId};

/// The offers for one type.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Offers {
    /// One entry per offer. The rest of an offer goes to the back.
    fifo: Fifo<Offer>,
    /// Entries of `fifo` that were withdrawn.
    withdrawn: usize,
    /// Shards that have a worker, have an open offer or reject suspects, by number. Most types have workers at one
    /// shard.
    shards: SmallVec<[ShardOffers; 1]>,
    next_epoch: u64,
}

/// The pool of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) struct PoolRef {
    pub(in crate::dispatch) shard: ShardId,
    pub(in crate::dispatch) pool: PoolId,
}

/// The place of a shard among those of [`Offers`], until these change.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct ShardPlace(usize);

#[derive(Clone, Copy, Debug)]
struct Offer {
    from: PoolRef,
    /// The number of jobs. Not 0, so that an optional offer takes no more memory.
    n: NonZeroU32,
    epoch: u64,
}

#[derive(Debug)]
struct ShardOffers {
    shard: ShardId,
    /// The number of jobs that it would take.
    open: u32,
    /// Entries of the list that are open.
    entries: u32,
    /// Offers of another epoch were withdrawn.
    epoch: u64,
    rejects_suspects: bool,
    /// Whether it has a worker.
    present: bool,
    /// The pool of its workers, if it has any.
    pool: PoolId,
}

impl Offers {
    /// Returns whether no shard has a worker, no offer is open and no shard rejects suspects.
    pub(super) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Returns whether an offer is in the list, also if it was withdrawn.
    #[inline]
    pub(super) fn any_left(&self) -> bool {
        !self.fifo.is_empty()
    }

    /// Adds `offers` offers of `n` jobs in all, each of about as many, of a pool whose shard is at `place`. With one entry
    /// each, a shard whose offers were merged on their way gets as many jobs as one whose offers came one by one.
    #[inline]
    pub(super) fn add(&mut self, place: ShardPlace, from: PoolRef, n: u32, offers: u32) {
        let Some(all) = NonZeroU32::new(n) else { return };
        let shard = &mut self.shards[place.0];
        let epoch = shard.epoch;
        shard.open += n;
        if offers <= 1 {
            shard.entries += 1;
            return self.fifo.push(Offer { from, n: all, epoch });
        }
        let offers = offers.min(n);
        shard.entries += offers;
        self.push_several(Offer { from, n: all, epoch }, offers);
    }

    /// Appends `offers` entries for the jobs of an offer, not more than it has jobs.
    #[inline(never)]
    fn push_several(&mut self, offer: Offer, offers: u32) {
        let n = offer.n.get();
        for nth in 0..offers {
            let jobs = n / offers + u32::from(nth < n % offers);
            self.fifo.push(Offer { n: NonZeroU32::new(jobs).unwrap_or(NonZeroU32::MIN), ..offer });
        }
    }

    /// Uses up one job of the first open offer.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<PoolRef> {
        loop {
            let offer = self.fifo.pop()?;
            match self.open_at(&offer) {
                Some(i) => return Some(self.spend(i, offer)),
                None => self.withdrawn -= 1,
            }
        }
    }

    /// Uses up one job of the first open offer whose shard takes suspects. The offers before it keep their places.
    pub(super) fn take_open_to_suspects(&mut self) -> Option<PoolRef> {
        if !self.shards.iter().any(|shard| shard.open > 0 && !shard.rejects_suspects) {
            return None;
        }
        let takes_suspects = |offer: &Offer| self.open_at(offer).is_some_and(|i| !self.shards[i].rejects_suspects);
        let at = self.fifo.iter().position(takes_suspects).expect("an open offer is in the list");
        let offer = self.fifo.remove(at).expect("the position was found just now");
        let i = self.open_at(&offer).expect("it was open just now");
        Some(self.spend(i, offer))
    }

    /// Removes all offers of `shard`. Returns how many jobs they were for.
    pub(super) fn withdraw(&mut self, shard: ShardId) -> u32 {
        let Ok(i) = self.find(shard) else { return 0 };
        let epoch = self.fresh_epoch();
        let shard = &mut self.shards[i];
        let open = std::mem::take(&mut shard.open);
        self.withdrawn += std::mem::take(&mut shard.entries) as usize;
        shard.epoch = epoch;
        self.forget_if_idle(i);
        self.compact();
        open
    }

    /// Called when `shard` takes no more suspects.
    pub(super) fn reject_suspects(&mut self, shard: ShardId) {
        let i = self.enter(shard);
        self.shards[i].rejects_suspects = true;
    }

    /// Called when `shard` takes suspects again.
    pub(super) fn accept_suspects(&mut self, shard: ShardId) {
        let Ok(i) = self.find(shard) else { return };
        self.shards[i].rejects_suspects = false;
        self.forget_if_idle(i);
    }

    /// Called when a shard has workers, in this pool.
    pub(super) fn set_present(&mut self, PoolRef { shard, pool }: PoolRef) {
        let i = self.enter(shard);
        (self.shards[i].present, self.shards[i].pool) = (true, pool);
    }

    /// Called when a shard has no worker any more.
    pub(super) fn set_absent(&mut self, shard: ShardId) {
        let i = self.enter(shard);
        self.shards[i].present = false;
        self.forget_if_idle(i);
    }

    /// Returns the place of the shard whose workers are in this pool, if there is one.
    #[inline]
    pub(super) fn place_of(&self, PoolRef { shard, pool }: PoolRef) -> Option<ShardPlace> {
        let i = self.find(shard).ok().filter(|&i| self.shards[i].present && self.shards[i].pool == pool)?;
        Some(ShardPlace(i))
    }

    /// Returns whether any shard has a worker.
    pub(super) fn any_present(&self) -> bool {
        self.shards.iter().any(|shard| shard.present)
    }

    /// Returns whether any offer is open.
    pub(super) fn any_open(&self) -> bool {
        self.shards.iter().any(|shard| shard.open > 0)
    }

    /// Iterates over the pools of the shards that have a worker.
    pub(in crate::dispatch) fn present(&self) -> impl Iterator<Item = PoolRef> {
        let present = self.shards.iter().filter(|shard| shard.present);
        present.map(|&ShardOffers { shard, pool, .. }| PoolRef { shard, pool })
    }

    /// Returns whether `shard` takes no suspects.
    pub(super) fn rejects_suspects(&self, shard: ShardId) -> bool {
        self.find(shard).is_ok_and(|i| self.shards[i].rejects_suspects)
    }

    /// Iterates over the shards, each with the number of jobs that it would take, and whether it rejects suspects.
    pub(in crate::dispatch) fn shards(&self) -> impl Iterator<Item = (ShardId, u32, bool)> {
        self.shards.iter().map(|shard| (shard.shard, shard.open, shard.rejects_suspects))
    }

    #[inline(always)]
    fn spend(&mut self, i: usize, offer: Offer) -> PoolRef {
        let shard = &mut self.shards[i];
        shard.open -= 1;
        if let Some(rest) = NonZeroU32::new(offer.n.get() - 1) {
            self.fifo.push(Offer { n: rest, ..offer });
        } else {
            shard.entries -= 1;
            self.forget_if_idle(i);
        }
        offer.from
    }

    /// Returns the index of an offer's shard in `shards`, if the offer is open.
    fn open_at(&self, offer: &Offer) -> Option<usize> {
        self.find(offer.from.shard).ok().filter(|&i| self.shards[i].epoch == offer.epoch)
    }

    fn find(&self, shard: ShardId) -> Result<usize, usize> {
        self.shards.binary_search_by_key(&shard, |entry| entry.shard)
    }

    fn enter(&mut self, shard: ShardId) -> usize {
        self.find(shard).unwrap_or_else(|i| {
            let epoch = self.fresh_epoch();
            let (open, entries, rejects_suspects, present, pool) = (0, 0, false, false, PoolId(0));
            let idle = ShardOffers { shard, open, entries, epoch, rejects_suspects, present, pool };
            self.shards.insert(i, idle);
            i
        })
    }

    fn fresh_epoch(&mut self) -> u64 {
        self.next_epoch += 1;
        self.next_epoch
    }

    fn forget_if_idle(&mut self, i: usize) {
        let ShardOffers { open, rejects_suspects, present, .. } = self.shards[i];
        if open == 0 && !rejects_suspects && !present {
            self.shards.remove(i);
        }
    }

    fn compact(&mut self) {
        if self.withdrawn * 2 > self.fifo.len() {
            let entries = std::mem::take(&mut self.fifo).into_entries();
            let mut open = Fifo::default();
            entries.filter(|offer| self.open_at(offer).is_some()).for_each(|offer| open.push(offer));
            self.fifo = open;
            self.withdrawn = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers beside a plain list of those that are open: shard and jobs, first to last.
    #[derive(Default)]
    struct Both {
        offers: Offers,
        plain: Vec<(ShardId, u32)>,
        rejecting: [bool; SHARDS],
    }

    const SHARDS: usize = 5;

    impl Both {
        fn pool_of(shard: ShardId) -> PoolRef {
            PoolRef { shard, pool: PoolId(u32::from(shard.0) + 100) }
        }

        fn add(&mut self, shard: ShardId, n: u32, offers: u32) {
            let pool = Self::pool_of(shard);
            self.offers.set_present(pool);
            let place = self.offers.place_of(pool).expect("it is present");
            self.offers.add(place, pool, n, offers);
            self.offers.set_absent(shard);
        }

        /// Does one operation to both.
        fn act(&mut self, act: usize, shard: ShardId, n: u32) {
            match act {
                0 => {
                    self.add(shard, n, 1);
                    self.plain.push((shard, n));
                }
                1 => {
                    let jobs = n + 1;
                    self.add(shard, jobs, 2);
                    self.plain.extend([jobs.div_ceil(2), jobs / 2].map(|jobs| (shard, jobs)));
                }
                2 => {
                    let at = (!self.plain.is_empty()).then_some(0);
                    let taken = self.offers.take();
                    self.expect(taken, at);
                }
                3 => {
                    let at = self.plain.iter().position(|(shard, _)| !self.rejecting[usize::from(shard.0)]);
                    let taken = self.offers.take_open_to_suspects();
                    self.expect(taken, at);
                }
                4 => {
                    let of_shard = self.plain.extract_if(.., |(of, _)| *of == shard);
                    let n: u32 = of_shard.map(|(_, n)| n).sum();
                    assert_eq!(self.offers.withdraw(shard), n);
                    assert!(
                        n == 0 || self.offers.withdrawn <= self.plain.len(),
                        "withdrawn offers are at most half of the list"
                    );
                }
                5 => {
                    self.offers.reject_suspects(shard);
                    self.rejecting[usize::from(shard.0)] = true;
                }
                _ => {
                    self.offers.accept_suspects(shard);
                    self.rejecting[usize::from(shard.0)] = false;
                }
            }
        }

        /// Checks that the offer at `at` of the plain list was taken. What is left of it goes to the back.
        fn expect(&mut self, taken: Option<PoolRef>, at: Option<usize>) {
            let offer = at.map(|at| self.plain.remove(at));
            assert_eq!(taken, offer.map(|(shard, _)| Self::pool_of(shard)));
            self.plain.extend(offer.filter(|&(_, n)| n > 1).map(|(shard, n)| (shard, n - 1)));
        }

        /// Checks each counter against the plain list.
        fn check(&self) {
            let Self { offers, plain, rejecting } = self;
            let open = offers.fifo.iter().filter(|offer| offers.open_at(offer).is_some());
            assert!(open.map(|offer| (offer.from.shard, offer.n.get())).eq(plain.iter().copied()));
            assert_eq!(offers.withdrawn, offers.fifo.len() - plain.len());
            let shards = (0..).map(ShardId).zip(rejecting).filter_map(|(shard, &rejects)| {
                let open = plain.iter().filter(|(of, _)| *of == shard).map(|&(_, n)| n).sum();
                (open > 0 || rejects).then_some((shard, open, rejects))
            });
            assert!(offers.shards().eq(shards));
            assert_eq!(offers.any_open(), !plain.is_empty());
        }
    }

    #[test]
    fn every_counter_agrees_with_a_plain_list() {
        let (mut both, mut state) = (Both::default(), 1_u64);
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let act = usize::try_from(draw(7)).unwrap();
            let shard = ShardId(u16::try_from(draw(SHARDS as u64)).unwrap());
            both.act(act, shard, u32::try_from(draw(3)).unwrap() + 1);
            both.check();
        }
    }
}
