//! The books of jobs: the `do` lines that wait for their one `did`, and the jobs that are done for them. With a key several
//! lines share a job; one that was given up leaves an unwanted job behind.

use std::collections::{BTreeMap, BTreeSet};

use crate::asks::Asks;
use crate::model::shadow::Shadow;
use crate::world::Peer;

/// How a job or a `do` line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Failed,
    GaveUp,
    Shutdown,
    Cancelled,
    Expired,
    TimedOut,
    NoWorker,
    NoBridge,
}

impl End {
    /// The end that has this code, if the server gives it to a job that it had accepted.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "gave_up" => Self::GaveUp,
            "shutdown" => Self::Shutdown,
            "cancelled" => Self::Cancelled,
            "expired" => Self::Expired,
            "timed_out" => Self::TimedOut,
            "no_worker" => Self::NoWorker,
            "no_bridge" => Self::NoBridge,
            _ => return None,
        })
    }
}

/// Where a job is, as far as peers can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for its delay to end.
    Delayed,
    /// In a queue or on its way.
    Inside,
    /// A worker was sent it.
    Held(Peer),
    /// Its answer is on the way.
    Ended(End),
}

/// A `do` line that was accepted and is not answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) submitter: Peer,
    pub(crate) id: &'static str,
    pub(crate) asks: Asks,
    /// What it counts in the memory budget at its submitter's shard.
    pub(crate) bytes: u64,
    /// By when it must have ended.
    pub(crate) expires_ms: Option<u64>,
    /// When its job is recalled, unless that was done.
    pub(crate) recall_ms: Option<u64>,
    /// The generation of its ticket at its submitter's shard.
    pub(crate) ticket: Option<u32>,
    /// The job that is done for it.
    pub(crate) job: u64,
    /// The reports of its job that it was sent.
    pub(crate) reports: BTreeSet<u64>,
    /// Those that it has to be sent.
    pub(crate) owed: BTreeSet<u64>,
    /// Whether it has learned that its job is stored.
    pub(crate) received_stored: bool,
    /// Whether its `did` was sent before the job ended: its end is only counted.
    pub(crate) silent: bool,
}

/// A job in the world. The first `do` line for it decides what it is.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // They are independent facts, not a state.
pub(crate) struct Job {
    pub(crate) submitter: Peer,
    pub(crate) id: &'static str,
    pub(crate) type_name: String,
    pub(crate) asks: Asks,
    pub(crate) big: bool,
    pub(crate) state: State,
    pub(crate) suspect: bool,
    /// Whether a worker said that it is stored.
    pub(crate) stored: bool,
    /// Whether a worker was sent it.
    pub(crate) was_sent: bool,
    /// Whether its Recall has come to its home.
    pub(crate) recalled: bool,
    pub(crate) attempts: u32,
    /// What it counts in the memory budget, without a ticket.
    pub(crate) bytes: u64,
    pub(crate) accepted_ms: u64,
    /// Its place in the queue of its type, as far as it is known: equal for those that came in one operation.
    pub(crate) queue_place: u64,
    /// The generation of the ticket of its first `do`.
    pub(crate) ticket: Option<u32>,
    /// The group of its key: its home, and its generation there.
    pub(crate) group: Option<(u16, u32)>,
    /// By what the log names it: its home, and its arrival number.
    pub(crate) trace: Option<(u16, u64)>,
    /// Who waits for it, in the order in which they joined.
    pub(crate) requests: Vec<u64>,
    /// Its progress as workers reported it.
    pub(crate) reports: BTreeMap<u64, Peer>,
}

/// What a peer must be sent before the step ends.
#[derive(Debug)]
pub(crate) struct DueEnd {
    peer: Peer,
    id: &'static str,
    end: End,
    cancellable: bool,
}

impl Job {
    /// Whether it may not wait at all. One that is stored has all the time there is.
    pub(crate) fn never_waits(&self) -> bool {
        self.asks.never_waits() && !self.stored
    }
}

impl Request {
    /// Whether it costs more messages than others: it has a ticket or a key.
    pub(crate) fn is_costly(&self) -> bool {
        self.asks.is_named() || self.asks.key.is_some()
    }

    /// Its job enters its queue, where it may wait for so long.
    pub(crate) fn begin_to_wait(&mut self, now_ms: u64) {
        self.recall_ms = self.asks.wait_ms.filter(|ms| *ms > 0).map(|ms| now_ms + ms);
    }
}

