//! The connections of a shard, by slot, as far as the core knows them.

use super::message::ConnId;
use super::worker::Worker;

/// All connections that the core knows. Each has a place of its own in memory, so that the table is small: it grows
/// twofold, and what it leaves behind then stays with the allocator.
#[derive(Debug, Default)]
pub(super) struct Conns(Vec<Option<Box<Conn>>>);

/// One connection. Most are clients: what a worker has beside is kept apart.
#[derive(Debug)]
pub(super) struct Conn {
    generation: u32,
    /// Its input has ended; it only stays for answers to metrics questions that came before.
    pub(super) leaving: bool,
    /// Whether a timer watches that its unsent bytes move.
    pub(super) has_stall_timer: bool,
    /// Bytes sent to it that were not yet taken.
    pub(super) unsent: u64,
    /// When a byte last moved, in either direction, or the connection was last found to move well.
    pub(super) moved_ms: u64,
    /// Bytes of an unfinished line, and since when, as a growing number.
    pub(super) partial: (u64, u64),
    /// Metrics questions that are out.
    pub(super) queries: u32,
    pub(super) worker: Option<Box<Worker>>,
}

impl Conns {
    pub(super) fn open(&mut self, id: ConnId, now_ms: u64) {
        let slot = id.index as usize;
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        let conn = Box::new(Conn {
            generation: id.generation,
            leaving: false,
            has_stall_timer: false,
            unsent: 0,
            moved_ms: now_ms,
            partial: (0, 0),
            queries: 0,
            worker: None,
        });
        let before = self.0[slot].replace(conn);
        assert!(before.is_none(), "a slot was opened twice");
    }

    pub(super) fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.0.get_mut(id.index as usize)?.as_deref_mut().filter(|conn| conn.generation == id.generation)
    }

    /// Forgets a connection. The table shrinks when its end is empty.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        let conn = self.0.get_mut(id.index as usize)?.take_if(|conn| conn.generation == id.generation)?;
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
        if self.0.len() * 4 < self.0.capacity() {
            self.0.shrink_to(self.0.len() * 2);
        }
        Some(*conn)
    }

    pub(super) fn ids(&self) -> Vec<ConnId> {
        self.iter().map(|(id, _)| id).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.0.iter().enumerate().filter_map(|(slot, conn)| {
            let conn = conn.as_deref()?;
            let slot = u32::try_from(slot).expect("slots come as u32");
            Some((ConnId { index: slot, generation: conn.generation }, conn))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::shrink_check::ShrinkCheck;
    use super::*;

    const MANY: u32 = 10_000;

    fn id(slot: u32) -> ConnId {
        ConnId { index: slot, generation: 7 }
    }

    fn full() -> Conns {
        let mut conns = Conns::default();
        (0..MANY).for_each(|slot| conns.open(id(slot), 0));
        conns
    }

    #[test]
    fn the_table_gives_its_room_back_as_connections_go() {
        let (mut conns, mut room) = (full(), ShrinkCheck::of(4));
        let most = conns.0.capacity();
        for slot in (0..MANY).rev() {
            let before = conns.0.capacity();
            assert!(conns.remove(id(slot)).is_some());
            room.saw(conns.0.len(), before, conns.0.capacity());
        }
        room.check_all_back(most);
    }

    #[test]
    fn a_slot_at_the_end_holds_the_table_until_it_goes() {
        let mut conns = full();
        (0..MANY - 1).for_each(|slot| drop(conns.remove(id(slot))));
        assert_eq!(conns.0.len(), MANY as usize);
        conns.remove(id(MANY - 1));
        assert_eq!((conns.0.len(), conns.0.capacity()), (0, 0));
    }

    #[test]
    fn who_had_a_slot_before_is_not_who_has_it_now() {
        let mut conns = full();
        let former = ConnId { index: 3, generation: 6 };
        assert!(conns.get(former).is_none() && conns.remove(former).is_none());
        assert!(conns.get(id(3)).is_some() && conns.get(id(MANY)).is_none() && conns.remove(id(MANY)).is_none());
        assert_eq!(conns.iter().count(), MANY as usize);
    }
}
