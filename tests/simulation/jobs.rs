//! What clients and workers do about jobs. The shadow learns it first, because the core may answer within the step.

use std::collections::{BTreeMap, BTreeSet};

use deputy::metrics::Fault;
use deputy::protocol::carried::{Carried, LongText};
use deputy::protocol::command::Command;

use super::asks::Asks;
use super::closings::PAUSE_BYTES;
use super::schedule::Schedule;
use super::world::Peer;
use crate::model::line;
use crate::model::requests::{End, Job, Request, State};
use crate::model::shadow::{Conn, Due, Held};

impl Schedule {
    pub(crate) fn submit(&mut self, peer: Peer) {
        let id = line::IDS[self.random.below(line::IDS.len())][0];
        let mine = self.shadow.conn(peer).requests.iter().map(|serial| &self.shadow.requests[serial]);
        let twin = mine.filter(|request| request.id == id).map(|request| request.asks.clone()).next();
        // Of two that are stored no line says which is meant. Of two that failed in one way neither, and of the other one
        // there may be progress yet.
        if twin.as_ref().is_some_and(|twin| !self.plan.twins || twin.ends_unseen() || twin.progress) {
            return;
        }
        self.serial += 1;
        let (serial, type_name) = (self.serial, self.any_type());
        let big = self.plan.big_one_in > 0 && self.random.one_in(self.plan.big_one_in);
        let arg = line::arg(serial, big);
        let asks = self.draw_asks(twin.as_ref());
        let job_bytes = asks.job_bytes(id, &type_name, &arg);
        let bytes = job_bytes + asks.ticket_bytes();
        if let Some(code) = self.why_refused(peer, bytes) {
            if code == "queue_full" {
                self.shadow.tally.faults.count(Fault::QueueFull);
            }
            self.shadow.expect(peer, Due::Refused(id, code));
        } else {
            if asks.is_accepted_at_once() {
                self.shadow.expect(peer, Due::Accepted(id));
            }
            self.accept(serial, Request::of(peer, id, &asks, bytes, serial), &type_name, big, job_bytes);
            if self.plan.poison_one_in > 0 && self.random.one_in(self.plan.poison_one_in) {
                self.poison.push(serial);
            }
        }
        let options = asks.options();
        let long = big.then(|| LongText::from(arg.as_str()));
        let arg = long.as_ref().map_or(Carried::Short(&arg), Carried::Long);
        self.command(peer, &Command::Do { id, type_name: type_name.into(), arg: Some(arg), options });
    }

    /// What a job asks for. Lines of one id and connection are alike in all that happens before an answer: of those that
    /// fail in one way no line says which is meant. Of those that come home in one step tickets show it.
    fn draw_asks(&mut self, twin: Option<&Asks>) -> Asks {
        let one_in = self.plan.durable_one_in;
        if one_in > 0 && twin.is_none() && self.random.one_in(one_in) {
            return self.plan.odds.asks_of_durable(&mut self.random);
        }
        let mut asks = self.plan.odds.asks(&mut self.random);
        if asks.background && (asks.key.is_some() || asks.need_worker) {
            asks.delay_ms = 0;
        }
        if asks.key.is_some() && asks.cancellable && self.plan.options.give_ups_per_turn < 100 {
            // It may come home and be given up in one turn, and no line says which group that was.
            asks.delay_ms = 0;
        }
        if asks.never_waits() {
            // Whether it has ended no line says if its submitter is not there.
            asks.deadline_ms = None;
        }
        if asks.background {
            return asks;
        }
        if let Some(twin) = twin {
            (asks.cancellable, asks.progress, asks.deadline_ms) = (twin.cancellable, twin.progress, None);
            asks.wait_ms = None;
            asks.key = asks.key.filter(|_| asks.is_named());
        } else {
            asks.progress |= asks.key.is_some() && asks.delay_ms > 0;
        }
        asks
    }

