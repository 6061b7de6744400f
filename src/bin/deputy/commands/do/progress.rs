//! How far a long run is, on stderr if that is a terminal.

use std::io::{self, IsTerminal};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that tells how many jobs are done, how many failed, how fast it goes, and, where the input's length is known,
/// how long it will take.
pub(super) struct Progress {
    /// None where nobody looks.
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

    /// A job has come to its end, and with it so many bytes of the input.
    pub(super) fn advance(&mut self, bytes: u64, is_done: bool) {
        let count = if is_done { &mut self.done } else { &mut self.failed };
        *count += 1;
        let Some(bar) = &self.bar else { return };
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (self.done + self.failed) as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!("{} done, {} failed, {rate:.0}/s", self.done, self.failed));
        bar.inc(bytes);
    }

    /// Does what writes to the terminal, with the line out of the way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
