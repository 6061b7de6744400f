//! What these tests share: addresses for the library, workers that run beside the test, options with short times.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Receiver;
use deputy::client::{Client, Error, JobHandle, Options, RunError, Stopper, Worker};
use serde::de::DeserializeOwned;

use crate::process::{Server, Via};
use crate::wait::{PATIENCE, until};

/// Returns the address of a server.
pub(crate) fn url(server: &Server, via: Via) -> String {
    match via {
        Via::Tcp => format!("tcp://{}", server.tcp[0]),
        Via::Unix => format!("unix:{}", server.sock.display()),
    }
}

/// Connects a client over TCP.
pub(crate) fn connect(server: &Server) -> Client {
    Client::connect(&url(server, Via::Tcp)).unwrap()
}

/// Returns a server, and a client of it.
pub(crate) fn with_client(server: Server) -> (Server, Client) {
    let client = connect(&server);
    (server, client)
}

/// Options with which attempts to connect follow each other quickly.
pub(crate) fn quick_retry() -> Options {
    Options::new().retry(Duration::from_millis(1), Duration::from_millis(20))
}

/// Waits with a deadline that is only there so that a test does not hang.
pub(crate) trait Soon<T> {
    /// Returns the answer to a job.
    fn soon(&self) -> Result<T, Error>;
}

impl<T: DeserializeOwned> Soon<T> for JobHandle<T> {
    fn soon(&self) -> Result<T, Error> {
        self.wait_timeout(PATIENCE)
    }
}

/// Returns the next message of a handler or a worker.
pub(crate) fn next<T>(messages: &Receiver<T>) -> T {
    messages.recv_timeout(PATIENCE).unwrap()
}

/// A worker that runs beside the test. It is stopped when it is dropped, and must then end well.
pub(crate) struct Running {
    pub(crate) stopper: Stopper,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Running {
    pub(crate) fn start(worker: Worker) -> Self {
        let stopper = worker.stopper();
        Self { stopper, thread: Some(thread::spawn(|| worker.run())) }
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Result<(), RunError> {
        let thread = self.thread.take().unwrap();
        until("the end of a worker", || thread.is_finished().then_some(()));
        thread.join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            self.stopper.stop();
            until("the end of a worker", || thread.is_finished().then_some(()));
            thread.join().unwrap().unwrap();
        }
    }
}
