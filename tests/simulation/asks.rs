//! What jobs ask for beside their type and argument: how often in a schedule, and what a job that is drawn asks for.

use deputy::dispatch::job::Job;
use deputy::limits::JOB_OPTIONS_BYTES;
use deputy::protocol::command::{Class, JobOptions};

use super::plan::Family;
use super::random::Random;

/// The keys that jobs have in common.
const KEYS: [&str; 3] = ["k", "key 2", r"\u0007"];

/// The times that jobs may wait.
const WAITS_MS: [u64; 7] = [0, 0, 1, 30, 41, 100, 200];

/// What a job asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is a member of the line.
pub(crate) struct Asks {
    pub(crate) priority: i8,
    pub(crate) delay_ms: u64,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) run_limit_ms: Option<u64>,
    pub(crate) attempts: Option<u8>,
    pub(crate) cancellable: bool,
    pub(crate) progress: bool,
    pub(crate) key: Option<&'static str>,
    pub(crate) need_worker: bool,
    pub(crate) background: bool,
    pub(crate) durable: bool,
    pub(crate) wait_ms: Option<u64>,
}

impl Asks {
    /// The options as the decoder hands them on.
    pub(crate) fn options(&self) -> Option<Box<JobOptions<'static>>> {
        (*self != Self::default()).then(|| {
            Box::new(JobOptions {
                priority: self.priority,
                delay_ms: self.delay_ms,
                deadline_ms: self.deadline_ms,
                run_limit_ms: self.run_limit_ms,
                attempts: self.attempts,
                cancellable: self.cancellable,
                progress: self.progress,
                key: self.key.map(Into::into),
                need_worker: self.need_worker,
                background: self.background,
                durable: self.durable,
                wait_ms: self.wait_ms,
            })
        })
    }

    /// Whether its answer goes to a ticket, by which it is known.
    pub(crate) fn is_named(&self) -> bool {
        self.cancellable || self.progress || self.durable || self.deadline_ms.is_some() || self.is_recalled()
    }

    /// Whether its one `did` comes when it is accepted.
    pub(crate) fn is_accepted_at_once(&self) -> bool {
        self.background && !self.durable
    }

    /// Whether it is recalled after some time, unless a worker has it.
    pub(crate) fn is_recalled(&self) -> bool {
        self.wait_ms.is_some_and(|ms| ms > 0)
    }

    /// Whether it may not wait at all.
    pub(crate) fn never_waits(&self) -> bool {
        self.wait_ms == Some(0)
    }

    /// Whether workers of a class may take it.
    pub(crate) fn fits(&self, class: Class) -> bool {
        class != Class::Spare || self.wait_ms.is_none()
    }

    /// Whether it may end at a time that no line shows.
    pub(crate) fn ends_unseen(&self) -> bool {
        self.deadline_ms.is_some() || self.wait_ms.is_some() || self.durable
    }

    /// Whether the submitter's shard keeps a ticket when it is accepted.
    pub(crate) fn has_ticket(&self) -> bool {
        self.is_named() || self.delay_ms > 0
    }

    /// Whether it may be revoked once it waits in its queue.
    pub(crate) fn is_revocable(&self) -> bool {
        self.cancellable || self.deadline_ms.is_some() || self.key.is_some() || self.is_recalled()
    }

    /// What the job counts in the memory budget.
    pub(crate) fn job_bytes(&self, id: &str, type_name: &str, arg: &str) -> u64 {
        Job::bytes_of(id, type_name, Some(arg.into()), self.options().as_deref())
    }

    /// What its ticket counts beside that.
    pub(crate) fn ticket_bytes(&self) -> u64 {
        if self.has_ticket() { JOB_OPTIONS_BYTES } else { 0 }
    }
}

/// Each is a number: one job of that number asks for it; 0: none does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Odds {
    priority: usize,
    delay: usize,
    deadline: usize,
    run_limit: usize,
    attempts: usize,
    cancellable: usize,
    progress: usize,
    key: usize,
    need_worker: usize,
    background: usize,
    wait: usize,
    /// How many of the keys are used.
    keys: usize,
}

