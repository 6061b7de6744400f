//! Handles signals. The first SIGTERM or SIGINT stops the server in good order, the second ends it at once, and SIGHUP,
//! SIGUSR1 and SIGUSR2 have no effect.
//!
//! All of them have handlers, because process 1 of a container has no default actions. std ignores SIGPIPE.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level};

/// The signals that stop the server, with the exit code after the second one, as shells report it.
const STOPPING: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

/// Receives the signals. The flag records a signal; the socket pair only wakes the waiting thread, because a system
/// without memory may refuse its byte.
pub(crate) struct Signals {
    stopping: Arc<AtomicBool>,
    wakes: UnixStream,
    pause: Duration,
}

impl Signals {
    /// Installs the handlers. [`wait`](Self::wait) returns at least once per `pause`.
    pub(crate) fn catch(pause: Duration) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (wakes, waker) = UnixStream::pair()?;
        wakes.set_read_timeout(Some(pause))?;
        for (signal, status) in STOPPING {
            // In this order: the first signal must find the flag clear, and the woken thread must find it set.
            flag::register_conditional_shutdown(signal, status, Arc::clone(&stopping))?;
            flag::register(signal, Arc::clone(&stopping))?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        for signal in [SIGHUP, SIGUSR1, SIGUSR2] {
            flag::register(signal, Arc::default())?; // The flag is not read: a handler alone keeps the process alive.
        }
        unblock()?;
        Ok(Self { stopping, wakes, pause })
    }

    /// Waits for a signal to stop, at most for the pause. Returns whether one has arrived.
    pub(crate) fn wait(&mut self) -> bool {
        if let Err(error) = self.wakes.read(&mut [0])
            && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        {
            thread::sleep(self.pause); // Without a wait for the byte, the flag is checked after the pause.
        }
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Unblocks the signals that stop the server. A parent process may have left them blocked, and they would then never
/// arrive. The threads that the server starts inherit this.
fn unblock() -> io::Result<()> {
    let stopping: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    Ok(stopping.thread_unblock()?)
}
