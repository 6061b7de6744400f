//! The unsent bytes of a connection. Long values between them are sent from their chunks, without a copy.
//!
//! Large amounts are kept in parts. A single buffer would be copied as a whole when it grows, and freed as a whole,
//! which takes longer than a turn may.

use std::collections::VecDeque;

use crate::limits::UNSENT_PART_BYTES;
use crate::protocol::carried::LongText;
use crate::protocol::reply::Reply;

/// Additional room of a part, so that the line that exceeds the limit usually fits.
const PART_ROOM: usize = 4 << 10;

/// The unsent bytes of one connection, in order. Holds no memory while there are none.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    /// The earlier parts, if there are many bytes.
    earlier: Option<Box<Earlier>>,
    /// The part to which lines are appended.
    last: Part,
}

/// Full parts.
#[derive(Debug, Default)]
struct Earlier {
    parts: VecDeque<Part>,
    /// Bytes of them that were not sent.
    unsent: usize,
}

/// Some lines.
#[derive(Debug, Default)]
struct Part {
    /// All bytes except those of long values.
    bytes: Vec<u8>,
    /// How many of `bytes` were sent.
    sent: usize,
    long: Option<Box<LongTexts>>,
}

/// The long values, in their order.
#[derive(Debug, Default)]
struct LongTexts {
    texts: VecDeque<Inserted>,
    /// Bytes of them that were not sent.
    unsent: usize,
}

#[derive(Debug)]
struct Inserted {
    text: LongText,
    sent: usize,
    /// How many of the other bytes come before the value.
    at: usize,
}

impl Unsent {
    /// Returns how many bytes there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.last.len() + self.earlier.as_ref().map_or(0, |earlier| earlier.unsent)
    }

    /// Returns whether it has a buffer.
    pub(super) fn has_buffer(&self) -> bool {
        self.last.bytes.capacity() > 0
    }

    /// Takes over an empty buffer.
    pub(super) fn use_buffer(&mut self, buffer: Vec<u8>) {
        self.last.bytes = buffer;
    }

    /// Takes the buffer out, because everything was sent or is dropped.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(self).last.bytes
    }

    /// Appends a line. Returns how many bytes it has.
    #[inline]
    pub(super) fn push(&mut self, reply: &Reply<'_>) -> usize {
        self.part_for_more().push(reply)
    }

    /// Appends a line that is encoded. Returns how many bytes it has.
    pub(super) fn push_line(&mut self, line: &[u8]) -> usize {
        self.part_for_more().bytes.extend_from_slice(line);
        line.len()
    }

    /// Returns the bytes to send next, at most `bytes_max`; none if all were sent.
    #[inline]
    pub(super) fn next(&self, bytes_max: usize) -> &[u8] {
        let next = self.first().next();
        &next[..next.len().min(bytes_max)]
    }

    /// Called when `bytes` were sent. They must be from one call of [`Unsent::next`].
    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        match &mut self.earlier {
            None => self.last.advance(bytes),
            Some(earlier) => {
                if earlier.advance(bytes) {
                    self.earlier = None;
                }
            }
        }
    }

    /// Reuses the room of the sent bytes for later ones.
    pub(super) fn compact(&mut self) {
        self.last.compact();
    }

    fn first(&self) -> &Part {
        self.earlier.as_ref().and_then(|earlier| earlier.parts.front()).unwrap_or(&self.last)
    }

    /// Returns the part to append a line to.
    #[inline]
    fn part_for_more(&mut self) -> &mut Part {
        if self.last.bytes.len() >= UNSENT_PART_BYTES {
            self.begin_part();
        }
        &mut self.last
    }

    #[cold]
    fn begin_part(&mut self) {
        let bytes = Vec::with_capacity(UNSENT_PART_BYTES + PART_ROOM);
        let full = std::mem::replace(&mut self.last, Part { bytes, ..Part::default() });
        let earlier = self.earlier.get_or_insert_default();
        earlier.unsent += full.len();
        earlier.parts.push_back(full);
    }
}

impl Earlier {
    /// Returns whether all were sent.
    fn advance(&mut self, bytes: usize) -> bool {
        let Some(first) = self.parts.front_mut() else { return true };
        first.advance(bytes);
        self.unsent -= bytes;
        if first.len() == 0 {
            self.parts.pop_front();
        }
        self.parts.is_empty()
    }
}

