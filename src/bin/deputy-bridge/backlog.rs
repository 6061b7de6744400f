//! Counts the jobs of each type in the stream, for `/metrics`. All bridges of a cluster report the same numbers.

use std::collections::BTreeMap;

use deputy::monitor::Number::Count;
use deputy::monitor::{Kind, Text};

/// The maximum number of types with a label. Without a limit, clients could create any number of series.
const LABELS_MAX: usize = 200;
/// The label of the sum of all other types, as in the server's metrics.
const OTHER: &str = "_other";

/// A metric: its name, its help text, and its value.
type Family = (&'static str, &'static str, fn(&Backlog) -> u64);

#[rustfmt::skip]
const FAMILIES: [Family; 2] = [
    ("deputy_bridge_stream_waiting", "Jobs in the stream that no bridge has pulled.", |backlog| backlog.waiting),
    ("deputy_bridge_stream_pulled", "Jobs in the stream that a bridge has pulled and that have not ended.", |backlog| backlog.pulled),
];

/// What the stream has of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Jobs that no bridge has pulled.
    pub(crate) waiting: u64,
    /// Jobs that a bridge has pulled and that have not ended, or that were given back.
    pub(crate) pulled: u64,
}

/// What the stream has of each type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlogs {
    labelled: BTreeMap<String, Backlog>,
    /// The sum of the types without a label, if there are any.
    other: Option<Backlog>,
}

impl Backlogs {
    /// Replaces all counts. A type keeps its label while the stream has its consumer.
    pub(crate) fn set(&mut self, found: BTreeMap<String, Backlog>) {
        let (mut labelled, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            found.into_iter().partition(|(name, _)| self.labelled.contains_key(name));
        self.other = None;
        for (name, backlog) in others {
            if labelled.len() < LABELS_MAX && name != OTHER {
                labelled.insert(name, backlog);
            } else {
                let other = self.other.get_or_insert_default();
                other.waiting += backlog.waiting;
                other.pulled += backlog.pulled;
            }
        }
        self.labelled = labelled;
    }

    /// Adds the metrics to a text.
    pub(crate) fn put(&self, text: &mut Text) {
        let labelled = || self.labelled.iter().map(|(name, backlog)| (name.as_str(), backlog));
        for (name, help, value) in FAMILIES {
            text.begin(name, Kind::Gauge, help);
            for (type_name, backlog) in labelled().chain(self.other.iter().map(|other| (OTHER, other))) {
                text.put(&[("type", type_name)], Count(value(backlog)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: impl Iterator<Item = String>) -> BTreeMap<String, Backlog> {
        names.map(|name| (name, Backlog { waiting: 2, pulled: 1 })).collect()
    }

    #[test]
    fn a_type_keeps_its_label_and_those_without_one_are_summed() {
        let mut backlogs = Backlogs::default();
        backlogs.set(found((0..LABELS_MAX).map(|number| format!("t{number}"))));
        assert_eq!((backlogs.labelled.len(), backlogs.other), (LABELS_MAX, None));
        // These types sort before all others, but all labels are taken.
        let more = ["a", "b", OTHER].map(str::to_owned).into_iter();
        backlogs.set(found((0..LABELS_MAX).map(|number| format!("t{number}")).chain(more)));
        assert!(backlogs.labelled.keys().all(|name| name.starts_with('t')));
        assert_eq!(backlogs.other, Some(Backlog { waiting: 6, pulled: 3 }));
        backlogs.set(found(["a".to_owned(), OTHER.to_owned()].into_iter()));
        assert_eq!(backlogs.labelled.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(backlogs.other, Some(Backlog { waiting: 2, pulled: 1 }));
    }

    #[test]
    fn every_metric_is_in_the_documentation() {
        let page = include_str!("../../../docs/scale-out.md");
        let (_, watch) = page.split_once("\n## What to watch\n").unwrap();
        for (name, ..) in FAMILIES {
            assert!(watch.contains(&format!("`{name}`")), "{name}");
        }
    }
}
