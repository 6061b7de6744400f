//! The syntax of the two formats: families, samples, labels, numbers.

use std::fmt::{self, Write as _};

use crate::metrics::{BOUNDS_US, Histogram};

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::monitor) enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns the media type.
    pub(in crate::monitor) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How a family's values change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The values only grow.
    Counter,
    /// The values may fall.
    Gauge,
    /// Durations by bucket, added by [`Text::put_histogram`].
    Histogram,
}

/// A value. Times are written in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A number of things, or bytes.
    Count(u64),
    /// 1 or 0.
    Flag(bool),
    /// Milliseconds.
    Ms(u64),
    /// Microseconds.
    Us(u64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = match *self {
            Self::Count(count) => return count.fmt(f),
            Self::Flag(flag) => return u8::from(flag).fmt(f),
            Self::Ms(ms) => u128::from(ms) * 1_000,
            Self::Us(us) => us.into(),
        };
        let (whole, part) = (us / 1_000_000, us % 1_000_000);
        if part == 0 {
            return whole.fmt(f);
        }
        let decimals = format!("{part:06}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

/// The text so far: families one after the other, each with its samples.
pub struct Text {
    out: String,
    format: Format,
    /// The present family's name, and the suffix that its samples add to the name.
    name: &'static str,
    suffix: &'static str,
    /// The head of the present family, until its first sample: a family without samples is left out.
    head: String,
    /// The label of the present server, escaped.
    server: String,
}

impl Text {
    pub(super) fn new(format: Format) -> Self {
        Self { out: String::new(), format, name: "", suffix: "", head: String::new(), server: String::new() }
    }

    /// Begins a family. The name of a counter is given without `_total`.
    pub fn begin(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        (self.name, self.suffix) = (name, if kind == Kind::Counter { "_total" } else { "" });
        let family = if self.format == Format::OpenMetrics { "" } else { self.suffix };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.head = format!("# HELP {name}{family} {help}\n# TYPE {name}{family} {kind}\n");
    }

    /// Sets the server that the following samples belong to.
    pub(super) fn of_server(&mut self, name: Option<&str>) {
        self.server.clear();
        if let Some(name) = name {
            put_label(&mut self.server, "server", name);
        }
    }

    /// Adds a sample of the present family.
    pub fn put(&mut self, labels: &[(&str, &str)], number: Number) {
        self.put_named(self.suffix, labels, number);
    }

    /// Adds the samples of a histogram, with at most one label.
    pub fn put_histogram(&mut self, label: Option<(&str, &str)>, histogram: &Histogram) {
        let labels = label.as_slice();
        let mut so_far = 0_u64;
        for (us, count) in BOUNDS_US.iter().zip(histogram.counts) {
            so_far = so_far.saturating_add(count);
            let bound = self.bound(*us);
            self.put_bucket(labels, &bound, so_far);
        }
        self.put_bucket(labels, "+Inf", histogram.count());
        self.put_named("_sum", labels, Number::Us(histogram.sum_us));
        self.put_named("_count", labels, Number::Count(histogram.count()));
    }

    fn put_bucket(&mut self, labels: &[(&str, &str)], bound: &str, count: u64) {
        self.put_named("_bucket", &[labels, &[("le", bound)]].concat(), Number::Count(count));
    }

    /// Adds a sample whose name has this end.
    fn put_named(&mut self, suffix: &str, labels: &[(&str, &str)], number: Number) {
        self.out.push_str(&std::mem::take(&mut self.head));
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        if !self.server.is_empty() || !labels.is_empty() {
            self.out.push('{');
            self.out.push_str(&self.server);
            for (index, (name, value)) in labels.iter().enumerate() {
                if index > 0 || !self.server.is_empty() {
                    self.out.push(',');
                }
                put_label(&mut self.out, name, value);
            }
            self.out.push('}');
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, " {number}");
    }

    /// Returns the bound of a bucket as the format writes it. OpenMetrics takes floating-point numbers only.
    fn bound(&self, us: u64) -> String {
        let text = Number::Us(us).to_string();
        if self.format == Format::OpenMetrics && !text.contains('.') { text + ".0" } else { text }
    }

    /// Returns the whole text.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// Appends `name="value"`. Both formats escape backslash, quote and line feed, and nothing else.
fn put_label(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for (number, text) in [
            (Number::Count(u64::MAX), "18446744073709551615"),
            (Number::Flag(true), "1"),
            (Number::Ms(0), "0"),
            (Number::Ms(1_500), "1.5"),
            (Number::Us(100), "0.0001"),
            (Number::Us(3_600_000_000), "3600"),
            (Number::Us(2_500_000), "2.5"),
            (Number::Ms(u64::MAX), "18446744073709551.615"),
        ] {
            assert_eq!(number.to_string(), text);
        }
    }

    fn sample(format: Format, server: Option<&str>, labels: &[(&str, &str)]) -> String {
        let mut text = Text::new(format);
        text.begin("empty", Kind::Gauge, "Not shown.");
        text.begin("jobs", Kind::Counter, "Jobs.");
        text.of_server(server);
        text.put(labels, Number::Count(1));
        text.end()
    }

    #[test]
    fn the_formats_differ_in_the_names_of_counters_and_the_end() {
        let head = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\n";
        assert_eq!(sample(Format::Prometheus, None, &[]), format!("{head}jobs_total 1\n"));
        let head = "# HELP jobs Jobs.\n# TYPE jobs counter\n";
        assert_eq!(sample(Format::OpenMetrics, None, &[]), format!("{head}jobs_total 1\n# EOF\n"));
        let bounds = |format| [250, 1_000_000].map(|us| Text::new(format).bound(us));
        assert_eq!(bounds(Format::Prometheus), ["0.00025", "1"]);
        assert_eq!(bounds(Format::OpenMetrics), ["0.00025", "1.0"]);
    }

    #[test]
    fn labels_are_escaped() {
        let text = sample(Format::Prometheus, Some("a\"b"), &[("type", "\\ \" \n \r \u{202e} <script>"), ("x", "")]);
        let line = text.lines().last().unwrap();
        assert_eq!(line, "jobs_total{server=\"a\\\"b\",type=\"\\\\ \\\" \\n \r \u{202e} <script>\",x=\"\"} 1");
    }
}
