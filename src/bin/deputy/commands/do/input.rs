//! Args from the command line or stdin, as JSON or text; results to stdout.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use deputy::limits::LINE_BYTES_DEFAULT;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{CliError, FAILED};
use crate::out::Out;

/// Bytes of one arg: the longest line to the server. It keeps endless input from filling the memory.
const ARG_BYTES_MAX: usize = LINE_BYTES_DEFAULT;

/// How args are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgFormat {
    Json,
    Text,
}

impl ArgFormat {
    /// Returns the arg that the command line gives, if it gives one.
    pub(super) fn arg_of(self, word: Option<&str>) -> Result<Option<Box<RawValue>>, CliError> {
        let bytes = match word {
            Some("-") => whole_input()?,
            Some(word) => return self.read(word.as_bytes().to_vec()).map(Some).map_err(|wrong| wrong.of("ARG")),
            None => match is_input_given().then(whole_input).transpose()? {
                None => return Ok(None),
                Some(bytes) if bytes.is_empty() => return Ok(None),
                Some(bytes) => bytes,
            },
        };
        let bytes = if self == Self::Text { without_line_end(bytes) } else { bytes };
        self.read(bytes).map(Some).map_err(|wrong| wrong.of("standard input"))
    }

    /// Returns the arg of a line; none for an empty line of JSON.
    pub(super) fn arg_in(self, line: Line) -> Result<Option<Box<RawValue>>, CliError> {
        if self == Self::Json && line.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        self.read(line.bytes).map(Some).map_err(|wrong| wrong.of(&format!("line {}", line.number)))
    }

    fn read(self, bytes: Vec<u8>) -> Result<Box<RawValue>, ArgError> {
        if bytes.len() > ARG_BYTES_MAX {
            return Err(ArgError(format!("has more than {ARG_BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| ArgError("is not UTF-8".to_owned()))?;
        match self {
            Self::Text => Ok(to_raw_value(&text).expect("a string can be written as JSON")),
            Self::Json => RawValue::from_string(text)
                .map_err(|error| ArgError(format!("is not JSON: {error} (with -s it is text)"))),
        }
    }
}

/// What is wrong with an arg: a clause that follows its place.
struct ArgError(String);

impl ArgError {
    fn of(self, place: &str) -> CliError {
        CliError::usage(format!("{place} {}", self.0))
    }
}

/// A line of standard input, without its end.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// Bytes of the input, with the line end.
    pub(super) length: u64,
}

/// Reads the lines of standard input.
pub(super) fn lines() -> impl Iterator<Item = Result<Line, CliError>> {
    let mut input = BufReader::with_capacity(1 << 16, io::stdin());
    (1..).map_while(move |number| {
        let mut bytes = Vec::new();
        // One byte more for the line end, and one to find that the line is too long.
        match input.by_ref().take(ARG_BYTES_MAX as u64 + 2).read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(length) => Some(Ok(Line { number, length: length as u64, bytes: without_line_end(bytes) })),
            Err(error) => Some(Err(unreadable(&error))),
        }
    })
}

/// Returns the length of standard input, if it is a file.
pub(super) fn input_length() -> Option<u64> {
    let metadata = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// Whether standard input is a pipe or a file, and neither a terminal nor /dev/null.
fn is_input_given() -> bool {
    let kind = io::stdin().as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata());
    kind.is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_fifo() || kind.is_file() || kind.is_socket()
    })
}

fn whole_input() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    // As for lines, with room to find that it is too long.
    let read = io::stdin().take(ARG_BYTES_MAX as u64 + 2).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.pop_if(|last| *last == b'\n');
    bytes
}

fn unreadable(error: &io::Error) -> CliError {
    CliError::new(FAILED, format!("cannot read standard input: {error}"))
}

/// Prints results on stdout.
pub(super) struct ResultPrinter {
    pub(super) out: Out,
    /// Whether to print texts without quotes.
    raw: bool,
}

impl ResultPrinter {
    pub(super) fn new(raw: bool) -> Self {
        Self { out: Out::stdout(), raw }
    }

    /// Prints a result, and ends the line.
    pub(super) fn print(&mut self, res: &RawValue) -> io::Result<()> {
        // A string with a lone surrogate is not valid text, and is printed as JSON.
        let text = if self.raw { serde_json::from_str::<String>(res.get()).ok() } else { None };
        writeln!(self.out, "{}", text.as_deref().unwrap_or(res.get()))
    }
}
