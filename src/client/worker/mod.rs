//! The worker offers its types, does jobs, and ends when it is stopped.

mod conn_state;
mod event;
mod failure;
mod handler;
mod job;
mod offer;
mod origin;
mod report;
mod running;
mod session;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use event::{Event, RunError};
pub use failure::Failure;
use handler::Handlers;
pub use job::{ArgError, Job};
use offer::Offer;
use running::{Ending, Running};
use session::WorkerSession;

use super::link::Link;
use super::options::Options;
use super::url::{Url, UrlError};
use crate::limits::JOBS_PER_WORKER_MAX;

/// A worker: handlers for job types, and the connection that brings the jobs.
///
/// [`run`](Self::run) connects and works until it is stopped. It waits for a server that is not up yet, and reconnects
/// when the connection is lost. A job belongs to the connection that it came on. When that connection is lost, the server
/// gives the job to another worker, and the worker drops its own result.
///
/// A worker notices an unresponsive server within a minute, however long its handlers take ([`Options::ping_after`],
/// [`Options::answer_timeout`]).
///
/// ```
/// # use deputy::server::{Config, Server};
/// # let server = Server::start(Config { port: 0, ..Config::default() })?;
/// # let url = server.addresses()[0].to_string();
/// use deputy::client::{Client, Job, Worker};
///
/// let worker = Worker::new(&url)
///     .handle("shout", |job: &Job| job.arg::<String>().map(|text| text.to_uppercase()))
///     .handle_typed("divide", |(a, b): (i64, i64)| a.checked_div(b).ok_or("it has no quotient"))
///     .max_jobs(4);
/// let stopper = worker.stopper();
/// let running = std::thread::spawn(|| worker.run());
///
/// let client = Client::connect(&url)?;
/// assert_eq!(client.submit::<_, String>("shout", "hello").wait()?, "HELLO");
/// assert_eq!(client.submit::<_, i64>("divide", &(12, 4)).wait()?, 3);
/// let error = client.submit::<_, i64>("divide", &(1, 0)).wait().unwrap_err();
/// assert_eq!(error.to_string(), "the job failed: it has no quotient");
/// let error = client.submit::<_, i64>("divide", &"one").wait().unwrap_err();
/// assert!(error.to_string().contains("invalid type: string \"one\""));
///
/// stopper.stop();
/// running.join().expect("handlers' panics do not end it")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it does nothing before `run`"]
pub struct Worker {
    url: Result<Url, UrlError>,
    options: Options,
    handlers: Handlers,
    /// The types for which the worker is a spare one.
    spare: BTreeSet<String>,
    references: bool,
    max_jobs: u32,
    limit: u64,
    on_event: OnEvent,
    signals: Receiver<WorkerSignal>,
    sender: Sender<WorkerSignal>,
}

type OnEvent = Box<dyn FnMut(&Event) + Send>;

/// A signal to the thread that runs a worker.
#[derive(Debug)]
enum WorkerSignal {
    /// From a [`Stopper`].
    Stop,
    /// The worker is stopping and holds nothing. It waits for the answer to its last `ping`.
    Leaving,
    Event(Event),
    Ended(Result<(), RunError>),
}

/// Stops a worker, from any thread. Clones stop the same worker.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<WorkerSignal>);

impl Stopper {
    /// Stops the worker: it takes no more jobs, finishes those that it holds, sends their results and ends. This method
    /// returns at once; [`Worker::run`] returns when the worker has ended. A worker that does not run yet stops when it
    /// starts. Further calls have no effect. A server that does not answer delays the end by 5 s, or by
    /// [`Options::answer_timeout`] if that is less.
    pub fn stop(&self) {
        // It fails if the worker has ended.
        let _ = self.0.send(WorkerSignal::Stop);
    }
}

impl Worker {
    /// Returns a worker for the server at `tcp://host:port`, `host:port` or `unix:/path` ([`Url`]). [`run`](Self::run)
    /// connects, and reports a wrong `url`.
    pub fn new(url: &str) -> Self {
        Self::with_url(url.parse())
    }

    /// Returns a worker for the server that the variable `DEPUTY_URL` names, by default `tcp://127.0.0.1:11746`.
    pub fn from_env() -> Self {
        Self::with_url(Url::from_env())
    }

    fn with_url(url: Result<Url, UrlError>) -> Self {
        let (sender, signals) = unbounded();
        Self {
            url,
            options: Options::new(),
            handlers: Handlers::default(),
            spare: BTreeSet::new(),
            references: false,
            max_jobs: 1,
            limit: u64::MAX,
            on_event: Box::new(|_| ()),
            signals,
            sender,
        }
    }

