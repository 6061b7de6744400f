//! Bytes become lines, and lines commands, as the naive framer and the slow reading of a line have it.

use crate::found::{Found, naive};
use crate::tree::compare;
use crate::{LINE_BYTES_MAX, LINES, each, found};

#[test]
fn bytes_become_lines_and_commands_as_the_protocol_says() {
    bolero::check!(name = "lines").for_each(|bytes: &[u8]| each(bytes, &LINES, check));
}

fn check(bytes: &[u8]) {
    let found = found(&[bytes]);
    assert_eq!(found, naive(bytes, LINE_BYTES_MAX));
    for line in found.0 {
        if let Found::Line(line, _) = line {
            compare(&line);
        }
    }
}
