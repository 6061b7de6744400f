//! The connection of a job, as its handler sees it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::client::error::{Disconnected, Error};

/// The connection of some jobs. Clones are the same one.
#[derive(Clone)]
pub(super) struct Origin(Arc<Conn>);

struct Conn {
    reporter: Arc<dyn Reporter>,
    /// How the connection was lost, if it is lost.
    lost: OnceLock<Disconnected>,
}

/// Sends the reports of jobs.
pub(super) trait Reporter: Send + Sync {
    /// Sends a line about a job of this connection. The call may block while the server accepts no bytes.
    fn report(&self, origin: &Origin, line: &[u8]) -> Result<(), Error>;
}

impl Origin {
    pub(super) fn new(reporter: &Arc<dyn Reporter>) -> Self {
        Self(Arc::new(Conn { reporter: Arc::clone(reporter), lost: OnceLock::new() }))
    }

    pub(super) fn lose(&self, lost: &Disconnected) {
        self.0.lost.get_or_init(|| lost.clone());
    }

    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.get().is_some()
    }

    /// Returns the error of a report, if the connection is lost.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.0.lost.get().map_or(Ok(()), |lost| Err(Error::Disconnected(lost.clone())))
    }

    pub(super) fn report(&self, line: &[u8]) -> Result<(), Error> {
        self.check()?;
        self.0.reporter.report(self, line)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("lost", &self.0.lost).finish_non_exhaustive()
    }
}
