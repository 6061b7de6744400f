//! What was done and what came of it, counted: the summary for people, and the proof that each fault was made.

use std::fmt::{self, Display};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::faults::Fault;

/// What a job was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Done,
    Failed,
    GaveUp,
    QueueFull,
    Shutdown,
    Cancelled,
    Expired,
    TimedOut,
    NoWorker,
}

impl Code {
    pub(crate) const COUNT: usize = Self::NAMES.len();

    const NAMES: [(Self, &'static str); 9] = [
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::GaveUp, "gave_up"),
        (Self::QueueFull, "queue_full"),
        (Self::Shutdown, "shutdown"),
        (Self::Cancelled, "cancelled"),
        (Self::Expired, "expired"),
        (Self::TimedOut, "timed_out"),
        (Self::NoWorker, "no_worker"),
    ];

    /// The code of a `did` without a result.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES[1..].iter().find(|entry| entry.1 == name).map(|entry| entry.0)
    }
}

/// Counts of a round, or of all together. Written by all who take part.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) connections: AtomicU64,
    /// Longest time between two answers.
    pub(crate) gap_ms: AtomicU64,
    submitted: AtomicU64,
    left_open: AtomicU64,
    answers: [AtomicU64; Code::COUNT],
    faults: [AtomicU64; Fault::ALL.len()],
    /// Who waited in vain, of a round that failed.
    outstanding: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, code: Code) {
        self.answers[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers had this code.
    pub(crate) fn answers(&self, code: Code) -> u64 {
        self.answers[code as usize].load(Ordering::Relaxed)
    }

    /// How many answers there were.
    pub(crate) fn answered_in_all(&self) -> u64 {
        self.answers.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Called when a submitter's connection ended while this many of its jobs were open.
    pub(crate) fn left_open(&self, jobs: usize) {
        self.left_open.fetch_add(jobs as u64, Ordering::Relaxed);
    }

    /// Called when a fault was made this many times.
    pub(crate) fn made(&self, fault: Fault, times: u64) {
        self.faults[fault as usize].fetch_add(times, Ordering::Relaxed);
    }

    pub(crate) fn outstanding(&self, who: String) {
        self.outstanding.lock().unwrap().push(who);
    }

    pub(crate) fn who_waits(&self) -> String {
        self.outstanding.lock().unwrap().join("\n")
    }

    /// Adds what another one counted.
    pub(crate) fn add(&self, other: &Self) {
        let add = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        add(&self.connections, &other.connections);
        add(&self.submitted, &other.submitted);
        add(&self.left_open, &other.left_open);
        self.gap_ms.fetch_max(other.gap_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        self.answers.iter().zip(&other.answers).for_each(|(to, from)| add(to, from));
        self.faults.iter().zip(&other.faults).for_each(|(to, from)| add(to, from));
    }

    /// Faults that were not made.
    pub(crate) fn missing(&self) -> Vec<Fault> {
        Fault::ALL.into_iter().filter(|&fault| self.times(fault) == 0).collect()
    }

    /// Ends that jobs may have for their options, and that no job had.
    pub(crate) fn missing_ends(&self) -> Vec<Code> {
        let ends = [Code::Cancelled, Code::Expired, Code::TimedOut, Code::NoWorker];
        ends.into_iter().filter(|&end| self.answers(end) == 0).collect()
    }

    /// How often a fault was made.
    pub(crate) fn times(&self, fault: Fault) -> u64 {
        self.faults[fault as usize].load(Ordering::Relaxed)
    }

    /// Every job is answered with what its argument comes to.
    pub(crate) fn check_all_done(&self) {
        self.check();
        let good = self.answers(Code::Done) + self.answers(Code::Failed);
        let lost = (self.answered_in_all() - good, self.left_open.load(Ordering::Relaxed));
        assert_eq!(lost, (0, 0), "jobs that were lost");
    }

    /// Every job is answered, or was left open by the end of its connection.
    pub(crate) fn check(&self) {
        let answered = self.answered_in_all();
        let (submitted, left) = (self.submitted.load(Ordering::Relaxed), self.left_open.load(Ordering::Relaxed));
        assert_eq!(submitted, answered + left, "jobs submitted, and answered or left open");
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(f, "jobs submitted {}:", count(&self.submitted))?;
        for (code, name) in Code::NAMES {
            write!(f, " {name} {},", count(&self.answers[code as usize]))?;
        }
        writeln!(f, " unanswered when their connection ended {}", count(&self.left_open))?;
        let (connections, gap_ms) = (count(&self.connections), count(&self.gap_ms));
        writeln!(f, "connections made {connections}, longest time without any answer {gap_ms} ms")?;
        writeln!(f, "faults made:")?;
        let made: Vec<Fault> = Fault::ALL.into_iter().filter(|&fault| self.times(fault) > 0).collect();
        for pair in made.chunks(2) {
            for &fault in pair {
                write!(f, "{:>8} {:<48}", self.times(fault), fault.name())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
