//! A progress line on the terminal, if there is one.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// See the module.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins a progress line for this many runs. Nothing is shown if stderr is not a terminal.
    pub(crate) fn begin(runs: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos} of {len} runs, {eta} left: {msg}");
        let bar = ProgressBar::new(runs as u64).with_style(style.expect("the template is right"));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    /// Shows what is running.
    pub(crate) fn show(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Counts one run as done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// Prints a line to stdout, above the progress line.
    pub(crate) fn print(&self, line: &str) -> io::Result<()> {
        self.0.suspend(|| writeln!(io::stdout(), "{line}"))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
