//! Decides which pulls are open: for each type, as many messages may come as the server has free slots.
//!
//! The server's figure of free slots is some milliseconds old. Between two figures the estimate follows the bridge's own
//! jobs. A job that comes although no slot is free bounces, which costs little, so an estimate is enough.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Effect;

/// The maximum number of messages that the pulls of a type may bring.
const OPEN_MAX: i64 = 1_000;
/// The bridge cancels pulls beyond the free slots when there were too many for this long. Otherwise each slot that is
/// taken for a moment would cost a cancellation.
const SURPLUS_AFTER: Duration = Duration::from_millis(200);
/// How long a pull counts as open after its time, if NATS has not reported its end.
const PULL_GRACE: Duration = Duration::from_secs(1);
/// The first and the longest pause of a type whose jobs bounce.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The time between two attempts to create a consumer.
const CONSUMER_RETRY: Duration = Duration::from_secs(1);
/// The same after NATS has refused it.
const REFUSED_RETRY: Duration = Duration::from_secs(30);

/// An effect on the pulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PullEffect {
    /// Find or create the consumer of a type.
    Consumer { type_name: Arc<str> },
    /// Pull at most `batch` messages.
    Pull { type_name: Arc<str>, pull: u64, batch: u32 },
    /// Cancel all pulls of the type. They may still bring `most` messages, including those that report their end.
    Cancel { type_name: Arc<str>, most: u64 },
}

/// How a pull ended without bringing its last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullEnd {
    /// Its time is over, or it ended for another reason that is not a fault.
    Over,
    /// The consumer does not exist.
    NoConsumer,
    /// NATS accepts no more pulls now.
    TooMany,
}

/// The state of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsumerState {
    Ready,
    /// NATS did not answer, or has no leader now.
    Failed,
    /// The bridge has no permission to create it.
    Refused,
}

#[derive(Debug, Default)]
enum Consumer {
    #[default]
    Unknown,
    Asked,
    Ready,
    RetryAt(Duration),
}

#[derive(Debug)]
struct Open {
    pull: u64,
    left: u32,
    until: Duration,
}

#[derive(Debug, Default)]
struct TypePulls {
    /// The estimated number of free slots.
    free: i64,
    /// Jobs of the bridge that began since the last query for figures was sent, and still run.
    fresh: i64,
    open: Vec<Open>,
    consumer: Consumer,
    surplus_since: Option<Duration>,
    /// No pull before this.
    not_before: Duration,
    pause: Duration,
}

/// The pulls of all types that the server has workers for.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    types: HashMap<Arc<str>, TypePulls>,
    next: u64,
    expires: Duration,
    /// The number of the last query for figures. A job remembers the number at its start.
    question: u64,
    /// No pull of any type before this.
    not_before: Duration,
    /// The number of cancellations whose pulls may still bring messages.
    cancelled: usize,
}

impl Pulls {
    /// `expires` is how long a pull stays open.
    pub(super) fn new(expires: Duration) -> Self {
        Self { expires, ..Self::default() }
    }

    /// Returns how many messages may still come.
    pub(super) fn open(&self) -> u64 {
        self.types.values().flat_map(|pulls| &pulls.open).map(|open| u64::from(open.left)).sum()
    }

    /// Whether messages may still come, also from cancelled pulls.
    pub(super) fn may_bring(&self) -> bool {
        self.cancelled > 0 || self.types.values().any(|pulls| !pulls.open.is_empty())
    }

    /// Called when the cancelled pulls of a type can bring no more messages.
    pub(super) fn on_pulls_cancelled(&mut self) {
        // If the connection was lost meanwhile, the pulls have ended already.
        self.cancelled = self.cancelled.saturating_sub(1);
    }