    /// The shadow learns of a job that must be accepted.
    fn accept(&mut self, serial: u64, mut request: Request, type_name: &str, big: bool, bytes: u64) {
        let shard = self.shadow.conn(request.submitter).shard;
        let accepted_ms = self.shadow.bounds.now_ms(shard);
        let asks = request.asks.clone();
        if asks.has_ticket() {
            let clock = &mut self.shadow.clocks[usize::from(shard)];
            request.ticket = Some(clock.next_ticket);
            clock.next_ticket += 1;
        }
        request.expires_ms = asks.deadline_ms.map(|ms| accepted_ms + ms);
        let delayed = asks.delay_ms > 0;
        if !delayed {
            request.begin_to_wait(accepted_ms);
        }
        let job = Job {
            submitter: request.submitter,
            id: request.id,
            type_name: type_name.to_owned(),
            big,
            state: if delayed { State::Delayed } else { State::Inside },
            suspect: false,
            stored: false,
            was_sent: false,
            recalled: false,
            attempts: 0,
            bytes,
            accepted_ms,
            queue_place: self.shadow.next_queue_place(),
            ticket: request.ticket,
            group: None,
            trace: None,
            requests: vec![serial],
            reports: BTreeMap::new(),
            asks,
        };
        self.shadow.submit(serial, request, job);
        if !delayed && self.world.home(type_name) == shard {
            self.arrived.push(serial);
        }
    }

