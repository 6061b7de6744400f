//! A thread per server that queries the server's figures: when an HTTP request needs fresh ones, and every two seconds
//! for the history.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::health::{Health, HealthCheck};
use super::source::Source;
use super::timeline::{Sample, Timeline, View};
use crate::limits::{HISTORY_STEPS_MAX, SAMPLE_STEP_MS, WINDOW_STEP_MS};
use crate::server::StartError;

/// Wakes the HTTP thread.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// The thread that queries one server. After this is dropped, the thread ends as soon as it has the answer that it
/// waits for.
pub(super) struct Sampler {
    /// The server's name, for people.
    pub(super) name: String,
    view: Arc<Mutex<Arc<View>>>,
    health: Option<HealthCheck>,
    demand: Sender<()>,
}

impl Sampler {
    /// Starts the thread. `wake` is called after each answer to a demand.
    pub(super) fn start(name: String, source: impl Source, wake: Wake) -> Result<Self, StartError> {
        let view = Arc::new(Mutex::new(Arc::default()));
        let health = source.health();
        let (demand, demanded) = bounded(1);
        let asking = Asking { source, view: Arc::clone(&view), timeline: Timeline::default() };
        thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || asking.run(&demanded, &wake))
            .map_err(StartError::system("start a sampler's thread"))?;
        Ok(Self { name, view, health, demand })
    }

    /// Returns the last view of the server.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock())
    }

    /// Demands fresh figures, without waiting for them.
    pub(super) fn demand(&self) {
        // Sending fails if there is a demand already.
        let _ = self.demand.try_send(());
    }

    /// Returns the health of the server, without waiting.
    pub(super) fn health(&self, now: Instant) -> Health {
        match &self.health {
            Some(check) => check(),
            None => self.view().health(now),
        }
    }
}

/// The state of the thread.
struct Asking<S> {
    source: S,
    view: Arc<Mutex<Arc<View>>>,
    timeline: Timeline,
}

impl<S: Source> Asking<S> {
    fn run(mut self, demanded: &Receiver<()>, wake: &Wake) {
        let (step, window) = (Duration::from_millis(SAMPLE_STEP_MS), Duration::from_millis(WINDOW_STEP_MS));
        let mut next_step = Instant::now();
        let mut next_window = next_step;
        loop {
            match demanded.recv_deadline(next_step) {
                Ok(()) => {
                    self.sample(true, false);
                    wake();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let with_types = now >= next_window;
                    if with_types {
                        next_window = now + window;
                    }
                    self.skip(now, &mut next_step, step);
                    self.sample(with_types, true);
                    next_step += step;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Queries the server, and publishes the answer.
    fn sample(&mut self, with_types: bool, step: bool) {
        let begin = Instant::now();
        let full = if with_types { self.source.full() } else { Err(String::new()) };
        let (metrics, full) = match full {
            Ok(metrics) => (Ok(metrics), Some(Ok(()))),
            Err(reason) => (self.source.totals(), with_types.then_some(Err(reason))),
        };
        let now = Instant::now();
        let sample = Sample { metrics, full, took: now.saturating_duration_since(begin) };
        let view = self.timeline.add(sample, now, now_ms(), step);
        *self.view.lock() = Arc::new(view);
    }

    /// Leaves the steps empty that passed while the server or the machine paused.
    fn skip(&mut self, now: Instant, next_step: &mut Instant, step: Duration) {
        let late = now.saturating_duration_since(*next_step);
        if late < step {
            return;
        }
        let missed = usize::try_from(late.as_millis() / step.as_millis()).unwrap_or(usize::MAX);
        for _ in 0..missed.min(HISTORY_STEPS_MAX) {
            self.timeline.skip(now_ms());
        }
        *next_step = now;
    }
}

/// Returns the time in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