impl Shadow {
    /// A peer submits a job that must be accepted.
    pub(crate) fn submit(&mut self, serial: u64, request: Request, job: Job) {
        self.tally.added += 1;
        let conn = &mut self.conns[request.submitter.0];
        if !request.silent {
            conn.requests.insert(serial);
        }
        let clock = &mut self.clocks[usize::from(conn.shard)];
        if let Some(ticket) = request.ticket {
            self.tickets.insert((conn.shard, ticket), serial);
        }
        if let Some(ms) = request.expires_ms {
            clock.deadlines.insert((ms, serial));
        }
        if let Some(ms) = request.recall_ms {
            clock.recalls.insert((ms, serial));
        }
        if job.state == State::Delayed {
            clock.delays.insert((job.accepted_ms + job.asks.delay_ms, serial));
        }
        self.costly += usize::from(request.is_costly());
        self.jobs.insert(serial, job);
        self.requests.insert(serial, request);
    }

    /// The `did` of a `do` line is sent, or dropped, before its job has ended: the end is only counted.
    pub(crate) fn silence(&mut self, serial: u64) {
        let request = self.requests.get_mut(&serial).expect("it waits");
        request.silent = true;
        let (job, peer) = (request.job, request.submitter);
        self.conns[peer.0].requests.remove(&serial);
        if let State::Ended(end) = self.jobs[&job].state {
            self.answered(serial, end);
        }
    }

    /// A `do` line has its answer: it is counted.
    pub(crate) fn answered(&mut self, serial: u64, end: End) {
        let request = self.requests.remove(&serial).expect("it is answered once");
        self.costly -= usize::from(request.is_costly());
        let conn = &mut self.conns[request.submitter.0];
        conn.requests.remove(&serial);
        let clock = &mut self.clocks[usize::from(conn.shard)];
        if let Some(ms) = request.expires_ms {
            clock.deadlines.remove(&(ms, serial));
        }
        if let Some(ms) = request.recall_ms {
            clock.recalls.remove(&(ms, serial));
        }
        self.tally.dropped += u64::from(conn.gone && !request.silent);
        self.tally.count(end, 1);
        if let Some(job) = self.jobs.get_mut(&request.job) {
            let was_wanted = !job.requests.is_empty();
            job.requests.retain(|request| *request != serial);
            self.costly += usize::from(was_wanted && job.requests.is_empty());
        }
        self.forget_if_over(request.job);
    }

    /// A job that has ended, and that no line waits for, is forgotten.
    pub(crate) fn forget_if_over(&mut self, serial: u64) {
        let over = |job: &Job| matches!(job.state, State::Ended(_)) && job.requests.is_empty() && job.group.is_none();
        if self.jobs.get(&serial).is_some_and(over) {
            self.forget(serial);
        }
    }

    /// A job is nowhere any more.
    pub(crate) fn forget(&mut self, serial: u64) -> Option<Job> {
        let job = self.jobs.remove(&serial)?;
        self.costly -= usize::from(job.requests.is_empty());
        if let Some(trace) = job.trace {
            self.traces.remove(&trace);
        }
        if let Some(ticket) = job.ticket {
            self.tickets.remove(&(self.conns[job.submitter.0].shard, ticket));
        }
        if let Some(group) = job.group {
            self.groups.remove(&group);
        }
        Some(job)
    }

    /// A `do` line is cancelled, or has expired: it is answered now, if its submitter is there.
    pub(crate) fn give_up(&mut self, serial: u64, end: End) {
        let Request { submitter: peer, id, job, silent, ref asks, .. } = self.requests[&serial];
        let cancellable = asks.cancellable;
        if !self.conn(peer).gone && !silent {
            self.due_ends.push(DueEnd { peer, id, end, cancellable });
        }
        let delayed = self.jobs[&job].state == State::Delayed;
        if delayed {
            let due_ms = self.jobs[&job].accepted_ms + self.jobs[&job].asks.delay_ms;
            let shard = usize::from(self.conn(peer).shard);
            self.clocks[shard].delays.remove(&(due_ms, serial));
        }
        self.answered(serial, end);
        if delayed && let Some(job) = self.forget(job) {
            self.tally_of(&job.type_name).ended(end);
        }
    }

    /// Takes out the answer that a peer must be sent in this step.
    pub(crate) fn take_due_end(&mut self, peer: Peer, id: &str, end: End) -> bool {
        let is_it = |due: &DueEnd| due.peer == peer && due.id == id && due.end == end;
        let at = self.due_ends.iter().position(is_it);
        at.map(|at| self.due_ends.swap_remove(at)).is_some()
    }

    /// A peer is gone before its answers of this step were sent.
    pub(crate) fn drop_due_ends(&mut self, peer: Peer) {
        let (mine, others) = std::mem::take(&mut self.due_ends).into_iter().partition(|due| due.peer == peer);
        self.due_ends = others;
        for DueEnd { end, cancellable, .. } in Vec::from_iter::<Vec<DueEnd>>(mine) {
            self.tally.dropped += 1;
            if cancellable && end == End::Expired {
                // Its submitter was gone first.
                self.tally.expired -= 1;
                self.tally.cancelled += 1;
            }
        }
    }
}
