//! Schedules whose every draw is a byte of the input: a fuzzer, which follows coverage, chooses the world, what happens in
//! it, and in which order messages are delivered. The checks are those of any schedule.
//!
//! As an ordinary test the bytes are random, or those of a schedule that is kept in `__fuzz__`.

use super::FAMILIES;
use super::random::Random;
use super::schedule::Schedule;

#[test]
fn whatever_is_chosen_the_books_are_kept() {
    bolero::check!(name = "chosen").for_each(|bytes: &[u8]| run(bytes));
}

/// Operations go on for as long as there are bytes; how the world drains then is drawn from a seed.
fn run(bytes: &[u8]) {
    let mut random = Random::chosen(bytes.to_vec(), 1);
    let (family, _) = *random.pick(FAMILIES);
    let mut schedule = Schedule::drawn(family, 1, random);
    schedule.begin();
    let mut nth = 0;
    while !schedule.random.is_spent() {
        schedule.act(nth);
        nth += 1;
    }
    schedule.finish();
}
