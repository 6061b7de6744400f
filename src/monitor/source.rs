//! Fetches the figures of a server: of one in this process, or of one over the network.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::health::{Health, HealthCheck};
use crate::client::{Client, Error, Metrics, Options, Url};
use crate::limits::{ASK_MS, LINE_BYTES_MIN, RETRY_FIRST_MS_DEFAULT, SAMPLE_STEP_MS};
use crate::metrics::Tables;
use crate::protocol::tables::metrics_object;
use crate::server::Probe;

/// Fetches a server's figures. One thread calls these functions, which may block.
pub trait Source: Send + 'static {
    /// Returns the totals.
    ///
    /// # Errors
    /// A text for people, if the server does not answer.
    fn totals(&mut self) -> Result<Metrics, String>;

    /// Returns the totals with the figures by type and by shard.
    ///
    /// # Errors
    /// As [`totals`](Self::totals); even if only these figures are missing.
    fn full(&mut self) -> Result<Metrics, String>;

    /// Returns a function that checks the server's health without a query, if there is one. Otherwise the server's
    /// answers show its health.
    fn health(&self) -> Option<HealthCheck> {
        None
    }
}

/// The server of this process. Its totals and its health are known even while a shard hangs.
pub struct LocalSource {
    probe: Probe,
    asking: Option<Asking>,
}

/// A connection to the server of this process.
struct Asking {
    stream: UnixStream,
    /// The bytes so far of the present answer.
    answer: Vec<u8>,
    /// The last query has no answer yet. No second one is sent: otherwise queries would pile up while a shard hangs.
    is_open: bool,
}

/// The query. It fits into the lowest `--max-line` that a server may have.
const QUERY: &[u8] = b"{\"cmd\":\"metrics\",\"types\":true,\"histograms\":true,\"shards\":true}\n";
const _: () = assert!(QUERY.len() - 1 <= LINE_BYTES_MIN);

/// The part of an answer that is used.
#[derive(Deserialize)]
struct MetricsLine {
    metrics: Box<RawValue>,
}

impl LocalSource {
    /// Reads the figures of the server that `probe` belongs to.
    pub fn new(probe: Probe) -> Self {
        Self { probe, asking: None }
    }

    fn ask(&mut self) -> Result<Metrics, String> {
        if let Some(unhealthy) = Health::of(&self.probe).unhealthy {
            return Err(unhealthy); // It would not answer.
        }
        let asking = match self.asking.take() {
            Some(asking) => asking,
            None => Asking::open(&self.probe).map_err(|error| format!("cannot ask the shards: {error}"))?,
        };
        let asking = self.asking.insert(asking);
        let line = match asking.ask(Duration::from_millis(ASK_MS)) {
            Ok(Some(line)) => line,
            Ok(None) => return Err("the shards have not answered in time".to_owned()),
            Err(error) => {
                self.asking = None;
                return Err(format!("cannot ask the shards: {error}"));
            }
        };
        let read = serde_json::from_slice::<MetricsLine>(&line).and_then(|line| parse(line.metrics.get()));
        read.map_err(|error| format!("the shards' answer cannot be read: {error}"))
    }
}

impl Source for LocalSource {
    fn totals(&mut self) -> Result<Metrics, String> {
        let tables = Tables { shards: Some(self.probe.shards()), ..Tables::default() };
        parse(&metrics_object(&self.probe.totals(), &tables))
            .map_err(|error| format!("the totals cannot be read: {error}"))
    }

    fn full(&mut self) -> Result<Metrics, String> {
        self.ask()
    }

    fn health(&self) -> Option<HealthCheck> {
        let probe = self.probe.clone();
        Some(Arc::new(move || Health::of(&probe)))
    }
}

/// A server that is queried over Deputy's protocol. It is connected when a query needs it, and again after a loss.
pub struct RemoteSource {
    url: Url,
    client: Option<Client>,
}

impl RemoteSource {
    /// Makes a source for the server at `url`.
    pub fn new(url: Url) -> Self {
        Self { url, client: None }
    }

    fn ask(&mut self, query: fn(&Client) -> Result<Metrics, Error>) -> Result<Metrics, String> {
        let limit = Duration::from_millis(ASK_MS);
        let client = match self.client.take() {
            Some(client) => client,
            None => Options::new()
                .connect_timeout(limit)
                .answer_timeout(limit)
                .outage_timeout(Duration::ZERO)
                .retry(Duration::from_millis(RETRY_FIRST_MS_DEFAULT), Duration::from_millis(SAMPLE_STEP_MS / 2))
                .connect(&self.url.to_string())
                .map_err(|error| error.to_string())?,
        };
        let client = self.client.insert(client);
        query(client).map_err(|error| error.to_string())
    }
}

