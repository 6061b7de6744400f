//! The framer against tables, and against a naive one that looks at each byte alone.

use std::cell::Cell;

use super::super::command::next_line;
use super::super::corpus::{Random, whole_lines};
use super::super::{CheckedLines, Code};
use super::*;

#[path = "../../../tests/common/found.rs"]
mod found;

use found::{Found, naive};

thread_local! {
    /// Bytes that were searched for the end of a line.
    static SEARCHED_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// `memchr`, which the framer searches with, and a count of the bytes that it looks at.
pub(super) fn counted_memchr(needle: u8, haystack: &[u8]) -> Option<usize> {
    let found = memchr::memchr(needle, haystack);
    SEARCHED_BYTES.set(SEARCHED_BYTES.get() + found.map_or(haystack.len(), |at| at + 1));
    found
}

fn line(text: &str, first: bool) -> Found {
    Found::Line(text.as_bytes().to_vec(), first)
}

/// Returns the memory of what is kept of a line that is taken whole.
fn room(framer: &Framer) -> usize {
    let Partial::Whole(partial) = &framer.partial else { panic!("the line is checked as it comes") };
    partial.capacity()
}

/// What a framer finds in `chunks`, and the bytes it keeps. Checks what it holds on the way.
fn framed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, line_bytes_max: usize) -> (Vec<Found>, usize) {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for mut input in chunks {
        while let Some(frame) = framer.next(&mut input, line_bytes_max) {
            found.push(frame.into());
            assert_eq!(framer.partial_bytes(), 0, "no line is unfinished behind a frame");
        }
        assert!(input.is_empty(), "None means that all is consumed");
        assert!(room(&framer) <= line_bytes_max + 2, "the limit bounds what is kept");
        assert!(framer.partial_bytes() > 0 || room(&framer) == 0, "an idle connection keeps nothing");
    }
    (found, framer.partial_bytes())
}

/// Checks that `bytes` give what the naive framer says: whole, cut in two at every place, and byte by byte.
fn check_cuts(bytes: &[u8], line_bytes_max: usize) {
    let expected = naive(bytes, line_bytes_max);
    let show = || format!("limit {line_bytes_max}: {}", bytes.escape_ascii());
    for at in 0..=bytes.len() {
        let (before, after) = bytes.split_at(at);
        assert_eq!(framed([before, after], line_bytes_max), expected, "cut at {at}, {}", show());
    }
    assert_eq!(framed(bytes.chunks(1), line_bytes_max), expected, "byte by byte, {}", show());
}

/// Checks what is found in `bytes`, however they are cut.
fn check(bytes: &str, line_bytes_max: usize, expected: &[Found]) {
    assert_eq!(framed([bytes.as_bytes()], line_bytes_max).0, expected, "limit {line_bytes_max}: {bytes:?}");
    check_cuts(bytes.as_bytes(), line_bytes_max);
}

#[test]
fn lines_end_with_lf_or_crlf_and_empty_ones_vanish() {
    check("{a}\n{b}\r\n{c}\n", 9, &[line("{a}", true), line("{b}", false), line("{c}", false)]);
    check("\n\r\n \t\n\t\r\n{a}\n\n  \r\nb\n", 9, &[line("{a}", true), line("b", false)]);
    check(" {a} \r\n", 9, &[line(" {a} ", true)]);
    check("", 9, &[]);
}

#[test]
fn what_follows_the_last_lf_is_kept_and_is_no_frame() {
    check("{a}\n{b}", 9, &[line("{a}", true)]);
    assert_eq!(framed([&b"{a}\n{b}"[..]], 9).1, 3);
    assert_eq!(framed([&b"{a}\n"[..]], 9).1, 0);
    assert_eq!(framed([&b"{"[..], b"a", b"}"], 9).1, 3);
}

#[test]
fn only_the_cr_before_the_lf_belongs_to_the_end() {
    check("{a}\r\r\n\r\r\n", 9, &[line("{a}\r", true), line("\r", false)]);
    check("{\r}\n", 9, &[line("{\r}", true)]);
}

#[test]
fn a_line_may_be_as_long_as_the_limit_its_end_not_counted() {
    check("{67}\n{67}\r\n", 4, &[line("{67}", true), line("{67}", false)]);
    check("{678}\n", 4, &[Found::TooLong]);
    check("{678}\r\n", 4, &[Found::TooLong]);
    check("{}\n{678}\n{}\n", 4, &[line("{}", true), Found::TooLong]);
    check("{67}\r", 4, &[]);
    check("{67}\rx\n", 4, &[Found::TooLong]);
    check("{67}\r\r\n", 4, &[Found::TooLong]);
}

#[test]
fn a_line_is_too_long_as_soon_as_it_passes_the_limit() {
    check("{678x", 4, &[Found::TooLong]);
    check("{}\n12345", 4, &[line("{}", true), Found::TooLong]);
    check("     ", 4, &[Found::TooLong]);
    check("    \r\n    \n{}\n", 4, &[line("{}", true)]);
}

