//! Checks each line of the server against the model, in the order in which they are sent.
//!
//! A job goes to one worker at a time, which takes its type, has a free slot, reads, and holds no other suspect; each `do`
//! is answered once, to the connection that sent it, with the id and the value that belong to it; `gave_up` comes exactly
//! when the contract says so; nothing else is said that was not asked for.

use serde_json::value::RawValue;

use super::closings::PAUSE_BYTES;
use super::line::{self, Figures, Line};
use super::shadow::{Due, End, Held, Shadow, Start, State};
use super::world::{Event, Peer};

impl Shadow {
    /// Follows what the cores asked for in one step.
    pub(crate) fn follow(&mut self, events: &[Event]) {
        let closing: Vec<Peer> = events
            .iter()
            .filter_map(|event| if let Event::Closed(peer, _) = event { Some(*peer) } else { None })
            .collect();
        for event in events {
            match event {
                Event::Sent(peer, text) => self.on_line(*peer, text, &closing),
                Event::Took(peer, bytes) => self.took(*peer, *bytes),
                Event::Closed(peer, how) => self.closed(*peer, *how),
                Event::Fault(peer, fault) => self.on_fault(*peer, *fault),
                Event::Posted(..) | Event::Traced(..) => {}
            }
        }
        assert_eq!(self.due, None, "it was not answered at once");
        self.check_closed();
    }

    fn on_line(&mut self, peer: Peer, text: &str, closing: &[Peer]) {
        assert!(!self.conn(peer).closed, "told after the end: {text}");
        let unsent_before = self.sent(peer, text.len() as u64 + 2);
        let line = Line::read(text);
        match (line.cmd, line.code) {
            ("do", None) => self.told_do(peer, &line, unsent_before, closing),
            ("did", Some(code)) if self.is_due_refusal(peer, &line, code) => self.due = None,
            ("did", None | Some("failed")) => self.told_value(peer, &line),
            ("did", Some("gave_up")) => self.told_loss(peer, &line, End::GaveUp, closing),
            ("did", Some("shutdown")) => self.told_loss(peer, &line, End::Shutdown, closing),
            ("pong", None) => assert_eq!(self.due.take(), Some((peer, Due::Pong))),
            ("error", Some(code)) => self.told_error(peer, code),
            ("metrics", None) => self.told_metrics(peer, line.metrics.expect("an object").get()),
            _ => panic!("{peer:?} was told {text}"),
        }
    }

    fn is_due_refusal(&mut self, peer: Peer, line: &Line<'_>, code: &str) -> bool {
        let Some((speaker, Due::Refused(id, expected))) = &self.due else { return false };
        let due = *speaker == peer && *expected == code && line.id.is_some_and(|told| told.get() == *id);
        self.tally.refused += u64::from(due);
        due
    }

    fn told_do(&mut self, peer: Peer, line: &Line<'_>, unsent_before: u64, closing: &[Peer]) {
        let serial = line::serial(line.arg.expect("all jobs have an arg").get());
        let state = self.jobs.get(&serial).unwrap_or_else(|| panic!("sent, but over: {serial}")).state;
        if let State::Held(holder) = state
            && closing.contains(&holder)
        {
            self.leave(holder); // It goes in this very step, and another has its job already.
        }
        let job = self.jobs.get_mut(&serial).expect("it was there");
        assert_eq!(job.state, State::Inside, "a job in two places: {serial}");
        assert_eq!(line.id.map(RawValue::get), Some(job.id), "not the submitter's id text");
        assert_eq!(line.type_name, Some(&*job.type_name), "not its type");
        assert!(line.arg.is_some_and(|arg| line::is_arg(arg.get(), serial, job.big)), "not its arg: {serial}");
        let (suspect, type_name) = (job.suspect, &job.type_name);
        let conn = &self.conns[peer.0];
        assert!(!conn.gone && !self.stopping[usize::from(conn.shard)], "no job may go to {peer:?}: {conn:?}");
        assert!(conn.types.contains(type_name), "{peer:?} does not take {type_name}: {conn:?}");
        assert!(conn.held.len() < conn.slots as usize, "{peer:?} has no free slot: {conn:?}");
        assert!(unsent_before <= PAUSE_BYTES, "{peer:?} does not read: {conn:?}");
        let second = suspect && conn.held.iter().any(|held| self.jobs[&held.serial].suspect);
        assert!(!second, "two suspects at {peer:?}");
        assert_eq!(line.job.is_some(), conn.numbered, "a number exactly if it gave max_jobs: {serial}");
        assert!(line.job.is_none_or(|number| number < 1 << 53 && self.numbers.insert(number)), "used before: {serial}");
        let seen = conn.reads;
        let job = self.jobs.get_mut(&serial).expect("it was there");
        job.state = State::Held(peer);
        self.started.push(Start { serial, type_name: job.type_name.clone(), suspect, worker: peer });
        self.conns[peer.0].held.push(Held { serial, number: line.job, seen });
        self.tally.dispatched += 1;
    }