    /// Sets the types to pull. The pulls of all other types are cancelled.
    pub(super) fn set_types<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a Arc<str>> + Clone,
        effects: &mut Vec<Effect>,
    ) {
        for type_name in wanted.clone() {
            self.types.entry(Arc::clone(type_name)).or_default();
        }
        let wanted: HashSet<&Arc<str>> = wanted.collect();
        let cancelled = &mut self.cancelled;
        self.types.retain(|type_name, pulls| {
            let stays = wanted.contains(type_name);
            if !stays {
                *cancelled += pulls.cancel(type_name, effects);
            }
            stays
        });
    }

    /// Called when the connection to NATS is lost: no pull is open, and consumers may have been removed.
    pub(super) fn forget(&mut self) {
        self.cancelled = 0;
        for pulls in self.types.values_mut() {
            pulls.open.clear();
            pulls.consumer = Consumer::Unknown;
            pulls.surplus_since = None;
        }
    }

    /// Called when the server is lost.
    pub(super) fn forget_server(&mut self, effects: &mut Vec<Effect>) {
        self.cancel_all(effects);
        self.types.clear();
    }

    /// Cancels all pulls.
    pub(super) fn cancel_all(&mut self, effects: &mut Vec<Effect>) {
        for (type_name, pulls) in &mut self.types {
            self.cancelled += pulls.cancel(type_name, effects);
        }
    }

    /// Called when a query for figures is sent.
    pub(super) fn on_question(&mut self) {
        self.question += 1;
        for pulls in self.types.values_mut() {
            pulls.fresh = 0;
        }
    }

    /// Called with the free slots of a type.
    pub(super) fn on_free(&mut self, type_name: &str, free: u64) {
        if let Some(pulls) = self.types.get_mut(type_name) {
            pulls.free = i64::try_from(free).unwrap_or(i64::MAX) - pulls.fresh;
        }
    }

    /// Called when a job is submitted. Returns the value that `on_end` or `on_bounce` needs.
    pub(super) fn on_begin(&mut self, type_name: &str) -> u64 {
        if let Some(pulls) = self.types.get_mut(type_name) {
            pulls.free -= 1;
            pulls.fresh += 1;
        }
        self.question
    }

    /// Called when a job that a worker had has ended: a slot is free again.
    pub(super) fn on_end(&mut self, type_name: &str, question: u64) {
        if let Some(pulls) = self.types.get_mut(type_name) {
            pulls.free += 1;
            pulls.pause = Duration::ZERO;
            if question == self.question {
                pulls.fresh -= 1;
            }
        }
    }

    /// Called when a job bounced: no slot is free. The type pauses, each time longer, until a job finds one.
    pub(super) fn on_bounce(&mut self, type_name: &Arc<str>, question: u64, now: Duration, effects: &mut Vec<Effect>) {
        let Some(pulls) = self.types.get_mut(type_name) else { return };
        if question == self.question {
            pulls.fresh -= 1;
        }
        pulls.free = 0;
        pulls.pause = (pulls.pause * 2).clamp(PAUSES.0, PAUSES.1);
        pulls.not_before = now + pulls.pause;
        self.cancelled += pulls.cancel(type_name, effects);
    }

    /// Pauses all types, because the server takes no jobs now.
    pub(super) fn pause_all(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.not_before = now + PAUSES.1;
        self.cancel_all(effects);
    }

    /// Called when a pull brought a message. The message does not name its pull, so the oldest one counts.
    pub(super) fn on_message(&mut self, type_name: &str) {
        let Some(pulls) = self.types.get_mut(type_name) else { return };
        if let Some(oldest) = pulls.open.first_mut() {
            oldest.left -= 1;
            if oldest.left == 0 {
                pulls.open.remove(0);
            }
        }
    }

    /// Called when a pull ended.
    pub(super) fn on_pull_end(&mut self, type_name: &str, pull: u64, end: PullEnd, now: Duration) {
        let Some(pulls) = self.types.get_mut(type_name) else { return };
        pulls.open.retain(|open| open.pull != pull);
        match end {
            PullEnd::Over => {}
            PullEnd::NoConsumer => {
                pulls.open.clear();
                pulls.consumer = Consumer::RetryAt(now);
            }
            PullEnd::TooMany => pulls.not_before = now + PAUSES.1,
        }
    }

    /// Called with the state of a consumer.
    pub(super) fn on_consumer(&mut self, type_name: &str, state: ConsumerState, now: Duration) {
        let Some(pulls) = self.types.get_mut(type_name) else { return };
        pulls.consumer = match state {
            ConsumerState::Ready => Consumer::Ready,
            ConsumerState::Failed => Consumer::RetryAt(now + CONSUMER_RETRY),
            ConsumerState::Refused => Consumer::RetryAt(now + REFUSED_RETRY),
        };
    }

    /// Opens pulls for free slots, and cancels pulls that have been too many for a while.
    pub(super) fn adjust(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let is_paused = now < self.not_before;
        for (type_name, pulls) in &mut self.types {
            match pulls.consumer {
                Consumer::Ready => {}
                Consumer::RetryAt(at) if now < at => continue,
                Consumer::Asked => continue,
                Consumer::Unknown | Consumer::RetryAt(_) => {
                    pulls.consumer = Consumer::Asked;
                    effects.push(Effect::Pulls(PullEffect::Consumer { type_name: Arc::clone(type_name) }));
                    continue;
                }
            }
            pulls.open.retain(|open| now < open.until + PULL_GRACE);
            let may_pull = !is_paused && now >= pulls.not_before;
            let wanted = if may_pull { pulls.free.clamp(0, OPEN_MAX) } else { 0 };
            let open: i64 = pulls.open.iter().map(|open| i64::from(open.left)).sum();
            if open > wanted {
                let since = *pulls.surplus_since.get_or_insert(now);
                if now.saturating_sub(since) < SURPLUS_AFTER {
                    continue;
                }
                self.cancelled += pulls.cancel(type_name, effects);
            }
            pulls.surplus_since = None;
            let open: i64 = pulls.open.iter().map(|open| i64::from(open.left)).sum();
            if let Ok(batch @ 1..) = u32::try_from(wanted - open) {
                self.next += 1;
                pulls.open.push(Open { pull: self.next, left: batch, until: now + self.expires });
                effects.push(Effect::Pulls(PullEffect::Pull {
                    type_name: Arc::clone(type_name),
                    pull: self.next,
                    batch,
                }));
            }
        }
    }
}

