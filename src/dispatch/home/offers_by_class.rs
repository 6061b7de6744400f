//! The offers of shards for one type, by the class of the workers: a shard's ordinary and spare workers offer, reject
//! suspects and are present independently of each other. The queue of a type's durable jobs has only durable workers.

use super::offers::{Offers, PoolRef, ShardPlace};
use super::wait_queues::{WaitOrder, WaitQueues};
use crate::dispatch::ids::ShardId;
use crate::dispatch::job::Job;
use crate::protocol::command::Class;

/// The offers for one type.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct OffersByClass {
    /// The offers of ordinary workers, or of durable ones.
    ordinary: Offers,
    /// The offers of spare workers. Boxed, because most types have none.
    spare: Option<Box<Offers>>,
}

impl OffersByClass {
    /// Returns the offers of a class, if there are any.
    pub(super) fn get(&self, class: Class) -> Option<&Offers> {
        match class {
            Class::Ordinary | Class::Durable => Some(&self.ordinary),
            Class::Spare => self.spare.as_deref(),
        }
    }

    /// Returns the offers of a class, and creates them if there are none.
    #[inline]
    pub(super) fn enter(&mut self, class: Class) -> &mut Offers {
        match class {
            Class::Ordinary | Class::Durable => &mut self.ordinary,
            Class::Spare => self.spare.get_or_insert_default(),
        }
    }

    /// Changes the offers of a class, if there are any.
    pub(super) fn change<T>(&mut self, class: Class, change: impl FnOnce(&mut Offers) -> T) -> Option<T> {
        match class {
            Class::Ordinary | Class::Durable => Some(change(&mut self.ordinary)),
            Class::Spare => {
                let result = change(self.spare.as_deref_mut()?);
                self.forget_spare_if_empty();
                Some(result)
            }
        }
    }

    /// Returns whether there may be an offer, also a withdrawn one, or spare workers.
    #[inline]
    pub(super) fn any_left(&self) -> bool {
        self.ordinary.any_left() || self.has_spare()
    }

    /// Returns whether there may be offers of spare workers.
    #[inline]
    pub(super) fn has_spare(&self) -> bool {
        self.spare.is_some()
    }

    /// Spends one job of the first ordinary offer.
    #[inline]
    pub(super) fn take_ordinary(&mut self) -> Option<PoolRef> {
        self.ordinary.take()
    }

    /// Takes the first waiting job that fits an ordinary offer, and the first such offer.
    #[inline]
    pub(super) fn pop_ordinary_pair(&mut self, waiting: &mut WaitQueues) -> Option<(Job, PoolRef)> {
        match waiting.alone() {
            Some(waiting) => pop_pair_of(waiting, &mut self.ordinary),
            None => self.pop_ordinary_pair_of_several(waiting),
        }
    }

    /// Not inlined, because the path of a plain job would get longer.
    #[inline(never)]
    fn pop_ordinary_pair_of_several(&mut self, waiting: &mut WaitQueues) -> Option<(Job, PoolRef)> {
        pop_pair_of(waiting, &mut self.ordinary)
    }

    /// Takes the first waiting job that fits an offer of spare workers, and the first such offer.
    pub(super) fn pop_spare_pair(&mut self, waiting: &mut WaitQueues) -> Option<(Job, PoolRef)> {
        let pair = pop_pair_of(waiting.for_spare(), self.spare.as_deref_mut()?);
        self.forget_spare_if_empty();
        pair
    }

    /// Returns whether a shard's workers of a class take no suspects.
    pub(super) fn rejects_suspects(&self, shard: ShardId, class: Class) -> bool {
        self.get(class).is_some_and(|offers| offers.rejects_suspects(shard))
    }

    /// Returns the place of the shard of a pool among the offers of a class, if the pool is present.
    #[inline]
    pub(super) fn place_of(&self, class: Class, pool: PoolRef) -> Option<ShardPlace> {
        self.get(class)?.place_of(pool)
    }

    /// Returns whether any shard has a worker, of any class.
    pub(super) fn any_present(&self) -> bool {
        self.ordinary.any_present() || self.spare.as_ref().is_some_and(|offers| offers.any_present())
    }

    /// Returns whether no shard has a worker, no offer is open and no shard rejects suspects.
    pub(super) fn is_empty(&self) -> bool {
        self.ordinary.is_empty() && self.spare.is_none()
    }

