//! Decides for which types the bridge is a worker of the local server: a spare worker for the types of other nodes, and
//! a worker for durable jobs of all known types.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::registration::TYPES_MAX;
use crate::names::Patterns;

/// The bridge remains a spare worker of a type for this long after the last announcement of the type.
const SPARE_FOR: Duration = Duration::from_secs(5);

/// The known types, except those of the local server.
#[derive(Debug, Default)]
pub(super) struct SharedTypes {
    /// The types that other nodes announce, with the time of the last announcement.
    others: BTreeMap<Arc<str>, Duration>,
    /// The types that have a consumer in the stream.
    consumers: BTreeSet<Arc<str>>,
    /// Whether anything has changed since the last call of [`wanted`](Self::wanted).
    is_changed: bool,
    was_open: bool,
    left_out: usize,
}

/// The types for which the bridge should be a worker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) spare: BTreeSet<Arc<str>>,
    pub(super) durable: BTreeSet<Arc<str>>,
    /// The number of types that do not fit, if it has grown.
    pub(super) left_out: Option<usize>,
}

impl SharedTypes {
    /// Called when anything else has changed on which the types depend, for example the types of the local server.
    pub(super) fn set_changed(&mut self) {
        self.is_changed = true;
    }

    /// Called when the consumer of a type was found or created.
    pub(super) fn on_consumer(&mut self, type_name: &Arc<str>) {
        self.is_changed |= self.consumers.insert(Arc::clone(type_name));
    }

    /// Called with the types that have a consumer in the stream.
    pub(super) fn on_consumers(&mut self, types: BTreeSet<Arc<str>>) {
        self.is_changed |= self.consumers != types;
        self.consumers = types;
    }

    /// Called when a node announces its types.
    pub(super) fn on_announced(&mut self, types: &BTreeSet<Arc<str>>, now: Duration) {
        for type_name in types {
            self.is_changed |= self.others.insert(Arc::clone(type_name), now).is_none();
        }
    }

    /// Called at each tick with the types of the connected nodes.
    pub(super) fn on_tick(&mut self, types: &BTreeSet<Arc<str>>, now: Duration) {
        self.on_announced(types, now);
        let before = self.others.len();
        self.others.retain(|_, seen| now.saturating_sub(*seen) < SPARE_FOR);
        self.is_changed |= self.others.len() != before;
    }

    /// Returns the types for which the bridge should be a worker; `None` if nothing has changed. A bridge that is not
    /// open takes no jobs. `own` are the types that the local server has workers for.
    pub(super) fn wanted<'a>(
        &mut self,
        is_open: bool,
        patterns: &Patterns,
        own: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Wanted> {
        let had_change = mem::take(&mut self.is_changed);
        if mem::replace(&mut self.was_open, is_open) == is_open && !had_change {
            return None;
        }
        let mut wanted = Wanted::default();
        if is_open {
            wanted.spare.extend(self.others.keys().cloned());
            wanted.durable.extend(patterns.literals().map(Arc::from));
            wanted.durable.extend(own.cloned());
            wanted.durable.extend(self.others.keys().chain(&self.consumers).cloned());
            wanted.durable.retain(|type_name| patterns.match_type(type_name));
        }
        let left_out = wanted.spare.len().max(wanted.durable.len()).saturating_sub(TYPES_MAX);
        wanted.left_out = (mem::replace(&mut self.left_out, left_out) < left_out).then_some(left_out);
        for types in [&mut wanted.spare, &mut wanted.durable] {
            while types.len() > TYPES_MAX {
                types.pop_last();
            }
        }
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn types(names: &[&str]) -> BTreeSet<Arc<str>> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn what_is_wanted_is_announced_once_and_again_after_a_change() {
        let mut shared = SharedTypes::default();
        let patterns = Patterns::default();
        let own = types(&["own"]);
        shared.on_announced(&types(&["other"]), S(0));
        shared.on_consumer(&"stored".into());
        let wanted = shared.wanted(true, &patterns, own.iter()).unwrap();
        assert_eq!((wanted.spare, wanted.durable), (types(&["other"]), types(&["other", "own", "stored"])));
        shared.on_consumer(&"stored".into());
        shared.on_tick(&types(&[]), S(4));
        assert_eq!(shared.wanted(true, &patterns, own.iter()), None);
        shared.on_tick(&types(&[]), S(5));
        assert_eq!(shared.wanted(true, &patterns, own.iter()).unwrap().spare, types(&[]), "no node announces it");
        assert_eq!(shared.wanted(false, &patterns, own.iter()), Some(Wanted::default()));
        assert_eq!(shared.wanted(false, &patterns, own.iter()), None);
    }

    #[test]
    fn types_beyond_the_most_of_a_connection_are_left_out_and_that_is_reported_when_they_get_more() {
        let mut shared = SharedTypes::default();
        let mut left_out = |count: usize| {
            shared.on_consumers((0..count).map(|number| format!("{number:05}").into()).collect());
            let wanted = shared.wanted(true, &Patterns::default(), [].into_iter()).unwrap();
            assert!(wanted.durable.len() <= TYPES_MAX);
            wanted.left_out
        };
        assert_eq!([TYPES_MAX, TYPES_MAX + 2, TYPES_MAX + 1].map(&mut left_out), [None, Some(2), None]);
    }
}
