//! Keeps the progress reports of a job for its submitter, and whether the job is stored.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{Error, read};
use crate::limits::{CLIENT_REPORTS_BYTES_MAX, CLIENT_REPORTS_MAX};

/// The newest reports of a job that its submitter has not read, and whether it is stored.
#[derive(Debug, Default)]
pub(super) struct Reports {
    unread: Mutex<Unread>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Unread {
    reports: VecDeque<Box<RawValue>>,
    bytes: usize,
    /// The job is durable, and stored.
    is_stored: bool,
    /// No more reports come.
    ended: bool,
}

impl Unread {
    fn pop(&mut self) -> Option<Box<RawValue>> {
        let report = self.reports.pop_front()?;
        self.bytes -= report.get().len();
        Some(report)
    }

    fn is_over_limit(&self) -> bool {
        self.reports.len() > CLIENT_REPORTS_MAX || self.bytes > CLIENT_REPORTS_BYTES_MAX
    }
}

impl Reports {
    /// Adds a report. Drops the oldest ones while there are too many, but never the newest.
    pub(super) fn push(&self, data: &RawValue) {
        let mut unread = self.unread.lock();
        unread.bytes += data.get().len();
        unread.reports.push_back(data.to_owned());
        while unread.is_over_limit() && unread.reports.len() > 1 {
            unread.pop();
        }
        drop(unread);
        self.changed.notify_all();
    }

    /// Called when the job is stored.
    pub(super) fn set_stored(&self) {
        self.unread.lock().is_stored = true;
        self.changed.notify_all();
    }

    /// Waits until the job is stored or has ended, or until `deadline` (none: without end). Returns whether it is stored.
    pub(super) fn wait_stored(&self, deadline: Option<Instant>) -> bool {
        let mut unread = self.unread.lock();
        while !unread.is_stored && !unread.ended {
            match deadline {
                None => self.changed.wait(&mut unread),
                Some(deadline) if self.changed.wait_until(&mut unread, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        unread.is_stored
    }

    /// Called when no more reports come.
    pub(super) fn end(&self) {
        self.unread.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for the next report until `deadline` (none: without end). [`Error::TimedOut`] if there is none by then. None
    /// if none will come.
    fn next(&self, deadline: Option<Instant>) -> Option<Result<Box<RawValue>, Error>> {
        let mut unread = self.unread.lock();
        loop {
            if let Some(report) = unread.pop() {
                return Some(Ok(report));
            }
            if unread.ended {
                return None;
            }
            match deadline {
                None => self.changed.wait(&mut unread),
                Some(deadline) if deadline <= Instant::now() => return Some(Err(Error::TimedOut)),
                Some(deadline) => drop(self.changed.wait_until(&mut unread, deadline)),
            }
        }
    }

    /// Returns the newest report, and drops the others.
    fn newest(&self) -> Option<Box<RawValue>> {
        let mut unread = self.unread.lock();
        unread.bytes = 0;
        unread.reports.drain(..).next_back()
    }
}

/// The progress reports of a job: an iterator that waits for the next report, and ends with the job.
///
/// Each report is read as `P`. If a report cannot be read, the item is an [`Error::Result`], and further reports
/// follow.
///
/// Reports may be lost. The client keeps the 64 newest reports of a job, or 1 MiB of them, until they are read. The
/// server drops reports while more than 1 MiB is unsent to this client. When a second worker gets the job, reports may
/// start again, and a report of the first worker may come late. No report comes after the job's answer.
///
/// ```
/// # use deputy::client::{Client, Failure, Job, Worker};
/// # use deputy::server::{Config, Server};
/// # let server = Server::start(Config { port: 0, ..Config::default() })?;
/// # let url = server.addresses()[0].to_string();
/// let worker = Worker::new(&url).handle("copy", |job: &Job| {
///     for percent in [25, 50, 75] {
///         job.progress(&percent)?;
///     }
///     Ok::<_, Failure>("copied")
/// });
/// # let stopper = worker.stopper();
/// # let worker = std::thread::spawn(|| worker.run());
///
/// let client = Client::connect(&url)?;
/// let copy = client.job("copy", "cat.png").progress().submit::<String>();
/// for percent in copy.progress::<u32>() {
///     println!("{}%", percent?);
/// }
/// assert_eq!(copy.wait()?, "copied");
/// # stopper.stop();
/// # worker.join().expect("a worker does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Progress<P> {
    /// None if the submitter did not ask for progress.
    reports: Option<Arc<Reports>>,
    /// See [`Options::deadline`](super::Options::deadline).
    deadline: Option<Instant>,
    data: PhantomData<fn() -> P>,
}

impl<P: DeserializeOwned> Progress<P> {
    pub(super) fn new(reports: Option<Arc<Reports>>, deadline: Option<Instant>) -> Self {
        Self { reports, deadline, data: PhantomData }
    }

    /// Waits for the next report for at most `timeout`. `None` if none will come, because the job has ended.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is none yet, and [`Error::Result`] if it is not a `P`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Result<P, Error>> {
        let end = Instant::now().checked_add(timeout);
        self.next_until(end.into_iter().chain(self.deadline).min())
    }

    /// Returns the next report if it has come.
    pub fn try_next(&mut self) -> Option<Result<P, Error>> {
        self.next_until(Some(Instant::now())).filter(|next| !matches!(next, Err(Error::TimedOut)))
    }

    /// Returns the newest report that has come, and drops those before it. `None` if there is none since the last call.
    pub fn latest(&mut self) -> Option<Result<P, Error>> {
        self.reports.as_ref()?.newest().map(|report| read(&report))
    }

    fn next_until(&self, deadline: Option<Instant>) -> Option<Result<P, Error>> {
        Some(self.reports.as_ref()?.next(deadline)?.and_then(|report| read(&report)))
    }
}

impl<P: DeserializeOwned> Iterator for Progress<P> {
    type Item = Result<P, Error>;

    /// Waits for the next report. It ends with the job, or when the client's
    /// [`deadline`](super::Options::deadline) has passed.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_until(self.deadline).filter(|next| !matches!(next, Err(Error::TimedOut)))
    }
}

impl<P> fmt::Debug for Progress<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn of(reports: &Arc<Reports>) -> Progress<u32> {
        Progress::new(Some(Arc::clone(reports)), None)
    }