    /// Iterates over the classes with possible offers, for tests. Durable workers count as ordinary here.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (Class, &Offers)> {
        [Class::Ordinary, Class::Spare].into_iter().filter_map(|class| Some((class, self.get(class)?)))
    }

    fn forget_spare_if_empty(&mut self) {
        self.spare.take_if(|offers| offers.is_empty());
    }
}

/// Takes the first waiting job that fits one of these offers, and the first such offer. Suspects go first.
#[inline(always)]
fn pop_pair_of(waiting: &mut impl WaitOrder, offers: &mut Offers) -> Option<(Job, PoolRef)> {
    if waiting.has_suspect()
        && let Some(to) = offers.take_open_to_suspects()
    {
        return waiting.pop_suspect().map(|job| (job, to));
    }
    if !waiting.has_other() {
        return None;
    }
    let to = offers.take()?;
    waiting.pop_other().map(|job| (job, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::PoolId;

    const SHARD: ShardId = ShardId(1);

    #[test]
    fn the_classes_of_one_shard_are_kept_apart() {
        let mut offers = OffersByClass::default();
        assert!(offers.is_empty() && !offers.has_spare() && !offers.any_present());
        for (class, n) in [(Class::Ordinary, 2), (Class::Spare, 3)] {
            let pool = PoolRef { shard: SHARD, pool: PoolId(n) };
            offers.enter(class).set_present(pool);
            let place = offers.place_of(class, pool).unwrap();
            offers.enter(class).add(place, pool, n, 1);
            offers.enter(class).set_absent(SHARD);
        }
        offers.enter(Class::Spare).reject_suspects(SHARD);
        let rejects =
            |offers: &OffersByClass| [Class::Ordinary, Class::Spare].map(|class| offers.rejects_suspects(SHARD, class));
        assert_eq!(rejects(&offers), [false, true]);
        let withdraw = |offers: &mut OffersByClass, class| offers.change(class, |offers| offers.withdraw(SHARD));
        assert_eq!(withdraw(&mut offers, Class::Ordinary), Some(2));
        assert_eq!(withdraw(&mut offers, Class::Spare), Some(3));
        assert!(!offers.is_empty(), "suspects are rejected");
        offers.change(Class::Spare, |offers| offers.accept_suspects(SHARD));
        assert_eq!((rejects(&offers), offers.is_empty(), offers.has_spare()), ([false; 2], true, false));
        assert_eq!(withdraw(&mut offers, Class::Spare), None, "the box has gone");
        assert_eq!(offers.iter().map(|(class, _)| class).collect::<Vec<_>>(), [Class::Ordinary]);
    }

    #[test]
    fn a_pool_is_present_until_its_shard_is_absent() {
        let [pool, other] = [1, 2].map(|pool| PoolRef { shard: SHARD, pool: PoolId(pool) });
        let mut offers = OffersByClass::default();
        let is_present = |offers: &OffersByClass, pool| offers.place_of(Class::Ordinary, pool).is_some();
        offers.enter(Class::Ordinary).set_present(pool);
        assert!(is_present(&offers, pool) && !is_present(&offers, other));
        assert!(!is_present(&offers, PoolRef { shard: ShardId(2), ..pool }));
        assert!(offers.place_of(Class::Spare, pool).is_none());
        let place = offers.place_of(Class::Ordinary, pool).unwrap();
        offers.enter(Class::Ordinary).add(place, pool, 1, 1);
        offers.change(Class::Ordinary, |offers| offers.set_absent(SHARD));
        assert!(!is_present(&offers, pool) && !offers.is_empty(), "its offer is open");
        offers.enter(Class::Ordinary).set_present(other);
        assert!(is_present(&offers, other) && !is_present(&offers, pool));
    }

    #[test]
    fn a_worker_of_either_class_is_present() {
        for class in [Class::Ordinary, Class::Spare] {
            let mut offers = OffersByClass::default();
            offers.enter(class).set_present(PoolRef { shard: SHARD, pool: PoolId(1) });
            assert!(offers.any_present() && !offers.is_empty());
            offers.change(class, |offers| offers.set_absent(SHARD));
            assert!(!offers.any_present() && offers.is_empty());
        }
    }
}
