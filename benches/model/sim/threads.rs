//! Threads and the cores they run on: which threads run, wait for a core, or sleep.
//!
//! If there are fewer cores than threads, waiting threads run in the order in which they began to wait. A thread that always
//! has work leaves its core after its slice, and sooner for a thread that was just woken. A fair scheduler does about
//! that; its finer rules are absent.

use std::collections::VecDeque;

/// The state of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asleep,
    /// It waits for a core.
    Waiting,
    /// It runs, since this moment.
    Running {
        since_ns: u64,
    },
}

/// All threads.
#[derive(Debug)]
pub(super) struct Threads {
    states: Vec<State>,
    /// By thread: whether it waits for a core in the middle of a turn.
    in_turn: Vec<bool>,
    idle_cores: usize,
    /// Threads that wait for a core, and whether each was just woken: such a thread may cut a slice short.
    queue: VecDeque<(usize, bool)>,
    slice_ns: u64,
    granule_ns: u64,
}

impl Threads {
    /// Returns `count` sleeping threads. Without `cores` each has its own core.
    pub(super) fn new(count: usize, cores: Option<usize>, slice_ns: u64, granule_ns: u64) -> Self {
        Self {
            states: vec![State::Asleep; count],
            in_turn: vec![false; count],
            idle_cores: cores.unwrap_or(count),
            queue: VecDeque::new(),
            slice_ns,
            granule_ns,
        }
    }

    pub(super) fn is_asleep(&self, thread: usize) -> bool {
        self.states[thread] == State::Asleep
    }

    /// Whether a thread that has just got a core continues a turn.
    pub(super) fn is_in_turn(&self, thread: usize) -> bool {
        self.in_turn[thread]
    }

    /// Wakes a thread. Returns whether it has a core at once; otherwise it waits for one.
    pub(super) fn wake(&mut self, thread: usize, now_ns: u64) -> bool {
        if self.idle_cores > 0 {
            self.idle_cores -= 1;
            self.states[thread] = State::Running { since_ns: now_ns };
            true
        } else {
            self.states[thread] = State::Waiting;
            self.in_turn[thread] = false;
            self.queue.push_back((thread, true));
            false
        }
    }

    /// Lets a running thread sleep. Returns the thread that has its core now.
    pub(super) fn sleep(&mut self, thread: usize, now_ns: u64) -> Option<usize> {
        self.states[thread] = State::Asleep;
        self.hand_on(now_ns)
    }

    /// Called when a running thread has more work. If its slice is over and others wait, it waits behind them; returns the
    /// thread that has its core now.
    pub(super) fn give_way(&mut self, thread: usize, in_turn: bool, now_ns: u64) -> Option<usize> {
        let State::Running { since_ns } = self.states[thread] else { return None };
        let &(_, woken) = self.queue.front()?;
        if now_ns - since_ns < if woken { self.granule_ns } else { self.slice_ns } {
            return None;
        }
        self.states[thread] = State::Waiting;
        self.in_turn[thread] = in_turn;
        self.queue.push_back((thread, false));
        self.hand_on(now_ns)
    }

    fn hand_on(&mut self, now_ns: u64) -> Option<usize> {
        let next = self.queue.pop_front().map(|(thread, _)| thread);
        match next {
            Some(thread) => self.states[thread] = State::Running { since_ns: now_ns },
            None => self.idle_cores += 1,
        }
        next
    }
}