#[test]
fn a_first_byte_that_opens_no_object_is_reported_at_once() {
    for start in ["G", "x", "[", "\"", "}", "\u{feff}{", "\0", "\x16\x03\x01", "*1", "\x0c"] {
        for white in ["", " ", "\t", "\n", "\r\n", " \r\n \n\t"] {
            let wrong = Found::NotJson(start.as_bytes()[0]);
            check(&format!("{white}{start}"), 9, std::slice::from_ref(&wrong));
            check(&format!("{white}{start} / HTTP/1.1\r\n{{}}\n"), 9, &[wrong]);
        }
    }
    check("{}\nG\n", 9, &[line("{}", true), line("G", false)]);
}

#[test]
fn a_cr_at_the_start_waits_for_the_byte_after_it() {
    check("\r", 9, &[]);
    check(" \r", 9, &[]);
    check("\r\n{}\n", 9, &[line("{}", true)]);
    check("\r{}\n", 9, &[Found::NotJson(b'\r')]);
    check("\r\r\n", 9, &[Found::NotJson(b'\r')]);
    check("\n\r ", 9, &[Found::NotJson(b'\r')]);
    check("\r\u{feff}{}\n", 9, &[Found::NotJson(b'\r')]);
}

#[test]
fn of_two_faults_the_one_whose_byte_comes_first_is_reported() {
    check("G2345", 4, &[Found::NotJson(b'G')]);
    check("   G5", 4, &[Found::NotJson(b'G')]);
    check("    G", 4, &[Found::TooLong]);
    check("   \rx", 4, &[Found::TooLong]);
    check("   \r\r", 4, &[Found::NotJson(b'\r')]);
    check("    \r\r", 4, &[Found::TooLong]);
}

#[test]
fn nothing_after_a_fault_is_read() {
    check("{67890}\n{}\n{}\n", 4, &[Found::TooLong]);
    check("G\n{}\n{}\n", 4, &[Found::NotJson(b'G')]);
}

#[test]
fn f20_every_line_of_the_corpus_is_found_however_it_is_cut() {
    for text in whole_lines() {
        for end in ["\n", "\r\n"] {
            let end = end.as_bytes();
            let bytes = [b"{}", end, &text, end, b" ", end, &text, end].concat();
            for line_bytes_max in [text.len().max(3) - 1, text.len().max(2), 2_000] {
                check_cuts(&bytes, line_bytes_max);
            }
        }
    }
}

#[test]
fn every_short_input_is_framed_as_by_the_naive_framer() {
    const LETTERS: &[u8; 5] = b"{ \r\nx";
    for len in 0..=6 {
        for number in 0..LETTERS.len().pow(len) {
            let bytes: Vec<u8> = (0..len).map(|at| LETTERS[number / LETTERS.len().pow(at) % LETTERS.len()]).collect();
            for line_bytes_max in 1..=3 {
                check_cuts(&bytes, line_bytes_max);
            }
        }
    }
}

/// Returns what a framer finds, without the bytes of its lines, byte by byte. It checks lines as they come when more than
/// `whole_bytes_max` of them are kept.
fn framed_checked(bytes: &[u8], line_bytes_max: usize, whole_bytes_max: usize) -> (Vec<Found>, usize) {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for mut byte in bytes.chunks(1) {
        while let Some(frame) = framer.next_checked(&mut byte, line_bytes_max, whole_bytes_max) {
            found.push(match frame {
                Frame::LongLine { first, .. } | Frame::Line { first, .. } => line("", first),
                fault => fault.into(),
            });
        }
        assert_eq!(framer.is_in_long_line(), framer.partial_bytes() > whole_bytes_max, "{}", bytes.escape_ascii());
    }
    (found, framer.partial_bytes())
}

