//! `W,C`: above which a figure is a warning, and above which it is critical. Pure.

use super::verdict::State;
use crate::args::{parse_seconds, parse_uint};

/// What is right as bounds.
pub(super) const EXPECTED: &str = "it takes two numbers W,C, and W is not above C";

/// A figure above the first is a warning, above the second critical: as a plain number means in the guidelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threshold {
    pub(super) warning: u64,
    pub(super) critical: u64,
}

impl Threshold {
    /// Reads `W,C`, each by `read`.
    pub(super) fn read(text: &str, read: fn(&str) -> Option<u64>) -> Option<Self> {
        let (warning, critical) = text.split_once(',')?;
        let bounds = Self { warning: read(warning)?, critical: read(critical)? };
        (bounds.warning <= bounds.critical).then_some(bounds)
    }

    pub(super) fn state(self, figure: u64) -> State {
        match figure {
            figure if figure > self.critical => State::Critical,
            figure if figure > self.warning => State::Warning,
            _ => State::Ok,
        }
    }
}

/// A number of jobs.
pub(super) fn jobs(text: &str) -> Option<u64> {
    parse_uint(text)
}

/// Seconds, in milliseconds.
pub(super) fn ms(text: &str) -> Option<u64> {
    parse_seconds(text).and_then(|time| time.as_millis().try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_bounds() {
        for (text, read, bounds) in [
            ("100,1000", jobs as fn(&str) -> Option<u64>, Some((100, 1_000))),
            ("0,0", jobs, Some((0, 0))),
            ("0.5,300", ms, Some((500, 300_000))),
            ("5,4", jobs, None),
            ("5", jobs, None),
            ("5,", jobs, None),
            (",5", jobs, None),
            ("1,2,3", jobs, None),
            ("-1,2", jobs, None),
            ("1.5,2", jobs, None),
            ("1,86401", ms, None),
            ("1 ,2", jobs, None),
        ] {
            let bounds = bounds.map(|(warning, critical)| Threshold { warning, critical });
            assert_eq!(Threshold::read(text, read), bounds, "{text}");
        }
    }

    #[test]
    fn a_figure_at_its_bound_has_not_passed_it() {
        let bounds = Threshold { warning: 2, critical: 4 };
        let states = [0, 2, 3, 4, 5].map(|figure| bounds.state(figure));
        assert_eq!(states, [State::Ok, State::Ok, State::Warning, State::Warning, State::Critical]);
    }
}
