//! Lines made from others by a few changes: they break rules that random bytes never reach.

#![allow(dead_code, reason = "each test program uses a part of this")]

use super::random::Random;

/// What is put into lines.
const PIECES: [&[u8]; 45] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"0",
    b"-",
    b".",
    b"e9",
    b"null",
    b"true",
    b"\"id\":1,",
    b"\"cmd\":\"do\",",
    b"\"type\":\"t\",",
    b"\"job\":3,",
    b"\"res\":{},",
    b"\"err\":[],",
    b"\"types\":[],",
    b"\"max_jobs\":2,",
    b"\"priority\":-1,",
    b"\"delay_ms\":0,",
    b"\"deadline_ms\":5000,",
    b"\"run_limit_ms\":6000,",
    b"\"attempts\":1,",
    b"\"cancellable\":true,",
    b"\"progress\":true,",
    b"\"key\":\"k\",",
    b"\"need_worker\":true,",
    b"\"background\":true,",
    b"\"wait_ms\":0,",
    b"\"data\":[],",
    b"false",
    b"\\u0061",
    b"\\ud800",
    b"\\udc00",
    b"\\n",
    b"\xc3\xa9",
    b"\xc3",
    b"\r",
    b"\x01",
    b"\\u00",
];

/// Returns one of `lines` after up to three changes.
pub(crate) fn changed(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut line = random.pick(lines).clone();
    for _ in 0..random.below(4) {
        change(random, &mut line);
    }
    line
}

/// Returns several of `lines` after such changes, with their ends; one in eight has no end.
pub(crate) fn changed_text(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=random.below(6) {
        text.extend(changed(random, lines));
        text.extend(["\n", "\r\n", "\n", "\r\n", "\n", "\r\n", "\n", ""][random.below(8)].bytes());
    }
    text
}

/// Removes, repeats, overwrites or inserts something.
fn change(random: &mut Random, line: &mut Vec<u8>) {
    let (from, to) = (random.below(line.len() + 1), random.below(line.len() + 1));
    let range = from.min(to)..from.max(to).min(from.min(to) + 8);
    match random.below(4) {
        0 => drop(line.drain(range)),
        1 => {
            let copy = line[range.clone()].to_vec();
            line.splice(range.start..range.start, copy);
        }
        2 => drop(line.splice(range, random.pick(&PIECES).iter().copied())),
        _ => drop(line.splice(from..from, random.pick(&PIECES).iter().copied())),
    }
}
