//! The process under load: started, found by the line in which it says where it listens, and stopped; or one that runs
//! already.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Failure;
use super::conn::Address;
use super::control::Control;
use super::dialect::Language;
use super::peer::Peer;

/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The option by which this program is the floor.
pub(crate) const FLOOR_OPTION: &str = "--serve-floor";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours: the built binary.
    Deputy,
    /// The yardstick.
    Floor,
    /// Another's.
    Peer(Peer),
}

impl Kind {
    /// Other servers that do comparable work.
    pub(crate) const PEERS: [Self; 4] =
        [Self::Peer(Peer::Gearmand), Self::Peer(Peer::Beanstalkd), Self::Peer(Peer::Redis), Self::Peer(Peer::Nats)];

    /// Why it cannot be started here, if so.
    pub(crate) fn lack(self) -> Option<String> {
        match self {
            Self::Deputy | Self::Floor => None,
            Self::Peer(peer) => peer.find().err(),
        }
    }

    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deputy => "deputy",
            Self::Floor => "floor",
            Self::Peer(peer) => peer.name(),
        }
    }

    /// What it speaks.
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Deputy | Self::Floor => Language::Deputy,
            Self::Peer(peer) => peer.language(),
        }
    }
}

fn deputy(threads: usize, socket: Option<&Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deputy-server"));
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

/// Where a server is, and what can be asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: Address,
    /// Its process, if that is on this machine and known.
    pub(crate) process: Option<u32>,
    /// Whether it answers questions about what it counts.
    pub(crate) counts: bool,
}

impl Target {
    /// A connection for such questions.
    pub(crate) fn control(&self) -> Result<Option<Control>, Failure> {
        self.counts.then(|| Control::connect(&self.address)).transpose()
    }
}

/// A server of our own. Dropped before [`ServerProcess::stop`], it is killed.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    /// Where it is.
    pub(crate) target: Target,
    socket: Option<PathBuf>,
    /// A peer's, removed with it.
    folder: Option<TempDir>,
}

impl ServerProcess {
    /// A peer that was started, and will listen at this address.
    pub(crate) fn of_peer(child: Child, address: Address, folder: TempDir) -> Self {
        let target = Target { address, process: Some(child.id()), counts: false };
        Self { child, target, socket: None, folder: Some(folder) }
    }

    /// Starts it, and returns when it listens.
    pub(crate) fn start(kind: Kind, threads: usize, unix: bool) -> Result<Self, Failure> {
        let socket = unix.then(|| std::env::temp_dir().join(format!("deputy-load-{}.sock", std::process::id())));
        let mut command = match kind {
            Kind::Deputy => deputy(threads, socket.as_deref()),
            Kind::Floor => floor(socket.as_deref())?,
            Kind::Peer(peer) => return peer.start(),
        };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
        // The real address replaces this one as soon as it is known; from here on an early return kills the child.
        let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let target = Target { address, process: Some(child.id()), counts: kind == Kind::Deputy };
        let mut server = Self { child, target, socket, folder: None };
        let (sender, said) = channel();
        std::thread::spawn(move || forward(stderr, &sender));
        let line = match said.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err("the server did not say where it listens".into()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("the server did not listen, but ended with {}", server.wait()?).into());
            }
        };
        server.target.address = match &server.socket {
            Some(path) => Address::Unix(path.clone()),
            None => Address::Tcp(address_in(&line).ok_or_else(|| format!("no address in: {line}"))?),
        };
        Ok(server)
    }

    /// Tells it to stop; an error if it does not, or not well.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let ended = self.wait();
        if self.folder.is_some() {
            // How a peer ends is not ours to judge; if it does not, it is killed when it is dropped.
            return Ok(());
        }
        let status = ended?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err("the server did not stop when told to".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only for a child that was waited for, and a socket that was removed: as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What the server says when all is well, beside that it listens.
const EXPECTED: [&str; 2] = ["deputy: stopping", "deputy: stopped"];

/// Hands the line that tells of listening to `sender`; what is unexpected goes to our own stderr.
fn forward(stderr: ChildStderr, sender: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.contains("listening") {
            // Nobody waits any more if it came too late.
            let _ = sender.send(line);
        } else if !EXPECTED.contains(&line.as_str()) {
            // There is nowhere else to complain if stderr is closed.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// The first word that is a socket's address, whatever stands around it.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"' | '\''))
        .find_map(|word| word.rsplit('/').next()?.trim_end_matches('.').parse().ok())
}
