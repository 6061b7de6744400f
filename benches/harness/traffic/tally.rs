//! How the jobs of a run ended in all, and whether that agrees with what the server counted.

use hdrhistogram::Histogram;

use super::super::figure::approximate;
use super::asks::{Ask, End, PRIORITIES};
use super::check::Wrong;
use super::clients::Ended;
use super::executed::Executed;
use super::workload::{JobKey, Workload};

/// A run with fewer jobs than this need not show what its jobs ask for.
const JOBS_MIN: u64 = 1_000;

const RESIZES: &str = "a histogram that resizes takes all values";

/// What the server counted within a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerCounts {
    /// Jobs that ended with `cancelled`.
    pub(crate) cancelled: u64,
    /// Jobs that ended with `expired`.
    pub(crate) expired: u64,
    /// Jobs that ended with `timed_out`.
    pub(crate) timed_out: u64,
    /// Jobs that joined another one by its key.
    pub(crate) joined: u64,
}

/// What the load counted within a run.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Jobs that ended with a result.
    pub(crate) results: u64,
    /// Jobs that were answered when they were accepted.
    pub(crate) accepted: u64,
    /// Jobs that ended with `cancelled`.
    pub(crate) cancelled: u64,
    /// Jobs that ended with `expired`.
    pub(crate) expired: u64,
    /// Jobs that ended with `timed_out`.
    pub(crate) timed_out: u64,
    /// Jobs that workers received, each time.
    pub(crate) executions: u64,
    /// Which jobs these are, if they are background jobs.
    executed: Executed,
    /// Lines `cancel` that workers received.
    pub(crate) cancels: u64,
    /// Lines of progress that submitters received.
    pub(crate) reports: u64,
    /// How much later than it could a delayed job was answered, or a job expired.
    pub(crate) late_ns: Histogram<u64>,
    /// The most that one of these was too early.
    pub(crate) early_ns: u64,
    /// By priority, from the lowest: the time from submission to answer.
    pub(crate) waits_ns: Vec<Histogram<u64>>,
}

impl Tally {
    /// Returns an empty one for the jobs of a workload.
    pub(crate) fn new(ask: Ask) -> Self {
        let histogram = || Histogram::new(3).expect("three digits are allowed");
        let levels = if ask == Ask::Priority { PRIORITIES.len() } else { 0 };
        Self {
            results: 0,
            accepted: 0,
            cancelled: 0,
            expired: 0,
            timed_out: 0,
            executions: 0,
            executed: Executed::default(),
            cancels: 0,
            reports: 0,
            late_ns: histogram(),
            early_ns: 0,
            waits_ns: (0..levels).map(|_| histogram()).collect(),
        }
    }

    /// Counts the end of a job. Returns an error if the job may not end so, or not yet.
    pub(crate) fn on_end(&mut self, workload: &Workload, ended: Ended, now_ns: u64) -> Result<(), Wrong> {
        let Ended { job, start_ns, end } = ended;
        let elapsed_ns = now_ns.saturating_sub(start_ns);
        workload.check_end(job, end, elapsed_ns)?;
        *match end {
            End::Result => &mut self.results,
            End::Accepted => &mut self.accepted,
            End::Cancelled => &mut self.cancelled,
            End::Expired => &mut self.expired,
            End::TimedOut => &mut self.timed_out,
        } += 1;
        match workload.lateness_ns(job, end, elapsed_ns) {
            Some(Ok(late_ns)) => self.late_ns.record(late_ns).expect(RESIZES),
            Some(Err(early_ns)) => self.early_ns = self.early_ns.max(early_ns),
            None => {}
        }
        if !self.waits_ns.is_empty() {
            self.waits_ns[workload.level_of(job)].record(elapsed_ns).expect(RESIZES);
        }
        Ok(())
    }

    /// Counts a job that a worker received.
    pub(crate) fn on_execution(&mut self, ask: Ask, job: JobKey) {
        self.executions += 1;
        if ask == Ask::Background {
            self.executed.on_job(job);
        }
    }

