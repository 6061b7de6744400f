//! What the log says of jobs: it alone says which job was dropped or is overdue where peers receive nothing. And what workers
//! report of their jobs.

use deputy::dispatch::message::{JobEvent, Submitter};

use crate::closings::PAUSE_BYTES;
use crate::model::line::{self, Line};
use crate::model::requests::{End, Job, State};
use crate::model::shadow::Shadow;
use crate::world::Peer;

impl Shadow {
    pub(crate) fn on_trace(&mut self, trace: (u16, u64), what: JobEvent) {
        match what {
            JobEvent::Queued(submitter) => self.queued(trace, submitter),
            JobEvent::Sent(_) => self.sent_trace = Some(trace),
            JobEvent::Requeued(_) | JobEvent::Lost(..) => {
                // Its worker goes in this very step, and what was sent since may be because of that.
                let job = self.traces.get(&trace).map(|serial| &self.jobs[serial]);
                if let Some(State::Held(worker)) = job.map(|job| job.state) {
                    self.leave(worker);
                    self.lose_of(worker, self.traces[&trace]);
                }
            }
            JobEvent::Overdue(_) => {
                let (serial, job) = self.traced(trace);
                let State::Held(worker) = job.state else { panic!("overdue, but nobody holds it: {job:?}") };
                assert!(self.overdue.contains(&serial), "overdue too early: {job:?}");
                self.spend(worker, serial);
                self.overdue(serial, self.stops(worker));
            }
            JobEvent::Revoked => self.revoked(trace),
            JobEvent::Finished("no_bridge") => self.lost_its_bridge(trace),
            JobEvent::Finished("no_worker") => self.too_late(trace),
            JobEvent::Finished(_) => {}
        }
    }

    /// A durable job has ended because there is no worker for it. One that never waited in its queue is not known by this name.
    fn lost_its_bridge(&mut self, trace: (u16, u64)) {
        let Some(&serial) = self.traces.get(&trace) else { return };
        let job = &self.jobs[&serial];
        assert!(job.asks.durable && !job.stored && job.state == State::Inside, "ended without a bridge: {job:?}");
        self.no_bridge.push(job.type_name.clone());
        self.end(serial, End::NoBridge);
    }

    fn queued(&mut self, trace: (u16, u64), submitter: Submitter) {
        let serial = match submitter {
            Submitter::Ticket(shard, ticket) => self.tickets.get(&(shard.0, ticket.generation)),
            Submitter::Group(shard, group) => self.groups.get(&(shard.0, group.generation)),
            Submitter::Conn(..) | Submitter::Background(_) => return,
        };
        let serial = *serial.unwrap_or_else(|| panic!("queued, but no peer submitted it: {submitter:?}"));
        let job = self.jobs.get_mut(&serial).expect("it is not over");
        assert_eq!(job.trace.replace(trace), None, "queued again: {job:?}");
        self.traces.insert(trace, serial);
    }

    /// A job that was queued has ended at its home, because no worker was sent it in time. One without a name in the log was
    /// not queued.
    fn too_late(&mut self, trace: (u16, u64)) {
        let Some(&serial) = self.traces.get(&trace) else { return };
        let job = &self.jobs[&serial];
        assert_eq!(job.state, State::Inside, "too late, but it waits nowhere: {job:?}");
        assert!(!job.stored, "it is stored, and had all the time there is: {job:?}");
        let ms = job.asks.wait_ms.unwrap_or_else(|| panic!("too late, but it had time: {job:?}"));
        assert!(self.bounds.latest_ms() >= job.accepted_ms + ms, "it had more time: {job:?}");
        self.tally.too_late += 1;
        self.end(serial, End::NoWorker);
    }

    /// A Recall comes to the home of a job. Returns which, if it is not over.
    pub(crate) fn recall(&mut self, ticket: Submitter) -> Option<u64> {
        let Submitter::Ticket(shard, ticket) = ticket else { panic!("a Recall names a ticket: {ticket:?}") };
        let serial = *self.tickets.get(&(shard.0, ticket.generation))?;
        self.jobs.get_mut(&serial)?.recalled = true;
        Some(serial)
    }

