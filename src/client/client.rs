//! The client: submits jobs from any number of threads over one connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::connect_error::ConnectError;
use super::error::Error;
use super::handle::JobHandle;
use super::line_limit::Fit;
use super::link::Link;
use super::metrics::Metrics;
use super::options::Options;
use super::outgoing;
use super::promise::{Outcome, Promise};
use super::resolver::Resolver;
use super::stream;
use super::submit_session::SubmitSession;
use super::url::Url;

/// A connection to a server, for submitting jobs. Clones share it, and any number of threads may use it at once.
///
/// When the connection is lost, the jobs that are open on it fail with [`Error::Disconnected`]. The client does not submit
/// them again, because they may have run. It reconnects, quickly at first and then every few seconds. Jobs that are
/// submitted meanwhile wait for the new connection. After [`Options::outage_timeout`] they fail with
/// [`Error::NotConnected`].
///
/// Dropping the last clone sends what was submitted, for at most a second, and closes the connection. Jobs without an
/// answer fail with [`Error::Closed`]. To be sure that the server has all jobs, call [`ping`](Self::ping) first.
///
/// A process that forks must connect in the child: the threads of a connection exist only in the parent.
///
/// ```
/// # use deputy::client::Worker;
/// # use deputy::server::{Config, Server};
/// # let server = Server::start(Config { port: 0, ..Config::default() })?;
/// # let url = server.addresses()[0].to_string();
/// # let worker = Worker::new(&url).handle_typed("add", |all: Vec<i64>| Ok::<i64, String>(all.iter().sum()));
/// # let stopper = worker.stopper();
/// # let worker = std::thread::spawn(|| worker.run());
/// use deputy::client::Client;
///
/// let client = Client::connect(&url)?;
/// let handles: Vec<_> = (0..10).map(|n| client.submit::<_, i64>("add", &[n, 1])).collect();
/// for (handle, sum) in handles.into_iter().zip(1..) {
///     assert_eq!(handle.wait()?, sum);
/// }
/// # stopper.stop();
/// # worker.join().expect("a worker does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    link: Link<SubmitSession>,
    next_id: AtomicU64,
}