    /// Adds what another thread of the load counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.results += other.results;
        self.accepted += other.accepted;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.timed_out += other.timed_out;
        self.executions += other.executions;
        self.executed.add(&other.executed);
        self.cancels += other.cancels;
        self.reports += other.reports;
        self.early_ns = self.early_ns.max(other.early_ns);
        let add = |to: &mut Histogram<u64>, from| to.add(from).expect(RESIZES);
        add(&mut self.late_ns, &other.late_ns);
        self.waits_ns.iter_mut().zip(&other.waits_ns).for_each(|(to, from)| add(to, from));
    }

    /// Returns the jobs that have ended.
    pub(crate) fn jobs(&self) -> u64 {
        self.results + self.accepted + self.cancelled + self.expired + self.timed_out
    }

    /// Judges a run whose jobs have all ended. Returns what is wrong with it.
    pub(crate) fn judge(&self, ask: Ask, server: ServerCounts) -> Result<(), String> {
        let own = ServerCounts {
            cancelled: self.cancelled,
            expired: self.expired,
            timed_out: self.timed_out,
            joined: server.joined,
        };
        if own != server {
            return Err(format!("the load counted {own:?}, the server {server:?}"));
        }
        let (jobs, done) = (self.jobs(), self.executions + server.joined);
        if ask == Ask::Background {
            self.executed.check(jobs)?;
        }
        // Of these jobs some end without having been at a worker, others are at several.
        let is_done_once = !matches!(ask, Ask::Cancel | Ask::Expire | Ask::RunLimit);
        if is_done_once && done != jobs {
            return Err(format!(
                "{jobs} jobs have ended, but workers did {} and {} joined",
                self.executions, server.joined
            ));
        }
        // Each attempt that ends without a result ends a job, or makes one more attempt.
        let lost = self.executions.saturating_sub(self.results);
        let cancels_max = if ask == Ask::RunLimit { lost } else { self.cancelled + self.expired };
        if self.cancels > cancels_max {
            return Err(format!("workers received {} cancels, but at most {cancels_max} were due", self.cancels));
        }
        if jobs >= JOBS_MIN { self.judge_effect(ask, server) } else { Ok(()) }
    }

    /// Returns an error if a run that is long enough does not show what its jobs ask for.
    fn judge_effect(&self, ask: Ask, server: ServerCounts) -> Result<(), String> {
        let missing = match ask {
            Ask::Cancel if self.cancelled == 0 => "no job ended with cancelled",
            Ask::Cancel if self.cancels == 0 => "no worker received cancel",
            Ask::Expire if self.expired == 0 => "no job ended with expired",
            Ask::RunLimit if self.timed_out == 0 => "no job ended with timed_out",
            Ask::RunLimit if self.executions <= self.jobs() => "no job was given to a second worker",
            Ask::Key if server.joined < self.executions => "most jobs joined no other",
            Ask::Priority => return self.judge_waits(),
            _ => return Ok(()),
        };
        Err(missing.to_owned())
    }

    /// Returns an error if jobs of a higher priority waited longer than those of the lowest, in the mean.
    fn judge_waits(&self) -> Result<(), String> {
        let ms: Vec<f64> = self.waits_ns.iter().map(|waits_ns| waits_ns.mean() / 1e6).collect();
        let lowest = ms.first().copied().unwrap_or_default();
        if ms.iter().skip(1).all(|higher| *higher < lowest) {
            return Ok(());
        }
        Err(format!("jobs of higher priorities waited no less than those of the lowest: {ms:?} ms, from the lowest"))
    }

    /// Returns the median wait of a priority, from the lowest, in microseconds.
    pub(crate) fn wait_us(&self, level: usize) -> Option<f64> {
        self.waits_ns.get(level).map(|waits_ns| approximate(waits_ns.value_at_quantile(0.5)) / 1e3)
    }

    /// Returns a quantile of the lateness, in microseconds; `None` if no job could be late.
    pub(crate) fn late_us(&self, quantile: f64) -> Option<f64> {
        (!self.late_ns.is_empty()).then(|| approximate(self.late_ns.value_at_quantile(quantile)) / 1e3)
    }
}
