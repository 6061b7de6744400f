//! Threads and the cores they run on: who runs, who waits for a core, who sleeps.
//!
//! Where cores are fewer than threads, those that wait take their turn in the order in which they came. A thread that
//! always has work gives its core up after its slice, and sooner for one that was just roused. That is what a fair
//! scheduler comes to; its finer rules are absent.

use std::collections::VecDeque;

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asleep,
    /// For a core, since it was roused.
    Waiting,
    /// Since then, on this core.
    Running {
        since_ns: u64,
    },
}

/// All of them.
#[derive(Debug)]
pub(super) struct Threads {
    states: Vec<State>,
    /// By thread: it waits for a core in the midst of a turn.
    in_turn: Vec<bool>,
    idle_cores: usize,
    /// With whether it was roused just before: such a one may cut a slice short.
    queue: VecDeque<(usize, bool)>,
    slice_ns: u64,
    granule_ns: u64,
}

impl Threads {
    /// `count` threads that sleep. Without `cores` each has its own.
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

    /// Whether a thread that got a core goes on with a turn that it had begun.
    pub(super) fn is_in_turn(&self, thread: usize) -> bool {
        self.in_turn[thread]
    }

    /// A thread has work. Returns whether it has a core at once; if not, it gets one when [`Threads::leave`] says so.
    pub(super) fn rouse(&mut self, thread: usize, now_ns: u64) -> bool {
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

    /// A running thread goes to sleep. Returns who has its core now.
    pub(super) fn sleep(&mut self, thread: usize, now_ns: u64) -> Option<usize> {
        self.states[thread] = State::Asleep;
        self.hand_on(now_ns)
    }

    /// A running thread that has work: if its slice is over and others wait, it goes to the back, and who has its core
    /// now is returned.
    pub(super) fn give_way(&mut self, thread: usize, in_turn: bool, now_ns: u64) -> Option<usize> {
        let State::Running { since_ns } = self.states[thread] else { return None };
        let &(_, roused) = self.queue.front()?;
        if now_ns - since_ns < if roused { self.granule_ns } else { self.slice_ns } {
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