impl Client {
    /// Connects to `tcp://host:port`, `host:port` or `unix:/path` ([`Url`]), with the default [`Options`].
    ///
    /// # Errors
    /// If `url` is not an address, or the server cannot be reached.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        Options::new().connect(url)
    }

    /// Connects to the server that the variable `DEPUTY_URL` names, by default `tcp://127.0.0.1:11746`.
    ///
    /// # Errors
    /// Fails as [`connect`](Self::connect) does.
    pub fn from_env() -> Result<Self, ConnectError> {
        Options::new().connect_from_env()
    }

    pub(super) fn open(url: Url, options: Options) -> Result<Self, ConnectError> {
        let deadline = options.end_of(options.connect_timeout);
        let socket = stream::connect(&url, &options, &mut Resolver::default(), deadline)?;
        let link = Link::start(url, options, SubmitSession::default(), Some(socket)).map_err(ConnectError::Thread)?;
        Ok(Self(Arc::new(Inner { link, next_id: AtomicU64::new(1) })))
    }

    /// Returns the address of the server.
    pub fn url(&self) -> &Url {
        self.0.link.url()
    }

    /// Submits a job. The handle reports every error.
    ///
    /// The result is decoded into `R`: `client.submit::<_, u32>("count", "words")`.
    ///
    /// The call returns at once, with two exceptions. It blocks while more than [`Options::max_unsent`] bytes are unsent.
    /// Before the first line of more than 1,024 bytes on a connection, the client asks the server for its line limit, and
    /// the call waits for the answer.
    pub fn submit<A: Serialize + ?Sized, R: DeserializeOwned>(&self, type_name: &str, arg: &A) -> JobHandle<R> {
        self.submit_line(type_name, Some(arg))
    }

    /// Submits a job whose arg and result are JSON texts that the library carries as they are. Line ends between tokens
    /// become spaces. A missing result is `null`.
    ///
    /// ```
    /// # use deputy::client::{Job, Worker};
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// # let worker = Worker::new(&url).handle("echo", |job: &Job| Ok::<_, String>(job.raw().map(|arg| arg.to_owned())));
    /// # let stopper = worker.stopper();
    /// # let worker = std::thread::spawn(|| worker.run());
    /// # let client = deputy::client::Client::connect(&url)?;
    /// use serde_json::value::RawValue;
    ///
    /// let arg = RawValue::from_string(r#"{"b": 1e400, "a": -0}"#.to_owned())?;
    /// let res = client.submit_raw("echo", Some(&arg)).wait()?;
    /// assert_eq!(res.get(), arg.get());
    /// # stopper.stop();
    /// # worker.join().expect("a worker does not panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_raw(&self, type_name: &str, arg: Option<&RawValue>) -> JobHandle<Box<RawValue>> {
        self.submit_line(type_name, arg)
    }

    fn submit_line<A: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        type_name: &str,
        arg: Option<&A>,
    ) -> JobHandle<R> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let promise = Arc::new(Promise::default());
        let sent = outgoing::submit(id, type_name, arg, self.options().max_line).and_then(|line| {
            self.send(line.len(), |session, out| session.submit(id, &line, Arc::clone(&promise), out))
        });
        if let Err(error) = sent {
            promise.fill(Err(error));
        }
        JobHandle::new(promise, self.options().deadline)
    }

    /// Waits until the server has read all jobs that were submitted before. Each of them has then been accepted, or its
    /// handle has the error. So a program that does not wait for results may exit after `ping` returns.
    ///
    /// # Errors
    /// If the connection is lost or missing, or if no answer comes for [`Options::answer_timeout`].
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

    /// Sends a line of `line_bytes` by `put`, if the server accepts lines of this length. Asks it once per connection.
    fn send(&self, line_bytes: usize, put: impl Fn(&mut SubmitSession, &mut Vec<u8>)) -> Result<(), Error> {
        loop {
            let fit = self.0.link.send(line_bytes, |session, out| {
                let fit = session.fit(line_bytes);
                if fit == Fit::Fits {
                    put(session, out);
                }
                fit
            })?;
            match fit {
                Fit::Fits => return Ok(()),
                Fit::TooLong(limit) => return Err(outgoing::too_long(line_bytes - 1, limit)),
                Fit::Unknown => self.learn_limit()?,
            }
        }
    }

    /// Asks for the server's longest line, which the session finds in the answer. Nothing else has been sent, so every
    /// failure is a [`Error::NotConnected`].
    fn learn_limit(&self) -> Result<(), Error> {
        match self.metrics() {
            Ok(_) | Err(Error::UnknownCmd(_)) => Ok(()),
            Err(error @ (Error::NotConnected(_) | Error::Closed)) => Err(error),
            Err(error) => {
                Err(Error::NotConnected(format!("not sent: {} was asked for its limits: {error}", self.url())))
            }
        }
    }

    fn options(&self) -> &Options {
        self.0.link.options()
    }
}

/// These methods are here so that the options do not depend on the client.
impl Options {
    /// Connects a client. It tries the first connection once.
    ///
    /// # Errors
    /// If `url` is not an address, or the server cannot be reached.
    pub fn connect(self, url: &str) -> Result<Client, ConnectError> {
        self.connect_to(url.parse()?)
    }

    /// Connects to the server that `DEPUTY_URL` names ([`Url::from_env`]), as [`connect`](Self::connect) does.
    ///
    /// # Errors
    /// Fails as [`connect`](Self::connect) does.
    pub fn connect_from_env(self) -> Result<Client, ConnectError> {
        self.connect_to(Url::from_env()?)
    }

    fn connect_to(self, url: Url) -> Result<Client, ConnectError> {
        Client::open(url, self)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", self.url()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.close();
        self.link.with(|jobs, _| jobs.fail_all(&Error::Closed));
    }
}
