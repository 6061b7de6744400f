//! Queries the local server: at every tick for the free slots of types with workers, and once per second for all types.
//! One query is open at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::registration::{TYPES_MAX, fitting};
use crate::names::Patterns;
use crate::wire::{self, Metrics};

/// The time between two queries for all types.
const ALL_TYPES_EVERY: Duration = Duration::from_secs(1);
/// A server that does not answer for this long counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A type stays for this long after its last worker was seen.
const WORKERLESS_FOR: Duration = Duration::from_secs(5);

/// A query without an answer so far.
#[derive(Clone, Copy, Debug)]
struct Question {
    about_all: bool,
    since: Duration,
}

/// The queries and their results.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The types that the server has ordinary workers for, and the time of the last answer that showed this.
    types: BTreeMap<Arc<str>, Duration>,
    question: Option<Question>,
    next_all: Duration,
    /// The first type that the next query names.
    next_type: usize,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// A type was added.
    Come,
    /// Types were removed, and none was added.
    Gone,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask(Vec<u8>),
    Wait,
    /// The server does not answer.
    GiveUp {
        reason: String,
    },
}

impl Survey {
    /// Returns the types that the server has ordinary workers for, at most as many as a connection may have.
    pub(super) fn types(&self) -> impl Iterator<Item = &Arc<str>> + Clone {
        self.types.keys()
    }

    /// Whether a query is open.
    #[cfg(test)]
    pub(super) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Returns the next step. `max_line` is the longest line that the server accepts; `None` if free slots are of no
    /// use now.
    pub(super) fn next_step(&mut self, max_line: Option<usize>, now: Duration) -> Step {
        if let Some(question) = self.question {
            let is_late = now.saturating_sub(question.since) >= ANSWER_TIMEOUT;
            let reason = || format!("no answer for {} s", ANSWER_TIMEOUT.as_secs());
            return if is_late { Step::GiveUp { reason: reason() } } else { Step::Wait };
        }
        if now >= self.next_all {
            return Step::Ask(self.ask_about_all(now));
        }
        let Some(max_line) = max_line.filter(|_| !self.types.is_empty()) else { return Step::Wait };
        // If they do not fit one line, the next query has the following types.
        let names: Vec<Arc<str>> = self.types.keys().cloned().collect();
        let start = if self.next_type < names.len() { self.next_type } else { 0 };
        let count = fitting(&names[start..], max_line);
        self.next_type = start + count;
        self.question = Some(Question { about_all: false, since: now });
        Step::Ask(wire::ask(names[start..start + count].iter().map(|name| &**name)))
    }

    /// Returns the query for all types.
    pub(super) fn ask_about_all(&mut self, now: Duration) -> Vec<u8> {
        self.next_all = now + ALL_TYPES_EVERY;
        self.question = Some(Question { about_all: true, since: now });
        wire::ask_all()
    }

    /// Called when the bridge did not run for a while: an answer may have arrived without being read.
    pub(super) fn on_frozen(&mut self, now: Duration) {
        if let Some(question) = &mut self.question {
            question.since = now;
        }
    }

    /// Called with an answer. `own` returns how often the bridge itself counts as a worker of a type.
    pub(super) fn on_metrics(
        &mut self,
        metrics: &Metrics,
        patterns: &Patterns,
        own: impl Fn(&str) -> u64,
        now: Duration,
    ) -> News {
        let about_all = self.question.take().is_some_and(|question| question.about_all);
        let mut has_come = false;
        for (name, _) in metrics.types.iter().filter(|(name, row)| row.workers > own(name) && patterns.match_type(name))
        {
            if let Some(seen) = self.types.get_mut(name.as_str()) {
                *seen = now;
            } else if self.types.len() < TYPES_MAX {
                has_come = true;
                self.types.insert(name.as_str().into(), now);
            }
        }
        let before = self.types.len();
        if about_all {
            self.types.retain(|_, seen| now.saturating_sub(*seen) < WORKERLESS_FOR);
        }
        match (has_come, self.types.len() < before) {
            (true, _) => News::Come,
            (false, true) => News::Gone,
            (false, false) => News::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::wire::TypeRow;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn metrics(names: &[&str]) -> Metrics {
        let row = TypeRow { workers: 1, free: Some(0) };
        Metrics {
            types: names.iter().map(|&name| (name.to_owned(), row)).collect::<HashMap<_, _>>(),
            ..Metrics::default()
        }
    }

    fn asked(step: Step) -> String {
        let Step::Ask(line) = step else { panic!("{step:?}") };
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    #[test]
    fn all_types_are_asked_for_once_a_second_and_the_known_ones_in_between() {
        let mut survey = Survey::default();
        assert_eq!(asked(survey.next_step(Some(1_000), S(0))), r#"{"cmd":"metrics","types":true}"#);
        assert_eq!(survey.next_step(Some(1_000), S(0)), Step::Wait, "one question at a time");
        let answer = metrics(&["a", "b", "other"]);
        let patterns = Patterns::new(["a".to_owned(), "b".to_owned()]);
        assert_eq!(survey.on_metrics(&answer, &patterns, |_| 0, S(0)), News::Come);
        assert_eq!(asked(survey.next_step(Some(1_000), S(0))), r#"{"cmd":"metrics","types":["a","b"]}"#);
        assert_eq!(survey.on_metrics(&answer, &patterns, |_| 0, S(0)), News::None);
        assert_eq!(survey.next_step(None, S(0)), Step::Wait, "free slots have no use now");
        assert_eq!(asked(survey.next_step(None, S(1))), r#"{"cmd":"metrics","types":true}"#);
        // A short line holds one name.
        survey.on_metrics(&answer, &patterns, |_| 0, S(1));
        assert_eq!(asked(survey.next_step(Some(64), S(1))), r#"{"cmd":"metrics","types":["a"]}"#);
        survey.on_metrics(&metrics(&["a"]), &patterns, |_| 0, S(1));
        assert_eq!(asked(survey.next_step(Some(64), S(1))), r#"{"cmd":"metrics","types":["b"]}"#);
    }

    #[test]
    fn a_type_goes_some_seconds_after_its_last_worker_and_the_bridge_is_none() {
        let mut survey = Survey::default();
        let mut answer = |names: &[&str], own, now| {
            survey.ask_about_all(now);
            survey.on_metrics(&metrics(names), &Patterns::default(), |_| own, now)
        };
        assert_eq!(answer(&["a"], 1, S(0)), News::None, "the only worker is the bridge");
        assert_eq!(answer(&["a"], 0, S(1)), News::Come);
        assert_eq!(answer(&["a"], 1, S(5)), News::None);
        assert_eq!(answer(&[], 0, S(6)), News::Gone);
        assert_eq!(survey.types().count(), 0);
    }

    #[test]
    fn a_server_that_does_not_answer_is_given_up_but_not_for_a_freeze_of_the_bridge() {
        let mut survey = Survey::default();
        survey.next_step(None, S(0));
        survey.on_frozen(S(60));
        assert_eq!(survey.next_step(None, S(69)), Step::Wait);
        assert!(matches!(survey.next_step(None, S(70)), Step::GiveUp { .. }));
    }
}
