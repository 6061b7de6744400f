//! The size of tests whose full size takes long: those with ten thousand workers or a hundred thousand jobs.
//!
//! `DEPUTY_TEST_SCALE` is a percentage of that size. Without it they run at a tenth, which is quick and shows the same;
//! `DEPUTY_TEST_SCALE=100` runs the same code at full size.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::env;

const VARIABLE: &str = "DEPUTY_TEST_SCALE";
const PERCENT_BY_DEFAULT: usize = 10;

/// Returns the share of the `full` number that this test runs with; at least one.
pub(crate) fn scaled(full: usize) -> usize {
    (full * percent()).div_ceil(100).max(1)
}

/// Returns the percentage from the environment. Panics if it is no number: a typing error must not pass as a full run.
fn percent() -> usize {
    let Ok(text) = env::var(VARIABLE) else { return PERCENT_BY_DEFAULT };
    text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a percentage, a whole number, not {text:?}"))
}
