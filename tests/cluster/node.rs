//! A machine of the cluster: a server, its bridge and its workers, each a process that can be killed, stopped and started
//! again at the same address.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use socket2::SockAddr;
use tempfile::TempDir;

use crate::client::Client;
use crate::engine::Engine;
use crate::play::setting;
use crate::process::{Process, start_process};
use crate::wait::until;
use crate::worker::{Job, WorkerPlan};

const BRIDGE: &str = env!("CARGO_BIN_EXE_deputy-bridge");

/// Says how long NATS waits for word of a job before it gives it to another bridge, in seconds.
const ACK_WAIT: &str = "DEPUTY_CLUSTER_ACK_WAIT";

/// Returns that time.
pub(crate) fn ack_wait() -> Duration {
    setting(ACK_WAIT, 3)
}

/// A process of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Server,
    Bridge,
    Workers,
}

impl Part {
    /// In the order in which a machine starts them.
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Bridge, Self::Workers];
}

/// See the module.
pub(crate) struct Node {
    name: &'static str,
    folder: TempDir,
    bridge_options: Vec<String>,
    plans: Vec<WorkerPlan>,
    server: Option<Process>,
    bridge: Option<Process>,
    workers: Vec<Process>,
    /// The stderr of the bridges that were killed.
    stderr: String,
}

impl Node {
    /// Starts a machine whose workers do this.
    pub(crate) fn start(name: &'static str, engine: &Engine, options: &[&str], plans: &[(&str, Job)]) -> Self {
        let folder = TempDir::new().unwrap();
        let replicas = engine.len().to_string();
        let socket = folder.path().join("deputy.sock");
        let server = format!("unix:{}", socket.display());
        let ack_wait = ack_wait().as_secs().to_string();
        let place = ["--server", &server, "--nats", &engine.urls(), "--node", name];
        let settings = ["--replicas", &replicas, "--ack-wait", &ack_wait];
        let bridge_options = place.iter().chain(&settings).chain(options);
        let bridge_options = bridge_options.map(|option| (*option).to_owned()).collect();
        let plan = |(number, (type_name, job)): (usize, &(&str, Job))| WorkerPlan {
            socket: socket.clone(),
            record: folder.path().join(format!("record-{number}")),
            type_name: (*type_name).to_owned(),
            job: *job,
        };
        let plans = plans.iter().enumerate().map(plan).collect();
        let (server, bridge, workers, stderr) = (None, None, Vec::new(), String::new());
        let mut node = Self { name, folder, bridge_options, plans, server, bridge, workers, stderr };
        node.run_all(&Part::ALL);
        node
    }

    /// Returns where its server listens.
    pub(crate) fn address(&self) -> SockAddr {
        SockAddr::unix(self.folder.path().join("deputy.sock")).unwrap()
    }

    /// Returns the records of its workers.
    pub(crate) fn plans(&self) -> &[WorkerPlan] {
        &self.plans
    }

    /// Starts these parts, which do not run.
    pub(crate) fn run_all(&mut self, parts: &[Part]) {
        for part in parts {
            self.run(*part);
        }
    }

    /// Starts a part that does not run. Waits until a server listens, and for nothing else.
    pub(crate) fn run(&mut self, part: Part) {
        match part {
            Part::Server => {
                let socket = self.folder.path().join("deputy.sock");
                let process = start_process(&[], &["--no-tcp", "-s", socket.to_str().unwrap()]);
                let address = self.address();
                until("a server that listens", || {
                    assert_eq!(process.status(), None, "the server of {} ended: {}", self.name, process.stderr());
                    Client::can_connect(&address).then_some(())
                });
                self.server = Some(process);
            }
            Part::Bridge => {
                self.bridge = Some(Process::spawn(Command::new(BRIDGE).args(&self.bridge_options), None));
            }
            Part::Workers => self.workers = self.plans.iter().map(WorkerPlan::start).collect(),
        }
    }

    /// Kills a part, and waits for its end.
    pub(crate) fn kill(&mut self, part: Part) {
        self.signal(part, Signal::KILL);
        for process in self.processes(part) {
            until("the end of a process", || process.status());
        }
        match part {
            Part::Server => self.server = None,
            Part::Bridge => {
                self.stderr += &self.bridge.take().map(|bridge| bridge.stderr()).unwrap_or_default();
            }
            Part::Workers => self.workers.clear(),
        }
    }

    /// Kills all parts at once, the bridge first: it must not learn of the others' end.
    pub(crate) fn kill_all(&mut self) {
        for part in [Part::Bridge, Part::Server, Part::Workers] {
            self.signal(part, Signal::KILL);
        }
        for part in Part::ALL {
            self.kill(part);
        }
    }

    /// Sends the processes of a part a signal.
    pub(crate) fn signal(&self, part: Part, signal: Signal) {
        for process in self.processes(part) {
            process.signal(signal);
        }
    }

    /// Sends all processes a signal.
    pub(crate) fn signal_all(&self, signal: Signal) {
        for part in Part::ALL {
            self.signal(part, signal);
        }
    }

    /// Asks the bridge to stop, and waits until it has. It must end well.
    pub(crate) fn drain_bridge(&mut self) {
        let bridge = self.bridge.take().expect("it runs");
        bridge.signal(Signal::TERM);
        let ended = bridge.ended();
        assert!(ended.status.success(), "{ended:?}");
        self.stderr += &ended.stderr;
    }

    fn processes(&self, part: Part) -> impl Iterator<Item = &Process> {
        let (single, several) = match part {
            Part::Server => (self.server.as_ref(), None),
            Part::Bridge => (self.bridge.as_ref(), None),
            Part::Workers => (None, Some(&self.workers)),
        };
        single.into_iter().chain(several.into_iter().flatten())
    }

    /// Returns the stderr of its bridges so far.
    pub(crate) fn log(&self) -> String {
        let now = self.bridge.as_ref().map(Process::stderr).unwrap_or_default();
        format!("bridge of {}:\n{}{now}", self.name, self.stderr)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The harness shows it with the failure.
            #[allow(clippy::print_stdout, reason = "see above")]
            {
                println!("{}", self.log());
            }
        }
    }
}
