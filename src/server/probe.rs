//! Lets other threads read the figures of a running server, and gives a program a connection to the server within it.
//!
//! All functions except [`Probe::connect`] read published figures, so they work even while a shard hangs.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::log::Log;
use super::mailbox::{MailboxSender, ShardCommand};
use super::shared::Shared;
use super::stream::Stream;
use crate::limits::JOB_FIXED_BYTES;
use crate::metrics::{ShardRow, Totals};

/// Reads the figures of a running [`Server`](super::Server). Cheap to clone. It may outlive its server, and then returns the
/// last figures.
#[derive(Clone)]
pub struct Probe {
    shared: Arc<Shared>,
    mailboxes: Box<[MailboxSender]>,
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the HTTP server logs by it"))]
    log: Log,
}

impl Probe {
    pub(super) fn new(shared: &Arc<Shared>, mailboxes: &[MailboxSender], log: &Log) -> Self {
        Self { shared: Arc::clone(shared), mailboxes: mailboxes.into(), log: log.clone() }
    }

    /// Returns the sums of all shards, as last published.
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Returns the figures of each shard, as last published.
    pub fn shards(&self) -> Vec<ShardRow> {
        self.shared.shards()
    }

    /// Returns for each shard how long its present turn has lasted; zero while the shard sleeps. A turn takes microseconds
    /// to milliseconds.
    pub fn turns(&self) -> Vec<Duration> {
        self.shared.turns()
    }

    /// Returns whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Returns whether the memory budget has room for a job without arg and options.
    pub fn accepts_jobs(&self) -> bool {
        let totals = self.totals();
        totals.counts.job_bytes + totals.counts.unsent_bytes + JOB_FIXED_BYTES <= totals.bytes_max
    }

    /// Opens a connection to the server within this process. The server treats it as any other, and counts it as open.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let (own, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        hand_over(&self.shared, &self.mailboxes, Stream::Unix(mio::net::UnixStream::from_std(theirs)));
        Ok(own)
    }

    /// Returns the server's log.
    #[cfg(feature = "http")]
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

/// Gives a connection to the shard that has the fewest.
pub(super) fn hand_over(shared: &Shared, mailboxes: &[MailboxSender], stream: Stream) {
    let shard = shared.least_loaded();
    shared.loads[shard].fetch_add(1, Ordering::Relaxed);
    mailboxes[shard].post(ShardCommand::Connection(stream));
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};

    use super::super::{Config, Server};

    #[test]
    fn a_connection_within_the_process_is_served_and_counted() {
        let server = Server::start(Config { port: 0, threads: 2, ..Config::default() }).unwrap();
        let probe = server.probe();
        let stream = probe.connect().unwrap();
        (&stream).write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), "{\"cmd\":\"pong\"}");
        assert_eq!(probe.totals().counts.connections_open, 1);
        assert_eq!(probe.shards().iter().map(|row| row.counts.connections_open).sum::<u64>(), 1);
        assert!(probe.accepts_jobs() && !probe.is_draining());
        server.stop();
        assert!(probe.is_draining());
        assert_eq!(BufReader::new(&stream).read_line(&mut line).unwrap(), 0, "it ends with the server");
    }
}
