//! Histograms of durations, with their bounds and quantiles, for the server and its clients.
//!
//! The bounds are the same for all types and never change, so histograms can be added and subtracted.

use std::time::Duration;

use serde::Deserialize;

/// The upper bounds of the buckets in microseconds, each inclusive: 1, 2.5 and 5 of each power of ten from 100 us on,
/// and an hour. So a quantile is wrong by a factor of at most 2.5.
pub const BOUNDS_US: [u64; 24] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
    3_600_000_000,
];

/// The number of counts: one per bound, and one for durations above all bounds.
pub const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Durations by bucket, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Histogram {
    /// The sum of all durations in microseconds. It does not wrap, but stays at the largest number.
    pub sum_us: u64,
    /// The number of durations in each bucket: above the previous bound, and at most the bucket's own ([`BOUNDS_US`]).
    /// The last bucket has the durations above all bounds.
    pub counts: [u64; BUCKETS],
}

impl Histogram {
    /// Adds a duration in microseconds.
    #[inline]
    pub fn record(&mut self, us: u64) {
        self.sum_us = self.sum_us.saturating_add(us);
        self.counts[bucket(us)] += 1;
    }

    /// Returns how many durations there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Returns the duration that a share `q` of all durations do not exceed, of 0 to 1: the median is that of 0.5.
    /// Within a bucket the durations count as evenly spread, as in Prometheus' `histogram_quantile`. Above the last
    /// bound the result is that bound. `None` if there is no duration, or `q` is not from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "an estimate between two bounds")]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let all = self.count();
        if all == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = q * all as f64;
        let (mut below, mut lower_us) = (0.0, 0);
        for (&count, &upper_us) in self.counts.iter().zip(&BOUNDS_US) {
            let until = below + count as f64;
            if count > 0 && until >= rank {
                let share = ((rank - below) / count as f64).max(0.0);
                let us = lower_us as f64 + (upper_us - lower_us) as f64 * share;
                return Some(Duration::from_secs_f64(us / 1e6));
            }
            below = until;
            lower_us = upper_us;
        }
        Some(Duration::from_micros(lower_us))
    }

    /// Returns the durations that were added since `earlier`, an older copy. A count that is smaller than in the older
    /// copy becomes 0, because the server was restarted.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = std::array::from_fn(|i| self.counts[i].saturating_sub(earlier.counts[i]));
        Self { sum_us: self.sum_us.saturating_sub(earlier.sum_us), counts }
    }

    /// Adds the durations of another histogram.
    pub fn add(&mut self, other: &Self) {
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        for (own, count) in self.counts.iter_mut().zip(other.counts) {
            *own = own.saturating_add(count);
        }
    }
}

/// The durations that have a number of bits in common: between two powers of two.
#[derive(Clone, Copy)]
struct Octave {
    /// The bucket of the least of them.
    first: u8,
    /// The bounds from that bucket on that greater ones may pass. There are at most two.
    bounds_us: [u64; 2],
}

/// By the number of bits that a duration has beyond its first.
const OCTAVES: [Octave; 64] = {
    let mut octaves = [Octave { first: 0, bounds_us: [u64::MAX; 2] }; 64];
    let mut bits = 0;
    while bits < 64 {
        let mut bucket = 0;
        while bucket < BOUNDS_US.len() && 1 << bits > BOUNDS_US[bucket] {
            bucket += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are 25 buckets")]
        {
            octaves[bits].first = bucket as u8;
        }
        let mut next = 0;
        while next < 2 && bucket + next < BOUNDS_US.len() {
            octaves[bits].bounds_us[next] = BOUNDS_US[bucket + next];
            next += 1;
        }
        bits += 1;
    }
    octaves
};

/// Returns the bucket of a duration, without a search and without a branch.
#[inline]
fn bucket(us: u64) -> usize {
    let Octave { first, bounds_us: [one, two] } = OCTAVES[(us | 1).ilog2() as usize]; // 0 is in the same bucket as 1.
    usize::from(first) + usize::from(us > one) + usize::from(us > two)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        durations.into_iter().for_each(|us| histogram.record(us));
        histogram
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        let around = |us: u64| [us.saturating_sub(1), us, us.saturating_add(1)];
        let powers = (0..64).map(|bits| 1_u64 << bits);
        for us in powers.chain(BOUNDS_US).chain([0, u64::MAX]).flat_map(around) {
            let plain = BOUNDS_US.iter().position(|&bound| us <= bound).unwrap_or(BOUNDS_US.len());
            assert_eq!(bucket(us), plain, "{us}");
        }
    }

    #[test]
    fn the_bounds_grow_and_end_at_an_hour() {
        assert!(BOUNDS_US.is_sorted_by(|a, b| a < b));
        assert_eq!((BOUNDS_US[0], BOUNDS_US[23]), (100, 3_600 * 1_000_000));
        assert!(BOUNDS_US.windows(2).all(|two| two[1] * 2 <= two[0] * 5), "a quantile is at most 2.5 times off");
    }

    #[test]
    fn counts_and_sum_are_of_what_was_recorded() {
        let histogram = of([0, 100, 101, 3_600_000_000, 3_600_000_001]);
        let counts = [(0, 2), (1, 1), (23, 1), (24, 1)];
        let expected = std::array::from_fn(|i| counts.iter().find(|(at, _)| *at == i).map_or(0, |&(_, n)| n));
        assert_eq!(histogram, Histogram { sum_us: 7_200_000_202, counts: expected });
        assert_eq!(histogram.count(), 5);
        assert_eq!(of([u64::MAX, u64::MAX]).sum_us, u64::MAX, "a sum does not overflow");
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let ms = |quantile: Option<Duration>| quantile.map(|duration| duration.as_secs_f64() * 1e3);
        let histogram = of([50, 200, 200, 200, 200, 200, 200, 200, 200, 700]);
        for (q, expected) in [(0.0, 0.0), (0.05, 0.05), (0.1, 0.1), (0.5, 0.175), (0.9, 0.25), (0.95, 0.75), (1.0, 1.0)]
        {
            let found = ms(histogram.quantile(q)).unwrap();
            assert!((found - expected).abs() < 1e-9, "{q}: {found}, not {expected}");
        }
    }

    #[test]
    fn a_quantile_above_the_last_bound_is_that_bound_and_of_nothing_there_is_none() {
        assert_eq!(of([u64::MAX]).quantile(0.5), Some(Duration::from_secs(3_600)));
        assert_eq!(of([1, u64::MAX, u64::MAX]).quantile(0.99), Some(Duration::from_secs(3_600)));
        assert_eq!(Histogram::default().quantile(0.5), None);
        for q in [-0.1, 1.1, f64::NAN] {
            assert_eq!(of([1]).quantile(q), None);
        }
    }

    #[test]
    fn what_was_added_since_is_the_difference() {
        let earlier = of([1, 700]);
        let mut later = earlier;
        later.add(&of([2, 3_000]));
        assert_eq!(later, of([1, 700, 2, 3_000]));
        assert_eq!(later.since(&earlier), of([2, 3_000]));
        assert_eq!(earlier.since(&later), Histogram::default(), "the server was restarted");
    }
}
