//! How jobs end, and workers lose them.

use deputy::metrics::Fault;

use super::world::Peer;
use crate::model::requests::{End, Job, Request, State};
use crate::model::shadow::{Held, Shadow};

impl Shadow {
    /// A peer's connection ends. What can be cancelled is. The log shows when what it holds is requeued.
    pub(crate) fn leave(&mut self, peer: Peer) {
        let conn = &mut self.conns[peer.0];
        if std::mem::replace(&mut conn.gone, true) {
            return;
        }
        self.live.remove(peer);
        conn.types.clear();
        conn.durable_types.clear();
        let held = std::mem::take(&mut conn.held);
        let requests: Vec<u64> = conn.requests.iter().copied().collect();
        self.drop_due_ends(peer);
        let mut cancellable = Vec::new();
        for serial in requests {
            let Request { job, expires_ms, ref asks, .. } = self.requests[&serial];
            if asks.background && self.jobs[&job].stored {
                self.drop_stored(serial);
                continue;
            }
            match self.jobs[&job].state {
                _ if asks.cancellable => cancellable.push(serial),
                State::Ended(end) if expires_ms.is_none() => self.answered(serial, end),
                _ => {}
            }
        }
        self.cancel_all(peer, cancellable);
        let alone = held.len() == 1;
        let lost: Vec<Held> = held.into_iter().filter(|held| held.spent.is_none()).collect();
        if !lost.is_empty() {
            self.tally.faults.count(Fault::LeftHolding);
        }
        for held in &lost {
            self.stop_limit(peer, held);
        }
        let conn = &mut self.conns[peer.0];
        (conn.lost, conn.lost_alone) = (lost, alone);
    }

    /// A job that a lost worker held is requeued, or ends.
    pub(crate) fn lose_of(&mut self, worker: Peer, serial: u64) {
        let stops = self.stops(worker);
        let type_name = self.jobs[&serial].type_name.clone();
        let conn = &mut self.conns[worker.0];
        let at = conn.lost.iter().position(|held| held.serial == serial).expect("it was lost with its worker");
        let held = conn.lost.remove(at);
        let (alone, passed_on) = (conn.lost_alone, held.spare && conn.wants_ref);
        if conn.lost_types.insert(type_name.clone()) {
            self.tally_of(&type_name).lost_a_worker();
        }
        self.lose(serial, alone, passed_on, stops);
    }

    fn lose(&mut self, serial: u64, alone: bool, passed_on: bool, stops: bool) {
        let job = self.jobs.get_mut(&serial).expect("a job that is held is known");
        let durable = job.asks.durable;
        if passed_on {
            job.attempts += u32::from(job.asks.attempts == Some(1));
        } else if !durable {
            job.attempts += u32::from(alone || job.suspect || job.asks.attempts == Some(1));
            job.suspect = true;
        }
        let used_up = !durable && is_used_up(job, self.attempts_max);
        if stops {
            self.end(serial, End::Shutdown);
        } else if used_up {
            self.tally.faults.count(Fault::GaveUp);
            self.end(serial, End::GaveUp);
        } else {
            job.state = State::Inside;
            self.tally.reassigned += 1;
        }
    }

    /// A worker says that a job which it holds is stored, the one at this place of its list. Returns whether it may say so;
    /// `None` if the job has ended.
    pub(crate) fn store(&mut self, worker: Peer, at: usize) -> Option<bool> {
        let held = &mut self.conns[worker.0].held[at];
        if held.spent.is_some() {
            return None;
        }
        let serial = held.serial;
        let job = self.jobs.get_mut(&serial).expect("a job that is held is known");
        if !job.asks.durable || std::mem::replace(&mut held.stored, true) {
            return Some(false);
        }
        if !std::mem::replace(&mut job.stored, true) {
            let requests = job.requests.clone();
            let gone = |serial: &u64| self.conns[self.requests[serial].submitter.0].gone;
            for request in requests.into_iter().filter(gone).collect::<Vec<_>>() {
                if self.requests[&request].asks.background {
                    self.drop_stored(request);
                }
            }
        }
        Some(true)
    }

    /// A background job is stored, and its submitter has left.
    fn drop_stored(&mut self, serial: u64) {
        self.tally.dropped += 1;
        self.silence(serial);
    }

