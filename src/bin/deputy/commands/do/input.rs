//! Reads args from the command line or stdin, as JSON or text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{CliError, FAILED};
use crate::out::Stdin;

/// A byte order mark, with which some editors begin a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How many lines are read ahead.
const LINES_AHEAD: usize = 64;

/// The format of args.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArgFormat {
    /// Text, not JSON.
    pub(super) is_text: bool,
    /// Lines end with CR LF.
    pub(super) is_crlf: bool,
    /// Args end with NUL, not with a line end.
    pub(super) is_null: bool,
    /// The longest arg in bytes. The limit keeps endless input from filling the memory.
    pub(super) bytes_max: usize,
}

/// Why an arg is not valid: a clause that follows the place of the arg.
#[derive(Debug)]
pub(super) struct ArgError(pub(super) String);

/// A line of standard input, or an arg that ends with NUL.
#[derive(Debug)]
pub(super) struct Line {
    /// The number of the line, from 1.
    pub(super) number: u64,
    /// The line without its end. A line that is too long is cut, but stays longer than an arg may be.
    bytes: Vec<u8>,
    /// Bytes of the input, with the end.
    pub(super) length: u64,
}

impl ArgFormat {
    /// The word for a line in messages.
    pub(super) fn item(self) -> &'static str {
        if self.is_null { "item" } else { "line" }
    }

    /// Returns the arg of the command line. `-` stands for all of standard input.
    pub(super) fn arg_of(self, argument: Option<&str>) -> Result<Option<Box<RawValue>>, CliError> {
        let (place, bytes) = match argument {
            None => return Ok(None),
            Some("-") => ("standard input", self.without_end(self.without_mark(self.whole_input()?))),
            Some(argument) => ("ARG", argument.as_bytes().to_vec()),
        };
        let wrong = |ArgError(reason)| CliError::usage(format!("{place} {reason}"));
        self.read(bytes).map(Some).map_err(wrong)
    }

    /// Returns the arg of a line; `None` for an empty line of JSON.
    pub(super) fn arg_in(self, line: Line) -> Result<Option<Box<RawValue>>, ArgError> {
        if !self.is_text && line.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        self.read(line.bytes).map(Some)
    }

    /// Reads the lines of standard input.
    fn lines(self) -> impl Iterator<Item = Result<Line, CliError>> {
        let mut input = BufReader::with_capacity(1 << 16, Stdin);
        (1..).map_while(move |number| self.line(&mut input, number).map_err(|error| unreadable(&error)).transpose())
    }

    /// Starts a thread that reads the lines of standard input ahead. The thread may block for ever, so no other joins
    /// it.
    pub(super) fn lines_ahead(self) -> Result<Receiver<Result<Line, CliError>>, CliError> {
        let (sender, receiver) = bounded(LINES_AHEAD);
        let read = move || {
            for line in self.lines() {
                let was_last = line.is_err();
                if sender.send(line).is_err() || was_last {
                    return;
                }
            }
        };
        thread::Builder::new().spawn(read).map_err(|error| CliError::no_thread(&error))?;
        Ok(receiver)
    }

    fn line(self, input: &mut impl BufRead, number: u64) -> io::Result<Option<Line>> {
        let end = if self.is_null { 0 } else { b'\n' };
        let mut bytes = Vec::new();
        // Room for an end of two bytes, and one byte to find that the line is too long.
        let most = self.bytes_max as u64 + 3;
        let mut length = input.by_ref().take(most).read_until(end, &mut bytes)? as u64;
        if length == 0 {
            return Ok(None);
        }
        if length == most && bytes.last() != Some(&end) {
            length += input.skip_until(end)? as u64;
        }
        if number == 1 {
            bytes = self.without_mark(bytes);
        }
        Ok(Some(Line { number, length, bytes: self.without_end(bytes) }))
    }

    /// Removes a byte order mark from the beginning of a text, to which it does not belong. JSON with a byte order mark
    /// is refused; items that end with NUL stay unchanged.
    fn without_mark(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.is_text && !self.is_null && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        bytes
    }

    fn without_end(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.is_null {
            bytes.pop_if(|last| *last == 0);
        } else if bytes.pop_if(|last| *last == b'\n').is_some() && self.is_crlf {
            bytes.pop_if(|last| *last == b'\r');
        }
        bytes
    }

    fn whole_input(self) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        // One more byte shows that the input is too long, as for lines.
        let read = Stdin.take(self.bytes_max as u64 + 3).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&error))?;
        Ok(bytes)
    }

    fn read(self, bytes: Vec<u8>) -> Result<Box<RawValue>, ArgError> {
        if bytes.len() > self.bytes_max {
            return Err(ArgError(format!("has more than {} bytes (--max-line)", self.bytes_max)));
        }
        if !self.is_text && bytes.starts_with(BYTE_ORDER_MARK) {
            return Err(ArgError("begins with a byte order mark, which JSON does not allow: remove it".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| ArgError("is not UTF-8".to_owned()))?;
        if self.is_text {
            return Ok(to_raw_value(&text).expect("a string can be written as JSON"));
        }
        RawValue::from_string(text).map_err(|error| ArgError(format!("is not JSON: {error} (with -s it is text)")))
    }
}

/// Returns the length of standard input, if it is a file.
pub(super) fn input_length() -> Option<u64> {
    let metadata = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

fn unreadable(error: &io::Error) -> CliError {
    CliError::new(FAILED, format!("cannot read standard input: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: ArgFormat = ArgFormat { is_text: false, is_crlf: false, is_null: false, bytes_max: 8 };

    #[test]
    fn lines_end_as_the_format_says() {
        let text = ArgFormat { is_text: true, ..JSON };
        for (format, input, args) in [
            (text, "a\nb\r\n\nc", &["\"a\"", "\"b\\r\"", "\"\"", "\"c\""][..]),
            (ArgFormat { is_crlf: true, ..text }, "a\nb\r\nc\r", &["\"a\"", "\"b\"", "\"c\\r\""]),
            (ArgFormat { is_null: true, ..text }, "a\nb\0\0c", &["\"a\\nb\"", "\"\"", "\"c\""]),
            (JSON, "1\n\n \n[2]\r\n", &["1", "", "", "[2]"]),
            (JSON, "12345678\n\"234567\"\r\n", &["12345678", "has more"]),
            (JSON, "123456789\n0123456789abcdef\n1\n", &["has more", "has more", "1"]),
            (JSON, "\u{feff}1", &["begins with a byte order mark"]),
            (text, "\u{feff}a\n\u{feff}b\n", &["\"a\"", "\"\u{feff}b\""]),
            (ArgFormat { is_null: true, ..text }, "\u{feff}a", &["\"\u{feff}a\""]),
        ] {
            let mut input = input.as_bytes();
            let mut got = Vec::new();
            let all = input.len() as u64;
            let (mut length, mut numbers) = (0, 1..);
            while let Some(line) = format.line(&mut input, numbers.next().unwrap()).unwrap() {
                length += line.length;
                got.push(match format.arg_in(line) {
                    Ok(arg) => arg.map_or(String::new(), |arg| arg.get().to_owned()),
                    Err(ArgError(reason)) => reason,
                });
            }
            assert_eq!((got.len(), length), (args.len(), all), "{got:?}");
            assert!(
                got.iter().zip(args).all(|(got, arg)| got == arg || got.starts_with(arg) && arg.len() > 6),
                "{got:?}"
            );
        }
    }
}