#[test]
fn lines_that_are_checked_as_they_come_end_where_whole_ones_do() {
    const LETTERS: &[u8; 5] = b"{ \r\nx";
    for number in 0..LETTERS.len().pow(6) {
        let bytes: Vec<u8> = (0..6).map(|at| LETTERS[number / LETTERS.len().pow(at) % LETTERS.len()]).collect();
        for (line_bytes_max, whole_bytes_max) in [(1, 0), (3, 0), (3, 2)] {
            let (mut expected, kept) = naive(&bytes, line_bytes_max);
            for found in &mut expected {
                if let Found::Line(bytes, _) = found {
                    bytes.clear();
                }
            }
            let found = framed_checked(&bytes, line_bytes_max, whole_bytes_max);
            assert_eq!(found, (expected, kept), "limits {line_bytes_max}, {whole_bytes_max}: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn an_unfinished_line_can_be_taken_out() {
    let mut framer = Framer::default();
    assert_eq!(framer.next(&mut &b"{a"[..], 9), None);
    assert!(framer.next(&mut &b"}\n"[..], 9).is_some());
    assert_eq!(framer.take_partial(), b"", "a line that was yielded is not unfinished");
    assert_eq!(framer.next(&mut &b"{bc"[..], 9), None);
    assert_eq!((framer.take_partial(), framer.partial_bytes()), (b"{bc".to_vec(), 0));
}

#[test]
fn random_inputs_in_random_chunks_are_framed_as_by_the_naive_framer() {
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(80)).map(|_| *random.pick(b"{{{x \r\n\t\n")).collect();
        let line_bytes_max = 1 + random.below(20);
        let (mut rest, mut chunks) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(random.below(12).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        assert_eq!(framed(chunks, line_bytes_max), naive(&bytes, line_bytes_max), "{}", bytes.escape_ascii());
    }
}

#[test]
fn whole_lines_are_not_copied() {
    let bytes = b"{a}\n{b}\r\n{c";
    let (mut framer, mut input) = (Framer::default(), &bytes[..]);
    for at in [0, 4] {
        let Some(Frame::Line { bytes: line, .. }) = framer.next(&mut input, 9) else { panic!("a line") };
        assert_eq!(line.as_ptr(), bytes[at..].as_ptr());
    }
}

#[test]
fn the_room_of_an_unfinished_line_doubles_up_to_the_limit() {
    const LINE_BYTES_MAX: usize = 100_000;
    let (mut framer, mut rooms) = (Framer::default(), vec![0]);
    for _ in 0..LINE_BYTES_MAX {
        assert_eq!(framer.next(&mut &b"{"[..], LINE_BYTES_MAX), None);
        let room = room(&framer);
        if rooms.last() != Some(&room) {
            rooms.push(room);
        }
    }
    assert!(rooms.len() <= 20, "copied at {rooms:?}");
    assert_eq!(rooms.last(), Some(&(LINE_BYTES_MAX + 2)));
    assert_eq!(framer.partial_bytes(), LINE_BYTES_MAX);
}

#[test]
fn f20_each_byte_is_searched_once_and_moved_few_times_however_long_the_line_and_its_pieces() {
    for line_bytes in [100, 10_000, 2_000_000] {
        let bytes = [vec![b'{'; line_bytes], b"\r\n".to_vec()].concat().repeat(3);
        for piece_bytes in [1, 7, 4_096, bytes.len()] {
            SEARCHED_BYTES.set(0);
            let (mut framer, mut lines, mut moved_bytes) = (Framer::default(), 0, 0);
            for mut piece in bytes.chunks(piece_bytes) {
                let before = room(&framer);
                while framer.next(&mut piece, line_bytes).is_some() {
                    lines += 1;
                }
                // What is there is moved to have more room.
                moved_bytes += if room(&framer) > before { before } else { 0 };
            }
            let case = format!("lines of {line_bytes} bytes in pieces of {piece_bytes}");
            assert_eq!((lines, SEARCHED_BYTES.get()), (3, bytes.len()), "{case}");
            assert!(moved_bytes <= 2 * bytes.len(), "{case}: {moved_bytes} bytes were moved");
        }
    }
}

#[test]
fn an_idle_framer_is_small() {
    assert!(size_of::<Framer>() <= 32);
}

/// The decoder finds the ends of plain lines.
#[test]
fn only_lines_that_are_not_plain_are_searched_for_their_end() {
    for (line, searched) in [
        ("{\"cmd\":\"do\",\"id\":1,\"type\":\"t\"}\n", false),
        ("{\"cmd\": \"did\", \"job\": 1, \"res\": [1, {\"a\": null}]}\r\n", false),
        ("{\"cmd\":\"ping\"} \n", true),
        ("{\"cmd\":\"ping\"}\r\r\n", true),
        ("{\"cmd\":\"ping\",\"res\":[1,\n", true),
        ("{\"cmd\" :\"ping\"}\n", true),
        ("{}\n", true),
    ] {
        let read = format!("{{}}\n{line}{{\"cmd\":\"ping\"}}\n");
        let (mut framer, mut rest) = (Framer::default(), read.as_bytes());
        let checked = CheckedLines::of_read(rest);
        let mut next = |line_bytes_max| {
            let before = SEARCHED_BYTES.get();
            let line = next_line(&mut framer, &mut rest, checked, line_bytes_max, usize::MAX);
            (line.is_some_and(|line| line.is_ok()), SEARCHED_BYTES.get() > before)
        };
        assert_eq!(next(100), (false, true), "the first line");
        assert_eq!(next(100).1, searched, "{line}");
        assert_eq!(next(14), (true, false), "it has 14 bytes");
        assert_eq!(next(14), (false, false));
    }
    let read = b"{}\n{\"cmd\":\"ping\"}\n";
    let (mut framer, mut rest) = (Framer::default(), &read[..]);
    let checked = CheckedLines::of_read(rest);
    next_line(&mut framer, &mut rest, checked, 13, 13).unwrap().unwrap_err();
    let too_long = next_line(&mut framer, &mut rest, checked, 13, 13).unwrap();
    assert_eq!(too_long.unwrap_err().code, Code::TooLong);
}
