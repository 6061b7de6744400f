//! Which pulls are open: per type as many messages may come as the server has free slots for the type.
//!
//! The server's figure of free slots is some milliseconds old. Between two figures the estimate follows the bridge's own
//! jobs. A job that comes although no slot is free bounces, which costs little, so an estimate is enough.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Effect;

/// The most messages that pulls of a type may bring.
const OPEN_MAX: i64 = 1_000;
/// Pulls beyond the free slots are called back when there were too many for this long. A slot that is taken for a moment
/// would otherwise cost a call back each time.
const SURPLUS_AFTER: Duration = Duration::from_millis(200);
/// How long after its end a pull is taken as open that NATS has not ended.
const PULL_GRACE: Duration = Duration::from_secs(1);
/// The first and the longest pause of a type whose jobs bounce.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The time between two attempts to make a consumer.
const CONSUMER_RETRY: Duration = Duration::from_secs(1);
/// The same after NATS has refused it.
const REFUSED_RETRY: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PullEffect {
    /// Find or make the consumer of a type.
    Consumer { type_name: Arc<str> },
    /// Pull at most `batch` messages.
    Pull { type_name: Arc<str>, pull: u64, batch: u32 },
    /// Call back all pulls of the type. They may still bring `most` messages, with those that say that they ended.
    CallBack { type_name: Arc<str>, most: u64 },
}

/// How a pull ended, beside by its last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullEnd {
    /// Its time is over, or something else that is no fault.
    Over,
    /// There is no such consumer.
    NoConsumer,
    /// NATS takes no more pulls now.
    TooMany,
}

/// What became of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsumerState {
    Ready,
    /// NATS did not answer, or has no leader now.
    Failed,
    /// The bridge may not make it.
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
    /// Slots that are free, as far as the bridge knows.
    free: i64,
    /// Own jobs that began since the last question for figures was sent, and still run.
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
    /// The number of the last question for figures; a job belongs to the one before it.
    question: u64,
    /// No pull of any type before this.
    not_before: Duration,
    /// Times that pulls of a type were called back, and may still bring messages.
    called_back: usize,
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

    /// Whether messages may still come, also of pulls that were called back.
    pub(super) fn may_bring(&self) -> bool {
        self.called_back > 0 || self.types.values().any(|pulls| !pulls.open.is_empty())
    }

    /// Called when pulls of a type that were called back can bring nothing more.
    pub(super) fn on_called_back(&mut self) {
        // A connection that was lost meanwhile has ended them before.
        self.called_back = self.called_back.saturating_sub(1);
    }

    /// Pulls for these types from now on, and for no others.
    pub(super) fn set_types<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a Arc<str>> + Clone,
        effects: &mut Vec<Effect>,
    ) {
        for type_name in wanted.clone() {
            self.types.entry(Arc::clone(type_name)).or_default();
        }
        let wanted: HashSet<&Arc<str>> = wanted.collect();
        let called_back = &mut self.called_back;
        self.types.retain(|type_name, pulls| {
            let stays = wanted.contains(type_name);
            if !stays {
                *called_back += pulls.call_back(type_name, effects);
            }
            stays
        });
    }

    /// Called when there is no engine any more: no pull is open, and consumers may have gone.
    pub(super) fn forget(&mut self) {
        self.called_back = 0;
        for pulls in self.types.values_mut() {
            pulls.open.clear();
            pulls.consumer = Consumer::Unknown;
            pulls.surplus_since = None;
        }
    }

    /// Called when there is no server any more.
    pub(super) fn forget_server(&mut self, effects: &mut Vec<Effect>) {
        self.call_all_back(effects);
        self.types.clear();
    }

    /// Calls all pulls back.
    pub(super) fn call_all_back(&mut self, effects: &mut Vec<Effect>) {
        for (type_name, pulls) in &mut self.types {
            self.called_back += pulls.call_back(type_name, effects);
        }
    }

    /// Called when the server is asked for figures.
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

    /// Called when a job is submitted. Returns what its end must be reported with.
    pub(super) fn on_begin(&mut self, type_name: &str) -> u64 {
        if let Some(pulls) = self.types.get_mut(type_name) {
            pulls.free -= 1;
            pulls.fresh += 1;
        }
        self.question
    }

    /// Called when a job has ended that was given to a worker: a slot is free again.
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
        self.called_back += pulls.call_back(type_name, effects);
    }

    /// Pauses all types: the server takes no jobs now.
    pub(super) fn pause_all(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.not_before = now + PAUSES.1;
        self.call_all_back(effects);
    }

    /// Called when a pull brought a message. A message does not say which one, so the oldest counts.
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

    /// Called when a consumer was found or made, or was not.
    pub(super) fn on_consumer(&mut self, type_name: &str, state: ConsumerState, now: Duration) {
        let Some(pulls) = self.types.get_mut(type_name) else { return };
        pulls.consumer = match state {
            ConsumerState::Ready => Consumer::Ready,
            ConsumerState::Failed => Consumer::RetryAt(now + CONSUMER_RETRY),
            ConsumerState::Refused => Consumer::RetryAt(now + REFUSED_RETRY),
        };
    }

    /// Opens pulls for slots that are free, and calls those back that have been too many for a while.
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
                self.called_back += pulls.call_back(type_name, effects);
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
    /// Calls all pulls of the type back. Returns how many effects that has.
    fn call_back(&mut self, type_name: &Arc<str>, effects: &mut Vec<Effect>) -> usize {
        self.surplus_since = None;
        if self.open.is_empty() {
            return 0;
        }
        let most = self.open.iter().map(|open| u64::from(open.left) + 1).sum();
        effects.push(Effect::Pulls(PullEffect::CallBack { type_name: Arc::clone(type_name), most }));
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

        fn call_back(&self, most: u64) -> PullEffect {
            PullEffect::CallBack { type_name: Arc::clone(&self.name), most }
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
    fn a_surplus_that_lasts_is_called_back() {
        let mut fixture = Fixture::new(4);
        fixture.adjust(0);
        fixture.free(1);
        assert_eq!(fixture.adjust(10), []);
        fixture.free(4);
        assert_eq!(fixture.adjust(200), [], "it did not last");
        fixture.free(1);
        assert_eq!(fixture.adjust(300), []);
        assert_eq!(fixture.adjust(500), [fixture.call_back(5), fixture.pull(2, 1)]);
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
        assert_eq!(pull_effects(effects), [fixture.call_back(3)]);
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
