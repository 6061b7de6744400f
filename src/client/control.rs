//! Controls a submitted job: cancels it, follows its progress, and waits until it is stored.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::error::Error;
use super::link::WeakLink;
use super::progress::{Progress, Reports};
use super::submit_session::SubmitSession;

/// Cancels a job, follows its progress and shows whether it is stored, from any thread. Clones are for the same job.
///
/// It does not keep the connection open, and dropping it does not cancel the job.
#[derive(Clone, Default)]
pub struct JobControl(Option<Arc<Controlled>>);

/// A job that can be cancelled, reports its progress, or is durable.
pub(super) struct Controlled {
    pub(super) link: WeakLink<SubmitSession>,
    pub(super) id: u64,
    pub(super) is_cancellable: bool,
    /// Whether `cancel` was sent.
    pub(super) is_cancelled: AtomicBool,
    /// Whether dropping the job's handle cancels it.
    pub(super) cancels_on_drop: AtomicBool,
    /// The reports of a job with progress.
    pub(super) reports: Option<Arc<Reports>>,
    /// The reports of a durable job. They also keep whether the job is stored.
    pub(super) stored: Option<Arc<Reports>>,
    pub(super) deadline: Option<Instant>,
}

impl JobControl {
    pub(super) fn new(job: Controlled) -> Self {
        Self(Some(Arc::new(job)))
    }

    /// Cancels the job. The job soon ends with [`Error::Cancelled`], unless its answer is already on its way. A worker
    /// that holds the job is informed ([`Job::is_cancelled`](super::Job::is_cancelled)). The call does not block.
    /// Further calls, and calls after the job has ended, have no effect.
    ///
    /// An older server does not support this. Then the job's error is [`Error::UnknownCmd`], and the job is still done.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the job was not submitted as [cancellable](super::JobBuilder::cancellable): the server
    /// would not cancel it.
    pub fn cancel(&self) -> Result<(), Error> {
        let cancellable = self.0.as_ref().filter(|job| job.is_cancellable);
        let job = cancellable.ok_or_else(|| Error::BadRequest("the job is not cancellable".to_owned()))?;
        if !job.is_cancelled.swap(true, Ordering::Relaxed) {
            job.link.with(|session, out| session.cancel(job.id, out));
        }
        Ok(())
    }

    /// Returns the progress of the job, read as `P`. It ends at once if the job was submitted without
    /// [`progress`](super::JobBuilder::progress). Each report is returned once, so several [`Progress`] of a job share them.
    pub fn progress<P: DeserializeOwned>(&self) -> Progress<P> {
        match &self.0 {
            Some(job) => Progress::new(job.reports.clone(), job.deadline),
            None => Progress::new(None, None),
        }
    }

    /// Waits until the job is stored, for at most `timeout`, and returns whether it is stored. The wait ends early if
    /// the job ends without being stored; its answer has the reason. Returns false at once if the job was submitted
    /// without [`durable`](super::JobBuilder::durable).
    pub fn wait_stored(&self, timeout: Duration) -> bool {
        let end = Instant::now().checked_add(timeout);
        self.0.as_ref().is_some_and(|job| {
            let end = end.into_iter().chain(job.deadline).min();
            job.stored.as_ref().is_some_and(|reports| reports.wait_stored(end))
        })
    }

    /// Returns whether the job is stored. False if it was submitted without [`durable`](super::JobBuilder::durable).
    pub fn is_stored(&self) -> bool {
        self.wait_stored(Duration::ZERO)
    }

    /// Returns whether the job was submitted as durable.
    pub(super) fn is_durable(&self) -> bool {
        self.0.as_ref().is_some_and(|job| job.stored.is_some())
    }

    /// Lets [`on_handle_dropped`](Self::on_handle_dropped) cancel the job.
    pub(super) fn cancel_on_drop(&self) {
        if let Some(job) = &self.0 {
            job.cancels_on_drop.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn on_handle_dropped(&self) {
        if self.0.as_ref().is_some_and(|job| job.cancels_on_drop.load(Ordering::Relaxed)) {
            // It fails if the job is not cancellable, which `JobHandle::cancel_on_drop` documents.
            let _ = self.cancel();
        }
    }
}

impl fmt::Debug for JobControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobControl").finish_non_exhaustive()
    }
}
