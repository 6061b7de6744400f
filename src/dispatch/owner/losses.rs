//! Records which types have lost workers, for the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use crate::dispatch::micros::Micros;
use crate::limits::LOST_TYPES_MAX;

/// The types of this shard that have lost workers, at most [`LOST_TYPES_MAX`].
///
/// A pool cannot keep this, because it is removed with its last worker.
#[derive(Debug)]
pub(in crate::dispatch) struct Losses(HashMap<Arc<str>, Loss, RandomState>);

/// The losses of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) struct Loss {
    /// Workers lost while they held a job of the type.
    pub(in crate::dispatch) workers: u64,
    /// When the last worker was lost.
    pub(in crate::dispatch) last: Micros,
}

impl Losses {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self(HashMap::with_hasher(maps))
    }

    /// Counts a worker lost while it held a job of this type. If there are too many types, the one whose last loss is the
    /// oldest is forgotten.
    pub(in crate::dispatch) fn count(&mut self, type_name: &Arc<str>, now: Micros) {
        if let Some(loss) = self.0.get_mut(type_name) {
            *loss = Loss { workers: loss.workers + 1, last: now };
            return;
        }
        if self.0.len() >= LOST_TYPES_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, loss)| loss.last).map(|(name, _)| Arc::clone(name))
        {
            self.0.remove(&oldest);
        }
        self.0.insert(Arc::clone(type_name), Loss { workers: 1, last: now });
    }

    pub(in crate::dispatch) fn get(&self, type_name: &str) -> Option<Loss> {
        self.0.get(type_name).copied()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Loss)> {
        self.0.iter().map(|(name, &loss)| (name, loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_with_the_oldest_loss_is_forgotten_when_there_are_too_many() {
        let mut losses = Losses::new(RandomState::with_seeds(1, 2, 3, 4));
        let names: Vec<Arc<str>> = (0..=LOST_TYPES_MAX).map(|nth| format!("t{nth}").into()).collect();
        for (at, name) in (0..).zip(&names[..LOST_TYPES_MAX]) {
            losses.count(name, Micros(at));
        }
        losses.count(&names[0], Micros(5_000));
        losses.count(&names[LOST_TYPES_MAX], Micros(6_000));
        assert_eq!(losses.get("t0"), Some(Loss { workers: 2, last: Micros(5_000) }));
        assert_eq!((losses.get("t1"), losses.iter().count()), (None, LOST_TYPES_MAX));
        assert_eq!(losses.get(&names[LOST_TYPES_MAX]).map(|loss| loss.workers), Some(1));
    }
}