    /// Returns the code with which a job of this size must be refused, if it must.
    fn why_refused(&self, peer: Peer, bytes: u64) -> Option<&'static str> {
        if self.shadow.stops(peer) {
            return Some("shutdown");
        }
        let shard = self.shadow.conn(peer).shard;
        let own = self.world.counts(shard);
        let firm = own.job_bytes + own.unsent_bytes + self.world.memory_seen(shard).committed;
        (firm + bytes > self.plan.options.memory_bytes_max).then_some("queue_full")
    }

    /// A client cancels: mostly jobs of its own, some that are over, some that are unknown.
    pub(crate) fn cancel(&mut self, peer: Peer) {
        let own = self.shadow.conn(peer).requests.iter().map(|serial| self.shadow.requests[serial].id);
        let id = match self.random.below(8) {
            0 => line::UNUSED_ID,
            1 => self.random.pick(&line::IDS)[0],
            _ => self.random.pick_any(own).unwrap_or(line::UNUSED_ID),
        };
        self.shadow.cancel(peer, id, self.serial);
        let id = self.any_spelling(id);
        self.command(peer, &Command::Cancel { id });
    }

    fn any_spelling(&mut self, id: &'static str) -> &'static str {
        let spellings = line::IDS.iter().find(|row| row[0] == id);
        spellings.map_or(id, |row| *self.random.pick(row))
    }

    /// A slot of which the worker has read: of a job that it holds, or of one that ended.
    fn any_slot(&mut self, worker: Peer) -> usize {
        let held = self.shadow.conn(worker).held.iter().enumerate();
        let seen = held.filter(|(_, held)| held.seen).map(|(at, _)| at);
        self.random.pick_any(seen).expect("it has seen one")
    }

    /// One whose job's submitter has more unsent than progress is sent for.
    fn slot_of_a_slow_submitter(&self, worker: Peer) -> Option<usize> {
        let slow = |serial: &u64| self.shadow.conn(self.shadow.requests[serial].submitter).unsent > PAUSE_BYTES;
        let is_slow = |held: &Held| {
            let wanted = self.shadow.jobs.get(&held.serial).filter(|_| held.seen && held.spent.is_none());
            wanted.is_some_and(|job| job.asks.progress && job.requests.iter().any(slow))
        };
        self.shadow.conn(worker).held.iter().position(is_slow)
    }

    /// How a worker names the job of a slot.
    fn name_of(&mut self, worker: Peer, at: usize) -> String {
        let held = &self.shadow.conn(worker).held[at];
        let (lease, id) = (held.lease, held.id);
        lease.map_or_else(|| format!(r#""id":{}"#, self.any_spelling(id)), |lease| format!(r#""job":{lease}"#))
    }

    pub(crate) fn answer(&mut self, worker: Peer) {
        let at = self.any_slot(worker);
        if self.shall_store(worker, at) {
            return self.store(worker, at);
        }
        self.answer_at(worker, at);
    }

    /// A worker's lines that one read brings: answers, and jobs of its own.
    pub(crate) fn send_several(&mut self, worker: Peer) {
        self.world.begin_read();
        for _ in 0..2 + self.random.below(4) {
            if self.random.one_in(4) {
                self.submit(worker);
            } else if self.shadow.conn(worker).held.iter().any(|held| held.seen) {
                self.answer(worker);
            }
        }
        self.world.end_read(worker);
        self.after_peer(worker);
    }

    pub(crate) fn answer_at(&mut self, worker: Peer, at: usize) {
        let serial = self.shadow.conn(worker).held[at].serial;
        let err = self.random.one_in(5);
        let end = if err { End::Failed } else { End::Done };
        // The value of a job that is over is dropped.
        let big = self.shadow.jobs.get(&serial).is_some_and(|job| job.big);
        let value = line::value(serial, err, big);
        let name = self.name_of(worker, at);
        self.shadow.complete(worker, at, end);
        let key = if err { "err" } else { "res" };
        self.send_line(worker, &format!(r#"{{"cmd":"did",{name},"{key}":{value}}}"#));
    }

    /// A worker says that a job is stored: mostly of a durable one, once.
    fn store(&mut self, worker: Peer, at: usize) {
        let Some(lease) = self.shadow.conn(worker).held[at].lease else { return };
        if self.shadow.store(worker, at) == Some(false) {
            self.shadow.expect(worker, Due::Error("not_holding"));
            self.shadow.tally.faults.count(Fault::NotHolding);
        }
        self.send_line(worker, &format!(r#"{{"cmd":"stored","job":{lease}}}"#));
    }

    /// Whether the worker shall say now that the job of a slot is stored.
    fn shall_store(&mut self, worker: Peer, at: usize) -> bool {
        let held = &self.shadow.conn(worker).held[at];
        let (is_stored, serial) = (held.stored, held.serial);
        let is_durable = self.shadow.jobs.get(&serial).is_some_and(|job| job.asks.durable);
        let one_in = if is_durable && !is_stored { 2 } else { 12 };
        self.plan.durable_one_in > 0 && self.random.one_in(one_in)
    }

    /// A worker reports progress of a job, with data or without, or that it is stored.
    pub(crate) fn report(&mut self, worker: Peer) {
        if self.plan.durable_one_in > 0 {
            let at = self.any_slot(worker);
            if self.shall_store(worker, at) {
                return self.store(worker, at);
            }
        }
        let at = self.slot_of_a_slow_submitter(worker).unwrap_or_else(|| self.any_slot(worker));
        let name = self.name_of(worker, at);
        let serial = self.shadow.conn(worker).held[at].serial;
        let number = (!self.random.one_in(4)).then(|| {
            self.reports += 1;
            self.reports
        });
        let data = number.map_or(String::new(), |number| format!(r#","data":{}"#, line::report(serial, number)));
        let asked = self.shadow.report(worker, at, number);
        let posted = self.world.posted();
        self.send_line(worker, &format!(r#"{{"cmd":"progress",{name}{data}}}"#));
        assert!(asked || self.world.posted() == posted, "no submitter asked for the progress of {serial}");
    }

    /// A `did` or `progress` for a job that this connection does not hold, or does not hold by that name.
    pub(crate) fn answer_wrongly(&mut self, peer: Peer) {
        let others = self.shadow.live.iter().flat_map(|other| &self.shadow.conn(other).held);
        let mine = |lease: &u64| self.shadow.conn(peer).held.iter().any(|held| held.lease == Some(*lease));
        let leases = others.filter_map(|held| held.lease).filter(|lease| !mine(lease));
        let lease = self.random.pick_any(leases);
        let by_id = self.random.one_in(2);
        let Conn { held, .. } = self.shadow.conn(peer);
        let with_lease = held.iter().find(|held| held.lease.is_some());
        let without = held.iter().any(|held| held.lease.is_none());
        let id = with_lease.filter(|_| !without).map_or(line::UNUSED_ID, |held| held.id);
        let name = match lease {
            Some(lease) if !by_id => format!(r#""job":{lease}"#),
            _ => format!(r#""id":{id}"#),
        };
        let line = if self.plan.durable_one_in > 0
            && self.random.one_in(3)
            && let Some(lease) = lease
        {
            format!(r#"{{"cmd":"stored","job":{lease}}}"#)
        } else if self.random.one_in(3) {
            format!(r#"{{"cmd":"progress",{name},"data":0}}"#)
        } else {
            format!(r#"{{"cmd":"did",{name},"res":0}}"#)
        };
        self.shadow.expect(peer, Due::Error("not_holding"));
        self.shadow.tally.faults.count(Fault::NotHolding);
        self.send_line(peer, &line);
    }
}

impl Request {
    fn of(submitter: Peer, id: &'static str, asks: &Asks, bytes: u64, job: u64) -> Self {
        let (reports, owed) = (BTreeSet::new(), BTreeSet::new());
        let (asks, silent) = (asks.clone(), asks.is_accepted_at_once());
        Self {
            submitter,
            id,
            asks,
            bytes,
            expires_ms: None,
            recall_ms: None,
            ticket: None,
            job,
            reports,
            owed,
            received_stored: false,
            silent,
        }
    }
}
