//! The shell has the sockets, threads and clocks. [`crate::dispatch`] makes all decisions about jobs.
//!
//! | file | what it does |
//! |---|---|
//! | `config`, `number_range` | the settings and their ranges |
//! | `listen`, `sock_file`, `os` | opens sockets, and queries the machine at the start |
//! | `acceptor`, `accept_policy` | the thread that accepts connections and passes each to the least loaded shard |
//! | `shard` | a shard's thread: the turn, and what it reports when the server stops |
//! | `connections`, `conn`, `stream` | a shard's connections, and the effects that the core asks for |
//! | `mailbox`, `wake` | messages between shards, in batches, without a wake for a shard that is awake |
//! | `shared`, `pulse`, `probe` | the data that threads share, and how other threads read it |
//! | `log`, `names`, `start_error` | log lines, names in them, and errors of a start |

mod accept_policy;
mod acceptor;
mod address;
mod config;
mod conn;
mod connections;
mod listen;
mod log;
mod mailbox;
mod names;
pub mod number_range;
mod os;
mod probe;
mod pulse;
mod shard;
mod shared;
mod sock_file;
mod start_error;
mod stream;
mod unsent;
mod wake;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ahash::RandomState;
use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::Poll;

#[cfg(feature = "http")]
pub(crate) use accept_policy::{AcceptOutcome, AcceptPolicy};
use acceptor::Acceptor;
pub use address::Address;
pub use config::{Config, HOST_EXPECTED, KEEPALIVE_EXPECTED, Keepalive, SOCK_EXPECTED};
pub(crate) use listen::Listeners;
use listen::log_listening;
#[cfg(feature = "http")]
pub(crate) use listen::{Listener, log_http_listening};
use log::event::Event;
pub use log::event::EventKind;
pub use log::line::{LogFormat, Member, Value};
pub use log::panic::abort_on_panic;
use log::report::Reporter;
#[cfg(feature = "http")]
pub(crate) use log::timestamp::date;
pub use log::{Level, Log, LogThread};
use mailbox::{Mailbox, MailboxSender, Outbox, ShardCommand};
pub use number_range::{ConfigError, Field};
pub use os::raise_descriptor_limit;
pub use probe::Probe;
use shard::{Shard, ShardEvent, WAKE};
use shared::Shared;
pub use start_error::StartError;
#[cfg(feature = "http")]
pub(crate) use stream::Stream;

use crate::dispatch::message::ShardId;
use crate::dispatch::{PerTurn, Settings};
use crate::limits::{BUDGET_BYTES_PER_FIGURE_TYPE, FIGURE_TYPES_MAX, FLUSH_MS};
use crate::metrics::Tables;
use crate::protocol::tables::metrics_object;

/// A server that runs in threads of this process, until [`stop`](Self::stop) is called or it is dropped.
///
/// A panic in one of its threads is a bug in the server. Call [`abort_on_panic`] first, so that a panic ends the process.
/// Otherwise the server runs on without the shard and its jobs, and `stop` panics.
pub struct Server {
    addresses: Vec<Address>,
    drain: Duration,
    shared: Arc<Shared>,
    acceptor: Option<Acceptor>,
    reporter: Option<Reporter>,
    mailboxes: Box<[MailboxSender]>,
    shards: Vec<JoinHandle<()>>,
    events: Receiver<ShardEvent>,
    log: Log,
    log_thread: Option<LogThread>,
}

