//! What the shards bid for one type, as its home keeps it: offers in the order in which they came, and the shards that
//! take no suspects.
//!
//! Withdrawing is O(1): a shard's older offers are told by their epoch, and thrown away when they are met, or all at
//! once when they are more than half of the list.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::message::{PoolId, ShardId};

/// The offers for one type.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// One entry for each offer, never merged; what is left of one goes to the back.
    fifo: Fifo,
    /// Entries of `fifo` that do not stand any more.
    dead: usize,
    /// Shards that have an offer standing or refuse suspects, by number. Most types have workers at one.
    shards: SmallVec<[ShardOffers; 1]>,
    next_epoch: u64,
    /// Jobs that shards which do not refuse suspects would take.
    open_to_suspects: u64,
}

/// Somebody who would take a job: a shard, and its own books of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolRef {
    pub(super) shard: ShardId,
    pub(super) pool: PoolId,
}

#[derive(Clone, Copy, Debug)]
struct Offer {
    from: PoolRef,
    n: u32,
    epoch: u64,
}

/// The list. Its first stands outside, so that a type with one offer, which many are, needs no memory for it.
#[derive(Debug, Default)]
struct Fifo {
    /// There is one, if there is any.
    first: Option<Offer>,
    rest: VecDeque<Offer>,
}

#[derive(Debug)]
struct ShardOffers {
    shard: ShardId,
    open: u32,
    entries: u32,
    /// Offers of another epoch were withdrawn.
    epoch: u64,
    rejects_suspects: bool,
}

impl Offers {
    /// Whether no offer stands and no shard refuses suspects.
    pub(super) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// `n` more jobs may go to `shard`.
    pub(super) fn add(&mut self, from: PoolRef, n: u32) {
        let i = self.enter(from.shard);
        let bidder = &mut self.shards[i];
        bidder.open += n;
        bidder.entries += 1;
        self.fifo.push(Offer { from, n, epoch: bidder.epoch });
        if !bidder.rejects_suspects {
            self.open_to_suspects += u64::from(n);
        }
    }

    /// Spends one of the first offer that stands.
    pub(super) fn take(&mut self) -> Option<PoolRef> {
        loop {
            let offer = self.fifo.pop()?;
            match self.standing(&offer) {
                Some(i) => return Some(self.spend(i, offer)),
                None => self.dead -= 1,
            }
        }
    }

    /// Spends one of the first offer whose shard takes suspects. Passes over the others without moving them.
    pub(super) fn take_open_to_suspects(&mut self) -> Option<PoolRef> {
        if self.open_to_suspects == 0 {
            return None;
        }
        let welcomes = |offer: &Offer| self.standing(offer).is_some_and(|i| !self.shards[i].rejects_suspects);
        let at = self.fifo.iter().position(welcomes).expect("what is welcoming stands in the list");
        let offer = self.fifo.remove(at).expect("the position was found just now");
        let i = self.standing(&offer).expect("it stood just now");
        Some(self.spend(i, offer))
    }

    /// Takes back all offers of `shard`; returns how many jobs they were for.
    pub(super) fn withdraw(&mut self, shard: ShardId) -> u32 {
        let Ok(i) = self.find(shard) else { return 0 };
        let epoch = self.fresh_epoch();
        let bidder = &mut self.shards[i];
        let open = std::mem::take(&mut bidder.open);
        self.dead += std::mem::take(&mut bidder.entries) as usize;
        bidder.epoch = epoch;
        if !bidder.rejects_suspects {
            self.open_to_suspects -= u64::from(open);
        }
        self.leave_if_idle(i);
        self.compact();
        open
    }

    /// `shard` takes no suspects from now on.
    pub(super) fn reject_suspects(&mut self, shard: ShardId) {
        let i = self.enter(shard);
        let bidder = &mut self.shards[i];
        if !std::mem::replace(&mut bidder.rejects_suspects, true) {
            self.open_to_suspects -= u64::from(bidder.open);
        }
    }

    /// `shard` takes suspects again.
    pub(super) fn accept_suspects(&mut self, shard: ShardId) {
        let Ok(i) = self.find(shard) else { return };
        let bidder = &mut self.shards[i];
        if std::mem::replace(&mut bidder.rejects_suspects, false) {
            self.open_to_suspects += u64::from(bidder.open);
        }
        self.leave_if_idle(i);
    }

    /// Whether `shard` takes no suspects.
    pub(super) fn rejects_suspects(&self, shard: ShardId) -> bool {
        self.find(shard).is_ok_and(|i| self.shards[i].rejects_suspects)
    }

    /// Every bidder: shard, jobs that it would take, whether it refuses suspects.
    pub(super) fn shards(&self) -> impl Iterator<Item = (ShardId, u32, bool)> {
        self.shards.iter().map(|b| (b.shard, b.open, b.rejects_suspects))
    }

    fn spend(&mut self, i: usize, offer: Offer) -> PoolRef {
        let bidder = &mut self.shards[i];
        bidder.open -= 1;
        if !bidder.rejects_suspects {
            self.open_to_suspects -= 1;
        }
        if offer.n > 1 {
            self.fifo.push(Offer { n: offer.n - 1, ..offer });
        } else {
            bidder.entries -= 1;
            self.leave_if_idle(i);
        }
        offer.from
    }

