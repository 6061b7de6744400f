//! What signals do to the process: the first SIGTERM or SIGINT stops the server in good order, the second ends it at
//! once, and SIGHUP, SIGUSR1 and SIGUSR2 do nothing.
//!
//! Everything is caught rather than left to the system's defaults, which process 1 (of a container) does not have.
//! SIGPIPE is ignored by std.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level};

/// The signals that stop the server, and what the process ends with on the second of them, as shells have it.
const STOPPING: [(i32, i32); 2] = [(SIGTERM, 143), (SIGINT, 130)];

/// The signals that were caught. The flag is what counts; the pipe only wakes who waits for it, for a system without
/// memory may refuse the byte.
pub(crate) struct Signals {
    told: Arc<AtomicBool>,
    wakes: UnixStream,
    pause: Duration,
}

impl Signals {
    /// From now on signals are caught. Who waits for them looks at least once in `pause`.
    pub(crate) fn catch(pause: Duration) -> io::Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        let (wakes, waker) = UnixStream::pair()?;
        wakes.set_read_timeout(Some(pause))?;
        for (signal, status) in STOPPING {
            // In this order: the first signal must find the flag unset, and who is woken must find it set.
            flag::register_conditional_shutdown(signal, status, Arc::clone(&told))?;
            flag::register(signal, Arc::clone(&told))?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        for signal in [SIGHUP, SIGUSR1, SIGUSR2] {
            flag::register(signal, Arc::default())?; // The flag is not read: a handler is all it takes to survive.
        }
        Ok(Self { told, wakes, pause })
    }

    /// Waits for a signal to stop, but no longer than the pause, and says whether one has come.
    pub(crate) fn wait(&mut self) -> bool {
        if let Err(error) = self.wakes.read(&mut [0])
            && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        {
            thread::sleep(self.pause); // It cannot be waited for, so it is looked for.
        }
        self.told.load(Ordering::Relaxed)
    }
}
