//! Checks each line of the server against the model, in the order in which they are sent.
//!
//! A job goes to one worker at a time, which takes its type, has a free slot, reads, and holds no other suspect; each `do`
//! is answered once, to the connection that sent it, with the id and the value that belong to it; `gave_up` comes exactly
//! when the contract says so; nothing else is sent that was not asked for.

use deputy::protocol::command::Class;
use serde_json::value::RawValue;

use crate::closings::PAUSE_BYTES;
use crate::model::line::{self, Figures, Line};
use crate::model::requests::{End, State};
use crate::model::shadow::{Due, Held, Shadow, Start};
use crate::world::{Event, Peer};

impl Shadow {
    /// Follows what the cores asked for in one step.
    pub(crate) fn follow(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Sent(peer, text) => self.on_line(*peer, text),
                Event::Took(peer, bytes) => self.took(*peer, *bytes),
                Event::Closed(peer, how) => self.closed(*peer, *how),
                Event::Fault(peer, fault) => self.on_fault(*peer, *fault),
                Event::Traced(job, what) => self.on_trace((job.home.0, job.arrival), *what),
                Event::Posted(..) => {}
            }
        }
    }

    /// Nothing is missing that had to be sent in this step.
    pub(crate) fn check_all_sent(&mut self) {
        assert_eq!(self.due, None, "it was not answered at once");
        assert!(self.due_ends.is_empty(), "not sent: {:?}", self.due_ends);
        assert!(self.overdue.is_empty(), "still held: {:?}", self.overdue);
        assert_eq!(self.cancels_sent, 0, "a cancel of what is still wanted");
        self.check_closed();
    }

    fn on_line(&mut self, peer: Peer, text: &str) {
        assert!(!self.conn(peer).closed, "sent after the end: {text}");
        let unsent_before = self.sent(peer, text.len() as u64 + 2);
        let line = Line::read(text);
        match (line.cmd, line.code) {
            ("do", None) => self.on_do(peer, &line, unsent_before),
            ("cancel", None) => self.on_cancel(peer, &line),
            ("progress", None) => self.on_progress(peer, &line, unsent_before),
            ("stored", None) => self.on_stored(peer, &line, false),
            ("did", Some(code)) if self.is_due_refusal(peer, &line, code) => self.due = None,
            ("did", None) if self.is_due_acceptance(peer, &line) => self.due = None,
            // What workers answer has a value.
            ("did", None) if line.res.is_none() => self.on_stored(peer, &line, true),
            ("did", None | Some("failed")) => self.on_value(peer, &line),
            ("did", Some(code)) => {
                let end = End::of_code(code).unwrap_or_else(|| panic!("{peer:?} received {text}"));
                self.on_loss(peer, &line, end);
            }
            ("pong", None) => assert_eq!(self.due.take(), Some((peer, Due::Pong))),
            ("error", Some(code)) => self.on_error(peer, code),
            ("metrics", None) => self.on_metrics(peer, line.metrics.expect("an object").get()),
            _ => panic!("{peer:?} received {text}"),
        }
    }

    fn is_due_refusal(&mut self, peer: Peer, line: &Line<'_>, code: &str) -> bool {
        let Some((speaker, Due::Refused(id, expected))) = &self.due else { return false };
        let due = *speaker == peer && *expected == code && line.id.is_some_and(|sent| sent.get() == *id);
        self.tally.refused += u64::from(due);
        due
    }

    fn is_due_acceptance(&self, peer: Peer, line: &Line<'_>) -> bool {
        let Some((speaker, Due::Accepted(id))) = &self.due else { return false };
        *speaker == peer && line.id.is_some_and(|sent| sent.get() == *id) && line.res.is_none()
    }

    fn on_do(&mut self, peer: Peer, line: &Line<'_>, unsent_before: u64) {
        let serial = line::serial(line.arg.expect("all jobs have an arg").get());
        let job = self.jobs.get(&serial).unwrap_or_else(|| panic!("sent, but over: {serial}"));
        assert_eq!(job.state, State::Inside, "a job in two places: {serial}");
        assert_eq!(line.id.map(RawValue::get), Some(job.id), "not the submitter's id text");
        assert_eq!(line.type_name, Some(&*job.type_name), "not its type");
        assert!(line.arg.is_some_and(|arg| line::is_arg(arg.get(), serial, job.big)), "not its arg: {serial}");
        let (suspect, type_name) = (job.suspect, &job.type_name);
        let conn = &self.conns[peer.0];
        assert!(!conn.gone && !self.stopping[usize::from(conn.shard)], "no job may go to {peer:?}: {conn:?}");
        assert!(conn.takes(type_name, job.asks.durable), "{peer:?} does not take {type_name}: {conn:?}");
        let spare = !job.asks.durable && conn.takes_as(type_name, Class::Spare);
        assert!(!spare || job.asks.fits(Class::Spare), "{peer:?} is spare: {job:?}");
        assert!(conn.held.len() < conn.slots as usize, "{peer:?} has no free slot: {conn:?}");
        assert!(unsent_before <= PAUSE_BYTES, "{peer:?} does not read: {conn:?}");
        assert!(!suspect || conn.held.iter().all(|held| !held.suspect), "two suspects at {peer:?}");
        assert_eq!(line.job.is_some(), conn.has_leases, "a lease exactly if it gave max_jobs: {serial}");
        assert!(line.job.is_none_or(|lease| lease < 1 << 53 && self.leases.insert(lease)), "used before: {serial}");
        let default_ms = (self.run_limit_ms > 0 && !job.asks.durable).then_some(self.run_limit_ms);
        let limit = job.asks.run_limit_ms.or(default_ms);
        assert_eq!(line.run_limit_ms, limit.filter(|_| conn.has_leases), "not its run limit: {serial}");
        let attempt = (conn.has_leases && job.attempts > 0).then_some(job.attempts + 1);
        assert_eq!(line.attempt, attempt, "not its attempt: {serial}");
        let (shard, seen) = (usize::from(conn.shard), conn.reads);
        let now_ms = self.bounds.now_ms(conn.shard);
        let limit_ms = limit.filter(|_| !job.asks.durable).map(|ms| now_ms + ms);
        let wants_ref = conn.wants_ref;
        if let Some(ms) = limit_ms {
            self.clocks[shard].limits.insert((ms, serial));
        }
        let trace = self.sent_trace.take().expect("the log names it first");
        let reference = wants_ref.then(|| format!("{}.{}", trace.0, trace.1));
        assert_eq!(line.reference, reference.as_deref(), "the ref of {serial}");
        self.traces.insert(trace, serial);
        let job = self.jobs.get_mut(&serial).expect("it was there");
        assert!(job.trace.is_none_or(|before| before == trace), "another name in the log: {job:?}");
        job.trace = Some(trace);
        job.state = State::Held(peer);
        let first = !std::mem::replace(&mut job.was_sent, true);
        let waited_ms = now_ms.saturating_sub(job.accepted_ms);
        self.started.push(Start { type_name: job.type_name.clone(), place: job.place(), worker: peer });
        let (id, lease) = (job.id, line.job);
        let held = Held {
            serial,
            id,
            lease,
            suspect,
            spare,
            sent_ms: now_ms,
            limit_ms,
            seen,
            cancelled: false,
            stored: false,
            spent: None,
        };
        if first {
            let type_name = job.type_name.clone();
            self.tally_of(&type_name).waited(waited_ms);
        }
        let conn = &mut self.conns[peer.0];
        self.tally.spared += u64::from(spare);
        conn.held.push(held);
        self.tally.dispatched += 1;
    }

    /// A worker's job is unwanted, or overdue. The log says next which one, and why.
    fn on_cancel(&mut self, peer: Peer, line: &Line<'_>) {
        let lease = line.job.expect("it names a job");
        let mut held = self.conns[peer.0].held.iter_mut();
        let held = held.find(|held| held.lease == Some(lease)).unwrap_or_else(|| panic!("not at {peer:?}: {lease}"));
        assert!(held.spent.is_none() && !std::mem::replace(&mut held.cancelled, true), "cancelled twice: {held:?}");
        self.cancels_sent += 1;
    }

    /// A submitter learns that its job is stored, once and before its answer. The `did` of a background job says so.
    fn on_stored(&mut self, peer: Peer, line: &Line<'_>, background: bool) {
        let id = line.id.expect("it has an id").get();
        let is_it = |serial: &&u64| {
            let request = &self.requests[serial];
            let is_due = request.asks.durable && request.asks.background == background && !request.received_stored;
            is_due && self.is_of(**serial, peer, id) && self.jobs[&request.job].stored
        };
        let request = self.conn(peer).requests.iter().find(is_it).copied();
        let serial = request.unwrap_or_else(|| panic!("{peer:?} is owed no {line:?}"));
        self.requests.get_mut(&serial).expect("it was found just now").received_stored = true;
        self.tally.stored += 1;
        if background {
            self.silence(serial);
        }
    }

    fn on_value(&mut self, peer: Peer, line: &Line<'_>) {
        let value = line.res.or(line.err).expect("all answers have a value").get();
        let end = if line.code.is_some() { End::Failed } else { End::Done };
        let serial = line::serial(value);
        let job = self.jobs.get(&serial).unwrap_or_else(|| panic!("answered again: {serial}"));
        assert!(line::is_value(value, serial, end == End::Failed, job.big), "not the worker's value: {serial}");
        assert_eq!(job.state, State::Ended(end), "not how it ended: {serial}");
        let id = line.id.expect("a did has an id").get();
        let request = job.requests.iter().find(|request| self.is_of(**request, peer, id)).copied();
        self.answered(request.unwrap_or_else(|| panic!("{peer:?} is owed no {line:?}")), end);
    }

    pub(crate) fn is_of(&self, serial: u64, peer: Peer, id: &str) -> bool {
        let request = &self.requests[&serial];
        request.submitter == peer && request.id == id && !request.silent
    }

    /// The server's own codes name no serial number: they must be for one of the jobs of this id that ended so.
    fn on_loss(&mut self, peer: Peer, line: &Line<'_>, end: End) {
        let id = line.id.expect("a did has an id").get();
        if self.take_due_end(peer, id, end) {
            return;
        }
        let mine = self.conn(peer).requests.iter().filter(|serial| self.is_of(**serial, peer, id));
        let states: Vec<(u64, State)> =
            mine.map(|serial| (*serial, self.jobs[&self.requests[serial].job].state)).collect();
        let find = |wanted: State| states.iter().find(|(_, state)| *state == wanted).map(|(serial, _)| *serial);
        let stops = self.stopping.contains(&true);
        let needs = |serial: &u64| match end {
            End::Shutdown => true,
            End::NoWorker => self.requests[serial].asks.need_worker,
            End::NoBridge => self.requests[serial].asks.durable,
            _ => false,
        };
        let inside = || find(State::Inside).filter(|serial| stops && needs(serial));
        let never_waits = |serial: &u64| end == End::NoWorker && self.jobs[&self.requests[serial].job].never_waits();
        if let Some(serial) = find(State::Inside).filter(never_waits) {
            // It ended before the log had a name for it. No other line of the connection has its id.
            self.end(self.requests[&serial].job, end);
            return self.answered(serial, end);
        }
        let serial = find(State::Ended(end)).or_else(inside).unwrap_or_else(|| panic!("{peer:?} is owed no {line:?}"));
        self.answered(serial, end);
    }

    fn on_error(&mut self, peer: Peer, code: &str) {
        self.tally.errors += 1;
        if code == "queue_full" && self.conn(peer).cut {
            return;
        }
        let due = self.due.take();
        assert!(
            matches!(&due, Some((speaker, Due::Error(expected))) if *speaker == peer && *expected == code),
            "{due:?}"
        );
    }

    fn on_metrics(&mut self, peer: Peer, metrics: &str) {
        let conn = &mut self.conns[peer.0];
        conn.asked = conn.asked.checked_sub(1).expect("an answer a question");
        let figures: Figures<'_> = serde_json::from_str(metrics).expect("figures are there and not negative");
        assert!(figures.jobs_dispatched >= self.tally.dispatched, "all jobs that were sent are counted");
        assert!(figures.jobs_added >= self.tally.added, "all that were accepted are counted");
        if figures.types.is_some() {
            self.table = Some(metrics.to_owned());
        }
    }
}
