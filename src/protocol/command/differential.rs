//! Compares the decoder with a slow implementation of the same rules, on the corpus and on mutated lines. Lines that
//! the slow implementation cannot represent are skipped and counted, so that the comparison cannot become empty.

use super::super::corpus::{Random, changed, lines, whole_lines};
use super::super::frame::{Frame, Framer};
use super::*;

#[path = "../../../tests/common/tree.rs"]
mod tree;

use tree::{Verdict, compare};

#[test]
fn the_corpus_is_read_as_by_the_tree() {
    let compared = lines().iter().filter(|line| compare(line).is_some()).count();
    assert!(compared > 1_600, "only {compared} lines were compared");
}

#[test]
fn mutated_lines_are_read_as_by_the_tree() {
    let (mut random, seeds) = (Random::new(2), whole_lines());
    let (mut accepted, mut refused, mut beyond) = (0, 0, 0);
    for _ in 0..100_000 {
        let line = changed(&mut random, &seeds);
        match compare(&line) {
            Some(Verdict::Accepted(_)) => accepted += 1,
            Some(Verdict::Refused { code: Code::BadJson, .. }) => {}
            Some(Verdict::Refused { .. }) => refused += 1,
            None => beyond += 1,
        }
    }
    assert!(accepted > 5_000 && refused > 5_000, "{accepted} accepted, {refused} refused, {beyond} beyond the tree");
    assert!(beyond < 20_000, "{beyond} beyond the tree");
}

/// What a server does with its reads, against the framer and the decoder of one line.
#[test]
fn lines_of_reads_are_decoded_as_by_themselves() {
    let (mut random, seeds) = (Random::new(3), whole_lines());
    let ends = [&b"\n"[..], b"\n", b"\r\n", b"\n\n", b" \r\n", b"\r\r\n", b""];
    let (mut accepted, mut refused, mut not_utf8) = (0, 0, 0);
    for _ in 0..20_000 {
        // After a first line that is an object, the framer takes every line.
        let more = (0..=random.below(6)).map(|_| changed(&mut random, &seeds));
        let lines: Vec<Vec<u8>> = std::iter::once(b"{}".to_vec()).chain(more).collect();
        let stream: Vec<u8> = lines.iter().flat_map(|line| [line, *random.pick(&ends)].concat()).collect();
        let line_bytes_max = *random.pick(&[60, 1 << 20, 1 << 20]);
        let whole_bytes_max = *random.pick(&[20, usize::MAX]);
        let (begin, end) = stream.split_at(random.below(stream.len()));
        let (mut framer, mut plain) = (Framer::default(), Framer::default());
        for read in [begin, end] {
            let checked = check_read(&framer, read);
            let (mut rest, mut plain_rest) = (read, read);
            loop {
                let frame = plain.next_checked(&mut plain_rest, line_bytes_max, whole_bytes_max);
                if let Some(Frame::Line { bytes, .. }) = frame {
                    not_utf8 += usize::from(str::from_utf8(bytes).is_err());
                }
                let expected = frame.map(decode_frame);
                let line = next_line(&mut framer, &mut rest, checked, line_bytes_max, whole_bytes_max);
                assert_eq!(line, expected, "{} with {line_bytes_max}", stream.escape_ascii());
                assert_eq!(rest, plain_rest, "{} with {line_bytes_max}", stream.escape_ascii());
                let Some(line) = line else { break };
                *(if line.is_ok() { &mut accepted } else { &mut refused }) += 1;
            }
            assert_eq!(framer.partial_bytes(), plain.partial_bytes(), "{}", stream.escape_ascii());
        }
    }
    assert!(accepted > 1_000 && refused > 1_000 && not_utf8 > 100, "{accepted}, {refused}, {not_utf8}");
}
