//! For tests: the lines of the corpus, a seeded generator, and mutated lines.

#[path = "../../tests/common/mutate.rs"]
mod mutate;
#[path = "../../tests/common/random.rs"]
mod random;
#[path = "../../tests/common/corpus.rs"]
mod rows;

pub(super) use mutate::changed;
pub(super) use random::Random;

/// Returns every line of the corpus.
pub(super) fn lines() -> Vec<Vec<u8>> {
    rows::rows().into_iter().map(|row| row.line).collect()
}

/// Returns the lines that are written as a whole: every command, and every way to break a rule.
pub(super) fn whole_lines() -> Vec<Vec<u8>> {
    rows::lines().into_iter().map(|row| row.line).collect()
}
