//! The peers whose connection is open: one can be drawn, added and taken out at once, however many they are.

use super::random::Random;
use super::world::Peer;

/// Of more peers than these a few are tried, instead of all looked at, for one that fits.
const LOOKED_AT_MAX: usize = 40;
/// Tries then.
const TRIES: usize = 24;

/// A set of peers.
#[derive(Default)]
pub(crate) struct Live {
    peers: Vec<Peer>,
    /// By peer: its place, if it is there.
    places: Vec<Option<usize>>,
}

impl Live {
    pub(crate) fn insert(&mut self, peer: Peer) {
        assert_eq!(peer.0, self.places.len(), "peers come in order");
        self.places.push(Some(self.peers.len()));
        self.peers.push(peer);
    }

    pub(crate) fn remove(&mut self, peer: Peer) {
        let Some(place) = self.places[peer.0].take() else { return };
        self.peers.swap_remove(place);
        if let Some(moved) = self.peers.get(place) {
            self.places[moved.0] = Some(place);
        }
    }

    pub(crate) fn contains(&self, peer: Peer) -> bool {
        self.places[peer.0].is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Peer> + '_ {
        self.peers.iter().copied()
    }

    pub(crate) fn all(&self) -> Vec<Peer> {
        self.peers.clone()
    }

    /// One that fits. Of a crowd perhaps none, though some do.
    pub(crate) fn draw(&self, random: &mut Random, fit: impl Fn(Peer) -> bool) -> Option<Peer> {
        if self.peers.len() <= LOOKED_AT_MAX {
            return random.pick_any(self.iter().filter(|peer| fit(*peer)));
        }
        (0..TRIES).map(|_| *random.pick(&self.peers)).find(|peer| fit(*peer))
    }
}
