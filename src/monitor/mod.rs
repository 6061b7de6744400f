//! Watching servers: an HTTP server with probes, metrics for Prometheus, and a page for people.
//!
//! ```text
//! source (a server here, or one over the network)
//!   -> sampler, a thread per source -> view (totals, figures by type, history)
//!        -> exposition (/metrics), status (/status.json), health (/healthz, /readyz), page (/)
//!             -> http, one thread
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `source`, `health` | fetches figures from a server; judges whether the server works |
//! | `sampler`, `timeline`, `history`, `recent` | fetches figures in time, and keeps older ones for rates and quantiles |
//! | `labels` | which types have series of their own |
//! | `exposition`, `status` | the figures as text |
//! | [`page`] | the document at `/` |
//! | `http` | the HTTP server |
//! | [`mod@format`], [`state`], [`why`] | figures in words, as the command prints them too: numbers and names, their meaning, why jobs wait |
//!
//! Invariant: the HTTP thread never waits for a server, and no server waits for HTTP.

mod exposition;
pub mod format;
mod health;
mod history;
mod http;
mod labels;
pub mod page;
mod recent;
mod sampler;
mod similar;
mod source;
pub mod state;
mod status;
mod timeline;
pub mod why;

use std::sync::Arc;

pub use exposition::{Kind, Number, Text};
pub use health::{Health, HealthCheck};
pub use http::{HTTP_EXPECTED, HttpAddress, HttpAddressError, HttpListeners, Program};
pub use source::{LocalSource, RemoteSource, Source};

use crate::client::Url;
use crate::server::{Level, Log, LogFormat, LogThread, Server, StartError, log_http_listening};
use http::{HttpServer, ProgramService, ServersService, Service};
use sampler::{Sampler, Wake};

/// A running HTTP server. Dropping it ends it.
///
/// ```
/// use deputy::monitor::{HttpListeners, Monitor};
/// use deputy::server::{Config, Server};
///
/// let listeners = HttpListeners::bind(&["127.0.0.1:0".parse()?])?;
/// println!("http on {}", listeners.addresses()[0]);
/// let server = Server::start(Config { port: 0, ..Config::default() })?;
/// let monitor = Monitor::of_server(listeners, &server, 200)?;
/// server.stop(); // Probes see that it stops.
/// drop(monitor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Monitor {
    http: Option<HttpServer>,
    /// The log of a process without a server.
    log_thread: Option<LogThread>,
}

impl Monitor {
    /// Serves the figures of a server of this process. The server's log names the addresses. The first `types_max`
    /// types with a job have metrics of their own.
    ///
    /// # Errors
    /// If the system has no threads or descriptors left.
    pub fn of_server(listeners: HttpListeners, server: &Server, types_max: usize) -> Result<Self, StartError> {
        let probe = server.probe();
        let log = probe.log().clone();
        let name = server.addresses().first().map_or_else(String::new, ToString::to_string);
        let http = serve(listeners, &log, |wake| {
            Ok(ServersService::new(vec![Sampler::start(name, LocalSource::new(probe), wake)?], types_max))
        })?;
        Ok(Self { http: Some(http), log_thread: None })
    }

    /// Serves the figures of these servers, which it gets over Deputy's protocol. The addresses are printed on standard
    /// error. With several servers, each series has the label `server` with the server's URL. A server need not be
    /// there yet.
    ///
    /// # Errors
    /// If the system has no threads or descriptors left.
    pub fn of_urls(listeners: HttpListeners, urls: &[Url], types_max: usize) -> Result<Self, StartError> {
        let start_log = Log::start("deputy", Level::Info, LogFormat::Text);
        let (log, log_thread) = start_log.map_err(StartError::system("start the log's thread"))?;
        let http = serve(listeners, &log, |wake| {
            let start = |url: &Url| Sampler::start(url.to_string(), RemoteSource::new(url.clone()), wake.clone());
            Ok(ServersService::new(urls.iter().map(start).collect::<Result<_, _>>()?, types_max))
        })?;
        Ok(Self { http: Some(http), log_thread: Some(log_thread) })
    }

    /// Serves the metrics and probes of a program of this process. `log` names the addresses.
    ///
    /// # Errors
    /// If the system has no threads or descriptors left.
    pub fn of_program(listeners: HttpListeners, program: impl Program, log: &Log) -> Result<Self, StartError> {
        let http = serve(listeners, log, |_| Ok(ProgramService(program)))?;
        Ok(Self { http: Some(http), log_thread: None })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.http.take()); // It may still log.
        if let Some(log_thread) = self.log_thread.take() {
            log_thread.stop();
        }
    }
}

/// Starts the HTTP server. `service` gets the function that wakes the HTTP thread, and returns the service.
fn serve<S: Service>(
    listeners: HttpListeners,
    log: &Log,
    service: impl FnOnce(Wake) -> Result<S, StartError>,
) -> Result<HttpServer, StartError> {
    listeners.log_warnings(log);
    let addresses = listeners.addresses();
    let (poll, waker) = HttpServer::prepare()?;
    let wake: Wake = {
        let waker = Arc::clone(&waker);
        // Waking fails if the HTTP thread has ended. Then nothing waits.
        Arc::new(move || drop(waker.wake()))
    };
    let http = HttpServer::start((poll, waker), listeners, service(wake)?, log.clone())?;
    log_http_listening(log, &addresses);
    Ok(http)
}
