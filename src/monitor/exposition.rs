//! The metrics as text for Prometheus: its own format 0.0.4, or OpenMetrics 1.0.0. Pure.
//!
//! The families are in one table. A family of a server that does not answer, or figures by type that are missing, have no
//! samples: a scraper then sees a gap, and no wrong numbers.

mod families;
mod process;
mod text;

use std::time::Instant;

use families::FAMILIES;
pub(super) use process::Process;
pub(super) use text::Format;
pub use text::{Kind, Number, Text};

use super::health::Health;
use super::labels::ByType;
use super::timeline::View;

/// The data from which the samples of one server are made.
pub(super) struct Facts<'a> {
    /// The value of the label `server`, if there are several servers.
    pub(super) server: Option<&'a str>,
    pub(super) view: &'a View,
    /// The figures by type, if they are known.
    pub(super) by_type: Option<ByType<'a>>,
    pub(super) health: &'a Health,
    pub(super) now: Instant,
}

impl Facts<'_> {
    fn is_up(&self) -> bool {
        self.view.is_up(self.now)
    }
}

/// Returns the metrics of these servers and of this process.
pub(super) fn text(servers: &[Facts<'_>], process: &Process, format: Format) -> String {
    let mut text = Text::new(format);
    for family in FAMILIES {
        text.begin(family.name, family.kind, family.help);
        for facts in servers {
            text.of_server(facts.server);
            family.put(facts, &mut text);
        }
    }
    process.put(&mut text);
    text.end()
}

/// Returns the metrics that `put` adds, and those of this process.
pub(super) fn text_of(put: impl FnOnce(&mut Text), process: &Process, format: Format) -> String {
    let mut text = Text::new(format);
    put(&mut text);
    process.put(&mut text);
    text.end()
}

#[cfg(test)]
mod tests;
