//! Takes lines from a read, and decodes them.

use super::super::frame::{Frame, Framer};
use super::super::members::Members;
use super::super::{CheckedLines, Code};
use super::{Command, Refusal, Severity, decode_line, decode_long, decode_members};

/// Checks the lines of a read whose bytes [`next_line`] is given next. The framer itself checks what comes within a long
/// line.
pub fn check_read<'a>(framer: &Framer, read: &'a [u8]) -> CheckedLines<'a> {
    if framer.is_in_long_line() { CheckedLines::default() } else { CheckedLines::of_read(read) }
}

/// Takes the next line from `input`, as [`Framer::next_checked`] does, and decodes it. `checked` are the checked lines of
/// the read that ends with `input`.
///
/// Most lines are plain (`fast_path`), and begin and end within the read. The end of such a line is found by decoding it, so
/// that no other search is needed. The framer takes all other lines.
pub fn next_line<'a, 'input: 'a>(
    framer: &'a mut Framer,
    input: &mut &'input [u8],
    checked: CheckedLines<'input>,
    line_bytes_max: usize,
    whole_bytes_max: usize,
) -> Option<Result<Command<'a>, Refusal<'a>>> {
    if framer.is_at_later_line()
        && let Some(text) = checked.text_from(input)
    {
        let mut members = Members::default();
        if let Some(bytes) = members.add_first(text)
            && bytes <= line_bytes_max
        {
            let cr = input[bytes] == b'\r';
            *input = &input[bytes + usize::from(cr) + 1..];
            return Some(decode_members(&members));
        }
    }
    framer.next_checked(input, line_bytes_max, whole_bytes_max).map(|frame| decode_checked(frame, checked))
}

/// Decodes a frame. A first line that is not a JSON object ends the connection.
pub fn decode_frame(frame: Frame<'_>) -> Result<Command<'_>, Refusal<'_>> {
    decode_checked(frame, CheckedLines::default())
}

/// Decodes a frame of a read whose lines were checked; a line that is not among them is checked now.
#[inline(never)]
fn decode_checked<'a>(frame: Frame<'a>, checked: CheckedLines<'a>) -> Result<Command<'a>, Refusal<'a>> {
    match frame {
        Frame::Line { bytes, first: false } => decode_line(bytes, checked.text(bytes)),
        Frame::Line { bytes, first } => {
            decode_line(bytes, checked.text(bytes)).map_err(|refusal| refusal.of_first(first))
        }
        Frame::LongLine { line, first } => decode_long(line).map_err(|refusal| refusal.of_first(first)),
        Frame::TooLong => {
            let text = "the line is longer than this server takes (--max-line)";
            Err(Refusal::of_unreadable(Code::TooLong, text, Severity::Connection))
        }
        Frame::NotJson { byte } => {
            let text = match byte {
                0xef => {
                    "a connection must begin with a JSON object, and not with a byte order mark: send UTF-8 without one"
                }
                _ => "a connection must begin with a JSON object",
            };
            Err(Refusal::of_unreadable(Code::BadJson, text, Severity::Connection))
        }
    }
}
