//! The threads of a running worker: those that do its jobs, and the one that handles its signals.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::event::RunError;
use super::handler::Handlers;
use super::job::Job;
use super::session::WorkerSession;
use super::{OnEvent, WorkerSignal};
use crate::client::link::Link;

/// A running worker. Its link is set when its threads have started.
pub(super) struct Running(OnceLock<Link<WorkerSession>>);

impl Running {
    pub(super) fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Handles the signals of the worker until it ends, on the thread that runs it.
    pub(super) fn watch(
        &self,
        link: Link<WorkerSession>,
        signals: &Receiver<WorkerSignal>,
        on_event: &mut OnEvent,
    ) -> Result<(), RunError> {
        let link = self.0.get_or_init(|| link);
        let mut leaves_at = None;
        loop {
            let signal = match leaves_at {
                Some(end) => signals.recv_deadline(end),
                None => signals.recv().map_err(RecvTimeoutError::from),
            };
            match signal {
                Ok(WorkerSignal::Stop) => link.with(WorkerSession::stop),
                Ok(WorkerSignal::Leaving) => {
                    leaves_at = Some(Instant::now() + LEAVE_TIMEOUT.min(link.options().answer_timeout));
                }
                Ok(WorkerSignal::Event(event)) => on_event(&event),
                Ok(WorkerSignal::Ended(outcome)) => return outcome,
                Err(RecvTimeoutError::Timeout) => {
                    leaves_at = None;
                    link.with(|session, _| session.leave());
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// One of the threads that do jobs.
    pub(super) fn work(&self, handlers: &Handlers, jobs: &Receiver<Job>) {
        for job in jobs {
            let link = self.0.wait();
            let answer = if job.is_lost() { Ok(Vec::new()) } else { handlers.answer(&job, link.options().max_line) };
            // It fails if the worker has ended, which drops its results.
            let _ = match answer {
                Ok(line) => link.send(line.len(), move |session, out| session.finish(&job, line, out)),
                Err(reason) => link.send(0, move |session, out| session.abandon(&job, reason, out)),
            };
        }
    }
}

/// How long a worker that holds nothing waits for the answer to its last `ping`. A supervisor may kill it after 10 s.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Lets the threads of a worker end, even if `on_event` has panicked.
pub(super) struct Ending<'a>(pub(super) &'a Running);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Without a link, the session and its end of the channel of jobs are dropped.
        if let Some(link) = self.0.0.get() {
            link.close();
            link.with(|session, _| session.end_jobs());
        }
    }
}
