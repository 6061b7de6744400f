//! Jobs of one client that are given up together, a share of them per turn: those that a `cancel` names, and those of a
//! connection that has ended. The shadow knows the order, and so in which turn it is whose.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deputy::dispatch::message::ConnId;

use super::schedule::Schedule;
use super::world::Peer;
use crate::model::requests::{End, State};
use crate::model::shadow::Shadow;

/// What a shard has still to give up.
#[derive(Debug, Default)]
pub(crate) struct GiveUps {
    per_turn: usize,
    /// What this turn may still give up.
    left: usize,
    cancels: VecDeque<Cancel>,
    /// Connections that have ended, each with its `do` lines: the last one goes first.
    departed: BTreeMap<ConnId, Vec<u64>>,
    /// Those of them whose jobs had ended before this turn, and which were not answered then.
    ended_before: BTreeSet<u64>,
    /// Whether a turn goes on with what is left.
    in_turn: bool,
}

#[derive(Clone, Copy, Debug)]
struct Cancel {
    peer: Peer,
    id: &'static str,
    /// Later lines are not meant.
    last: u64,
}

impl GiveUps {
    pub(crate) fn new(per_turn: usize) -> Self {
        Self { per_turn, left: per_turn, ..Self::default() }
    }

    pub(crate) fn begin_turn(&mut self) {
        self.left = self.per_turn;
    }

    fn take(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left -= usize::from(is_left);
        is_left
    }
}

impl Schedule {
    /// A turn is about to begin. Of jobs that have ended, and whose submitters have left, the shard's tickets show whether the
    /// answer has come.
    pub(crate) fn settle_late_give_ups(&mut self, shard: u16) {
        let Shadow { give_ups, requests, jobs, stopping, .. } = &self.shadow;
        let pending = give_ups[usize::from(shard)].departed.values().flatten();
        let ended = pending.filter_map(|serial| {
            let request = requests.get(serial)?;
            let job = &jobs[&request.job];
            match job.state {
                State::Ended(end) => Some((*serial, request.ticket, end)),
                // Whether it has ended no line says.
                State::Inside if job.never_waits() => Some((*serial, request.ticket, End::NoWorker)),
                State::Inside if stopping.contains(&true) => Some((*serial, request.ticket, End::Shutdown)),
                _ => None,
            }
        });
        let ended: Vec<(u64, Option<u32>, End)> = ended.collect();
        let audit = (!ended.is_empty()).then(|| self.world.audit(shard));
        let mut unanswered = BTreeSet::new();
        for (serial, ticket, end) in ended {
            let is_there = |audit: &deputy::dispatch::audit::Audit| {
                audit.tickets.iter().any(|left| Some(left.id.generation) == ticket && !left.answered)
            };
            if audit.as_ref().is_some_and(is_there) {
                unanswered.insert(serial);
            } else {
                let job = self.shadow.requests[&serial].job;
                if self.shadow.jobs[&job].state == State::Inside {
                    self.shadow.end(job, end);
                }
                self.shadow.answered(serial, end);
            }
        }
        self.shadow.give_ups[usize::from(shard)].ended_before = unanswered;
    }
}

impl Shadow {
    fn give_ups_of(&mut self, peer: Peer) -> &mut GiveUps {
        &mut self.give_ups[usize::from(self.conns[peer.0].shard)]
    }

    /// A client cancels the jobs of an id, of which `last` is the last that it submitted. The first is given up at once.
    pub(crate) fn cancel(&mut self, peer: Peer, id: &'static str, last: u64) {
        let cancel = Cancel { peer, id, last };
        let Some(first) = self.first_of(cancel) else { return };
        self.give_ups_of(peer).take();
        self.give_up(first, End::Cancelled);
        if !self.go_on_with(cancel) {
            self.give_ups_of(peer).cancels.push_back(cancel);
        }
    }

    /// The oldest line that a `cancel` means.
    fn first_of(&self, Cancel { peer, id, last }: Cancel) -> Option<u64> {
        let mine = self.conn(peer).requests.iter().copied().take_while(|serial| *serial <= last);
        let is_meant = |serial: &u64| self.requests[serial].id == id && self.requests[serial].asks.cancellable;
        let is_open = !self.conn(peer).gone;
        mine.filter(|_| is_open).find(is_meant)
    }

    /// Returns whether that was all.
    fn go_on_with(&mut self, cancel: Cancel) -> bool {
        while let Some(serial) = self.first_of(cancel) {
            if !self.give_ups_of(cancel.peer).take() {
                return false;
            }
            self.give_up(serial, End::Cancelled);
        }
        true
    }

    /// A connection has ended, which submitted these lines and did not make them in the background.
    pub(crate) fn cancel_all(&mut self, peer: Peer, lines: Vec<u64>) {
        if !lines.is_empty() {
            let conn = self.conn_ids[peer.0];
            self.give_ups_of(peer).departed.insert(conn, lines);
            let shard = self.conn(peer).shard;
            self.go_on_with_departed(shard, conn);
        }
    }

    /// Returns whether that was all.
    fn go_on_with_departed(&mut self, shard: u16, conn: ConnId) -> bool {
        loop {
            let own = &mut self.give_ups[usize::from(shard)];
            let lines = own.departed.get_mut(&conn).expect("it is on the list");
            let Some(&serial) = lines.last() else {
                own.departed.remove(&conn);
                return true;
            };
            let Some(request) = self.requests.get(&serial) else {
                lines.pop();
                continue;
            };
            if let State::Ended(end) = self.jobs[&request.job].state
                && request.asks.key.is_none()
                && !matches!(end, End::NoWorker | End::NoBridge)
                && own.in_turn
                && !own.ended_before.contains(&serial)
            {
                // It ended in this turn, with its worker. The answer comes later from a home: that of a group, or of a job that
                // its worker lost and that may not wait.
                lines.pop();
                self.answered(serial, end);
                continue;
            }
            if !own.take() {
                return false;
            }
            let lines = own.departed.get_mut(&conn).expect("it is on the list");
            lines.pop();
            self.give_up(serial, End::Cancelled);
        }
    }

    /// A turn goes on where the last one has stopped.
    pub(crate) fn go_on_giving_up(&mut self, shard: u16) {
        let at = usize::from(shard);
        self.give_ups[at].in_turn = true;
        self.go_on_with_all(shard);
        self.give_ups[at].in_turn = false;
    }

    fn go_on_with_all(&mut self, shard: u16) {
        let at = usize::from(shard);
        while let Some((&conn, _)) = self.give_ups[at].departed.first_key_value() {
            if !self.go_on_with_departed(shard, conn) {
                return;
            }
        }
        while let Some(cancel) = self.give_ups[at].cancels.pop_front() {
            if !self.go_on_with(cancel) {
                self.give_ups[at].cancels.push_front(cancel);
                return;
            }
        }
    }

    /// Whether a line is still to be given up, because its submitter has left.
    pub(crate) fn is_to_be_given_up(&self, serial: u64) -> bool {
        let peer = self.requests[&serial].submitter;
        let lists = &self.give_ups[usize::from(self.conn(peer).shard)].departed;
        lists.get(&self.conn_ids[peer.0]).is_some_and(|lines| lines.contains(&serial))
    }
}