    fn standing(&self, offer: &Offer) -> Option<usize> {
        self.find(offer.from.shard).ok().filter(|&i| self.shards[i].epoch == offer.epoch)
    }

    fn find(&self, shard: ShardId) -> Result<usize, usize> {
        self.shards.binary_search_by_key(&shard, |bidder| bidder.shard)
    }

    fn enter(&mut self, shard: ShardId) -> usize {
        self.find(shard).unwrap_or_else(|i| {
            let epoch = self.fresh_epoch();
            self.shards.insert(i, ShardOffers { shard, open: 0, entries: 0, epoch, rejects_suspects: false });
            i
        })
    }

    fn fresh_epoch(&mut self) -> u64 {
        self.next_epoch += 1;
        self.next_epoch
    }

    fn leave_if_idle(&mut self, i: usize) {
        if self.shards[i].open == 0 && !self.shards[i].rejects_suspects {
            self.shards.remove(i);
        }
    }

    fn compact(&mut self) {
        if self.dead * 2 > self.fifo.len() {
            let mut fifo = std::mem::take(&mut self.fifo);
            fifo.retain(|offer| self.standing(offer).is_some());
            self.fifo = fifo;
            self.dead = 0;
        }
    }
}

impl Fifo {
    fn push(&mut self, offer: Offer) {
        match &mut self.first {
            Some(_) => self.rest.push_back(offer),
            none => *none = Some(offer),
        }
    }

    fn pop(&mut self) -> Option<Offer> {
        let next = self.rest.pop_front();
        std::mem::replace(&mut self.first, next)
    }

    fn remove(&mut self, at: usize) -> Option<Offer> {
        match at.checked_sub(1) {
            Some(at) => self.rest.remove(at),
            None => self.pop(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.first.iter().chain(&self.rest)
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    fn retain(&mut self, mut keep: impl FnMut(&Offer) -> bool) {
        self.rest.retain(&mut keep);
        if !self.first.as_ref().is_some_and(keep) {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers beside a plain list of those that stand: shard and number, first to last.
    #[derive(Default)]
    struct Both {
        offers: Offers,
        plain: Vec<(ShardId, u32)>,
        refusing: [bool; SHARDS],
    }

    const SHARDS: usize = 5;

    impl Both {
        fn taker(shard: ShardId) -> PoolRef {
            PoolRef { shard, pool: PoolId(u32::from(shard.0) + 100) }
        }

        /// Does one of the things that can be done.
        fn act(&mut self, act: usize, shard: ShardId, n: u32) {
            match act {
                0 | 1 => {
                    self.offers.add(Self::taker(shard), n);
                    self.plain.push((shard, n));
                }
                2 => {
                    let at = (!self.plain.is_empty()).then_some(0);
                    let taken = self.offers.take();
                    self.expect(taken, at);
                }
                3 => {
                    let at = self.plain.iter().position(|(shard, _)| !self.refusing[usize::from(shard.0)]);
                    let taken = self.offers.take_open_to_suspects();
                    self.expect(taken, at);
                }
                4 => {
                    let of_shard = self.plain.extract_if(.., |(of, _)| *of == shard);
                    let n: u32 = of_shard.map(|(_, n)| n).sum();
                    assert_eq!(self.offers.withdraw(shard), n);
                    assert!(n == 0 || self.offers.dead <= self.plain.len(), "the dead are no more than half");
                }
                5 => {
                    self.offers.reject_suspects(shard);
                    self.refusing[usize::from(shard.0)] = true;
                }
                _ => {
                    self.offers.accept_suspects(shard);
                    self.refusing[usize::from(shard.0)] = false;
                }
            }
        }

        /// The offer at `at` of the plain list must be the one that was taken; what is left of it goes to the back.
        fn expect(&mut self, taken: Option<PoolRef>, at: Option<usize>) {
            let offer = at.map(|at| self.plain.remove(at));
            assert_eq!(taken, offer.map(|(shard, _)| Self::taker(shard)));
            self.plain.extend(offer.filter(|&(_, n)| n > 1).map(|(shard, n)| (shard, n - 1)));
        }

        /// All that is counted must be what counting finds.
        fn check(&self) {
            let Self { offers, plain, refusing } = self;
            let standing = offers.fifo.iter().filter(|offer| offers.standing(offer).is_some());
            assert!(standing.map(|offer| (offer.from.shard, offer.n)).eq(plain.iter().copied()));
            assert_eq!(offers.dead, offers.fifo.len() - plain.len());
            let welcoming = plain.iter().filter(|(shard, _)| !refusing[usize::from(shard.0)]);
            assert_eq!(offers.open_to_suspects, welcoming.map(|&(_, n)| u64::from(n)).sum::<u64>());
            let bidders = (0..).map(ShardId).zip(refusing).filter_map(|(shard, &refuses)| {
                let open = plain.iter().filter(|(of, _)| *of == shard).map(|&(_, n)| n).sum();
                (open > 0 || refuses).then_some((shard, open, refuses))
            });
            assert!(offers.shards().eq(bidders));
        }
    }

    #[test]
    fn all_that_is_counted_agrees_with_a_plain_list() {
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
