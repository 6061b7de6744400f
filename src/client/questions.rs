//! What a client asks a server: whether it has read all jobs, and its metrics.

use std::sync::Arc;

use super::client::Client;
use super::error::Error;
use super::metrics::Metrics;
use super::outgoing;
use super::promise::{Outcome, Promise};
use super::submit_session::SubmitSession;

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
        self.ask_metrics("false")
    }

    /// Returns the server's metrics with a table of its types: at most 1,000, those with the most jobs first.
    ///
    /// # Errors
    /// Fails as [`ping`](Self::ping) does.
    pub fn metrics_by_type(&self) -> Result<Metrics, Error> {
        self.ask_metrics("true")
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
        self.ask_metrics(&outgoing::list(types.iter().copied()))
    }

    fn ask_metrics(&self, types: &str) -> Result<Metrics, Error> {
        let line = outgoing::metrics(types, self.options().max_line)?;
        Metrics::read(self.ask(line.len(), |session, promise, out| session.metrics(&line, promise, out))?)
    }

    /// Asks a question of `line_bytes`, and waits for the answer.
    fn ask(&self, line_bytes: usize, put: impl Fn(&mut SubmitSession, Arc<Promise>, &mut Vec<u8>)) -> Outcome {
        let promise = Arc::new(Promise::default());
        self.send(line_bytes, |session, out| put(session, Arc::clone(&promise), out))?;
        let deadline = self.options().end_of(self.options().answer_timeout);
        promise.wait(Some(deadline), Outcome::clone).unwrap_or(Err(Error::TimedOut))
    }
}
