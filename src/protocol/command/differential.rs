//! Compares the decoder with a slow implementation of the same rules, on the corpus and on mutated lines. Lines that
//! the slow implementation cannot represent are skipped and counted, so that the comparison cannot become empty.

use super::super::corpus::{Random, changed, lines, whole_lines};
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