impl Odds {
    /// Draws what a schedule is heavy in: nothing, a mixture, or one kind.
    pub(crate) fn draw(family: Family, random: &mut Random) -> Self {
        let mut some = || *random.pick(&[0, 3, 8]);
        let mut odds = Self {
            priority: some(),
            delay: some(),
            deadline: some(),
            run_limit: some(),
            attempts: some(),
            cancellable: some(),
            progress: some(),
            key: some(),
            need_worker: some(),
            background: some(),
            wait: some(),
            keys: 1 + random.below(KEYS.len()),
        };
        match random.below(16) {
            0..=3 => odds = Self { keys: 1, ..Self::default() },
            4 => (odds.key, odds.keys, odds.cancellable, odds.background) = (1, 1, 2, 0),
            5 => (odds.key, odds.cancellable, odds.progress, odds.need_worker) = (2, 2, 4, 3),
            6 => (odds.cancellable, odds.background) = (1, 0),
            7 => (odds.deadline, odds.background) = (1, 0),
            8 => odds.run_limit = 1,
            11 => (odds.progress, odds.run_limit, odds.background) = (1, 2, 0),
            9 => odds.priority = 1,
            12 => odds.wait = 1,
            13 => (odds.wait, odds.run_limit, odds.delay, odds.cancellable) = (1, 2, 4, 4),
            10 => (odds.need_worker, odds.key, odds.keys) = (2, 2, 1),
            _ => {}
        }
        if family == Family::Slow {
            odds.progress = 2;
        }
        odds
    }

    /// Only what needs no clock, and not much of it: for schedules of a million jobs.
    pub(crate) fn light() -> Self {
        Self { priority: 10, cancellable: 20, key: 50, keys: 3, ..Self::default() }
    }

    /// Whether anything happens when time passes.
    pub(crate) fn need_time(&self) -> bool {
        self.delay + self.deadline + self.run_limit + self.wait > 0
    }

    /// Whether it makes a difference that workers report progress.
    pub(crate) fn need_reports(&self) -> bool {
        self.progress + self.run_limit > 0
    }

    /// Draws what a durable job asks for.
    pub(crate) fn asks_of_durable(&self, random: &mut Random) -> Asks {
        let mut asks = Asks { durable: true, key: None, delay_ms: 0, ..self.asks(random) };
        if self.need_time() && random.one_in(3) {
            asks.wait_ms = Some(*random.pick(&WAITS_MS));
        }
        if asks.never_waits() {
            // As with any other job: see where they are drawn.
            asks.deadline_ms = None;
        }
        asks
    }

    /// Draws what a job asks for.
    pub(crate) fn asks(&self, random: &mut Random) -> Asks {
        let mut asks = Asks::default();
        let one_in = |odds: usize, random: &mut Random| odds > 0 && random.one_in(odds);
        if one_in(self.priority, random) {
            asks.priority = *random.pick(&[-128, -1, 1, 1, 7, 127]);
        }
        if one_in(self.delay, random) {
            asks.delay_ms = *random.pick(&[1, 40, 41, 130]);
        }
        if one_in(self.run_limit, random) {
            asks.run_limit_ms = Some(*random.pick(&[1, 30, 40, 81, 200]));
        }
        if one_in(self.attempts, random) {
            asks.attempts = Some(*random.pick(&[1, 1, 2, 3]));
        }
        if one_in(self.key, random) {
            asks.key = Some(KEYS[random.below(self.keys)]);
        }
        asks.need_worker = one_in(self.need_worker, random);
        asks.background = one_in(self.background, random);
        if !asks.background {
            if one_in(self.deadline, random) {
                asks.deadline_ms = Some(*random.pick(&[1, 30, 40, 41, 100, 200]));
            }
            asks.cancellable = one_in(self.cancellable, random);
            asks.progress = one_in(self.progress, random);
        }
        if asks.key.is_none() && one_in(self.wait, random) {
            asks.wait_ms = Some(*random.pick(&WAITS_MS));
        }
        asks
    }
}