    #[test]
    fn reports_come_in_their_order_until_the_job_ends() {
        let reports = Arc::new(Reports::default());
        let mut progress = of(&reports);
        assert!(progress.try_next().is_none());
        assert!(matches!(progress.next_timeout(Duration::ZERO), Some(Err(Error::TimedOut))));
        for number in ["1", "\"two\"", "3"] {
            reports.push(&raw(number));
        }
        assert_eq!(progress.next().unwrap().unwrap(), 1);
        match progress.try_next() {
            Some(Err(Error::Result { res, .. })) => assert_eq!(res.get(), "\"two\""),
            other => panic!("{other:?}"),
        }
        reports.end();
        // What has come before the end is still read.
        assert_eq!(progress.next_timeout(Duration::MAX).unwrap().unwrap(), 3);
        assert!(progress.next().is_none() && progress.next_timeout(Duration::MAX).is_none());
        assert!(progress.try_next().is_none() && progress.latest().is_none());
    }

    #[test]
    fn the_latest_report_drops_those_before_it() {
        let reports = Arc::new(Reports::default());
        let mut progress = of(&reports);
        assert!(progress.latest().is_none());
        (1..=5).for_each(|number| reports.push(&raw(&number.to_string())));
        assert_eq!(progress.latest().unwrap().unwrap(), 5);
        assert!(progress.latest().is_none() && progress.try_next().is_none());
        assert_eq!(reports.unread.lock().bytes, 0);
    }

    #[test]
    fn only_the_newest_reports_are_kept() {
        let reports = Arc::new(Reports::default());
        (0..1_000).for_each(|number| reports.push(&raw(&number.to_string())));
        reports.end();
        assert!(of(&reports).map(Result::unwrap).eq(1_000 - 64..1_000));
        let large = raw(&format!("\"{}\"", "x".repeat(CLIENT_REPORTS_BYTES_MAX / 2)));
        let reports = Reports::default();
        for kept in [1, 1, 1] {
            reports.push(&large);
            assert_eq!(reports.unread.lock().reports.len(), kept);
        }
        // One that is alone too large is kept, too.
        let larger = raw(&format!("\"{}\"", "x".repeat(2 * CLIENT_REPORTS_BYTES_MAX)));
        reports.push(&larger);
        assert_eq!(reports.newest().unwrap().get(), larger.get());
    }

    #[test]
    fn a_reader_that_waits_is_woken() {
        let reports = Arc::new(Reports::default());
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| of(&reports).map(Result::unwrap).collect::<Vec<_>>());
            reports.push(&raw("7"));
            reports.end();
            assert_eq!(reading.join().unwrap(), [7]);
        });
    }

    #[test]
    fn the_wait_for_the_store_ends_with_the_job() {
        let (stored, ended, neither) = (Reports::default(), Reports::default(), Reports::default());
        std::thread::scope(|scope| {
            let waiting = [&stored, &ended].map(|reports| scope.spawn(|| reports.wait_stored(None)));
            // A report is not what is waited for.
            for reports in [&stored, &ended] {
                reports.push(&raw("1"));
            }
            stored.set_stored();
            ended.end();
            assert_eq!(waiting.map(|waiting| waiting.join().unwrap()), [true, false]);
        });
        // It stays stored after its end.
        stored.end();
        assert!(stored.wait_stored(Some(Instant::now())) && !neither.wait_stored(Some(Instant::now())));
    }

    #[test]
    fn without_reports_or_after_the_deadline_the_iterator_ends() {
        let mut none = Progress::<u32>::new(None, None);
        assert!(none.next().is_none() && none.try_next().is_none() && none.latest().is_none());
        let mut late = Progress::<u32>::new(Some(Arc::default()), Some(Instant::now()));
        assert!(late.next().is_none());
        assert!(matches!(late.next_timeout(Duration::MAX), Some(Err(Error::TimedOut))));
    }
}
