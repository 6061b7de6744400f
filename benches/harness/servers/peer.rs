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
use crate::harness::traffic::drivers::{Awaits, Protocol, Storage};

/// How often a start is tried, because another program may take the port first.
const ATTEMPTS_MAX: usize = 3;

/// Where daemons are, in addition to the folders of `PATH`, which often lacks the first.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// The file in its folder that receives its output.
const LOG: &str = "log";

/// Which server, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Gearman's server, the one in C++.
    Gearmand,
    /// Tubes of jobs.
    Beanstalkd(Storage),
    /// Lists as queues, and streams for background jobs.
    Redis(Storage),
    /// Request and reply.
    Nats,
    /// NATS with streams, for background jobs.
    JetStream(Storage),
}

impl Peer {
    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gearmand => "gearmand",
            Self::Beanstalkd(Storage::Memory) => "beanstalkd",
            Self::Beanstalkd(Storage::Disk) => "beanstalkd-disk",
            Self::Redis(Storage::Memory) => "redis",
            Self::Redis(Storage::Disk) => "redis-disk",
            Self::Nats => "nats",
            Self::JetStream(Storage::Memory) => "jetstream",
            Self::JetStream(Storage::Disk) => "jetstream-disk",
        }
    }

    /// Returns its protocol when submitters wait for this.
    pub(crate) fn protocol(self, awaits: Awaits) -> Protocol {
        match (self, awaits) {
            (Self::Gearmand, _) => Protocol::Gearman(awaits),
            (Self::Beanstalkd(_), _) => Protocol::Beanstalkd(awaits),
            (Self::Redis(_), Awaits::Result) => Protocol::Redis,
            (Self::Redis(_), Awaits::Acceptance) => Protocol::RedisStreams,
            (Self::Nats, _) => Protocol::Nats,
            (Self::JetStream(storage), _) => Protocol::JetStream(storage),
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Gearmand => "gearmand",
            Self::Beanstalkd(_) => "beanstalkd",
            Self::Redis(_) => "redis-server",
            Self::Nats | Self::JetStream(_) => "nats-server",
        }
    }

    /// Returns its version, or `?` if the program does not say it.
    pub(crate) fn version(self) -> String {
        let option = if let Self::Beanstalkd(_) = self { "-v" } else { "--version" };
        self.find().ok().and_then(|program| version_of(&program, option)).unwrap_or_else(|| "?".to_owned())
    }

    /// Returns the command that starts it, with `PORT` and `FOLDER` for what differs from start to start.
    pub(crate) fn command_line(self) -> String {
        let quoted = |option: String| if option.is_empty() { "\"\"".to_owned() } else { option };
        let options: Vec<String> = self.options("PORT", "FOLDER").into_iter().map(quoted).collect();
        format!("{} {}", self.program(), options.join(" "))
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
    fn options(self, port: &str, folder: &str) -> Vec<String> {
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
            Self::Beanstalkd(Storage::Memory) => &["-l", "127.0.0.1", "-p", port, "-z", "1073741824"],
            Self::Beanstalkd(Storage::Disk) => &["-l", "127.0.0.1", "-p", port, "-z", "1073741824", "-b", folder],
            Self::Redis(storage) => &[
                "--bind",
                "127.0.0.1",
                "--port",
                port,
                "--dir",
                folder,
                "--save",
                "",
                "--appendonly",
                if storage == Storage::Disk { "yes" } else { "no" },
            ],
            Self::Nats => &["-a", "127.0.0.1", "-p", port],
            Self::JetStream(_) => &["-a", "127.0.0.1", "-p", port, "-js", "-sd", folder],
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
            .args(self.options(&address.port().to_string(), &folder.path().display().to_string()))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = {
            let target = Target::of(Address::Tcp(address), child.id());
            let mut server = ServerProcess::of(child, target);
            (server.folder, server.is_foreign) = (Some(folder), true);
            server
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

/// Returns the version that a program states: the first word of its output that begins with a digit, after a `v` at most.
pub(super) fn version_of(program: &Path, option: &str) -> Option<String> {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let mut words = text.split_whitespace().map(|word| word.trim_start_matches(['v', '=']));
    words.find(|word| word.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether a program listens at this address. A connection to a free port may get that very port as its own and would
/// then be connected to itself.
fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local != address))
}