impl Part {
    #[inline]
    fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.long.as_ref().map_or(0, |long| long.unsent)
    }

    #[inline]
    fn push(&mut self, reply: &Reply<'_>) -> usize {
        let line = reply.encode_apart(&mut self.bytes);
        if let Some((at, text)) = line.long {
            let long = self.long.get_or_insert_default();
            long.unsent += text.len();
            long.texts.push_back(Inserted { text: text.clone(), sent: 0, at });
        }
        line.bytes
    }

    #[inline]
    fn next(&self) -> &[u8] {
        match self.first_long() {
            None => &self.bytes[self.sent..],
            Some(long) if long.at > self.sent => &self.bytes[self.sent..long.at],
            Some(long) => long.text.chunk_from(long.sent),
        }
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        match &mut self.long {
            Some(long) if long.texts.front().is_some_and(|first| first.at == self.sent) => long.advance(bytes),
            _ => self.sent += bytes,
        }
    }

    /// Moving bytes only when they are the smaller half costs at most one more copy per byte.
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            for inserted in self.long.iter_mut().flat_map(|long| &mut long.texts) {
                inserted.at -= self.sent;
            }
            self.sent = 0;
        }
    }

    fn first_long(&self) -> Option<&Inserted> {
        self.long.as_ref()?.texts.front()
    }
}

impl LongTexts {
    fn advance(&mut self, bytes: usize) {
        let Some(first) = self.texts.front_mut() else { return };
        first.sent += bytes;
        self.unsent -= bytes;
        if first.sent == first.text.len() {
            self.texts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CHUNK_BYTES;
    use crate::protocol::carried::Carried;

    /// What is sent if a socket takes `bytes_max` at a time. Checks the count of what is left.
    fn sent(unsent: &mut Unsent, bytes_max: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        loop {
            let next = unsent.next(bytes_max);
            if next.is_empty() {
                return sent;
            }
            let (bytes, before) = (next.len().min(bytes_max), unsent.len());
            sent.extend_from_slice(&next[..bytes]);
            unsent.advance(bytes);
            assert_eq!(unsent.len(), before - bytes);
            unsent.compact();
        }
    }

    #[test]
    fn lines_leave_in_their_order_however_much_is_taken_at_a_time() {
        let text = format!("\"{}\"", "x".repeat(CHUNK_BYTES + 50_000));
        let long = LongText::from(text.as_str());
        let short = Reply::Done { id: "1", res: Some(Carried::Short("2")) };
        let done = Reply::Done { id: "1", res: Some(Carried::Long(&long)) };
        let failed = Reply::Failed { id: "1", err: Carried::Long(&long) };
        for replies in [&[short][..], &[done], &[short, done, failed, short], &[done, done, short, short, failed]] {
            for bytes_max in [1, 1_000, 100_000, usize::MAX] {
                let (mut unsent, mut expected) = (Unsent::default(), Vec::new());
                for reply in replies {
                    assert_eq!(unsent.push(reply), reply.encode(&mut expected));
                    assert_eq!(unsent.len(), expected.len());
                }
                assert!(sent(&mut unsent, bytes_max) == expected, "{bytes_max} at a time");
                assert_eq!(unsent.len(), 0);
                unsent.take_buffer();
                assert!(!unsent.has_buffer() && unsent.earlier.is_none() && unsent.last.long.is_none());
            }
        }
    }

    #[test]
    fn lines_may_come_while_others_leave() {
        let long = LongText::from("x".repeat(100_000).as_str());
        let done = Reply::Done { id: "1", res: Some(Carried::Long(&long)) };
        let (mut unsent, mut expected, mut left) = (Unsent::default(), Vec::new(), Vec::new());
        for _ in 0..50 {
            for reply in [done, Reply::Pong, Reply::Pong] {
                unsent.push(&reply);
                reply.encode(&mut expected);
                let next = unsent.next(33_333);
                let bytes = next.len().min(33_333);
                left.extend_from_slice(&next[..bytes]);
                unsent.advance(bytes);
                unsent.compact();
            }
        }
        left.extend(sent(&mut unsent, 7_777));
        assert!(left == expected);
    }

    #[test]
    fn much_unsent_is_in_parts_that_go_one_by_one() {
        let (mut unsent, mut expected) = (Unsent::default(), Vec::new());
        let long = LongText::from("x".repeat(100_000).as_str());
        let error = Reply::Error { code: crate::protocol::Code::BadRequest, text: "no cmd", id: None };
        for nth in 0..50_000 {
            let done = Reply::Done { id: "1", res: Some(Carried::Long(&long)) };
            let reply = if nth % 1_000 == 0 { done } else { error };
            assert_eq!(unsent.push(&reply), reply.encode(&mut expected));
            let room = unsent.last.bytes.capacity();
            assert!(room <= 2 * UNSENT_PART_BYTES, "a part has room for {room}");
        }
        assert_eq!(unsent.len(), expected.len());
        let parts = |unsent: &Unsent| unsent.earlier.as_ref().map_or(0, |earlier| earlier.parts.len());
        assert!(parts(&unsent) > 30, "{} parts", parts(&unsent));
        let mut left = Vec::new();
        while unsent.len() > expected.len() / 2 {
            let bytes = unsent.next(16 << 10).to_vec();
            unsent.advance(bytes.len());
            left.extend(bytes);
        }
        assert!(parts(&unsent) < 30, "{} parts are left", parts(&unsent));
        left.extend(sent(&mut unsent, 64 << 10));
        assert!(left == expected && parts(&unsent) == 0);
    }
}
