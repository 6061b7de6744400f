//! What a framer finds, and a naive one that looks at each byte alone.

// Both the unit tests and the crates in `tests` include this file: the framer is where it is included.
use super::Frame;

/// What a framer is to find in `bytes`, by the rules for one byte at a time. Also the bytes it is to keep.
pub(crate) fn naive(bytes: &[u8], line_bytes_max: usize) -> (Vec<Found>, usize) {
    let (mut found, mut line, mut first) = (Vec::new(), Vec::new(), true);
    for &byte in bytes {
        if byte == b'\n' {
            let text = line.strip_suffix(b"\r").unwrap_or(&line).to_vec();
            if text.iter().any(|byte| !b" \t".contains(byte)) {
                found.push(Found::Line(text, std::mem::take(&mut first)));
            }
            line.clear();
            continue;
        }
        line.push(byte);
        if line.len() > line_bytes_max + usize::from(byte == b'\r' && line.len() == line_bytes_max + 1) {
            found.push(Found::TooLong);
            return (found, 0);
        }
        let start = line.iter().position(|byte| !b" \t".contains(byte)).map_or(&[][..], |at| &line[at..]);
        match start {
            [wrong, ..] if first && *wrong != b'{' && start != b"\r" => {
                found.push(Found::NotJson(*wrong));
                return (found, 0);
            }
            _ => {}
        }
    }
    (found, line.len())
}

/// A [`Frame`] that owns its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Line(Vec<u8>, bool),
    TooLong,
    /// With the first byte that is wrong.
    NotJson(u8),
}

impl From<Frame<'_>> for Found {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Line { bytes, first } => Self::Line(bytes.to_vec(), first),
            Frame::LongLine { .. } => panic!("the framer was asked for whole lines"),
            Frame::TooLong => Self::TooLong,
            Frame::NotJson { byte } => Self::NotJson(byte),
        }
    }
}
