//! The client: submits jobs from any number of threads over one connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::connect_error::ConnectError;
use super::control::JobControl;
use super::error::Error;
use super::handle::JobHandle;
use super::job_builder::JobBuilder;
use super::link::{Link, WeakLink};
use super::options::Options;
use super::outgoing;
use super::outgoing::line_limit::Fit;
use super::progress::Reports;
use super::promise::Promise;
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
        let link =
            Link::start(url, options, |_| SubmitSession::default(), Some(socket)).map_err(ConnectError::Thread)?;
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
        self.submit_plain(type_name, Some(arg))
    }

    /// Returns a job that can be given options before it is submitted, such as a priority or a deadline.
    ///
    /// ```
    /// # use deputy::client::{Client, Worker};
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// # let worker = Worker::new(&url).handle_typed("add", |all: Vec<i64>| Ok::<i64, String>(all.iter().sum()));
    /// # let stopper = worker.stopper();
    /// # let worker = std::thread::spawn(|| worker.run());
    /// use std::time::Duration;
    ///
    /// let client = Client::connect(&url)?;
    /// let sum = client.job("add", &[1, 2, 3]).priority(10).deadline(Duration::from_secs(60)).submit::<i64>();
    /// assert_eq!(sum.wait()?, 6);
    /// # stopper.stop();
    /// # worker.join().expect("a worker does not panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn job<'a, A: Serialize + ?Sized>(&'a self, type_name: &'a str, arg: &'a A) -> JobBuilder<'a, A> {
        JobBuilder::new(self, type_name, Some(arg))
    }

    /// Returns a job with options whose arg is a JSON text that the library carries as it is, or that has none
    /// ([`submit_raw`](Self::submit_raw)).
    pub fn job_raw<'a>(&'a self, type_name: &'a str, arg: Option<&'a RawValue>) -> JobBuilder<'a, RawValue> {
        JobBuilder::new(self, type_name, arg)
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
        self.submit_plain(type_name, arg)
    }

    /// Submits a job without options.
    fn submit_plain<A: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        type_name: &str,
        arg: Option<&A>,
    ) -> JobHandle<R> {
        let promise = Arc::new(Promise::default());
        self.submit_line(type_name, Ok(String::new()), arg, &promise, None);
        JobHandle::new(promise, self.options().deadline, JobControl::default())
    }

    /// Submits a job, and returns its id. `members` are those of its options, in JSON, or why it has none. The promise gets
    /// every error.
    pub(super) fn submit_line<A: Serialize + ?Sized>(
        &self,
        type_name: &str,
        members: Result<String, Error>,
        arg: Option<&A>,
        promise: &Arc<Promise>,
        reports: Option<&Arc<Reports>>,
    ) -> u64 {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let line = members.and_then(|members| outgoing::submit(id, type_name, &members, arg, self.options().max_line));
        let sent = line.and_then(|line| {
            self.send(line.len(), |session, out| {
                session.submit(id, &line, Arc::clone(promise), out);
                if let Some(reports) = reports {
                    session.follow(id, reports);
                }
            })
        });
        if let Err(error) = sent {
            promise.fill(Err(error));
            if let Some(reports) = reports {
                reports.end();
            }
        }
        id
    }

    /// Sends a line of `line_bytes` by `put`, if the server accepts lines of this length. Asks it once per connection.
    pub(super) fn send(&self, line_bytes: usize, put: impl Fn(&mut SubmitSession, &mut Vec<u8>)) -> Result<(), Error> {
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

    pub(super) fn options(&self) -> &Options {
        self.0.link.options()
    }

    pub(super) fn link(&self) -> WeakLink<SubmitSession> {
        self.0.link.downgrade()
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