    /// A worker held a job past its run limit.
    pub(super) fn overdue(&mut self, serial: u64, stops: bool) {
        self.tally.faults.count(Fault::Overdue);
        let job = self.jobs.get_mut(&serial).expect("a job that is held is known");
        job.attempts += 1;
        if is_used_up(job, self.attempts_max) {
            self.end(serial, End::TimedOut);
        } else if stops {
            self.end(serial, End::Shutdown);
        } else {
            job.state = State::Inside;
        }
    }

    /// A worker answers a job that it holds: the one at this place of its list.
    pub(crate) fn complete(&mut self, worker: Peer, at: usize, end: End) {
        let held = self.conns[worker.0].held.remove(at);
        self.mark_ready(worker);
        if held.spent.is_some() {
            self.tally.dropped += 1;
            self.tally.late += 1;
        } else {
            self.tally.results += u64::from(end == End::Done);
            self.stop_limit(worker, &held);
            let ran_ms = self.bounds.now_ms(self.conn(worker).shard) - held.sent_ms;
            let type_name = self.jobs[&held.serial].type_name.clone();
            self.tally_of(&type_name).ran(ran_ms);
            self.end(held.serial, end);
        }
    }

    /// A job has ended. Who waits for it learns of it later; who left does not.
    pub(crate) fn end(&mut self, serial: u64, end: End) {
        let job = self.jobs.get_mut(&serial).expect("it is not over");
        job.state = State::Ended(end);
        let type_name = job.type_name.clone();
        self.tally_of(&type_name).ended(end);
        let job = &self.jobs[&serial];
        let requests = job.requests.clone();
        for request in requests {
            self.answer_if_gone(request, end);
        }
        self.forget_if_over(serial);
    }

    /// The answer to a `do` line whose submitter left is counted. Of one with a deadline, or that is still to be given up, it
    /// is not known yet which comes first.
    pub(super) fn answer_if_gone(&mut self, serial: u64, end: End) {
        let request = &self.requests[&serial];
        let is_gone = self.conn(request.submitter).gone && request.expires_ms.is_none();
        if request.silent || is_gone && !self.is_to_be_given_up(serial) {
            self.answered(serial, end);
        }
    }

    /// Nothing is on the way: all answers have come, and groups whose jobs have ended are gone.
    pub(crate) fn all_has_come(&mut self) {
        let never_waits = |job: &Job| job.state == State::Inside && job.never_waits();
        let ended: Vec<u64> = self.jobs.iter().filter(|(_, job)| never_waits(job)).map(|(serial, _)| *serial).collect();
        for serial in ended {
            self.end(serial, End::NoWorker);
        }
        let ended = |job: &Job| if let State::Ended(end) = job.state { Some(end) } else { None };
        let over: Vec<(u64, End)> = self.jobs.iter().filter_map(|(serial, job)| Some((*serial, ended(job)?))).collect();
        for (serial, end) in over {
            let requests = self.jobs[&serial].requests.clone();
            for request in requests {
                assert!(
                    self.conn(self.requests[&request].submitter).gone,
                    "never answered: {:?}",
                    self.requests[&request]
                );
                self.answered(request, end);
            }
            self.forget(serial);
        }
    }

    /// The drain time-out of this shard has passed.
    pub(crate) fn drain_over(&mut self, shard: u16) {
        for peer in (0..self.conns.len()).map(Peer) {
            if self.conn(peer).shard == shard {
                for held in std::mem::take(&mut self.conn_mut(peer).held) {
                    if held.spent.is_none() {
                        self.stop_limit(peer, &held);
                        self.end(held.serial, End::Shutdown);
                    }
                }
            }
        }
    }

    fn stop_limit(&mut self, worker: Peer, held: &Held) {
        if let Some(ms) = held.limit_ms {
            let shard = usize::from(self.conn(worker).shard);
            self.clocks[shard].limits.remove(&(ms, held.serial));
            self.overdue.remove(&held.serial);
        }
    }
}

fn is_used_up(job: &Job, attempts_max: u32) -> bool {
    let max = job.asks.attempts.map_or(attempts_max, u32::from);
    max > 0 && job.attempts >= max
}
