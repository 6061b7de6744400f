//! An axis of a picture whose ticks are given, because the ticks that plotters chooses fall between the values: half
//! threads, or percentiles without a name.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::harness::figure::approximate;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    range: Range<f64>,
    /// Whether equal ratios have equal lengths.
    logarithmic: bool,
    /// Values and their names.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Returns an axis from 0 with a tick at each of these whole numbers.
    pub(super) fn of_counts(counts: &[usize]) -> Self {
        let ticks: Vec<_> = counts.iter().map(|count| (approximate(*count as u64), count.to_string())).collect();
        let most = ticks.iter().map(|tick| tick.0).fold(1.0, f64::max);
        Self { range: 0.0..most * 1.05, logarithmic: false, ticks }
    }

    /// Returns a logarithmic axis of rareness ("one in"), from every job to `rarest`, whose ticks are percentiles.
    pub(super) fn of_percentiles(rarest: f64) -> Self {
        let named = [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1e3, "p99.9"), (1e4, "p99.99"), (1e5, "p99.999")];
        let within = named.into_iter().filter(|(one_in, _)| *one_in <= rarest);
        let ticks = within.map(|(one_in, name)| (one_in, name.to_owned())).collect();
        Self { range: 1.0..rarest, logarithmic: true, ticks }
    }

    /// Returns a logarithmic axis with ticks at 1, 2 and 5 times each power of ten.
    pub(super) fn logarithmic(least: f64, most: f64) -> Self {
        let decades = (-1..10).map(|power| 10_f64.powi(power));
        let values = decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
        let ticks = values.filter(|value| (least..=most).contains(value)).map(|value| (value, format!("{value}")));
        Self { range: least..most, logarithmic: true, ticks: ticks.collect() }
    }

    /// Where a value is, in the scale of the axis.
    fn scale(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let [least, most, value] = [self.range.start, self.range.end, *value].map(|value| self.scale(value));
        start + (f64::from(end - start) * (value - least) / (most - least)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|tick| tick.0.to_bits() == value.to_bits()).map_or(String::new(), |tick| tick.1.clone())
    }
}