    fn told_value(&mut self, peer: Peer, line: &Line<'_>) {
        let value = line.res.or(line.err).expect("all answers have a value").get();
        let end = if line.code.is_some() { End::Failed } else { End::Done };
        let serial = line::serial(value);
        let job = self.forget(serial).unwrap_or_else(|| panic!("answered again: {serial}"));
        assert!(line::is_value(value, serial, end == End::Failed, job.big), "not the worker's value: {serial}");
        assert_eq!(job.state, State::Ended(end), "not how it ended: {serial}");
        assert_eq!(job.submitter, peer, "somebody else's answer: {serial}");
        assert_eq!(line.id.map(RawValue::get), Some(job.id), "not the submitter's id text");
    }

    /// `gave_up` and `shutdown` name no serial number: they must be for one of the jobs of this id that ended so.
    fn told_loss(&mut self, peer: Peer, line: &Line<'_>, end: End, closing: &[Peer]) {
        let id = line.id.expect("a did has an id").get();
        let mine = |shadow: &Self| -> Vec<(u64, State)> {
            let jobs = shadow.conn(peer).jobs.iter().map(|serial| (*serial, &shadow.jobs[serial]));
            jobs.filter(|(_, job)| job.id == id).map(|(serial, job)| (serial, job.state)).collect()
        };
        // In the order in which they are closed, up to the loss that this answer reports; its submitter is still there.
        for &holder in closing.iter().filter(|&&holder| holder != peer) {
            let jobs = mine(self);
            let has = |wanted: State| jobs.iter().any(|(_, state)| *state == wanted);
            if has(State::Held(holder)) && !has(State::Ended(end)) {
                self.leave(holder);
            }
        }
        let jobs = mine(self);
        let ended = |wanted: State| jobs.iter().find(|(_, state)| *state == wanted).map(|(serial, _)| *serial);
        let stops = end == End::Shutdown && self.stopping.contains(&true);
        let inside = || ended(State::Inside).filter(|_| stops);
        let serial = ended(State::Ended(end)).or_else(inside).unwrap_or_else(|| panic!("{peer:?} is owed no {line:?}"));
        let job = self.forget(serial).expect("it was found");
        self.tally.failed += u64::from(job.state == State::Inside);
        self.tally.shutdown += u64::from(end == End::Shutdown);
    }

    fn told_error(&mut self, peer: Peer, code: &str) {
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

    fn told_metrics(&mut self, peer: Peer, metrics: &str) {
        let conn = &mut self.conns[peer.0];
        conn.asked = conn.asked.checked_sub(1).expect("an answer a question");
        let figures: Figures<'_> = serde_json::from_str(metrics).expect("figures are there and not negative");
        assert!(figures.jobs_dispatched >= self.tally.dispatched, "all that were told of a job are counted");
        assert!(figures.jobs_added >= self.tally.added, "all that were accepted are counted");
        if figures.types.is_some() {
            self.table = Some(metrics.to_owned());
        }
    }
}
