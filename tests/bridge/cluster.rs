//! NATS, servers and bridges as processes.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use socket2::SockAddr;
use tempfile::TempDir;

use crate::browser::{Answer, Browser};
use crate::client::Client;
use crate::process::port::Port;
use crate::process::{Process, SERVER};
use crate::programs;
use crate::wait::until;

/// The program under test.
pub(crate) const BRIDGE: &str = env!("CARGO_BIN_EXE_deputy-bridge");

/// Returns the program of NATS, or none after saying that the test is passed over.
pub(crate) fn nats_program() -> Option<PathBuf> {
    let named = env::var_os("DEPUTY_NATS_SERVER").map(PathBuf::from);
    let usual = ["/usr/sbin/nats-server", "/usr/local/sbin/nats-server"].map(PathBuf::from);
    let known = named.or_else(|| usual.into_iter().find(|path| path.is_file()));
    known.or_else(|| programs::find("nats-server"))
}

/// A running NATS with JetStream, whose files stay while it is restarted.
pub(crate) struct Nats {
    program: PathBuf,
    folder: TempDir,
    process: Process,
    port: Port,
    /// As a URL has it, with `@` after it.
    user: &'static str,
}

impl Nats {
    /// Starts it on a free port; none if there is no such program here.
    pub(crate) fn start() -> Option<Self> {
        Self::start_for("", "")
    }

    /// As [`Nats::start`], for this user, with more lines in the configuration.
    pub(crate) fn start_for(user: &'static str, more: &str) -> Option<Self> {
        let program = nats_program()?;
        let folder = TempDir::new().unwrap();
        let store = folder.path().join("jetstream");
        let config = format!("jetstream {{ store_dir: \"{}\", max_file: 4GB }}\n{more}\n", store.display());
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        let port = Port::keep();
        let process = launch(&program, folder.path(), &port);
        Some(Self { program, folder, process, port, user })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}{}", self.user, self.port.address)
    }

    /// Kills it. Its files stay.
    pub(crate) fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        until("the end of NATS", || self.process.status());
    }

    /// Starts it again at the same address, with what is on its disk.
    pub(crate) fn restart(&mut self) {
        self.process = launch(&self.program, self.folder.path(), &self.port);
    }
}

/// Starts it, and waits until it listens.
fn launch(program: &Path, folder: &Path, port: &Port) -> Process {
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.join("nats.conf")).args(["-a", "127.0.0.1", "-p", &port.number()]);
    let process = Process::spawn(&mut command, None);
    until("NATS to listen", || {
        assert_eq!(process.status(), None, "NATS ended: {}", process.stderr());
        process.stderr().contains("Server is ready").then_some(())
    });
    process
}

/// A server, whose socket has the same path when it is started again.
pub(crate) struct Site {
    folder: TempDir,
    server: Process,
}

impl Site {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let server = serve(folder.path());
        Self { folder, server }
    }

    /// Kills the server, and starts another one in its place.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server.signal(Signal::KILL);
        until("the end of the server", || self.server.status());
        self.server = serve(self.folder.path());
    }

    fn sock(&self) -> PathBuf {
        self.folder.path().join("deputy.sock")
    }

    pub(crate) fn connect(&self, name: &str) -> Client {
        Client::connect(name, &SockAddr::unix(self.sock()).unwrap())
    }

    /// Connects a worker of the type `t` with this number of slots.
    pub(crate) fn worker(&self, name: &str, slots: u32) -> Client {
        let mut worker = self.connect(name);
        worker.send(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":{slots}}}"#));
        worker
    }
}

/// Starts a server in a folder, and waits until it listens.
fn serve(folder: &Path) -> Process {
    let mut command = Command::new(SERVER);
    command.args(["--no-tcp", "--threads", "2", "--sock"]).arg(folder.join("deputy.sock"));
    let process = Process::spawn(&mut command, None);
    assert!(process.listens().is_some(), "the server ended: {}", process.stderr());
    process
}

/// A bridge.
pub(crate) struct Bridge {
    pub(crate) process: Process,
    pub(crate) http: SocketAddr,
}

impl Bridge {
    /// Starts a bridge for a server.
    pub(crate) fn start(site: &Site, node: &str, nats: &str, options: &[&str]) -> Self {
        let mut command = Command::new(BRIDGE);
        let server = format!("unix:{}", site.sock().display());
        command.args(["--server", &server, "--nats", nats, "--node", node, "--http", "127.0.0.1:0"]).args(options);
        let process = Process::spawn(&mut command, None);
        let http = until("the line that says where it serves HTTP", || {
            let stderr = process.stderr();
            assert_eq!(process.status(), None, "the bridge ended: {stderr}");
            let (_, rest) = stderr.split_once("http on ")?;
            rest.split_once('\n')?.0.trim().parse().ok()
        });
        Self { process, http }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        Browser::connect(&SockAddr::from(self.http)).get(target)
    }

    /// Returns a metric, by the end of its name.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let body = self.get("/metrics").body;
        let start = format!("deputy_bridge_{name} ");
        let line = body.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("there is no {start}in {body}")).parse().unwrap()
    }

    /// Waits until a metric has this value.
    pub(crate) fn until_metric(&self, name: &str, value: u64) {
        let mut last = 0;
        let what = format!("{name} = {value}; the log is {}", self.process.stderr());
        until(&what, || {
            last = self.metric(name);
            (last == value).then_some(())
        });
    }

    /// Waits until it is connected to both sides.
    pub(crate) fn until_ready(&self) {
        until("a bridge that is ready", || (self.get("/readyz").status == 200).then_some(()));
    }

    /// Asks it to stop, and checks that it does so in good order.
    pub(crate) fn stop(self) {
        self.process.signal(Signal::TERM);
        let ended = self.process.ended();
        assert!(ended.status.success(), "{ended:?}");
        assert!(ended.stderr.contains("deputy-bridge: stopped"), "{ended:?}");
    }

    /// Kills it.
    pub(crate) fn kill(self) {
        self.process.signal(Signal::KILL);
        self.process.ended();
    }
}

/// NATS, and the machines `a` and `b`, each with a server and a bridge.
pub(crate) struct Cluster {
    pub(crate) nats: Nats,
    pub(crate) a: (Site, Bridge),
    pub(crate) b: (Site, Bridge),
}

impl Cluster {
    /// Starts all; none if there is no NATS here.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        Some(Self::start_at(Nats::start()?, options))
    }

    /// Starts the machines for this NATS.
    pub(crate) fn start_at(nats: Nats, options: &[&str]) -> Self {
        let machine = |node: &str| {
            let site = Site::start();
            let bridge = Bridge::start(&site, node, &nats.url(), options);
            (site, bridge)
        };
        let (a, b) = (machine("a"), machine("b"));
        for bridge in [&a.1, &b.1] {
            bridge.until_ready();
            bridge.until_metric("nodes", 1);
        }
        Self { nats, a, b }
    }

    /// Connects a worker of the type `t` to machine `b`, and waits until machine `a` may send jobs there.
    pub(crate) fn worker_at_b(&self, slots: u32) -> Client {
        let worker = self.b.0.worker("worker at b", slots);
        self.a.1.until_metric("spare_types", 1);
        worker
    }
}
