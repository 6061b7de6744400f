//! Decides when a sleeping shard must be woken, without a lock, and without a system call if the shard is awake.
//!
//! The sleeper sets the flag, fences, checks its mailbox again, and only then blocks. The sender posts its message,
//! fences, and wakes the sleeper only if this sender clears the flag. One of the two fences comes first: either the
//! sleeper sees the message, or the sender sees the flag.
//!
//! The tests explore every interleaving with loom. Fences are used because loom treats a `SeqCst` access as no more than
//! acquire and release.

use std::sync::atomic::{AtomicBool, Ordering, fence};

/// The atomic flag: std's in the server, loom's in the model.
pub(super) trait Flag {
    fn load(&self) -> bool;
    fn store(&self, value: bool);
    fn swap(&self, value: bool) -> bool;
    /// A sequentially consistent fence.
    fn fence();
}

/// Makes a [`Flag`] of the `AtomicBool`, `Ordering` and `fence` in scope, so that the model has the server's orderings.
macro_rules! impl_flag {
    () => {
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
    };
}

impl_flag!();

/// The flag that says whether one shard sleeps.
#[derive(Debug, Default)]
pub(super) struct Sleeper<F>(F);

impl<F: Flag> Sleeper<F> {
    /// Called by the sleeper before it blocks. It must not block if this returns false.
    ///
    /// A shard that is always busy never writes the flag, so senders keep it in their caches.
    pub(super) fn may_sleep(&self, mailbox_is_empty: impl Fn() -> bool) -> bool {
        if !mailbox_is_empty() {
            return false;
        }
        // A swap, not a store: in every thread's view it follows a sender's swap. Loom needs this, because it does not
        // model that no write comes between a swap and the value that it read.
        self.0.swap(true);
        F::fence();
        let empty = mailbox_is_empty();
        if !empty {
            self.0.store(false);
        }
        empty
    }

    /// Called by the sleeper when it has been woken, for any reason, after [`may_sleep`](Self::may_sleep) returned true.
    pub(super) fn woke(&self) {
        self.0.store(false);
    }

    /// Called by a sender after it has posted all its messages, to however many mailboxes, at the latest before it sleeps
    /// itself. [`must_be_woken`](Self::must_be_woken) must follow for each of these mailboxes.
    pub(super) fn posted() {
        F::fence();
    }

    /// Called by a sender after [`posted`](Self::posted). Returns true to at most one of all senders, which must wake the
    /// sleeper. Returns true to none if it is awake, or has taken the messages.
    pub(super) fn must_be_woken(&self, mailbox_is_empty: impl FnOnce() -> bool) -> bool {
        self.0.load() && !mailbox_is_empty() && self.0.swap(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use loom::sync::atomic::{AtomicBool, Ordering, fence};
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    use super::{Flag, Sleeper};

    impl_flag!();

    /// A mailbox and a poller made of loom's parts. Loom reports a sleeper that is never woken as a deadlock.
    struct Model {
        sleeper: Sleeper<AtomicBool>,
        /// What the channel contains.
        messages: Mutex<VecDeque<u32>>,
        /// How many messages were ever posted, which the sleeper checks as it checks a channel.
        length: loom::sync::atomic::AtomicUsize,
        wakes: Mutex<usize>,
        woken: Condvar,
    }

    impl Model {
        fn new() -> Self {
            Self {
                sleeper: Sleeper(AtomicBool::new(false)),
                messages: Mutex::new(VecDeque::new()),
                length: loom::sync::atomic::AtomicUsize::new(0),
                wakes: Mutex::new(0),
                woken: Condvar::new(),
            }
        }

        fn send(&self, message: u32) {
            self.deliver(message);
            Sleeper::<AtomicBool>::posted();
            self.wake();
        }

        fn deliver(&self, message: u32) {
            self.messages.lock().unwrap().push_back(message);
            self.length.fetch_add(1, Ordering::Release);
        }

        fn wake(&self) {
            if self.sleeper.must_be_woken(|| self.messages.lock().unwrap().is_empty()) {
                *self.wakes.lock().unwrap() += 1;
                self.woken.notify_one();
            }
        }

        fn receive(&self, count: usize) -> Vec<u32> {
            let mut received = Vec::new();
            while received.len() < count {
                if self.sleeper.may_sleep(|| self.length.load(Ordering::Relaxed) == received.len()) {
                    let mut wakes = self.wakes.lock().unwrap();
                    while *wakes == 0 {
                        wakes = self.woken.wait(wakes).unwrap();
                    }
                    *wakes -= 1;
                    drop(wakes);
                    self.sleeper.woke();
                }
                received.extend(self.messages.lock().unwrap().drain(..));
            }
            received
        }
    }

    /// Explores schedules with at most this many preemptions, or with what `LOOM_MAX_PREEMPTIONS` says. docs/testing.md
    /// says how far that was raised.
    fn explore(preemptions: usize, schedule: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound.get_or_insert(preemptions);
        builder.check(schedule);
    }

    #[test]
    fn f70_no_wake_up_is_lost_between_one_sender_and_the_sleeper() {
        explore(7, || {
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
    fn f70_no_wake_up_is_lost_if_it_comes_after_several_messages() {
        loom::model(|| {
            let model = Arc::new(Model::new());
            let sender = Arc::clone(&model);
            let thread = thread::spawn(move || {
                sender.deliver(1);
                sender.deliver(2);
                Sleeper::<AtomicBool>::posted();
                sender.wake();
            });
            assert_eq!(model.receive(2), [1, 2]);
            thread.join().unwrap();
        });
    }

    #[test]
    fn f70_no_wake_up_is_lost_if_messages_are_posted_to_two_sleepers() {
        explore(3, || {
            let models = [Arc::new(Model::new()), Arc::new(Model::new())];
            let sleeper = Arc::clone(&models[1]);
            let thread = thread::spawn(move || assert_eq!(sleeper.receive(1), [2]));
            let senders = models.clone();
            let sender = thread::spawn(move || {
                senders[0].deliver(1);
                senders[1].deliver(2);
                Sleeper::<AtomicBool>::posted();
                for sender in &senders {
                    sender.wake();
                }
            });
            assert_eq!(models[0].receive(1), [1]);
            thread.join().unwrap();
            sender.join().unwrap();
        });
    }

    #[test]
    fn f70_no_wake_up_is_lost_between_two_senders_and_the_sleeper() {
        explore(3, || {
            let model = Arc::new(Model::new());
            let senders: Vec<_> = (1..=2)
                .map(|message| {
                    let sender = Arc::clone(&model);
                    thread::spawn(move || sender.send(message))
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