    pub(crate) fn is_recalled(&self, serial: u64) -> bool {
        self.jobs.get(&serial).is_some_and(|job| job.recalled)
    }

    /// An unwanted job is over, wherever it was.
    fn revoked(&mut self, trace: (u16, u64)) {
        let (serial, job) = self.traced(trace);
        assert!(job.requests.is_empty(), "revoked, but wanted: {job:?}");
        match job.state {
            State::Held(worker) => self.spend(worker, serial),
            State::Inside => {}
            _ => panic!("revoked, but it was over: {job:?}"),
        }
        let job = self.forget(serial).expect("it was there");
        self.tally_of(&job.type_name).ended(End::Cancelled);
    }

    /// A job has ended at its worker, whose slot is spent now.
    fn spend(&mut self, worker: Peer, serial: u64) {
        let conn = &mut self.conns[worker.0];
        let is_it = |held: &&mut crate::model::shadow::Held| held.serial == serial && held.spent.is_none();
        let held = conn.held.iter_mut().find(is_it).expect("its worker holds it");
        held.spent = Some(self.jobs[&serial].type_name.clone());
        assert_eq!(held.cancelled, held.lease.is_some(), "cancelled exactly if it has a lease: {held:?}");
        self.cancels_sent -= usize::from(held.cancelled);
        if let Some(ms) = held.limit_ms {
            self.clocks[usize::from(conn.shard)].limits.remove(&(ms, serial));
            self.overdue.remove(&serial);
        }
    }

    fn traced(&self, trace: (u16, u64)) -> (u64, &Job) {
        let serial = self.traces.get(&trace).unwrap_or_else(|| panic!("the log names an unknown job: {trace:?}"));
        (*serial, &self.jobs[serial])
    }

    /// A worker reports progress, perhaps with data for the submitters. Returns whether some may have asked for it.
    pub(crate) fn report(&mut self, worker: Peer, at: usize, number: Option<u64>) -> bool {
        let conn = &mut self.conns[worker.0];
        let held = &mut conn.held[at];
        if held.spent.is_some() {
            return false;
        }
        let job = self.jobs.get_mut(&held.serial).expect("a job that is held is known");
        if let Some(before) = held.limit_ms {
            let limit = job.asks.run_limit_ms.unwrap_or(self.run_limit_ms);
            let limits = &mut self.clocks[usize::from(conn.shard)].limits;
            limits.remove(&(before, held.serial));
            let until = self.bounds.now_ms(conn.shard) + limit;
            limits.insert((until, held.serial));
            held.limit_ms = Some(until);
        }
        let Some(number) = number else { return false };
        job.reports.insert(number, worker);
        for request in &job.requests {
            let request = self.requests.get_mut(request).expect("it waits");
            if request.asks.progress && !self.conns[request.submitter.0].gone {
                request.owed.insert(number);
            }
        }
        job.asks.progress || job.asks.key.is_some()
    }

    /// A submitter learns of progress: it asked for it, its job is not over, and those of a worker come in their order.
    pub(crate) fn on_progress(&mut self, peer: Peer, line: &Line<'_>, unsent_before: u64) {
        assert!(unsent_before <= PAUSE_BYTES, "{peer:?} does not read");
        let data = line.data.expect("progress has data").get();
        let (serial, number) = (line::serial(data), line::report_number(data));
        let job = self.jobs.get(&serial).unwrap_or_else(|| panic!("progress of a job that is over: {line:?}"));
        let worker = job.reports.get(&number).unwrap_or_else(|| panic!("no worker reported {line:?}"));
        let id = line.id.expect("progress has an id").get();
        let overtaken = |seen: &u64| *seen >= number && job.reports[seen] == *worker;
        let fits = |serial: &&u64| {
            let request = &self.requests[serial];
            self.is_of(**serial, peer, id) && request.asks.progress && !request.reports.iter().any(overtaken)
        };
        let request = job.requests.iter().find(fits).copied();
        let request = request.unwrap_or_else(|| panic!("{peer:?} is owed no {line:?}"));
        let request = self.requests.get_mut(&request).expect("it was found just now");
        request.reports.insert(number);
        request.owed.remove(&number);
        self.tally.reports += 1;
    }
}
