//! What signals do to the process: the first SIGTERM or SIGINT stops the server in good order, the second ends it at
//! once, and SIGHUP, SIGUSR1 and SIGUSR2 do nothing.
//!
//! Everything is caught rather than left to the system's defaults, which process 1 (of a container) does not have.
//! SIGPIPE is ignored by std.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, iterator};

/// The signals that stop the server, and what the process ends with on the second of them, as shells have it.
const STOPPING: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

pub(crate) struct Signals(iterator::Signals);

impl Signals {
    /// From now on signals are caught.
    pub(crate) fn catch() -> io::Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        for (signal, status) in STOPPING {
            // In this order: the first signal must find the flag unset.
            flag::register_conditional_shutdown(signal, status, Arc::clone(&told))?;
            flag::register(signal, Arc::clone(&told))?;
        }
        for signal in [SIGHUP, SIGUSR1, SIGUSR2] {
            flag::register(signal, Arc::default())?; // Nobody reads the flag; a handler is all it takes to survive.
        }
        Ok(Self(iterator::Signals::new(STOPPING.map(|(signal, _)| signal))?))
    }

    /// Waits for the first signal to stop; returns at once if it has come.
    pub(crate) fn wait(&mut self) {
        self.0.forever().next();
    }
}
