//! Counts jobs and results, and serves the metrics over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deputy::metrics::Histogram;
use deputy::monitor::Kind::{self, Counter, Gauge};
use deputy::monitor::Number::{self, Count, Flag, Us};
use deputy::monitor::{Program, Text};

use crate::backlog::{Backlog, Backlogs};

/// Counts since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Jobs of the local server that were stored.
    pub(crate) published: u64,
    /// Results that were sent to the local server.
    pub(crate) answered: u64,
    /// Messages that were pulled.
    pub(crate) pulled: u64,
    /// Of these, those that had been delivered before.
    pub(crate) redelivered: u64,
    /// Messages given back because no slot was free, or the server or the bridge stopped.
    pub(crate) bounced: u64,
    /// Messages given back because their worker, or the server, was lost.
    pub(crate) lost: u64,
    /// Jobs that had too many attempts.
    pub(crate) gave_up: u64,
    /// Jobs and results that were too large.
    pub(crate) refused: u64,
    /// Results for which no client waited.
    pub(crate) dropped: u64,
    /// Times from publishing a job to its result.
    pub(crate) answer_time: Histogram,
    /// Times from storing a job to its pull.
    pub(crate) stream_time: Histogram,
}

/// Returns whole microseconds, as a histogram counts them.
pub(crate) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How things are now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) in_progress: usize,
    pub(crate) outgoing: usize,
    pub(crate) pull_slots: u64,
    pub(crate) nodes: usize,
    pub(crate) spare_types: usize,
    pub(crate) durable_types: usize,
    /// The age of the oldest job that NATS has not acknowledged.
    pub(crate) unstored: Duration,
    pub(crate) server_up: bool,
    pub(crate) engine_up: bool,
    pub(crate) stopping: bool,
}

/// A copy for the thread of HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Copied>>);

#[derive(Clone, Debug, Default)]
struct Copied {
    figures: Figures,
    gauges: Gauges,
    backlogs: Backlogs,
}

/// One family of metrics.
type Family = (&'static str, Kind, &'static str, fn(&Figures, &Gauges) -> Number);

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    ("deputy_bridge_server_up", Gauge, "Whether the bridge is connected to its server.", |_, now| Flag(now.server_up)),
    ("deputy_bridge_nats_up", Gauge, "Whether the bridge is connected to NATS, and its stream is there.", |_, now| Flag(now.engine_up)),
    ("deputy_bridge_nodes", Gauge, "Other nodes that announce themselves.", |_, now| count(now.nodes)),
    ("deputy_bridge_spare_types", Gauge, "Types whose jobs the bridge takes when no worker is free.", |_, now| count(now.spare_types)),
    ("deputy_bridge_durable_types", Gauge, "Types whose durable jobs the bridge takes.", |_, now| count(now.durable_types)),
    ("deputy_bridge_jobs_outgoing", Gauge, "Jobs of the local server whose results have not come.", |_, now| count(now.outgoing)),
    ("deputy_bridge_jobs_in_progress", Gauge, "Jobs that were pulled and have not ended.", |_, now| count(now.in_progress)),
    ("deputy_bridge_unstored_seconds", Gauge, "Age of the oldest job that NATS has not acknowledged, or 0.", |_, now| Us(us(now.unstored))),
    ("deputy_bridge_pull_slots", Gauge, "Jobs that open pulls may bring.", |_, now| Count(now.pull_slots)),
    ("deputy_bridge_published", Counter, "Jobs of the local server stored in the stream.", |all, _| Count(all.published)),
    ("deputy_bridge_answered", Counter, "Results given to the local server.", |all, _| Count(all.answered)),
    ("deputy_bridge_pulled", Counter, "Jobs pulled from the stream.", |all, _| Count(all.pulled)),
    ("deputy_bridge_redelivered", Counter, "Jobs pulled that had been delivered before.", |all, _| Count(all.redelivered)),
    ("deputy_bridge_bounced", Counter, "Jobs given back because no slot was free, or because of a stop.", |all, _| Count(all.bounced)),
    ("deputy_bridge_lost", Counter, "Jobs given back because their worker or the server was lost.", |all, _| Count(all.lost)),
    ("deputy_bridge_gave_up", Counter, "Jobs given up after too many attempts.", |all, _| Count(all.gave_up)),
    ("deputy_bridge_refused", Counter, "Jobs and results refused because they were too large.", |all, _| Count(all.refused)),
    ("deputy_bridge_results_dropped", Counter, "Results for which no client waited.", |all, _| Count(all.dropped)),
];

/// The histograms, in the order in which [`Shared`] has them.
const HISTOGRAMS: [(&str, &str); 2] = [
    ("deputy_bridge_answer_seconds", "Time from when a job was published until its result came."),
    ("deputy_bridge_stream_seconds", "Time from when a job was stored until it was pulled."),
];

fn count(number: usize) -> Number {
    Count(number as u64)
}

impl Shared {
    /// Replaces the copy. Called at most once per tick, so no job waits for the lock.
    pub(crate) fn set(&self, figures: &Figures, gauges: Gauges) {
        let mut copied = self.lock();
        (copied.figures, copied.gauges) = (figures.clone(), gauges);
    }

    /// Replaces the numbers of jobs in the stream. An empty map means that they are unknown.
    pub(crate) fn set_backlogs(&self, found: BTreeMap<String, Backlog>) {
        self.lock().backlogs.set(found);
    }

    fn lock(&self) -> MutexGuard<'_, Copied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program for Shared {
    fn put(&self, text: &mut Text) {
        let Copied { figures, gauges, backlogs } = self.lock().clone();
        for (name, kind, help, number) in FAMILIES {
            text.begin(name, *kind, help);
            text.put(&[], number(&figures, &gauges));
        }
        for ((name, help), histogram) in HISTOGRAMS.iter().zip([&figures.answer_time, &figures.stream_time]) {
            text.begin(name, Kind::Histogram, help);
            text.put_histogram(None, histogram);
        }
        backlogs.put(text);
    }

    fn unhealthy(&self) -> Option<String> {
        None // A restart would not help: the bridge reconnects by itself.
    }

    fn not_ready(&self) -> Option<String> {
        let gauges = self.lock().gauges;
        let why = [
            (gauges.stopping, "the bridge is stopping"),
            (!gauges.server_up, "there is no connection to the server"),
            (!gauges.engine_up, "there is no connection to NATS, or its stream is not there"),
        ];
        why.into_iter().find(|(is_so, _)| *is_so).map(|(_, text)| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_documentation() {
        let page = include_str!("../../../docs/scale-out.md");
        let (_, watch) = page.split_once("\n## What to watch\n").unwrap();
        for (name, kind, ..) in FAMILIES {
            let end = if *kind == Counter { "_total" } else { "" };
            assert!(watch.contains(&format!("`{name}{end}`")), "{name}");
        }
        for (name, _) in HISTOGRAMS {
            assert!(watch.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn probes_say_what_is_missing() {
        let shared = Shared::default();
        assert_eq!(shared.not_ready().as_deref(), Some("there is no connection to the server"));
        let up = Gauges { server_up: true, engine_up: true, ..Gauges::default() };
        shared.set(&Figures::default(), up);
        assert_eq!(shared.not_ready(), None);
        shared.set(&Figures::default(), Gauges { stopping: true, ..up });
        assert_eq!(shared.not_ready().as_deref(), Some("the bridge is stopping"));
    }
}
