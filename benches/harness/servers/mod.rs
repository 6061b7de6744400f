//! The server under load: Deputy, the floor, or another project's. It is started, found by the line in which it says where
//! it listens, and stopped.

mod bridged;
pub(crate) mod control;
#[allow(dead_code, reason = "the tests of several machines use all of it, the load test a part")]
mod engine;
pub(crate) mod floor;
mod peer;
mod process;

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use crate::harness::Failure;
use crate::harness::net::conn::Address;
use crate::harness::traffic::drivers::{Awaits, Protocol, Storage};

pub(crate) use bridged::Bridged;
pub(crate) use peer::Peer;
use process::START_STOP_TIMEOUT;
pub(crate) use process::{ServerProcess, Target};

/// The option by which this program is the floor.
pub(crate) const FLOOR_OPTION: &str = "--serve-floor";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    /// The built binary.
    Deputy,
    /// The bare relay to compare with.
    Floor,
    /// Another project's server.
    Peer(Peer),
    /// Servers that share jobs through NATS, and what they are compared with.
    Bridged(Bridged),
}

impl ServerKind {
    /// Other projects' servers that carry results to submitters.
    pub(crate) const ANSWERING: [Self; 4] = [
        Self::Peer(Peer::Gearmand),
        Self::Peer(Peer::Beanstalkd(Storage::Memory)),
        Self::Peer(Peer::Redis(Storage::Memory)),
        Self::Peer(Peer::Nats),
    ];

    /// Other projects' servers that do background jobs.
    pub(crate) const BACKGROUND: [Self; 7] = [
        Self::Peer(Peer::Gearmand),
        Self::Peer(Peer::Beanstalkd(Storage::Memory)),
        Self::Peer(Peer::Beanstalkd(Storage::Disk)),
        Self::Peer(Peer::Redis(Storage::Memory)),
        Self::Peer(Peer::Redis(Storage::Disk)),
        Self::Peer(Peer::JetStream(Storage::Memory)),
        Self::Peer(Peer::JetStream(Storage::Disk)),
    ];

    /// Returns why it cannot be started on this machine, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Deputy | Self::Floor => None,
            Self::Peer(peer) => peer.find().err(),
            Self::Bridged(bridged) => bridged.missing(),
        }
    }

    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deputy => "deputy",
            Self::Floor => "floor",
            Self::Peer(peer) => peer.name(),
            Self::Bridged(bridged) => bridged.name(),
        }
    }

    /// Whether it can give a worker several jobs at once.
    pub(crate) fn gives_several(self) -> bool {
        !matches!(self, Self::Peer(Peer::Beanstalkd(_)))
    }

    /// Returns its protocol when submitters wait for this.
    pub(crate) fn protocol(self, awaits: Awaits) -> Protocol {
        match self {
            Self::Bridged(Bridged::NatsAlone(servers)) => Protocol::JetStreamResults(servers),
            Self::Deputy | Self::Floor | Self::Bridged(_) => Protocol::Deputy,
            Self::Peer(peer) => peer.protocol(awaits),
        }
    }

    /// Returns its name, its version and the command that starts it on its own core, for a person.
    pub(crate) fn describe(self) -> String {
        let (version, command) = match self {
            Self::Deputy => {
                let version = peer::version_of(Path::new(DEPUTY), "--version").unwrap_or_else(|| "?".to_owned());
                let command = deputy(1, None);
                let options = command.get_args().map(|option| option.to_string_lossy().into_owned());
                (version, format!("deputy-server {}", options.collect::<Vec<_>>().join(" ")))
            }
            Self::Floor => (env!("CARGO_PKG_VERSION").to_owned(), format!("this program, {FLOOR_OPTION}")),
            Self::Peer(peer) => (peer.version(), peer.command_line()),
            Self::Bridged(_) => (env!("CARGO_PKG_VERSION").to_owned(), "several programs".to_owned()),
        };
        format!("{} {version}: {command}", self.name())
    }

    /// Starts it, and returns when it listens. Only Deputy has several threads; only Deputy and the floor know UNIX
    /// sockets.
    pub(crate) fn start(self, threads: usize, unix: bool) -> Result<ServerProcess, Failure> {
        let socket = unix.then(|| std::env::temp_dir().join(format!("deputy-load-{}.sock", std::process::id())));
        let mut command = match self {
            Self::Deputy => deputy(threads, socket.as_deref()),
            Self::Floor => floor(socket.as_deref())?,
            Self::Peer(peer) => return peer.start(),
            Self::Bridged(bridged) => return bridged.start(),
        };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
        // The real address replaces this one as soon as it is known. From here on an early return kills the child.
        let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let target = Target { has_metrics: self == Self::Deputy, ..Target::of(address, child.id()) };
        let mut server = ServerProcess::of(child, target);
        server.socket = socket;
        let (sender, lines) = channel();
        std::thread::spawn(move || forward(stderr, &sender));
        let line = match lines.recv_timeout(START_STOP_TIMEOUT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err("the server did not say where it listens".into()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("the server ended with {} before it listened", server.wait()?).into());
            }
        };
        server.target.address = match &server.socket {
            Some(path) => Address::Unix(path.clone()),
            None => Address::Tcp(address_in(&line).ok_or_else(|| format!("no address in the server's line: {line}"))?),
        };
        Ok(server)
    }
}

/// The built binary.
const DEPUTY: &str = env!("CARGO_BIN_EXE_deputy-server");

fn deputy(threads: usize, socket: Option<&Path>) -> Command {
    let mut command = Command::new(DEPUTY);
    command.args(["--threads", &threads.to_string()]);
    match socket {
        Some(path) => command.arg("--no-tcp").arg("-s").arg(path),
        None => command.args(["-p", "0"]),
    };
    command
}

fn floor(socket: Option<&Path>) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(FLOOR_OPTION).args(socket);
    Ok(command)
}

/// How lines end that the server writes in a normal run, besides the one with its address.
const EXPECTED: [&str; 2] = ["deputy: stopping", "deputy: stopped"];

/// Part of the lines that it writes when workers hang.
const OF_HANGING: &str = "past its run limit";

/// Sends the line with the address to `sender`; writes unexpected lines to this program's stderr.
fn forward(stderr: ChildStderr, sender: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.contains("listening") {
            // The receiver is gone if the line arrived too late.
            let _ = sender.send(line);
        } else if !EXPECTED.iter().any(|end| line.ends_with(end)) && !line.contains(OF_HANGING) {
            // If this program's stderr is closed, the line cannot be shown.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// Returns the first word that is a socket's address, whatever punctuation surrounds it.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"' | '\''))
        .find_map(|word| word.rsplit('/').next()?.trim_end_matches('.').parse().ok())
}