impl TypePulls {
    /// Cancels all pulls of the type. Returns the number of effects.
    fn cancel(&mut self, type_name: &Arc<str>, effects: &mut Vec<Effect>) -> usize {
        self.surplus_since = None;
        if self.open.is_empty() {
            return 0;
        }
        let most = self.open.iter().map(|open| u64::from(open.left) + 1).sum();
        effects.push(Effect::Pulls(PullEffect::Cancel { type_name: Arc::clone(type_name), most }));
        self.open.clear();
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Pulls for the type `t`, whose consumer is ready, with this many free slots.
    struct Fixture {
        pulls: Pulls,
        name: Arc<str>,
    }

    impl Fixture {
        fn new(free: u64) -> Self {
            let name: Arc<str> = "t".into();
            let mut fixture = Self { pulls: Pulls::new(MS(5_000)), name: Arc::clone(&name) };
            fixture.pulls.set_types([&name].into_iter(), &mut Vec::new());
            let asked = fixture.adjust(0);
            assert_eq!(asked, [PullEffect::Consumer { type_name: name }]);
            assert_eq!(fixture.adjust(0), [], "it is asked for once");
            fixture.pulls.on_consumer("t", ConsumerState::Ready, MS(0));
            fixture.free(free);
            fixture
        }

        fn free(&mut self, free: u64) {
            self.pulls.on_question();
            self.pulls.on_free("t", free);
        }

        fn adjust(&mut self, ms: u64) -> Vec<PullEffect> {
            let mut effects = Vec::new();
            self.pulls.adjust(MS(ms), &mut effects);
            pull_effects(effects)
        }

        fn pull(&self, pull: u64, batch: u32) -> PullEffect {
            PullEffect::Pull { type_name: Arc::clone(&self.name), pull, batch }
        }

        fn cancel(&self, most: u64) -> PullEffect {
            PullEffect::Cancel { type_name: Arc::clone(&self.name), most }
        }
    }

    fn pull_effects(effects: Vec<Effect>) -> Vec<PullEffect> {
        let pull_effect = |effect| if let Effect::Pulls(effect) = effect { effect } else { panic!("{effect:?}") };
        effects.into_iter().map(pull_effect).collect()
    }

    #[test]
    fn as_many_may_come_as_slots_are_free() {
        let mut fixture = Fixture::new(3);
        assert_eq!(fixture.adjust(1), [fixture.pull(1, 3)]);
        assert_eq!(fixture.adjust(2), []);
        // One came, and runs: three slots less one, and two may still come.
        fixture.pulls.on_message("t");
        let question = fixture.pulls.on_begin("t");
        assert_eq!(fixture.adjust(3), []);
        // It ends: its slot is pulled for at once, before the next figures.
        fixture.pulls.on_end("t", question);
        assert_eq!(fixture.adjust(4), [fixture.pull(2, 1)]);
        fixture.free(5);
        assert_eq!(fixture.adjust(5), [fixture.pull(3, 2)]);
    }

    #[test]
    fn a_job_is_not_counted_twice_when_figures_cross_it() {
        let mut fixture = Fixture::new(2);
        fixture.adjust(1);
        fixture.pulls.on_question();
        // It begins after the question, so the answer may not know it.
        fixture.pulls.on_message("t");
        let question = fixture.pulls.on_begin("t");
        fixture.pulls.on_free("t", 2);
        assert_eq!(fixture.adjust(2), []);
        // The next answer knows it.
        fixture.free(1);
        assert_eq!(fixture.adjust(3), []);
        fixture.pulls.on_end("t", question);
        assert_eq!(fixture.adjust(4), [fixture.pull(2, 1)]);
    }

    #[test]
    fn a_surplus_that_lasts_is_cancelled() {
        let mut fixture = Fixture::new(4);
        fixture.adjust(0);
        fixture.free(1);
        assert_eq!(fixture.adjust(10), []);
        fixture.free(4);
        assert_eq!(fixture.adjust(200), [], "it did not last");
        fixture.free(1);
        assert_eq!(fixture.adjust(300), []);
        assert_eq!(fixture.adjust(500), [fixture.cancel(5), fixture.pull(2, 1)]);
    }

    #[test]
    fn a_bounce_calls_back_at_once_and_pauses_longer_each_time() {
        let mut fixture = Fixture::new(2);
        fixture.adjust(0);
        for (at, pause) in [(0, 50), (1_000, 100), (2_000, 200)] {
            fixture.pulls.on_message("t");
            let question = fixture.pulls.on_begin("t");
            let mut effects = Vec::new();
            fixture.pulls.on_bounce(&"t".into(), question, MS(at), &mut effects);
            assert_eq!(effects.len(), 1, "{at}");
            fixture.free(2);
            assert_eq!(fixture.adjust(at + pause - 1), [], "{at}");
            assert_eq!(fixture.adjust(at + pause).len(), 1, "{at}");
        }
        // A job that finds a slot ends the pauses.
        let question = fixture.pulls.on_begin("t");
        fixture.pulls.on_end("t", question);
        let question = fixture.pulls.on_begin("t");
        fixture.pulls.on_bounce(&"t".into(), question, MS(9_000), &mut Vec::new());
        fixture.free(2);
        assert_eq!(fixture.adjust(9_050).len(), 1);
    }

    #[test]
    fn a_pull_that_ended_is_opened_again() {
        let mut fixture = Fixture::new(1);
        fixture.adjust(0);
        fixture.pulls.on_pull_end("t", 1, PullEnd::Over, MS(5_000));
        assert_eq!(fixture.adjust(5_000), [fixture.pull(2, 1)]);
        // NATS does not say how it ended.
        assert_eq!(fixture.adjust(10_999), []);
        assert_eq!(fixture.adjust(11_000), [fixture.pull(3, 1)]);
        fixture.pulls.on_pull_end("t", 3, PullEnd::TooMany, MS(12_000));
        assert_eq!(fixture.adjust(12_999), []);
        assert_eq!(fixture.adjust(13_000), [fixture.pull(4, 1)]);
        fixture.pulls.on_pull_end("t", 4, PullEnd::NoConsumer, MS(14_000));
        assert_eq!(fixture.adjust(14_000), [PullEffect::Consumer { type_name: "t".into() }]);
        fixture.pulls.on_consumer("t", ConsumerState::Refused, MS(14_000));
        assert_eq!(fixture.adjust(43_999), []);
        assert_eq!(fixture.adjust(44_000).len(), 1);
    }

    #[test]
    fn a_type_without_workers_is_not_pulled_for() {
        let mut fixture = Fixture::new(2);
        fixture.adjust(0);
        let mut effects = Vec::new();
        fixture.pulls.set_types([].into_iter(), &mut effects);
        assert_eq!(pull_effects(effects), [fixture.cancel(3)]);
        assert_eq!(fixture.adjust(1), []);
        fixture.pulls.on_free("t", 7);
        fixture.pulls.on_message("t");
        assert_eq!(fixture.adjust(2), []);
    }

    #[test]
    fn without_an_engine_no_pull_is_open() {
        let mut fixture = Fixture::new(2);
        fixture.adjust(0);
        fixture.pulls.forget();
        assert_eq!(fixture.adjust(1), [PullEffect::Consumer { type_name: "t".into() }]);
        fixture.pulls.on_consumer("t", ConsumerState::Ready, MS(2));
        assert_eq!(fixture.adjust(2), [fixture.pull(2, 2)]);
    }
}
