//! The queries of a client: whether the server has read all jobs, and the server's metrics.

use std::sync::Arc;

use super::client::Client;
use super::error::Error;
use super::metrics::Metrics;
use super::outgoing;
use super::promise::{Outcome, Promise};
use super::submit_session::SubmitSession;

/// The members that ask for all tables except that by type.
const IN_FULL: &str = r#","histograms":true,"shards":true"#;

impl Client {
    /// Waits until the server has read all jobs that were submitted before. Each of them has then been accepted, or its
    /// handle has the error. So a program that does not wait for results may exit after `ping` returns.
    ///
    /// # Errors
    /// If the connection is lost or missing, or if no answer comes for [`Options::answer_timeout`](super::Options::answer_timeout).
    pub fn ping(&self) -> Result<(), Error> {
        self.ask(outgoing::PING.len(), SubmitSession::ping).map(drop)
    }

    /// Returns the server's metrics, without the table by type.
    ///
    /// # Errors
    /// Fails as [`ping`](Self::ping) does.
    pub fn metrics(&self) -> Result<Metrics, Error> {
        self.ask_metrics("false", "")
    }

    /// Returns the server's metrics with a table of its types: at most 1,000, those with the most jobs first.
    ///
    /// # Errors
    /// Fails as [`ping`](Self::ping) does.
    pub fn metrics_by_type(&self) -> Result<Metrics, Error> {
        self.ask_metrics("true", "")
    }

    /// Returns the server's metrics with a table of these types. A type that the server does not know has zeros.
    ///
    /// ```
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let client = deputy::client::Client::connect(&server.addresses()[0].to_string())?;
    /// let waiting = client.submit::<_, ()>("resize", "cat.png");
    /// let metrics = client.metrics_of(&["resize", "crop"])?;
    /// assert_eq!(metrics.jobs_added, 1);
    /// assert_eq!((metrics.types[0].name.as_str(), metrics.types[0].waiting), ("resize", 1));
    /// assert_eq!((metrics.types[1].name.as_str(), metrics.types[1].waiting), ("crop", 0));
    /// # drop(waiting);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`ping`](Self::ping) does, and with [`Error::BadRequest`] for more than 1,024 names or an invalid name.
    pub fn metrics_of(&self, types: &[&str]) -> Result<Metrics, Error> {
        self.ask_metrics(&outgoing::list(types.iter().copied()), "")
    }

    /// Returns all metrics that the server has: with the tables by type and by shard, and with outcomes and histograms of
    /// all types that have figures of their own. The answer may have some megabytes if there are thousands of types.
    ///
    /// ```
    /// # use deputy::client::Worker;
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// # let worker = Worker::new(&url).handle_typed("add", |all: Vec<i64>| Ok::<i64, String>(all.iter().sum()));
    /// # let stopper = worker.stopper();
    /// # let worker = std::thread::spawn(|| worker.run());
    /// # let client = deputy::client::Client::connect(&url)?;
    /// let before = client.metrics_in_full()?;
    /// client.submit::<_, i64>("add", &[1, 2]).wait()?;
    /// let after = client.metrics_in_full()?;
    /// let row = &after.types[0];
    /// assert_eq!((row.name.as_str(), row.outcomes.done), ("add", 1));
    /// let earlier = before.types.iter().find(|row| row.name == "add").map(|row| row.wait).unwrap_or_default();
    /// assert!(row.wait.since(&earlier).quantile(0.99).is_some());
    /// # stopper.stop();
    /// # worker.join().expect("a worker does not panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`ping`](Self::ping) does. A server before version 0.2 omits some figures.
    pub fn metrics_in_full(&self) -> Result<Metrics, Error> {
        self.ask_metrics("true", IN_FULL)
    }

    /// Returns the metrics as [`metrics_in_full`](Self::metrics_in_full) does, with rows of these types alone, and without
    /// [`other_types`](Metrics::other_types).
    ///
    /// # Errors
    /// Fails as [`metrics_of`](Self::metrics_of) does.
    pub fn metrics_in_full_of(&self, types: &[&str]) -> Result<Metrics, Error> {
        self.ask_metrics(&outgoing::list(types.iter().copied()), IN_FULL)
    }

    fn ask_metrics(&self, types: &str, tables: &str) -> Result<Metrics, Error> {
        let line = outgoing::metrics(types, tables, self.options().max_line)?;
        Metrics::read(self.ask(line.len(), |session, promise, out| session.metrics(&line, promise, out))?)
    }

    /// Asks a query of `line_bytes`, and waits for the answer.
    fn ask(&self, line_bytes: usize, put: impl Fn(&mut SubmitSession, Arc<Promise>, &mut Vec<u8>)) -> Outcome {
        let promise = Arc::new(Promise::default());
        self.send(line_bytes, |session, out| put(session, Arc::clone(&promise), out))?;
        let deadline = self.options().end_of(self.options().answer_timeout);
        promise.wait(Some(deadline), Outcome::clone).unwrap_or(Err(Error::TimedOut))
    }
}
