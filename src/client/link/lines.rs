//! Cuts the server's bytes into lines. Of a line that is too long, only the beginning is kept: one job fails, and the
//! rest of the line is skipped.

use memchr::memchr;

use crate::client::incoming::Incoming;
use crate::limits::{CLIENT_LINE_BYTES_LEAST, LINE_BYTES_MAX, READ_BUFFER_BYTES};
use crate::protocol::frame::{Frame, Framer};

/// Bytes that a client adds to its limit, because the server's members are longer than the client's.
const SERVER_MEMBERS_BYTES: usize = 1_024;

/// Cuts the bytes of one connection into lines.
pub(super) struct Lines {
    framer: Framer,
    line_max: usize,
    /// The number of skipped bytes of a line that is too long, until its end comes.
    skipped: Option<usize>,
}

impl Lines {
    /// `max_line` is the client's own limit. Lines that name no job, such as metrics, may have some MiB in any case.
    pub(super) fn new(max_line: usize) -> Self {
        let line_max = max_line.max(CLIENT_LINE_BYTES_LEAST) + SERVER_MEMBERS_BYTES;
        Self { framer: Framer::default(), line_max, skipped: None }
    }

    /// Calls `on_line` for each line that `input` completes, and for a line that has become too long. `input` has at most
    /// [`READ_BUFFER_BYTES`]. `Err` says why the connection has to end.
    pub(super) fn read(
        &mut self,
        mut input: &[u8],
        mut on_line: impl FnMut(Incoming<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Some(skipped) = &mut self.skipped {
            let Some(end) = memchr(b'\n', input) else {
                *skipped += input.len();
                return if *skipped > LINE_BYTES_MAX {
                    Err("a line came that does not end".to_owned())
                } else {
                    Ok(())
                };
            };
            input = &input[end + 1..];
            self.skipped = None;
        }
        // Plus the bytes that one read adds, so that the framer itself never finds a line too long.
        while let Some(frame) = self.framer.next(&mut input, self.line_max + READ_BUFFER_BYTES) {
            on_line(match frame {
                Frame::Line { bytes, .. } if bytes.len() <= self.line_max => Incoming::read(bytes).map_err(wrong)?,
                Frame::Line { bytes, .. } => long(bytes, self.line_max)?,
                // The framer is asked for whole lines, so it yields none of the first kind.
                Frame::LongLine { .. } | Frame::TooLong => return Err("a line came that is too long".to_owned()),
                Frame::NotJson { .. } => return Err("the answer is not JSON: is this a deputy server?".to_owned()),
            })?;
        }
        // The CR of a line that just fits may have come without its LF.
        if self.framer.partial_bytes() > self.line_max + 1 {
            let head = self.framer.take_partial();
            self.skipped = Some(0);
            on_line(long(&head, self.line_max)?)?;
        }
        Ok(())
    }
}

/// Reads a line that is too long. `Err` if it is not about a job.
fn long(head: &[u8], line_max: usize) -> Result<Incoming<'_>, String> {
    Incoming::read_head(head).ok_or_else(|| format!("a line of more than {line_max} bytes came: raise max_line"))
}

/// Why a line cannot be from a deputy server.
#[expect(clippy::needless_pass_by_value, reason = "as map_err calls it")]
pub(super) fn wrong(reason: String) -> String {
    format!("a line came that is not one of a deputy server: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any line may have.
    const LONG_BYTES: usize = CLIENT_LINE_BYTES_LEAST + (1 << 20);

    /// The lines that these bytes become, read in pieces of this length.
    fn lines(bytes: &[u8], piece_bytes: usize) -> Result<Vec<String>, String> {
        let mut lines = Lines::new(0);
        let mut read = Vec::new();
        for piece in bytes.chunks(piece_bytes) {
            lines.read(piece, |incoming| {
                read.push(format!("{incoming:?}"));
                Ok(())
            })?;
        }
        Ok(read)
    }

    fn job_of(line_bytes: usize) -> String {
        let line = |arg: &str| format!(r#"{{"cmd":"do","id":1,"type":"t","job":7,"arg":"{arg}"}}"#);
        line(&"x".repeat(line_bytes - line("").len()))
    }

    #[test]
    fn a_line_that_is_too_long_fails_its_job_and_the_next_one_is_read() {
        let line_max = Lines::new(0).line_max;
        for piece in [READ_BUFFER_BYTES, 1_000, 777] {
            for (line_bytes, expected) in
                [(line_max, "Do(NewJob {"), (line_max + 1, "LongDo { job: 7 }"), (3 * line_max, "LongDo { job: 7 }")]
            {
                for end in ["\n", "\r\n"] {
                    let bytes = format!(r#"{{"cmd":"pong"}}{end}{}{end}{{"cmd":"pong"}}{end}"#, job_of(line_bytes));
                    let read = lines(bytes.as_bytes(), piece).unwrap();
                    assert_eq!((read.len(), read[0].as_str(), read[2].as_str()), (3, "Pong", "Pong"));
                    assert!(read[1].starts_with(expected), "{line_bytes} in {piece}: {}", &read[1][..20]);
                }
            }
        }
    }

    #[test]
    fn a_report_that_is_too_long_is_dropped() {
        let report = format!(r#"{{"cmd":"progress","id":1,"data":"{}"}}"#, "x".repeat(LONG_BYTES));
        let read = lines(format!("{report}\r\n{{\"cmd\":\"pong\"}}\r\n").as_bytes(), READ_BUFFER_BYTES);
        assert_eq!(read.unwrap(), ["Unknown", "Pong"]);
    }

    #[test]
    fn a_long_line_without_a_job_ends_the_connection() {
        let long = format!(r#"{{"x":"{}"#, "x".repeat(LONG_BYTES));
        assert!(lines(long.as_bytes(), READ_BUFFER_BYTES).unwrap_err().contains("raise max_line"));
    }
}