impl Server {
    /// Starts a server. When this returns, the server listens.
    ///
    /// # Errors
    /// If a setting is out of its range, if the server cannot listen on an address or path, or if the system has no
    /// threads or descriptors left. Then no thread of the server is left running.
    #[expect(clippy::needless_pass_by_value, reason = "no caller needs the settings back")]
    pub fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let (log, log_thread) = Log::start("deputy", config.log, config.log_format)
            .map_err(StartError::system("start the log's thread"))?;
        let listeners = Listeners::bind(&config)?;
        listeners.log_warnings(&log);
        let addresses = listeners.addresses();
        let shared = Arc::new(Shared::new(config.shards(), config.memory_bytes(), config.line_bytes_max));
        let (sender, events) = unbounded();
        let (mailboxes, shards) = prepare_shards(&config, &shared, &log, &sender)?;
        let mut server = Self {
            addresses,
            drain: Duration::from_secs(config.drain_seconds),
            shared,
            acceptor: None,
            reporter: None,
            mailboxes,
            shards: Vec::new(),
            events,
            log,
            log_thread: Some(log_thread),
        };
        for (i, shard) in shards.into_iter().enumerate() {
            server.shards.push(start_shard(i, shard, config.pin)?);
        }
        server.accept(listeners, &config)?;
        log_listening(&server.log, &server.addresses, config.shards());
        Ok(server)
    }

    /// Returns the addresses that the server listens on, with the real ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Returns a probe, which reads the server's figures, and opens connections to it, from any thread.
    pub fn probe(&self) -> Probe {
        Probe::new(&self.shared, &self.mailboxes, &self.log)
    }

    /// Stops the server as docs/protocol.md says, and returns when it has ended. It accepts no more connections and jobs.
    /// Jobs that workers hold may finish for [`Config::drain_seconds`]. Every submitter is answered.
    ///
    /// # Panics
    /// If one of the server's threads has panicked.
    pub fn stop(mut self) {
        self.end(self.drain);
    }

    /// Starts to accept connections. This is the last step of a start, after all steps that can fail.
    fn accept(&mut self, listeners: Listeners, config: &Config) -> Result<(), StartError> {
        if config.verbose {
            let shared = Arc::clone(&self.shared);
            let read = move || metrics_object(&shared.totals(), &Tables::default());
            let reporter = Reporter::start(self.log.clone(), read);
            self.reporter = Some(reporter.map_err(StartError::system("start the reporter's thread"))?);
        }
        let (shared, mailboxes) = (Arc::clone(&self.shared), self.mailboxes.clone());
        let hand_over = move |stream| probe::hand_over(&shared, &mailboxes, stream);
        let counters = Arc::clone(&self.shared.accepts);
        self.acceptor = Some(Acceptor::start(listeners, config.keepalive, self.log.clone(), counters, hand_over)?);
        Ok(())
    }

    fn end(&mut self, drain: Duration) {
        self.shared.draining.store(true, Ordering::Relaxed);
        // A server that could not start logs only its error.
        let served = self.acceptor.take().map(Acceptor::stop).is_some();
        if served {
            self.log.event(Event::Stopping, format_args!("stopping"), &[]);
        }
        self.drain(drain);
        self.post_to_all(|| ShardCommand::Finish);
        let mut died = None;
        for shard in self.shards.drain(..) {
            died = shard.join().err().or(died); // Joins every thread, also after a panic.
        }
        if let Some(reporter) = self.reporter.take() {
            reporter.stop();
        }
        if died.is_some() {
            let text = format_args!("a shard panicked and its jobs are lost: restart the server");
            self.log.event(Event::ShardLost, text, &[]);
        }
        if let Some(log_thread) = self.log_thread.take() {
            if served {
                self.log.event(Event::Stopped, format_args!("stopped"), &[]);
            }
            log_thread.stop();
        }
        if let Some(panic) = died
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }

    /// Waits until the jobs that workers hold are finished, at most for `limit`, and then ends the rest.
    fn drain(&self, limit: Duration) {
        self.post_to_all(|| ShardCommand::Stop);
        let mut missing = self.shards.len();
        if self.wait_until_drained(&mut missing, limit) {
            return;
        }
        let held = self.shared.totals().counts.jobs_running;
        self.post_to_all(|| ShardCommand::DrainOver);
        // Now only messages between shards are outstanding.
        self.wait_until_drained(&mut missing, Duration::from_millis(FLUSH_MS));
        if held > 0 {
            let (jobs, were) = if held == 1 { ("job", "was") } else { ("jobs", "were") };
            let text = format_args!("{held} {jobs} that workers still held {were} answered shutdown (--drain-timeout)");
            self.log.event(Event::JobsShutDown, text, &[("jobs", Value::Number(held))]);
        }
    }

    /// Returns false if `limit` has passed first. `missing` counts the shards that have not reported.
    fn wait_until_drained(&self, missing: &mut usize, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while *missing > 0 {
            match self.events.recv_deadline(deadline) {
                Ok(ShardEvent::Drained) => *missing -= 1,
                Ok(ShardEvent::Died) => return true, // Its jobs are lost; the other shards need not wait.
                Err(_) => return false,
            }
        }
        true
    }

    fn post_to_all(&self, command: impl Fn() -> ShardCommand) {
        for mailbox in &self.mailboxes {
            mailbox.post(command());
        }
    }
}

