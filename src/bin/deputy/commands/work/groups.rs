//! The process groups of the commands that run.
//!
//! A group is known by its first process, and is signalled only while that is not yet reaped: until then the system gives
//! its number to no other.

use std::collections::HashSet;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

/// All groups that run, and the last signal that was passed on to them.
#[derive(Debug, Default)]
pub(super) struct ProcessGroups(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: HashSet<Pid>,
    signal: Option<Signal>,
}

impl ProcessGroups {
    /// Passes a signal on to all groups, and to those that come later.
    pub(super) fn signal(&self, signal: Signal) {
        let mut inner = self.0.lock();
        inner.signal = Some(signal);
        for &group in &inner.running {
            send(group, signal);
        }
    }

    pub(super) fn were_signalled(&self) -> bool {
        self.0.lock().signal.is_some()
    }

    /// A command has started.
    pub(super) fn add(&self, group: Pid) {
        let mut inner = self.0.lock();
        inner.running.insert(group);
        if let Some(signal) = inner.signal {
            send(group, signal);
        }
    }

    /// A command has ended, and will be reaped.
    pub(super) fn remove(&self, group: Pid) {
        self.0.lock().running.remove(&group);
    }
}

/// Sends a signal to a group whose first process is not reaped.
pub(super) fn send(group: Pid, signal: Signal) {
    // All of it may have ended.
    let _ = kill_process_group(group, signal);
}
