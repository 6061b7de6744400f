//! What is done in a run, as its seed says: rounds, each with a server of its own, and within a round who makes which
//! faults when, so that mixes differ and each kind comes in each round.

use std::env;
use std::fmt::{self, Display};
use std::time::Duration;

use crate::faults::Fault;
use crate::random::Random;

/// Says how long faults are made in all, in seconds.
const SECONDS: &str = "DEPUTY_CHAOS_SECONDS";
/// Says what the mixes are drawn from.
const SEED: &str = "DEPUTY_CHAOS_SEED";

/// A round that is longer would end, and be judged, too seldom.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// A run.
pub(crate) struct Plan {
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) rounds: Vec<RoundPlan>,
}

/// A server, and what happens to it.
#[derive(Debug)]
pub(crate) struct RoundPlan {
    pub(crate) threads: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) memory: &'static str,
    pub(crate) run_limit: &'static str,
    pub(crate) time: Duration,
    /// It ends by SIGTERM under load; otherwise the faults end first, and everything must drain.
    pub(crate) is_terminated: bool,
    pub(crate) spans: Vec<Span>,
}

/// A time within a round in which a kind of fault is made again and again.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) fault: Fault,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// How many seconds of faults are asked for.
pub(crate) fn seconds() -> u64 {
    number(SECONDS, 12)
}

/// The seed that is asked for.
pub(crate) fn seed() -> u64 {
    number(SEED, 1)
}

/// The number that a variable of the environment has.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} takes a number")))
}

/// How to repeat what is done now.
pub(crate) fn command(test: &str) -> String {
    format!("{SECONDS}={} {SEED}={} cargo test --test chaos -- --nocapture {test}", seconds(), seed())
}

impl Plan {
    /// The run that is asked for.
    pub(crate) fn new() -> Self {
        let (seconds, seed) = (seconds(), seed());
        let mut random = Random::new(seed);
        let endings = [("1", false), ("3", true), ("3", false), ("1", true)];
        let whole = Duration::from_secs(seconds);
        let time = (whole / 4).min(ROUND_MAX);
        let count = usize::try_from(whole.as_millis().div_ceil(time.as_millis().max(1))).expect("rounds are few");
        let rounds = (0..count).map(|round| RoundPlan::draw(&mut random, endings[round % 4], time)).collect();
        Self { seconds, seed, rounds }
    }
}

impl RoundPlan {
    fn draw(random: &mut Random, (threads, is_terminated): (&'static str, bool), time: Duration) -> Self {
        let attempts = *random.pick(&["1", "2", "3", "5"]);
        let memory = *random.pick(&["20M", "24M", "30M"]);
        let run_limit = *random.pick(&["0", "1"]);
        let each = 1 + time.as_secs() / 10;
        let kinds = Fault::ALL.into_iter().filter(|&fault| fault != Fault::Terminated);
        let faults = kinds.flat_map(|fault| (0..each).map(move |_| fault));
        let spans = faults.map(|fault| Span::draw(random, fault, time)).collect();
        Self { threads, attempts, memory, run_limit, time, is_terminated, spans }
    }
}

impl Display for RoundPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, attempts, memory, run_limit, .. } = self;
        let end = if self.is_terminated { "stopped under load" } else { "drained" };
        write!(f, "--threads {threads} --max-attempts {attempts} --max-memory {memory} --run-limit {run_limit}, {end}")
    }
}

impl Span {
    /// Somewhere in a round of this length.
    fn draw(random: &mut Random, fault: Fault, time: Duration) -> Self {
        let percent = |time: Duration, percent: usize| time * u32::try_from(percent).expect("a percentage") / 100;
        let length = percent(time.min(Duration::from_secs(12)), 20 + random.below(40));
        let from = percent(time.saturating_sub(length), random.below(100));
        Self { fault, from, to: from + length }
    }
}
