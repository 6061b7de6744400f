//! A server's process: where it listens, and how it is stopped.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::bridged::Beside;
use super::control::Control;
use crate::harness::Failure;
use crate::harness::net::conn::Address;

/// How long a server may take to start, and to stop.
pub(super) const START_STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Where a server is, and what can be asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: Address,
    /// Where workers connect, if that is elsewhere.
    pub(crate) workers: Option<Address>,
    /// Its process, if that is on this machine and known.
    pub(crate) process: Option<u32>,
    /// Other processes whose processor time is the server's.
    pub(crate) servers: Vec<u32>,
    /// Bridges between servers, and what they use.
    pub(crate) bridges: Vec<u32>,
    pub(crate) nats: Vec<u32>,
    /// Whether it answers questions about its counts.
    pub(crate) has_metrics: bool,
}

impl Target {
    /// Returns a server that is this process alone, and answers no questions.
    pub(crate) fn of(address: Address, process: impl Into<Option<u32>>) -> Self {
        let (servers, bridges, nats) = (Vec::new(), Vec::new(), Vec::new());
        Self { address, workers: None, process: process.into(), servers, bridges, nats, has_metrics: false }
    }

    /// Returns where workers connect.
    pub(crate) fn of_workers(&self) -> &Address {
        self.workers.as_ref().unwrap_or(&self.address)
    }

    /// Opens a connection for such questions.
    pub(crate) fn control(&self) -> Result<Option<Control>, Failure> {
        self.has_metrics.then(|| Control::connect(&self.address)).transpose()
    }
}

/// A server that the harness has started. It is killed if it is dropped before [`ServerProcess::stop`].
#[derive(Debug)]
pub(crate) struct ServerProcess {
    pub(super) child: Child,
    /// Where it is.
    pub(crate) target: Target,
    /// The path of its UNIX socket, removed with it.
    pub(super) socket: Option<PathBuf>,
    /// The folder of another project's server, removed with it.
    pub(super) folder: Option<TempDir>,
    /// Whether it is another project's server, whose exit code does not matter.
    pub(super) is_foreign: bool,
    /// What serves beside it.
    pub(super) beside: Beside,
}

impl ServerProcess {
    /// Returns one of Deputy's own, without socket, folder or anything beside it.
    pub(super) fn of(child: Child, target: Target) -> Self {
        Self { child, target, socket: None, folder: None, is_foreign: false, beside: Beside::default() }
    }

    /// Sends SIGTERM and waits for the end. Returns an error if the server does not stop, or not with success.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let ended = self.wait();
        if self.is_foreign {
            // If it runs on, the drop kills it.
            return Ok(());
        }
        let status = ended?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }

    /// Returns how it ended, if it did.
    pub(super) fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let deadline = Instant::now() + START_STOP_TIMEOUT;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err("the server did not stop after SIGTERM".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // These fail only for a child that has ended and a socket that the server has removed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}
