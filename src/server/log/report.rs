//! Writes the line of metrics that `-v` asks for every few seconds.
//!
//! The reporter has its own thread, because shards are busy with jobs. It reads the counters that shards publish, and
//! blocks no shard.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Log;
use crate::limits;

/// The reporting thread. Ends when this is dropped.
pub(in crate::server) struct Reporter {
    /// Carries nothing: dropping it ends the thread.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reporter {
    /// Starts a thread that logs what `read` returns, first after [`limits::REPORT_SECONDS`] and then each time they have
    /// passed.
    pub(in crate::server) fn start(log: Log, read: impl Fn() -> String + Send + 'static) -> io::Result<Reporter> {
        Self::start_every(Duration::from_secs(limits::REPORT_SECONDS), move || log.metrics(read()))
    }

    fn start_every(interval: Duration, report: impl FnMut() + Send + 'static) -> io::Result<Reporter> {
        let (running, stopped) = bounded(0);
        let thread =
            thread::Builder::new().name("reporter".to_owned()).spawn(move || run(&stopped, interval, report))?;
        Ok(Self { running: Some(running), thread: Some(thread) })
    }

    /// Ends the thread at once.
    pub(in crate::server) fn stop(self) {
        drop(self);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has reported a panic of the thread; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn run(stopped: &Receiver<()>, interval: Duration, mut report: impl FnMut()) {
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        report();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::Level;
    use super::super::line::LogFormat;
    use super::*;

    #[test]
    fn it_reports_again_and_again_until_it_is_stopped() {
        let (reports, seen) = crossbeam_channel::unbounded();
        let reporter = Reporter::start_every(Duration::from_millis(1), move || reports.send(()).unwrap()).unwrap();
        for _ in 0..3 {
            seen.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        reporter.stop();
        // The thread has ended and dropped its end of the channel, so all that it sent can be counted.
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
        let (log, thread) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
        Reporter::start(log, || unreachable!("it is stopped before its first report")).unwrap().stop();
        thread.stop();
    }
}
