//! Keeps the other nodes: the types that they announce, and the time of their last announcement.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The time between two announcements of a node.
pub(crate) const ANNOUNCE_EVERY: Duration = Duration::from_secs(2);
/// A node that was silent for this long no longer counts for its types: three announcements are missing.
const SILENT_AFTER: Duration = Duration::from_secs(7);
/// How long a node must be silent before an answer to it may be dropped. A restart of NATS makes all nodes silent for a
/// moment, so less would lose answers.
const GONE_AFTER: Duration = Duration::from_secs(30);
/// A node that was silent for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
struct Node {
    types: BTreeSet<Arc<str>>,
    seen: Duration,
    live: bool,
}

/// What changed for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeChange {
    Joined(String),
    Left(String),
}

/// The other nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: HashMap<String, Node>,
    /// Silence before this time does not count, because there was no connection to NATS.
    since: Duration,
}

impl Nodes {
    /// Called when there is a connection to NATS again, and when the bridge itself did not run for a while.
    pub(super) fn on_connected(&mut self, now: Duration) {
        self.since = now;
        for node in self.nodes.values_mut().filter(|node| node.live) {
            node.seen = now;
        }
    }

    /// Called when a node announces its types.
    pub(super) fn on_announced(&mut self, name: &str, types: BTreeSet<Arc<str>>, now: Duration) -> Option<NodeChange> {
        if let Some(node) = self.nodes.get_mut(name) {
            let joined = !node.live;
            *node = Node { types, seen: now, live: true };
            return joined.then(|| NodeChange::Joined(name.to_owned()));
        }
        self.nodes.insert(name.to_owned(), Node { types, seen: now, live: true });
        Some(NodeChange::Joined(name.to_owned()))
    }

    /// Called when a node announces that it leaves. It was connected until now, so answers to it must not be dropped
    /// yet.
    pub(super) fn left(&mut self, name: &str) -> Option<NodeChange> {
        let node = self.nodes.get_mut(name).filter(|node| node.live)?;
        node.live = false;
        node.types.clear();
        Some(NodeChange::Left(name.to_owned()))
    }

    /// Called from time to time. Returns the nodes that have become silent.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<NodeChange> {
        let mut left = Vec::new();
        self.nodes.retain(|name, node| {
            let silence = now.saturating_sub(node.seen);
            if node.live && silence > SILENT_AFTER {
                node.live = false;
                node.types.clear();
                left.push(NodeChange::Left(name.clone()));
            }
            silence < FORGET_AFTER
        });
        left
    }

    /// Returns the types that other nodes announce.
    pub(super) fn types(&self) -> BTreeSet<Arc<str>> {
        self.nodes.values().flat_map(|node| node.types.iter().cloned()).collect()
    }

    /// Whether a node has been silent for so long that an answer to it may be dropped.
    pub(super) fn is_gone(&self, name: &str, now: Duration) -> bool {
        let seen = self.nodes.get(name).map_or(Duration::ZERO, |node| node.seen).max(self.since);
        now.saturating_sub(seen) >= GONE_AFTER
    }

    /// Returns the number of connected nodes.
    pub(super) fn count(&self) -> usize {
        self.nodes.values().filter(|node| node.live).count()
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
    fn a_silent_node_loses_its_types_and_comes_back_with_new_ones() {
        let mut nodes = Nodes::default();
        assert_eq!(nodes.on_announced("a", types(&["x"]), S(0)), Some(NodeChange::Joined("a".to_owned())));
        assert_eq!(nodes.on_announced("b", types(&["x", "y"]), S(0)), Some(NodeChange::Joined("b".to_owned())));
        assert_eq!(nodes.on_announced("a", types(&["x"]), S(6)), None);
        assert_eq!(nodes.expire(S(8)), [NodeChange::Left("b".to_owned())]);
        assert_eq!((nodes.types(), nodes.count()), (types(&["x"]), 1));
        assert_eq!(nodes.on_announced("b", types(&["z"]), S(9)), Some(NodeChange::Joined("b".to_owned())));
        assert_eq!(nodes.types(), types(&["x", "z"]));
    }

    #[test]
    fn time_without_nats_is_no_silence() {
        let mut nodes = Nodes::default();
        nodes.on_announced("a", types(&["x"]), S(0));
        nodes.on_connected(S(100));
        assert_eq!(nodes.expire(S(101)), []);
        assert!(!nodes.is_gone("a", S(129)) && !nodes.is_gone("never seen", S(129)));
        assert!(nodes.is_gone("a", S(130)) && nodes.is_gone("never seen", S(130)));
    }
}