impl Source for RemoteSource {
    fn totals(&mut self) -> Result<Metrics, String> {
        self.ask(Client::metrics)
    }

    fn full(&mut self) -> Result<Metrics, String> {
        self.ask(Client::metrics_in_full)
    }
}

/// Reads a metrics object.
fn parse(text: &str) -> Result<Metrics, serde_json::Error> {
    serde_json::from_str::<Metrics>(text).map(|metrics| Metrics { raw: text.to_owned(), ..metrics })
}

impl Asking {
    fn open(probe: &Probe) -> io::Result<Self> {
        Ok(Self { stream: probe.connect()?, answer: Vec::new(), is_open: false })
    }

    /// Sends the query, and returns the answer's line; `None` if no answer comes within `limit`. A later call then
    /// returns the line.
    fn ask(&mut self, limit: Duration) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + limit;
        if !self.is_open {
            self.stream.write_all(QUERY)?; // The socket is empty, so it takes the line at once.
            self.is_open = true;
        }
        let mut bytes = vec![0; 64 << 10];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.answer.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind()) => continue,
                Err(error) => return Err(error),
            }
            if self.answer.ends_with(b"\n") {
                self.is_open = false;
                return Ok(Some(std::mem::take(&mut self.answer)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Config, Server};

    #[test]
    fn the_own_server_is_asked_again_and_again_over_one_connection() {
        let server = Server::start(Config { port: 0, threads: 2, ..Config::default() }).unwrap();
        let mut source = LocalSource::new(server.probe());
        let url = server.addresses()[0].to_string();
        let client = Client::connect(&url).unwrap();
        let job = client.submit::<_, ()>("resize", "a.png");
        client.ping().unwrap();
        for _ in 0..3 {
            let full = source.full().unwrap();
            assert_eq!((full.types[0].name.as_str(), full.types[0].waiting), ("resize", 1));
            assert!(full.types[0].has_figures);
            let totals = source.totals().unwrap();
            assert_eq!((totals.jobs_waiting, totals.connections_open), (1, 2));
            assert_eq!((full.shards.len(), totals.shards.len()), (2, 2));
            assert_eq!(source.health().unwrap()(), Health { stuck: vec![false; 2], ..Health::default() });
        }
        drop((client, job));
        server.stop();
        assert!(source.full().unwrap_err().contains("cannot ask the shards"));
        assert!(source.totals().unwrap().draining);
        assert_eq!(source.health().unwrap()().not_ready.as_deref(), Some("the server is stopping"));
    }

    #[test]
    fn a_server_over_the_network_is_found_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s");
        let config = Config { tcp: false, sock: Some(path.clone()), ..Config::default() };
        let mut source = RemoteSource::new(Url::Unix(path));
        assert!(source.totals().unwrap_err().contains("No such file"));
        for _ in 0..2 {
            let server = Server::start(config.clone()).unwrap();
            // The source connects again within moments. The deadline only keeps a failing test from hanging.
            let deadline = Instant::now() + Duration::from_secs(30);
            let metrics = loop {
                match source.full() {
                    Ok(metrics) => break metrics,
                    Err(error) => assert!(Instant::now() < deadline, "{error}"),
                }
                std::thread::yield_now();
            };
            assert_eq!(metrics.shards.len() as u64, metrics.threads);
            server.stop();
            assert!(source.totals().is_err());
            assert_eq!(source.health().map(|_| ()), None);
        }
    }

    #[test]
    fn a_query_without_an_answer_is_not_sent_twice_and_its_answer_is_not_lost() {
        let (stream, peer) = UnixStream::pair().unwrap();
        let mut asking = Asking { stream, answer: Vec::new(), is_open: false };
        assert_eq!(asking.ask(Duration::from_millis(1)).unwrap(), None);
        (&peer).write_all(b"{\"cmd\"").unwrap();
        assert_eq!(asking.ask(Duration::from_millis(1)).unwrap(), None);
        (&peer).write_all(b":1}\r\n").unwrap();
        assert_eq!(asking.ask(Duration::from_secs(20)).unwrap().unwrap(), b"{\"cmd\":1}\r\n");
        drop(asking);
        let mut asked = Vec::new();
        (&peer).read_to_end(&mut asked).unwrap();
        assert_eq!(asked, QUERY);
    }
}