    /// Sets the handler of a type, and replaces an earlier one. Several threads call it at once if
    /// [`max_jobs`](Self::max_jobs) is more than one.
    ///
    /// - `Ok` is the job's result.
    /// - `Err` fails the job. Any error that implements `Display` becomes a JSON string, and a [`Failure`] may be any JSON.
    /// - A panic fails the job, and the worker goes on.
    /// - A result that no line can carry fails the job: one with NaN, one that nests too deep, or one that is too long.
    /// - `std::process::exit`, `abort`, a stack overflow, and a panic under `panic = "abort"` end the process, and the
    ///   library cannot prevent it. The server requeues the worker's jobs, and gives up on a job that ends several workers.
    ///
    /// The handler receives the whole [`Job`], and reads the arg by [`Job::arg`] or [`Job::raw`]. So the arg may borrow
    /// from the job, and raw and typed jobs have the same form. [`handle_typed`](Self::handle_typed) is shorter for a
    /// handler that needs only the arg.
    pub fn handle<R, E>(
        mut self,
        type_name: &str,
        handler: impl Fn(&Job) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        R: Serialize,
        E: Into<Failure>,
    {
        self.handlers.insert(type_name, handler);
        self
    }

    /// Sets the handler of a type, as [`handle`](Self::handle) does, for a handler that needs only the arg. An arg of
    /// another type fails the job, with the reason.
    pub fn handle_typed<A, R, E>(
        self,
        type_name: &str,
        handler: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        R: Serialize,
        E: Into<Failure>,
    {
        self.handle(type_name, move |job| handler(job.arg()?).map_err(Into::<Failure>::into))
    }

    /// Makes the worker a spare one for a type that has a handler: the server gives it jobs of that type only while no
    /// ordinary worker can take them. For other types the worker stays ordinary. A spare worker never gets a job with a
    /// [`wait_limit`](super::JobBuilder::wait_limit). An older server treats it as an ordinary worker.
    ///
    /// ```
    /// let worker = deputy::client::Worker::new("127.0.0.1:1")
    ///     .handle_typed("film", |name: String| Ok::<_, String>(name))
    ///     .handle_typed("photo", |name: String| Ok::<_, String>(name))
    ///     .spare("photo"); // It is here for films, and helps out with photos.
    /// ```
    pub fn spare(mut self, type_name: &str) -> Self {
        self.spare.insert(type_name.to_owned());
        self
    }

    /// Asks the server for a [reference](Job::reference) to each job.
    pub fn references(mut self) -> Self {
        self.references = true;
        self
    }

    /// Sets how many jobs the worker holds at once, from 1 to 65,535. Each runs on a separate thread. The default is 1.
    pub fn max_jobs(mut self, max_jobs: u32) -> Self {
        self.max_jobs = max_jobs;
        self
    }

    /// Sets after how many answered jobs the worker stops by itself. It never holds more jobs than it may still
    /// answer. There is no limit by default.
    pub fn limit(mut self, jobs: u64) -> Self {
        self.limit = jobs;
        self
    }

    /// Sets how the worker connects and stays connected.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Sets the function that handles an event that no job handler sees, such as a lost connection. The thread in
    /// [`run`](Self::run) calls it, and handles nothing else meanwhile, not even a stop. A panic in it ends `run`.
    pub fn on_event(mut self, on_event: impl FnMut(&Event) + Send + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// Returns a [`Stopper`] for this worker.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Works until it is stopped, or has reached its [`limit`](Self::limit).
    ///
    /// # Errors
    /// If reconnecting would not help: see [`RunError`]. If the server is unreachable, the worker keeps trying.
    pub fn run(mut self) -> Result<(), RunError> {
        let url = self.url.clone()?;
        if self.handlers.is_empty() {
            return Err(RunError::NoHandler);
        }
        if !(1..=JOBS_PER_WORKER_MAX).contains(&self.max_jobs) {
            return Err(RunError::MaxJobs(self.max_jobs));
        }
        if let Some(type_name) = self.spare.iter().find(|type_name| !self.handlers.has(type_name)) {
            return Err(RunError::NoSpareHandler(type_name.clone()));
        }
        let (sender, jobs) = unbounded();
        let offer = Offer::new(&self.handlers.types(), &self.spare, self.references);
        let signals = self.sender.clone();
        let session = |link| WorkerSession::new(offer, self.max_jobs, self.limit, sender, signals, Arc::new(link));
        // The answers of a worker wait for the end of an outage without a time limit.
        let options = self.options.clone().unbounded();
        let running = Running::new();
        thread::scope(|scope| {
            let ending = Ending(&running);
            // Before connecting, so that a worker that cannot start its threads takes no job.
            for _ in 0..self.max_jobs {
                let (running, jobs, handlers) = (&running, jobs.clone(), &self.handlers);
                let thread = thread::Builder::new().name("deputy handler".to_owned());
                thread.spawn_scoped(scope, move || running.work(handlers, &jobs)).map_err(RunError::Thread)?;
            }
            let link = Link::start(url, options, session, None).map_err(RunError::Thread)?;
            let outcome = running.watch(link, &self.signals, &mut self.on_event);
            drop(ending);
            outcome
        })
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(ToString::to_string).map_err(ToString::to_string);
        f.debug_struct("Worker").field("url", &url).field("types", &self.handlers.types()).finish_non_exhaustive()
    }
}