/// Ends the server at once: jobs that workers hold are answered `shutdown`.
impl Drop for Server {
    fn drop(&mut self) {
        if self.log_thread.is_some() {
            self.end(Duration::ZERO);
        }
    }
}

/// Makes the shards, and the mailboxes through which the acceptor and the other shards reach them.
fn prepare_shards(
    config: &Config,
    shared: &Arc<Shared>,
    log: &Log,
    events: &Sender<ShardEvent>,
) -> Result<(Box<[MailboxSender]>, Vec<Shard>), StartError> {
    let (mut pollers, mut mailboxes) = (Vec::new(), Vec::new());
    for _ in 0..config.shards() {
        let poll = Poll::new().map_err(StartError::system("make a shard's poller"))?;
        let (mailbox, mailbox_sender) =
            Mailbox::new(poll.registry(), WAKE).map_err(StartError::system("make a shard's waker"))?;
        pollers.push((poll, mailbox));
        mailboxes.push(mailbox_sender);
    }
    let mailboxes = mailboxes.into_boxed_slice();
    let homes = RandomState::new();
    let shards = (0u16..).zip(pollers).map(|(i, (poll, mailbox))| {
        let settings = settings(config, ShardId(i), homes.clone());
        let outbox = Outbox::new(settings.shard, mailboxes.clone());
        Shard::new(poll, mailbox, outbox, settings, Arc::clone(shared), log.clone(), events.clone())
            .map_err(StartError::system("make a shard's poller"))
    });
    Ok((mailboxes.clone(), shards.collect::<Result<_, _>>()?))
}

fn settings(config: &Config, shard: ShardId, homes: RandomState) -> Settings {
    Settings {
        shard,
        shards: u16::try_from(config.shards()).expect("there are at most 1,024 shards"),
        attempts_max: config.attempts_max,
        run_limit_ms: config.run_limit_seconds * 1_000,
        memory_bytes_max: config.memory_bytes(),
        unsent_bytes_max: config.unsent_bytes(),
        stall_ms: config.stall_seconds * 1_000,
        figure_types_max: (figure_types(config) / config.shards()).max(1),
        per_turn: PerTurn::default(),
        trace: config.log == Level::Debug,
        homes,
        maps: RandomState::new(),
    }
}

/// Returns how many types have figures of their own.
fn figure_types(config: &Config) -> usize {
    let affordable = config.memory_bytes() / BUDGET_BYTES_PER_FIGURE_TYPE;
    usize::try_from(affordable).map_or(FIGURE_TYPES_MAX, |affordable| affordable.min(FIGURE_TYPES_MAX))
}

/// Starts a shard's thread. Fails if the thread cannot start, or cannot be pinned although `pin` asks for it.
fn start_shard(i: usize, shard: Shard, pin: bool) -> Result<JoinHandle<()>, StartError> {
    let (sender, pinned) = crossbeam_channel::bounded(1);
    let run = move || {
        let result = if pin { os::pin_to_core(i) } else { Ok(()) };
        let may_run = result.is_ok();
        let _ = sender.send(result); // The caller waits for it below.
        if may_run {
            shard.run();
        }
    };
    let thread = thread::Builder::new().name(format!("shard {i}")).spawn(run);
    let thread = thread.map_err(StartError::system("start a shard's thread"))?;
    let pinned = pinned.recv().expect("the thread sends this before it does anything else");
    pinned.map_err(StartError::system("pin a shard to its core"))?;
    Ok(thread)
}
