//! The time limit of a whole command. It also ends waits without a time-out of their own: for an input that stays open,
//! or for a reader of stdout that does not read.

use std::mem;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use parking_lot::Mutex;

use crate::error::{CliError, TIMED_OUT, print_error};

/// How long after the deadline the process is ended, so that a more exact error can come first.
const GRACE: Duration = Duration::from_millis(100);

/// A time limit, if there is one. Its thread ends the process if the command takes longer.
pub(crate) struct TimeLimit {
    deadline: Option<Instant>,
    stage: Arc<Mutex<Stage>>,
}

/// The present stage of the command, for the error of the time limit, and the exit code if the stage does not end.
#[derive(Default)]
struct Stage {
    what: String,
    code: u8,
}

impl TimeLimit {
    /// Starts a time limit from now. Without `timeout` the command has no limit.
    ///
    /// # Errors
    /// If the system has no thread for the limit.
    pub(crate) fn start(timeout: Option<Duration>) -> Result<Self, CliError> {
        let stage = Arc::new(Mutex::new(Stage { what: "starting".to_owned(), code: TIMED_OUT }));
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if let (Some(timeout), Some(deadline)) = (timeout, deadline) {
            let stage = Arc::clone(&stage);
            let watch = move || {
                thread::sleep((deadline + GRACE).saturating_duration_since(Instant::now()));
                let Stage { what, code } = mem::take(&mut *stage.lock());
                let text = format!("timed out after {} s while {what}", timeout.as_secs_f64());
                // The reader of stderr may not read either.
                let (printing, printed) = bounded::<()>(0);
                let print = move || {
                    print_error(&text);
                    drop(printing);
                };
                if thread::Builder::new().spawn(print).is_ok() {
                    let _ = printed.recv_timeout(GRACE);
                }
                process::exit(code.into());
            };
            let started = thread::Builder::new().name("time limit".to_owned()).spawn(watch);
            started.map_err(|error| CliError::no_thread(&error))?;
        }
        Ok(Self { deadline, stage })
    }

    /// Returns when the command must end, if it has a limit.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets the present stage of the command: a clause that follows "while".
    pub(crate) fn enter(&self, what: impl Into<String>) {
        self.stage.lock().what = what.into();
    }

    /// Sets the stage in which the command writes its output, and the exit code if the reader does not read.
    pub(crate) fn enter_output(&self, code: u8) {
        *self.stage.lock() = Stage { what: "writing to standard output".to_owned(), code };
    }
}
