//! Prints results on stdout, and the progress of a batch on stderr if stderr is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;

use crate::out::Out;

/// Prints results on stdout.
pub(super) struct ResultPrinter {
    pub(super) out: Out,
    /// Whether a result that is a text is printed without quotes.
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

/// The line on a terminal's stderr: how many jobs are done, how many failed, and the rate. If the length of the input
/// is known, the line also shows the time left.
pub(super) struct Progress {
    /// None without a terminal.
    bar: Option<ProgressBar>,
    start: Instant,
    done: u64,
    failed: u64,
}

impl Progress {
    /// `bytes` is the length of the input, if it is known.
    pub(super) fn start(bytes: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let (bar, template) = match bytes {
                Some(bytes) => (ProgressBar::new(bytes), "{bar:30} {percent:>3}%  {msg}, {eta} left"),
                None => (ProgressBar::no_length(), "{msg}, {elapsed}"),
            };
            bar.with_style(ProgressStyle::with_template(template).expect("the template is right"))
        });
        Self { bar, start: Instant::now(), done: 0, failed: 0 }
    }

    /// Counts a finished job, and its `bytes` of the input.
    pub(super) fn advance(&mut self, bytes: u64, is_done: bool) {
        let count = if is_done { &mut self.done } else { &mut self.failed };
        *count += 1;
        let Some(bar) = &self.bar else { return };
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (self.done + self.failed) as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!("{} done, {} failed, {rate:.0}/s", self.done, self.failed));
        bar.inc(bytes);
    }

    /// Removes the line while `write` writes to the terminal.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the line.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
