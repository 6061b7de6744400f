//! Starts and ends the thread of [`HttpThread`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use mio::{Poll, Waker};

use super::address::HttpListeners;
use super::listening::Registered;
use super::service::Service;
use super::thread::{HttpThread, WAKE};
use crate::server::{Log, StartError};

/// The running HTTP server. Dropping it ends its thread.
pub(in crate::monitor) struct HttpServer {
    stopping: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Makes the poller before the thread starts, because samplers need the poller's waker.
    pub(in crate::monitor) fn prepare() -> Result<(Poll, Arc<Waker>), StartError> {
        let poll = Poll::new().map_err(StartError::system("make the poller for http"))?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(StartError::system("make the waker for http"))?;
        Ok((poll, Arc::new(waker)))
    }

    /// Starts the thread, which serves the connections to these listeners.
    pub(in crate::monitor) fn start(
        (poll, waker): (Poll, Arc<Waker>),
        listeners: HttpListeners,
        service: impl Service,
        log: Log,
    ) -> Result<Self, StartError> {
        let (sockets, names) = listeners.into_parts();
        let registered = Registered::new(sockets, poll.registry())?;
        let stopping = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopping);
        let run = move || HttpThread::new(poll, registered.listen(log), service, names, flag).run();
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(run)
            .map_err(StartError::system("start the thread for http"))?;
        Ok(Self { stopping, waker, thread: Some(thread) })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        let woken = self.waker.wake();
        if let (Ok(()), Some(thread)) = (woken, self.thread.take()) {
            // The panic hook has reported a panic of the thread; there is nothing to add.
            let _ = thread.join();
        }
    }
}
