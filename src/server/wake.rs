//! When a sleeping shard must be woken, without a lock and without a system call for one that is awake.
//!
//! The sleeper says that it sleeps, fences, looks at its mailbox again, and only then blocks. The sender puts its mail
//! in, fences, and wakes only if it is the one that clears the flag. Of the two fences one comes first: either the
//! sleeper sees the mail, or the sender sees the flag. The tests explore every interleaving of this with loom; it is
//! written with fences because loom, like the hardware's weakest reading, gives `SeqCst` accesses no more than acquire
//! and release.

use std::sync::atomic::{AtomicBool, Ordering, fence};

/// The atomic word: std's in the server, loom's in the model.
pub(super) trait Flag {
    fn load(&self) -> bool;
    fn store(&self, value: bool);
    fn swap(&self, value: bool) -> bool;
    /// A sequentially consistent fence.
    fn fence();
}

impl Flag for AtomicBool {
    fn load(&self) -> bool {
        AtomicBool::load(self, Ordering::Relaxed)
    }

    fn store(&self, value: bool) {
        AtomicBool::store(self, value, Ordering::Relaxed);
    }

    fn swap(&self, value: bool) -> bool {
        AtomicBool::swap(self, value, Ordering::Relaxed)
    }

    fn fence() {
        fence(Ordering::SeqCst);
    }
}

/// Whether one shard sleeps.
#[derive(Debug, Default)]
pub(super) struct Sleeper<F>(F);

impl<F: Flag> Sleeper<F> {
    /// The sleeper's call before it blocks. It must not block if this says no.
    pub(super) fn may_sleep(&self, mailbox_is_empty: impl FnOnce() -> bool) -> bool {
        // A swap, not a store: it follows a sender's swap in every thread's view, also in loom's, which does not know
        // that nothing comes between a swap and what it read.
        self.0.swap(true);
        F::fence();
        let empty = mailbox_is_empty();
        if !empty {
            self.0.store(false);
        }
        empty
    }

    /// The sleeper's call when it has been woken, by whatever it was.
    pub(super) fn woke(&self) {
        self.0.store(false);
    }

    /// The sender's call after its mail is in the mailbox. One of all senders is told to wake the sleeper.
    pub(super) fn must_be_woken(&self) -> bool {
        F::fence();
        self.0.load() && self.0.swap(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use loom::sync::atomic::{AtomicBool, Ordering, fence};
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    use super::{Flag, Sleeper};

    impl Flag for AtomicBool {
        fn load(&self) -> bool {
            AtomicBool::load(self, Ordering::Relaxed)
        }

        fn store(&self, value: bool) {
            AtomicBool::store(self, value, Ordering::Relaxed);
        }

        fn swap(&self, value: bool) -> bool {
            AtomicBool::swap(self, value, Ordering::Relaxed)
        }

        fn fence() {
            fence(Ordering::SeqCst);
        }
    }

    /// A mailbox and a poller of loom's parts. Sleeping without being woken is a deadlock, which loom reports.
    struct Model {
        sleeper: Sleeper<AtomicBool>,
        /// As a channel: what is in it is known only to who looks; pushing and looking order nothing else, as far as
        /// the cell below is concerned.
        mail: Mutex<VecDeque<u32>>,
        length: loom::sync::atomic::AtomicUsize,
        wakes: Mutex<usize>,
        bell: Condvar,
    }

    impl Model {
        fn new() -> Self {
            Self {
                sleeper: Sleeper(AtomicBool::new(false)),
                mail: Mutex::new(VecDeque::new()),
                length: loom::sync::atomic::AtomicUsize::new(0),
                wakes: Mutex::new(0),
                bell: Condvar::new(),
            }
        }

        fn send(&self, letter: u32) {
            self.mail.lock().unwrap().push_back(letter);
            self.length.fetch_add(1, Ordering::Release);
            if self.sleeper.must_be_woken() {
                *self.wakes.lock().unwrap() += 1;
                self.bell.notify_one();
            }
        }

        fn receive(&self, letters: usize) -> Vec<u32> {
            let mut received = Vec::new();
            while received.len() < letters {
                if self.sleeper.may_sleep(|| self.length.load(Ordering::Relaxed) == received.len()) {
                    let mut wakes = self.wakes.lock().unwrap();
                    while *wakes == 0 {
                        wakes = self.bell.wait(wakes).unwrap();
                    }
                    *wakes -= 1;
                    drop(wakes);
                    self.sleeper.woke();
                }
                received.extend(self.mail.lock().unwrap().drain(..));
            }
            received
        }
    }

    #[test]
    fn f70_no_wake_up_is_lost_between_one_sender_and_the_sleeper() {
        loom::model(|| {
            let model = Arc::new(Model::new());
            let sender = Arc::clone(&model);
            let thread = thread::spawn(move || {
                sender.send(1);
                sender.send(2);
            });
            assert_eq!(model.receive(2), [1, 2]);
            thread.join().unwrap();
        });
    }

    #[test]
    fn f70_no_wake_up_is_lost_between_two_senders_and_the_sleeper() {
        let mut bounded = loom::model::Builder::new();
        // LOOM_MAX_PREEMPTIONS sets another: docs/testing.md has how far it was raised.
        bounded.preemption_bound.get_or_insert(3);
        bounded.check(|| {
            let model = Arc::new(Model::new());
            let senders: Vec<_> = (1..=2)
                .map(|letter| {
                    let sender = Arc::clone(&model);
                    thread::spawn(move || sender.send(letter))
                })
                .collect();
            let mut received = model.receive(2);
            received.sort_unstable();
            assert_eq!(received, [1, 2]);
            for sender in senders {
                sender.join().unwrap();
            }
        });
    }
}
