//! Other projects' job servers: where their programs are, with which options they start, and when they listen.
//!
//! Each announces its port in another way, or not at all. So each is given a port that was free a moment ago, and the
//! harness connects until it succeeds. benches/README.md gives the reasons for the options.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::{START_STOP_TIMEOUT, ServerProcess, Target};
use crate::harness::Failure;
use crate::harness::net::conn::Address;
use crate::harness::traffic::drivers::Protocol;

/// How often a start is tried, because another program may take the port first.
const ATTEMPTS_MAX: usize = 3;

/// Where daemons are, in addition to the folders of `PATH`, which often lacks the first.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// The file in its folder that receives its output.
const LOG: &str = "log";

/// Which server.
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
    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gearmand => "gearmand",
            Self::Beanstalkd => "beanstalkd",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }

    /// Returns its protocol.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Gearmand => Protocol::Gearman,
            Self::Beanstalkd => Protocol::Beanstalkd,
            Self::Redis => Protocol::Redis,
            Self::Nats => Protocol::Nats,
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

    /// Returns the path of its program, or an error that says where it was sought.
    pub(crate) fn find(self) -> Result<PathBuf, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .chain(FOLDERS.map(PathBuf::from))
            .map(|folder| folder.join(self.program()))
            .find(|file| file.is_file())
            .ok_or_else(|| format!("{} was not found in PATH, {}", self.program(), FOLDERS.join(", ")))
    }

    /// Returns its options: on 127.0.0.1, in the foreground, with files in its folder only.
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
        let mut server = {
            let target = Target { address: Address::Tcp(address), process: Some(child.id()), has_metrics: false };
            ServerProcess { child, target, socket: None, folder: Some(folder) }
        };
        let deadline = Instant::now() + START_STOP_TIMEOUT;
        loop {
            if let Some(status) = server.exit_status()? {
                let output = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
                return Err(format!("{} ended with {status} before it listened: {output}", self.name()).into());
            }
            if is_open(address) {
                return Ok(server);
            }
            if Instant::now() >= deadline {
                return Err(format!("{} did not listen in time", self.name()).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether a program listens at this address. A connection to a free port may get that very port as its own and would
/// then be connected to itself.
fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local != address))
}
