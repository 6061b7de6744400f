//! What a shard tells the thread that stops the server.

use crossbeam_channel::Sender;

/// What a shard has to tell.
pub(super) enum ShardEvent {
    /// No job that was submitted here is unanswered, nor will one be.
    Drained,
    /// The thread panicked.
    Died,
}

/// Tells of a panic of the thread that has it, so that nobody waits for a shard that is no more.
pub(super) struct PanicNotice(pub(super) Sender<ShardEvent>);

impl Drop for PanicNotice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens only if the server's thread is gone, and then it does not matter.
            let _ = self.0.send(ShardEvent::Died);
        }
    }
}
