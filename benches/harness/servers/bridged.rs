//! Two of Deputy's servers that share jobs through NATS: submitters use the first, workers the second. Beside it what it
//! is compared with: NATS alone, and a single server whose bridge has nothing to do.

use std::process::{Child, Command, Stdio};

use super::ServerKind;
use super::engine::{Engine, Program, VARIABLE};
use super::process::{ServerProcess, Target};
use crate::harness::Failure;
use crate::harness::net::conn::Address;
use crate::harness::traffic::drivers::{Storage, StreamKind};

/// The bridge, if this program was built with it. Cargo gives its path also without the feature, when there is no such file.
const BRIDGE: Option<&str> = if cfg!(feature = "bridge") { option_env!("CARGO_BIN_EXE_deputy-bridge") } else { None };

/// Which of them, and how many nats-servers keep each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bridged {
    /// Two servers with bridges.
    Servers(usize),
    /// Submitters and workers use NATS themselves.
    NatsAlone(usize),
    /// One server, with a bridge and one nats-server beside it; submitters and workers use that server.
    Local,
}

/// Processes that serve beside the first one. They are killed when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    bridges: Vec<Killed>,
    servers: Vec<ServerProcess>,
    engine: Option<Engine>,
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bridged {
    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Servers(_) => "bridge",
            Self::NatsAlone(_) => "nats-alone",
            Self::Local => "beside-bridge",
        }
    }

    /// Returns why it cannot be started here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        if BRIDGE.is_none() && !matches!(self, Self::NatsAlone(_)) {
            return Some("the bridge was not built: give --features bridge to cargo".to_owned());
        }
        program().err()
    }

    /// Starts it, and returns when it listens. Bridges learn of each other within seconds.
    pub(crate) fn start(self) -> Result<ServerProcess, Failure> {
        let servers = match self {
            Self::Servers(servers) | Self::NatsAlone(servers) => servers,
            Self::Local => 1,
        };
        let engine = Engine::start(&program()?, servers)?;
        // A server that knows no leader yet does not answer, and a bridge would ask again after seconds.
        for number in 0..engine.len() {
            let ask = || engine.request(number, "$JS.API.STREAM.INFO.DEPUTY", "");
            engine.wait_for("a leader of JetStream", ask)?;
        }
        match self {
            Self::NatsAlone(_) => nats_alone(engine),
            Self::Servers(_) => {
                let (first, second) = (ServerKind::Deputy.start(1, false)?, ServerKind::Deputy.start(1, false)?);
                let bridges = vec![bridge("a", &first, &engine)?, bridge("b", &second, &engine)?];
                Ok(together(first, Beside { bridges, servers: vec![second], engine: Some(engine) }))
            }
            Self::Local => {
                let first = ServerKind::Deputy.start(1, false)?;
                let bridges = vec![bridge("a", &first, &engine)?];
                Ok(together(first, Beside { bridges, servers: Vec::new(), engine: Some(engine) }))
            }
        }
    }
}

/// Returns the first program that is here.
fn program() -> Result<Program, String> {
    let found = Program::all()?.into_iter().next();
    found.ok_or_else(|| format!("nats-server was not found in PATH, nor named by {VARIABLE}"))
}

/// Starts a bridge of a server.
fn bridge(node: &str, server: &ServerProcess, engine: &Engine) -> Result<Killed, Failure> {
    let program = BRIDGE.ok_or("the bridge was not built")?;
    let mut command = Command::new(program);
    command.args(["--server", &server.target.address.to_string(), "--nats", &engine.urls(), "--node", node]);
    command.args(["--replicas", &engine.len().to_string(), "--log", "warn"]);
    Ok(Killed(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
}

/// Returns the first server, with what is beside it. Workers use the last server.
fn together(mut first: ServerProcess, beside: Beside) -> ServerProcess {
    first.target.workers = beside.servers.last().map(|server| server.target.address.clone());
    first.target.servers = beside.servers.iter().filter_map(|server| server.target.process).collect();
    first.target.bridges = beside.bridges.iter().map(|bridge| bridge.0.id()).collect();
    first.target.nats = beside.engine.iter().flat_map(Engine::processes).collect();
    first.beside = beside;
    first
}

/// Makes the stream, and returns the first nats-server as the one under load.
fn nats_alone(mut engine: Engine) -> Result<ServerProcess, Failure> {
    let stream = StreamKind { storage: Storage::Disk, replicas: engine.len() };
    for (what, payload) in stream.requests(&[0]) {
        engine.wait_for(&what, || engine.ask(&what, &payload).filter(|made| made["error"].is_null()))?;
    }
    let address = Address::Tcp(engine.addresses().next().ok_or("an engine has a server")?);
    let workers = engine.addresses().last().map(Address::Tcp);
    let child = engine.hand_over(0).ok_or("a nats-server that runs")?;
    let servers = engine.processes().collect();
    let target = Target { workers, servers, ..Target::of(address, child.id()) };
    let mut server = ServerProcess::of(child, target);
    (server.beside.engine, server.is_foreign) = (Some(engine), true);
    Ok(server)
}
