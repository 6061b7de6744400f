//! Job servers that others wrote, as processes of their own: where they are, with which options they are started, and
//! how one knows that they listen.
//!
//! They say so in as many ways as there are servers, or not at all, so each is told a port that was free a moment ago,
//! and knocked at until it opens. benches/README.md says why these options.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Failure;
use super::conn::Address;
use super::dialect::Language;
use super::server::ServerProcess;

/// How long one may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often one is started before it is given up: another program may have been quicker to take the port.
const ATTEMPTS_MAX: usize = 3;

/// Where daemons are, beside the folders of `PATH`, which often lacks the first.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// What it says goes into this file of its folder.
const LOG: &str = "log";

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Gearman's server, the one in C++.
    Gearmand,
    /// Tubes of jobs.
    Beanstalkd,
    /// Lists as queues.
    Redis,
    /// Request and reply.
    Nats,
}

impl Peer {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gearmand => "gearmand",
            Self::Beanstalkd => "beanstalkd",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }

    /// What it speaks.
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Gearmand => Language::Gearman,
            Self::Beanstalkd => Language::Beanstalkd,
            Self::Redis => Language::Redis,
            Self::Nats => Language::Nats,
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Gearmand => "gearmand",
            Self::Beanstalkd => "beanstalkd",
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
        }
    }

    /// Where its program is; the error says for people that it is nowhere.
    pub(crate) fn find(self) -> Result<PathBuf, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .chain(FOLDERS.map(PathBuf::from))
            .map(|folder| folder.join(self.program()))
            .find(|file| file.is_file())
            .ok_or_else(|| format!("there is no {} in PATH, {}", self.program(), FOLDERS.join(", ")))
    }

    /// On 127.0.0.1, in the foreground, and nothing on a disk but in its folder.
    fn options(self, port: u16, folder: &Path) -> Vec<String> {
        let port = port.to_string();
        let folder = folder.display();
        let options: &[&str] = match self {
            Self::Gearmand => &[
                "--listen=127.0.0.1",
                &format!("--port={port}"),
                &format!("--pid-file={folder}/pid"),
                "--config-file=/dev/null",
                "--log-file=stderr",
                "--backlog=1024",
                "--threads=1",
            ],
            Self::Beanstalkd => &["-l", "127.0.0.1", "-p", &port, "-z", "1073741824"],
            Self::Redis => &["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"],
            Self::Nats => &["-a", "127.0.0.1", "-p", &port],
        };
        options.iter().map(|option| (*option).to_owned()).collect()
    }

    /// Starts it, and returns when it listens.
    pub(crate) fn start(self) -> Result<ServerProcess, Failure> {
        let mut attempts = 1;
        loop {
            match self.try_to_start() {
                Err(_) if attempts < ATTEMPTS_MAX => attempts += 1,
                result => return result,
            }
        }
    }

    fn try_to_start(self) -> Result<ServerProcess, Failure> {
        let folder = TempDir::new()?;
        let log_path = folder.path().join(LOG);
        let log = File::create(&log_path)?;
        let address = free_address()?;
        let child = Command::new(self.find()?)
            .args(self.options(address.port(), folder.path()))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = ServerProcess::of_peer(child, Address::Tcp(address), folder);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = server.ended()? {
                let said = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
                return Err(format!("{} did not listen, but ended with {status}: {said}", self.name()).into());
            }
            if is_open(address) {
                return Ok(server);
            }
            if Instant::now() >= deadline {
                return Err(format!("{} does not listen", self.name()).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether somebody listens there. A connection to a port that nobody has may be given that very port, and is then with
/// itself.
fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local != address))
}
