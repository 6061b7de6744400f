//! The events of a shard for the thread that stops the server.

use crossbeam_channel::Sender;

/// An event of a shard.
pub(in crate::server) enum ShardEvent {
    /// Every job that was submitted here is answered, and no new one will be accepted.
    Drained,
    /// The thread panicked.
    Died,
}

/// Reports a panic of its thread when it is dropped, so that a stop does not wait for a dead shard.
pub(super) struct PanicNotice(Sender<ShardEvent>);

impl PanicNotice {
    /// Returns a notice for the current thread.
    pub(super) fn new(events: Sender<ShardEvent>) -> Self {
        Self(events)
    }
}

impl Drop for PanicNotice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // This fails only if the thread that stops the server is gone, and then no thread waits for the event.
            let _ = self.0.send(ShardEvent::Died);
        }
    }
}
