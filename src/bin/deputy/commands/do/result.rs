//! Results on standard output.

use std::io::{self, Write};

use serde_json::value::RawValue;

use crate::out::Out;

/// Where results go, and how.
pub(super) struct ResultPrinter {
    pub(super) out: Out,
    /// Texts as they are.
    raw: bool,
}

impl ResultPrinter {
    pub(super) fn new(raw: bool) -> Self {
        Self { out: Out::stdout(), raw }
    }

    /// Prints a result, and ends the line.
    pub(super) fn print(&mut self, res: &RawValue) -> io::Result<()> {
        // A string with half a surrogate pair in it is no text: it stays JSON.
        let text = if self.raw { serde_json::from_str::<String>(res.get()).ok() } else { None };
        writeln!(self.out, "{}", text.as_deref().unwrap_or(res.get()))
    }
}
