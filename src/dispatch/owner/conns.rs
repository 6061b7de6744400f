//! The connections of a shard, by index, as the core keeps them.

use super::capacity::Capacity;
use super::partials::Partial;
use super::tickets::Cancellable;
use super::worker::Worker;
use crate::dispatch::ids::ConnId;
use crate::dispatch::micros::Micros;
use crate::limits::UNSENT_PAUSE_BYTES;

/// All connections of the core. Each is boxed, so that the table is small: the table doubles as it grows, and the
/// allocator keeps the memory of the old table.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Conns(Vec<Option<Box<Conn>>>);

/// One connection. Most are clients, so the state of a worker is separate.
#[derive(Debug)]
pub(in crate::dispatch) struct Conn {
    generation: u32,
    /// Whether its input has ended. It stays open only for the answers to earlier metrics queries.
    pub(in crate::dispatch) leaving: bool,
    /// Whether a timer watches that its unsent bytes move.
    pub(in crate::dispatch) has_stall_timer: bool,
    /// Bytes that its socket has not accepted yet.
    pub(in crate::dispatch) unsent: u64,
    /// When a byte last moved in either direction, or when the connection last exceeded the limit of unsent bytes.
    pub(in crate::dispatch) moved: Micros,
    pub(in crate::dispatch) partial: Partial,
    /// The number of its open metrics queries by type.
    pub(in crate::dispatch) queries: u32,
    pub(in crate::dispatch) worker: Option<Box<Worker>>,
    /// Its jobs that can be cancelled.
    pub(in crate::dispatch) cancellable: Cancellable,
}

impl Conn {
    /// Returns whether it gets no further jobs, because it has too many unsent bytes.
    pub(in crate::dispatch) fn is_paused(&self) -> bool {
        self.unsent > UNSENT_PAUSE_BYTES
    }
}

impl Conns {
    /// Adds a connection.
    pub(in crate::dispatch) fn open(&mut self, id: ConnId, now: Micros) {
        let index = id.index as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        let conn = Box::new(Conn {
            generation: id.generation,
            leaving: false,
            has_stall_timer: false,
            unsent: 0,
            moved: now,
            partial: Partial::default(),
            queries: 0,
            worker: None,
            cancellable: Cancellable::default(),
        });
        let before = self.0[index].replace(conn);
        assert!(before.is_none(), "an index was opened twice");
    }

    pub(in crate::dispatch) fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.0.get_mut(id.index as usize)?.as_deref_mut().filter(|conn| conn.generation == id.generation)
    }

    pub(in crate::dispatch) fn contains(&self, id: ConnId) -> bool {
        self.at(id.index).is_some_and(|(own, _)| own == id)
    }

    /// Returns the connection that has an index now.
    pub(in crate::dispatch) fn at(&self, index: u32) -> Option<(ConnId, &Conn)> {
        let conn = self.0.get(index as usize)?.as_deref()?;
        Some((ConnId { index, generation: conn.generation }, conn))
    }

    /// Returns a number that is above all indices.
    pub(in crate::dispatch) fn end(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Returns a worker, without its capacity, which [`worker`](Self::worker) also returns.
    #[inline]
    pub(in crate::dispatch) fn bare_worker(&mut self, id: ConnId) -> Option<&mut Worker> {
        self.get(id)?.worker.as_deref_mut()
    }

    /// Returns a worker, and its capacity now.
    #[inline]
    pub(in crate::dispatch) fn worker(&mut self, id: ConnId) -> Option<(&mut Worker, Capacity)> {
        let conn = self.get(id)?;
        let paused = conn.is_paused();
        let worker = conn.worker.as_deref_mut()?;
        let now = worker.capacity(paused);
        Some((worker, now))
    }

    /// Returns whether a connection is a worker that owes the answer to a job.
    pub(in crate::dispatch) fn owes_answers(&mut self, id: ConnId) -> bool {
        self.bare_worker(id).is_some_and(|worker| worker.slots.filled() > 0)
    }

    /// Removes a connection. The table shrinks when its end is empty.
    pub(in crate::dispatch) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        let conn = self.0.get_mut(id.index as usize)?.take_if(|conn| conn.generation == id.generation)?;
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
        if self.0.len() * 4 < self.0.capacity() {
            self.0.shrink_to(self.0.len() * 2);
        }
        Some(*conn)
    }

    pub(in crate::dispatch) fn ids(&self) -> Vec<ConnId> {
        self.iter().map(|(id, _)| id).collect()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.0.iter().enumerate().filter_map(|(index, conn)| {
            let conn = conn.as_deref()?;
            let index = u32::try_from(index).expect("an index comes as u32");
            Some((ConnId { index, generation: conn.generation }, conn))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::collections::shrink_check::ShrinkCheck;

    const MANY: u32 = 10_000;

    fn id(index: u32) -> ConnId {
        ConnId { index, generation: 7 }
    }

    fn full() -> Conns {
        let mut conns = Conns::default();
        (0..MANY).for_each(|index| conns.open(id(index), Micros::default()));
        conns
    }

    /// 56 bytes are a size class of the binary's allocator.
    #[test]
    fn a_connection_takes_56_bytes_at_most() {
        assert!(size_of::<Conn>() <= 56, "it takes {}", size_of::<Conn>());
    }

    #[test]
    fn the_table_gives_its_room_back_as_connections_go() {
        let (mut conns, mut room) = (full(), ShrinkCheck::of(4));
        let most = conns.0.capacity();
        for index in (0..MANY).rev() {
            let before = conns.0.capacity();
            assert!(conns.remove(id(index)).is_some());
            room.saw(conns.0.len(), before, conns.0.capacity());
        }
        room.check_all_back(most);
    }

    #[test]
    fn a_connection_at_the_end_keeps_the_table_large_until_it_goes() {
        let mut conns = full();
        (0..MANY - 1).for_each(|index| drop(conns.remove(id(index))));
        assert_eq!(conns.0.len(), MANY as usize);
        conns.remove(id(MANY - 1));
        assert_eq!((conns.0.len(), conns.0.capacity()), (0, 0));
    }

    #[test]
    fn a_former_connection_of_an_index_is_not_found() {
        let mut conns = full();
        let former = ConnId { index: 3, generation: 6 };
        assert!(conns.get(former).is_none() && conns.remove(former).is_none());
        assert!(conns.get(id(3)).is_some() && conns.get(id(MANY)).is_none() && conns.remove(id(MANY)).is_none());
        assert_eq!(conns.iter().count(), MANY as usize);
    }
}
