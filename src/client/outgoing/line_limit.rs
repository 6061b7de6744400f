//! The longest line that the server accepts (`--max-line`), as far as it is known on a connection.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limits::CLIENT_LINE_BYTES_UNASKED;

/// The server's limit, if it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::client) struct LineLimit(Option<usize>);

/// Whether the server accepts a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Fit {
    /// The server accepts the line, or the line is short.
    Fits,
    /// The server refuses the line. Has the limit in bytes.
    TooLong(usize),
    /// The client has to ask for the metrics first.
    Unknown,
}

impl LineLimit {
    /// Returns whether the server accepts a line of this length, its end counted.
    pub(in crate::client) fn fit(self, line_bytes: usize) -> Fit {
        match self.0 {
            Some(limit) if line_bytes > limit.saturating_add(1) => Fit::TooLong(limit),
            None if line_bytes > CLIENT_LINE_BYTES_UNASKED => Fit::Unknown,
            _ => Fit::Fits,
        }
    }

    /// Takes the limit from a metrics answer, if it is not known yet.
    pub(in crate::client) fn on_metrics(&mut self, metrics: &RawValue) {
        #[derive(Deserialize)]
        struct Reported {
            max_line: Option<usize>,
        }

        if self.0.is_none() {
            let reported = serde_json::from_str(metrics.get()).map_or(None, |reported: Reported| reported.max_line);
            self.0 = Some(reported.unwrap_or(usize::MAX));
        }
    }

    /// Called when the server does not report its limit, as servers before 0.1. The client's own limit still applies.
    pub(in crate::client) fn set_unknown(&mut self) {
        self.0.get_or_insert(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_waits_for_the_limit_that_a_metrics_answer_contains() {
        for (metrics, limit) in [
            (r#"{"jobs_added":1,"max_line":5000,"types":{}}"#, 5_000),
            (r#"{"jobs_added":1}"#, usize::MAX),
            (r#"{"max_line":"long"}"#, usize::MAX),
        ] {
            let mut known = LineLimit::default();
            assert_eq!((known.fit(1_024), known.fit(1_025)), (Fit::Fits, Fit::Unknown));
            known.on_metrics(&RawValue::from_string(metrics.to_owned()).unwrap());
            assert_eq!(known.fit(5_001), Fit::Fits, "{metrics}");
            let longer = if limit == 5_000 { Fit::TooLong(5_000) } else { Fit::Fits };
            assert_eq!(known.fit(5_002), longer, "{metrics}");
            known.on_metrics(&RawValue::from_string(r#"{"max_line":64}"#.to_owned()).unwrap());
            assert_eq!(known.fit(5_001), Fit::Fits, "the first answer counts");
        }
    }

    #[test]
    fn a_short_line_is_too_long_only_when_the_limit_is_known() {
        let mut known = LineLimit::default();
        known.on_metrics(&RawValue::from_string(r#"{"max_line":64}"#.to_owned()).unwrap());
        assert_eq!((known.fit(65), known.fit(66)), (Fit::Fits, Fit::TooLong(64)));
        let mut silent = LineLimit::default();
        silent.set_unknown();
        assert_eq!(silent.fit(1 << 30), Fit::Fits);
    }
}
