//! Sends the reports of handlers on the worker's link.

use super::origin::{Origin, Reporter};
use super::session::WorkerSession;
use crate::client::error::Error;
use crate::client::link::WeakLink;
use crate::client::outgoing;

impl Reporter for WeakLink<WorkerSession> {
    fn report(&self, origin: &Origin, line: &[u8]) -> Result<(), Error> {
        let line_max = self.line_max()?;
        if line.len() > line_max + 1 {
            return Err(outgoing::too_long(line.len() - 1, line_max));
        }
        // The second time, the server's longest line is known.
        while let Some(known) = self.send(line.len(), |session, out| session.report(origin, line, out))?? {
            known.wait(None, |outcome| outcome.clone().map(drop)).unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}
