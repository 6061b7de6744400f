//! The line of metrics that `-v` writes to stderr every few seconds.
//!
//! A thread of its own, as shards are busy with jobs; it reads the counters that they publish and stops none of them.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Log;
use crate::limits;
use crate::server::start_error::StartError;

/// The thread that reports. Ends when it is dropped, too.
pub(crate) struct Reporter {
    stopped: Arc<Stopped>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stopped {
    flag: Mutex<bool>,
    changed: Condvar,
}

impl Reporter {
    /// Puts what `read` gives into `log` every [`limits::REPORT_SECONDS`], first after that time.
    pub(crate) fn start(log: Log, read: Box<dyn Fn() -> String + Send>) -> Result<Reporter, StartError> {
        let every = Duration::from_secs(limits::REPORT_SECONDS);
        Self::start_every(every, move || log.raw(read()))
    }

    fn start_every(every: Duration, report: impl FnMut() + Send + 'static) -> Result<Reporter, StartError> {
        let stopped = Arc::new(Stopped::default());
        let seen = Arc::clone(&stopped);
        let thread = thread::Builder::new()
            .name("reporter".to_owned())
            .spawn(move || run(&seen, every, report))
            .map_err(StartError::system("start the reporter's thread"))?;
        Ok(Self { stopped, thread: Some(thread) })
    }

    /// Ends the thread at once.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        *self.stopped.flag.lock() = true;
        self.stopped.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic was told of by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn run(stopped: &Stopped, every: Duration, mut report: impl FnMut()) {
    let mut next = Instant::now() + every;
    let mut flag = stopped.flag.lock();
    while !*flag {
        if stopped.changed.wait_until(&mut flag, next).timed_out() && !*flag {
            report();
            next = Instant::now() + every;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn it_reports_again_and_again_until_it_is_stopped() {
        let (reports, seen) = crossbeam_channel::unbounded();
        let reporter = Reporter::start_every(Duration::from_millis(1), move || reports.send(()).unwrap()).unwrap();
        for _ in 0..3 {
            seen.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        reporter.stop();
        // The thread has ended, and its end of the channel with it: what it had sent can be counted.
        let before_the_stop = seen.len();
        assert_eq!(seen.iter().count(), before_the_stop);
    }

    #[test]
    fn a_stop_does_not_wait_for_the_next_report() {
        let before = Instant::now();
        let reporter = Reporter::start_every(Duration::from_secs(3_600), || unreachable!()).unwrap();
        reporter.stop();
        assert!(before.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn the_reporter_of_a_server_starts_and_stops() {
        let (log, thread) = Log::start(Level::Off).unwrap();
        Reporter::start(log, Box::new(|| unreachable!("it is stopped before its first report"))).unwrap().stop();
        thread.stop();
    }
}
