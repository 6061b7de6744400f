//! A job with options, before it is submitted.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::client::Client;
use super::completion::Completion;
use super::control::{Controlled, JobControl};
use super::handle::JobHandle;
use super::job_options::JobOptions;
use super::progress::Reports;
use super::promise::Promise;

/// A job that gets options, and is then submitted: see [`Client::job`].
///
/// If a method is called twice, the last call counts.
///
/// Times are sent in whole milliseconds, rounded up, and are at most 30 days. If an option is out of its range, the job
/// is not sent, and fails with [`Error::BadRequest`](super::Error::BadRequest), which names the option.
///
/// An older server ignores all options.
///
/// ```
/// # use deputy::client::{Job, Worker};
/// # use deputy::server::{Config, Server};
/// # let server = Server::start(Config { port: 0, ..Config::default() })?;
/// # let url = server.addresses()[0].to_string();
/// # let worker = Worker::new(&url)
/// #     .handle_typed("resize", |photo: String| Ok::<_, String>(photo))
/// #     .handle_typed("mail", |_: String| Ok::<_, String>(()))
/// #     .handle_typed("report", |_: u32| Ok::<_, String>(()));
/// # let stopper = worker.stopper();
/// # let worker = std::thread::spawn(|| worker.run());
/// # let client = deputy::client::Client::connect(&url)?;
/// use std::time::Duration;
///
/// // A user waits for this one, but not for long.
/// let photo = client.job("resize", "cat.png").priority(10).deadline(Duration::from_secs(30)).submit::<String>();
///
/// // If a worker hangs in this one, another worker gets it. It must not be done by two of them at once.
/// let report = client.job("report", &2026).run_limit(Duration::from_secs(600)).key("2026").submit::<()>();
///
/// // It is enough that the server has this one. Its result is dropped.
/// client.job("mail", "welcome").delay(Duration::from_millis(5)).submit_background().wait()?;
/// # photo.wait()?;
/// # report.wait()?;
/// # stopper.stop();
/// # worker.join().expect("a worker does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the job is not sent before it is submitted"]
pub struct JobBuilder<'a, A: ?Sized> {
    client: &'a Client,
    type_name: &'a str,
    arg: Option<&'a A>,
    options: JobOptions<'a>,
}

impl<'a, A: Serialize + ?Sized> JobBuilder<'a, A> {
    pub(super) fn new(client: &'a Client, type_name: &'a str, arg: Option<&'a A>) -> Self {
        Self { client, type_name, arg, options: JobOptions::default() }
    }

    /// Sets the job's place among the waiting jobs of its type: higher ones go first, equal ones in the order in which
    /// they came. The default is 0. Jobs that are requeued because their worker was lost go before all others.
    pub fn priority(mut self, priority: i8) -> Self {
        self.options.priority = priority;
        self
    }

