//! What a shard reports to the thread that stops the server.

use crossbeam_channel::Sender;

/// See the module.
pub(in crate::server) enum ShardEvent {
    /// Every job that was submitted here is answered, and no new one will be accepted.
    Drained,
    /// The thread panicked.
    Died,
}

/// Reports a panic of its thread when it is dropped, so that a stop does not wait for a dead shard.
pub(super) struct PanicNotice(Sender<ShardEvent>);

impl PanicNotice {
    /// Watches the current thread.
    pub(super) fn new(events: Sender<ShardEvent>) -> Self {
        Self(events)
    }
}

impl Drop for PanicNotice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It fails only if the thread that stops the server is gone, and then nothing waits for the event.
            let _ = self.0.send(ShardEvent::Died);
        }
    }
}
