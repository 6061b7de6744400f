//! The standard streams: colour on terminals, no control characters in texts of others, and streams that may be
//! non-blocking.
//!
//! Another process that shares a stream may have made it non-blocking, which this process must not undo. So reads and
//! writes wait until the stream is ready.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal, LineWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use deputy::monitor::format::escape;
pub(crate) use deputy::monitor::format::one_line;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Standard output. Write to it with `writeln!` and `?`: an error becomes a [`CliError`](crate::error::CliError), which
/// prints nothing for a closed pipe.
pub(crate) struct Out {
    stdout: LineWriter<Stdout>,
    terminal: bool,
    colour: bool,
}

/// The emphasis of a text on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Yellow,
}

impl Style {
    /// Returns the number of the style in ECMA-48, "select graphic rendition".
    fn number(self) -> u8 {
        match self {
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Yellow => 33,
        }
    }
}

impl Out {
    pub(crate) fn stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        Self { terminal, colour: terminal && is_colour_wanted(), stdout: LineWriter::new(Stdout) }
    }

    /// Returns the text in this style, if stdout is coloured.
    pub(crate) fn styled<'a>(&self, style: Style, text: &'a str) -> Cow<'a, str> {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", style.number()).into() } else { text.into() }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Standard output without a buffer.
#[derive(Debug)]
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        patiently(io::stdout().as_fd(), PollFlags::OUT, |fd| rustix::io::write(fd, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error without a buffer.
#[derive(Debug)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        patiently(io::stderr().as_fd(), PollFlags::OUT, |fd| rustix::io::write(fd, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard input without a buffer.
#[derive(Debug)]
pub(crate) struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        patiently(io::stdin().as_fd(), PollFlags::IN, |fd| rustix::io::read(fd, &mut *buffer))
    }
}

/// Repeats a call until it neither blocks nor is interrupted.
fn patiently<T>(
    fd: BorrowedFd<'_>,
    ready: PollFlags,
    mut call: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
) -> io::Result<T> {
    loop {
        match call(fd) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::from_borrowed_fd(fd, ready)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            result => return Ok(result?),
        }
    }
}

/// Whether the user wants colour on terminals (<https://no-color.org>).
pub(crate) fn is_colour_wanted() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Escapes the characters that could move a terminal's cursor or change its state, in a text that others may have
/// chosen. Line ends and tabs stay.
pub(crate) fn sanitize(text: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { escape(text, |c| c.is_control() && !matches!(c, '\n' | '\t')) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let text = "a\x1b[2J\u{9b}b\tc\nd\u{7f}é";
        assert_eq!(sanitize(text, true), "a\\u{1b}[2J\\u{9b}b\tc\nd\\u{7f}é");
        assert_eq!(one_line(text), "a\\u{1b}[2J\\u{9b}b\\tc\\nd\\u{7f}é");
        assert_eq!(sanitize(text, false), text);
    }

    #[test]
    fn colour_is_for_terminals() {
        let mut out = Out { stdout: LineWriter::new(Stdout), terminal: false, colour: false };
        assert_eq!(out.styled(Style::Red, "no"), "no");
        (out.terminal, out.colour) = (true, true);
        assert_eq!(out.styled(Style::Red, "no"), "\x1b[31mno\x1b[0m");
    }
}