    /// Lets the job wait at the server for this long before it enters its queue. Then it is treated as if it had just
    /// arrived. When the server stops, the job fails with [`Error::Shutdown`](super::Error::Shutdown).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay = Some(delay);
        self
    }

    /// Ends the job with [`Error::Expired`](super::Error::Expired) if it has not ended this long after the server
    /// accepted it, whether it waits or runs then. A [`delay`](Self::delay) is part of that time.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Limits how long a worker may hold the job after it received the job or last reported progress. After that the
    /// server gives the job to another worker, and counts an attempt. When the [`attempts`](Self::attempts) are used up, the
    /// job ends with [`Error::RunLimit`](super::Error::RunLimit). The default is the server's `--run-limit`.
    pub fn run_limit(mut self, limit: Duration) -> Self {
        self.options.run_limit = Some(limit);
        self
    }

    /// Limits how long the job waits for a worker after it has entered its queue. Then the job ends with
    /// [`Error::NoWorker`](super::Error::NoWorker), even if a worker was lost with it meanwhile. Zero: a worker must
    /// have a free slot for the job at once. The server gives the job to no spare worker
    /// ([`Worker::spare`](super::Worker::spare)).
    ///
    /// The job cannot have a [`key`](Self::key).
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.options.wait_limit = Some(limit);
        self
    }

    /// Sets after how many lost or overdue workers the server gives up on the job, from 1 to 255. With 1, no second
    /// worker gets the job. The default is the server's `--max-attempts`.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.options.attempts = Some(attempts);
        self
    }

    /// Makes the job cancellable: by [`JobHandle::cancel`], and by the end of this client or its connection.
    pub fn cancellable(mut self) -> Self {
        self.options.cancellable = true;
        self
    }

    /// Asks for the worker's progress reports: see [`JobHandle::progress`] and [`JobControl::progress`].
    pub fn progress(mut self) -> Self {
        self.options.progress = true;
        self
    }

    /// Gives the job a key of 1 to 255 bytes. While a job of its type with this key waits or runs, further jobs with
    /// the key join it: they do not run themselves, and get the same answer. [`deadline`](Self::deadline),
    /// [`progress`](Self::progress) and [`cancellable`](Self::cancellable) apply to each of them separately. All other
    /// options are those of the first job.
    pub fn key(mut self, key: &'a str) -> Self {
        self.options.key = Some(key);
        self
    }

    /// Ends the job at once with [`Error::NoWorker`](super::Error::NoWorker) if no connected worker does its type when
    /// the job enters its queue. The job may still wait for a busy worker: see [`wait_limit`](Self::wait_limit).
    pub fn need_worker(mut self) -> Self {
        self.options.need_worker = true;
        self
    }

    /// Gives the job to a bridge, which stores it outside the server. The submitter is informed when the job is stored
    /// ([`JobHandle::wait_stored`], [`JobControl::wait_stored`]). From then on it is done at least once, whichever
    /// program or machine fails, as long as the store keeps it. If the connection is lost after that, the error is
    /// [`Error::AnswerLost`](super::Error::AnswerLost).
    ///
    /// Without a bridge for its type the job fails with [`Error::NoBridge`](super::Error::NoBridge): the server keeps
    /// no such job in its memory. The job cannot have a [`key`](Self::key) or a [`delay`](Self::delay). An older server
    /// ignores this option, and keeps the job only in its memory.
    ///
    /// ```
    /// # use std::io::{BufRead, BufReader, Write};
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// # let mut bridge = std::net::TcpStream::connect(&url)?;
    /// # writeln!(bridge, r#"{{"cmd":"can_do","types":["bill"],"max_jobs":1,"durable":true}}"#)?;
    /// # writeln!(bridge, r#"{{"cmd":"ping"}}"#)?;
    /// # let mut lines = BufReader::new(bridge.try_clone()?).lines();
    /// # lines.next().expect("a pong")?;
    /// # std::thread::spawn(move || {
    /// #     let job = lines.next().expect("a job").expect("a line");
    /// #     let job: serde_json::Value = serde_json::from_str(&job).expect("a job in JSON");
    /// #     writeln!(bridge, r#"{{"cmd":"stored","job":{}}}"#, job["job"]).expect("a server");
    /// #     lines.next();
    /// # });
    /// # let client = deputy::client::Client::connect(&url)?;
    /// # use std::time::Duration;
    /// let bill = client.job("bill", "July").durable().submit::<String>();
    /// bill.wait_stored(Duration::from_secs(10))?;
    /// println!("Your bill is on its way.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durable(mut self) -> Self {
        self.options.durable = true;
        self
    }

    /// Submits the job. The call returns as [`Client::submit`] does, and the handle reports every error.
    pub fn submit<R: DeserializeOwned>(self) -> JobHandle<R> {
        let promise = Arc::new(Promise::default());
        let control = self.send(&promise);
        JobHandle::new(promise, self.client.options().deadline, control)
    }

    /// Submits the job. Its result is JSON text. A missing result is `null`.
    pub fn submit_raw(self) -> JobHandle<Box<RawValue>> {
        self.submit()
    }

    /// Submits the job without waiting for its result. The handle has an answer as soon as the server has accepted or
    /// refused the job; for a [durable](Self::durable) job, as soon as it is stored. The server only counts how the job
    /// ends ([`Metrics`](super::Metrics)).
    ///
    /// The job cannot have a deadline, progress or be cancellable
    /// ([`Error::BadRequest`](super::Error::BadRequest)).
    pub fn submit_background(mut self) -> JobHandle<()> {
        self.options.background = true;
        self.submit().in_background()
    }

    /// Submits the job. Its end is sent to a channel, so one thread can wait for any number of jobs. `tag` identifies
    /// the job: an index, for example.
    ///
    /// Exactly one [`Completion`] is sent per job, whether the job is done or fails in any way. If the job cannot be
    /// sent, this call sends it. If the receiver was dropped, the job is still done.
    ///
    /// - The channel is one of `std` without a bound, because the client's thread must never wait for the receiver.
    ///   Completions
    ///   that are not received take memory, so a program should bound how many jobs it has open.
    /// - A tag is `Copy`, so that the client can drop it without running code of the program.
    /// - The returned [`JobControl`] shows progress, and whether a durable job is stored.
    /// - [`Options::deadline`](super::Options::deadline) does not end the wait for a completion. The receiver has
    ///   time-outs of its own.
    ///
    /// ```
    /// # use deputy::client::{Client, Worker};
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let url = server.addresses()[0].to_string();
    /// # let worker = Worker::new(&url).handle_typed("length", |text: String| Ok::<usize, String>(text.len()));
    /// # let stopper = worker.stopper();
    /// # let worker = std::thread::spawn(|| worker.run());
    /// # let client = Client::connect(&url)?;
    /// use std::sync::mpsc;
    ///
    /// let words = ["one", "three", "seventeen"];
    /// let (sender, completions) = mpsc::channel();
    /// for (index, word) in words.iter().enumerate() {
    ///     client.job("length", word).submit_to(&sender, index);
    /// }
    /// for completion in completions.iter().take(words.len()) {
    ///     assert_eq!(completion.result::<usize>()?, words[completion.tag].len());
    /// }
    /// # stopper.stop();
    /// # worker.join().expect("a worker does not panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_to<T: Copy + Send + 'static>(self, sender: &Sender<Completion<T>>, tag: T) -> JobControl {
        let sender = sender.clone();
        // It fails if the receiver was dropped.
        let promise = Promise::forward(move |outcome| drop(sender.send(Completion::new(tag, outcome))));
        self.send(&Arc::new(promise))
    }

    fn send(&self, promise: &Arc<Promise>) -> JobControl {
        let Self { client, type_name, arg, options } = self;
        let reports = (options.progress || options.durable).then(Arc::<Reports>::default);
        let id = client.submit_line(type_name, options.members(), *arg, promise, reports.as_ref());
        if reports.is_none() && !options.cancellable {
            return JobControl::default();
        }
        JobControl::new(Controlled {
            link: client.link(),
            id,
            is_cancellable: options.cancellable,
            is_cancelled: AtomicBool::default(),
            cancels_on_drop: AtomicBool::default(),
            stored: reports.clone().filter(|_| options.durable),
            reports: reports.filter(|_| options.progress),
            deadline: client.options().deadline,
        })
    }
}
