//! Ends the worker: the request to stop, and the signals that cause it.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use deputy::client::Stopper;
use parking_lot::{Condvar, Mutex};
use rustix::process::Signal;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::groups::ProcessGroups;
use crate::error::{CliError, FAILED, Outcome};

/// The request to stop, which ends the present worker or the pause before the next.
#[derive(Debug, Default)]
pub(super) struct Stop {
    state: Mutex<StopState>,
    requested: Condvar,
}

#[derive(Debug, Default)]
struct StopState {
    is_requested: bool,
    stopper: Option<Stopper>,
}

impl Stop {
    /// Sets the present worker.
    pub(super) fn set_stopper(&self, stopper: Stopper) {
        let mut state = self.state.lock();
        if state.is_requested {
            stopper.stop();
        }
        state.stopper = Some(stopper);
    }

    /// Lets the present worker finish its jobs and leave. Another worker may follow.
    pub(super) fn stop_worker(&self) {
        self.state.lock().stopper.iter().for_each(Stopper::stop);
    }

    fn request(&self) {
        let mut state = self.state.lock();
        state.is_requested = true;
        state.stopper.iter().for_each(Stopper::stop);
        self.requested.notify_all();
    }

    pub(super) fn is_requested(&self) -> bool {
        self.state.lock().is_requested
    }

    /// Waits for a pause, or until the stop is requested. Returns whether the stop is requested.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        let _ = self.requested.wait_while_for(&mut state, |state| !state.is_requested, pause);
        state.is_requested
    }
}

/// Lets the first signal stop the worker, and passes all others to the commands: SIGINT as it is, any other as SIGTERM.
pub(super) fn catch_signals(stop: Arc<Stop>, groups: Arc<ProcessGroups>) -> Outcome {
    let cannot = |error| CliError::new(FAILED, format!("cannot catch signals: {error}"));
    // `nohup` and shells start programs with these signals ignored. Then they stay ignored.
    let others = [SIGHUP, SIGQUIT].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new([SIGTERM, SIGINT].into_iter().chain(others)).map_err(cannot)?;
    // A parent process may have left SIGCHLD ignored. Then the system would reap commands before the worker knows how
    // they ended.
    flag::register(SIGCHLD, Arc::default()).map_err(cannot)?;
    let listen = move || {
        let mut signals = signals.forever();
        signals.next();
        stop.request();
        for number in signals {
            groups.signal(if number == SIGINT { Signal::INT } else { Signal::TERM });
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(cannot)?;
    Ok(())
}

/// Whether the process was started with this signal ignored; on systems without /proc always false.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask >> (signal - 1) & 1 == 1)
}
