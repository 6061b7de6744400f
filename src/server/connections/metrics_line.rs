//! Keeps the last metrics line: dashboards send many queries at once, between which the totals do not change.

use crate::metrics::{Counts, Tables, Totals};
use crate::protocol::reply::Reply;

/// A metrics line without tables, and its totals.
#[derive(Debug, Default)]
pub(super) struct MetricsLine {
    totals: Totals,
    line: Vec<u8>,
}

impl MetricsLine {
    /// Returns the line with these totals. If only unsent bytes have changed, the old line is returned: these bytes are
    /// mostly answers to earlier queries, and a peer cannot know them.
    pub(super) fn of(&mut self, totals: &Totals) -> &[u8] {
        let counts = Counts { unsent_bytes: totals.counts.unsent_bytes, ..self.totals.counts };
        self.totals.counts = counts;
        if self.line.is_empty() || self.totals != *totals {
            self.line.clear();
            Reply::Metrics { totals, tables: &Tables::default(), types: None }.encode(&mut self.line);
            self.totals = totals.clone();
        }
        &self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_as_long_as_it_has_what_a_peer_may_know() {
        let totals = Totals { threads: 3, ..Totals::default() };
        let mut kept = MetricsLine::default();
        let mut encoded = Vec::new();
        Reply::Metrics { totals: &totals, tables: &Tables::default(), types: None }.encode(&mut encoded);
        assert_eq!(kept.of(&totals), encoded);
        let with = |counts| Totals { counts, ..totals.clone() };
        let unsent = with(Counts { unsent_bytes: 7, ..Counts::default() });
        assert_eq!(kept.of(&unsent), encoded, "only what is unsent has changed");
        let done = with(Counts { jobs_done: 1, unsent_bytes: 7, ..Counts::default() });
        let line = String::from_utf8(kept.of(&done).to_vec()).unwrap();
        assert!(line.contains(r#""jobs_done":1,"#) && line.contains(r#""bytes_held":7,"#), "{line}");
        assert_eq!(kept.of(&totals), encoded);
    }
}
