//! What a shard tells the thread that stops the server.

use crossbeam_channel::Sender;

/// What a shard has to tell.
pub(super) enum Note {
    /// No job that was submitted here is unanswered, nor will one be.
    Drained,
    /// The thread panicked.
    Died,
}

/// Tells of a panic of the thread that has it, so that nobody waits for a shard that is no more.
pub(super) struct Obituary(pub(super) Sender<Note>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens only if the server's thread is gone, and then it does not matter.
            let _ = self.0.send(Note::Died);
        }
    }
}
