//! How jobs are won for this shard's workers: the rules O1 to O5 of docs/architecture.md.
//!
//! The owner bids for all its workers of a type at once, and picks the worker when a job comes. No message names a
//! worker, so a late one cannot hit its successor.

use super::bids::Standing;
use super::job::{End, Job};
use super::message::{ConnId, Message};
use super::owner::Owner;
use super::step::Step;
use super::worker::HeldJob;
use crate::limits::{JOB_NUMBER_MAX, UNSENT_PAUSE_BYTES};
use crate::protocol::reply::Reply;

impl Owner {
    /// O1, after each input, for the types whose books it changed: first suspects are welcomed, then the types that were
    /// turned away are asked for, the longest wanted first, then what is free beyond the open offers is offered.
    pub(super) fn settle(&mut self, step: &mut Step<'_>) {
        if self.touched.is_empty() {
            return;
        }
        let touched = std::mem::take(&mut self.touched);
        if !step.stopping {
            self.welcome_suspects(&touched, step);
            self.ask_for_wanted(&touched, step);
            self.offer_free(&touched, step);
        }
        for &bid in &touched {
            self.bids.forget_if_unused(bid);
        }
        self.touched = touched;
        self.touched.clear();
    }

    fn welcome_suspects(&mut self, touched: &[u32], step: &mut Step<'_>) {
        for &at in touched {
            if self.bids.peek(at).refusing && self.bids.first_ready(at, true).is_some() {
                let bid = self.bids.get(at);
                bid.refusing = false;
                step.post(bid.home, Message::Welcome(bid.name.clone()));
            }
        }
    }

    fn ask_for_wanted(&mut self, touched: &[u32], step: &mut Step<'_>) {
        let since = |at: &u32| self.bids.peek(*at).wanted.map(|since| (since, *at));
        let mut wanted: Vec<_> = touched.iter().filter_map(since).collect();
        wanted.sort_unstable();
        for (_, at) in wanted {
            let bid = self.bids.peek(at);
            if bid.wanted.is_some() && bid.asking.is_none() && bid.free > 0 {
                self.ask(at, step);
            }
        }
    }

    fn ask(&mut self, at: u32, step: &mut Step<'_>) {
        let keeper = self.bids.first_ready(at, false).expect("a free slot has a ready worker");
        let bid = self.bids.get(at);
        bid.wanted = None;
        bid.asking = Some(keeper);
        step.post(bid.home, Message::Ask(bid.name.clone()));
        self.keep(keeper, step, |kept| *kept += 1);
    }

    fn offer_free(&mut self, touched: &[u32], step: &mut Step<'_>) {
        for &at in touched {
            let bid = self.bids.get(at);
            // More slots than the number holds are offered when some of them are taken.
            let n = bid.free.min(u32::MAX.into()).saturating_sub(bid.open.into());
            if n > 0 {
                let n = u32::try_from(n).expect("it is at most what the number holds");
                bid.open += n;
                step.post(bid.home, Message::Offer(bid.name.clone(), n));
            }
        }
    }

    /// O2: a job comes for an offer, or as the answer to an Ask.
    pub(super) fn assigned(&mut self, job: Job, asked: bool, step: &mut Step<'_>) {
        let at = self.bids.find(job.type_name()).expect("books stay open while an offer or an Ask is out");
        if asked {
            self.end_asking(at, step);
        } else {
            self.bids.get(at).open -= 1;
        }
        self.touched.push(at);
        if step.stopping {
            step.end(job, End::Shutdown);
        } else if let Some(worker) = self.bids.first_ready(at, job.suspect) {
            self.give(worker, at, job, step);
        } else {
            self.turn_away(at, job, step);
        }
    }

    fn give(&mut self, to: ConnId, at: u32, job: Job, step: &mut Step<'_>) {
        self.bids.get(at).running += 1;
        step.counts.jobs_running += 1;
        step.counts.jobs_dispatched += 1;
        let numbered =
            self.conns.get(to).and_then(|conn| conn.worker.as_ref()).is_some_and(|worker| worker.is_numbered());
        let number = numbered.then(|| self.fresh_job_number(step));
        self.send(to, &Reply::Do { id: job.id(), type_name: job.type_name(), job: number, arg: job.arg() }, step);
        let worker = self.conns.get(to).and_then(|conn| conn.worker.as_mut()).expect("who is ready is a worker");
        worker.take(number, HeldJob { job, bid: at });
        self.refresh(to, true, step);
    }

    /// Unique in the whole server: each shard counts in its own residue class.
    fn fresh_job_number(&mut self, step: &Step<'_>) -> u64 {
        self.next_job_number += 1;
        let number = self.next_job_number * u64::from(step.settings.shards) + u64::from(step.settings.shard.0);
        assert!(number < JOB_NUMBER_MAX, "job numbers have run out: restart the server");
        number
    }

    /// Nobody here can take the job. The Withdraw goes before the Return, so that a shard turns a job away about once,
    /// however many offers went stale.
    fn turn_away(&mut self, at: u32, job: Job, step: &mut Step<'_>) {
        let bid = self.bids.get(at);
        let refused = bid.free > 0;
        if refused {
            bid.refusing = true;
        } else if bid.workers > 0 && bid.wanted.is_none() {
            bid.wanted = Some(self.next_wanted);
            self.next_wanted += 1;
            if bid.open > 0 {
                step.post(bid.home, Message::Withdraw(bid.name.clone()));
            }
        }
        step.post(bid.home, Message::Return { job, refused });
    }

    /// O3: the Ask found nothing.
    pub(super) fn declined(&mut self, type_name: &str, step: &mut Step<'_>) {
        let at = self.bids.find(type_name).expect("books stay open while an Ask is out");
        self.end_asking(at, step);
        self.touched.push(at);
    }

    /// O3: so many offers were taken back.
    pub(super) fn withdrawn(&mut self, type_name: &str, n: u32) {
        if let Some(at) = self.bids.find(type_name) {
            self.bids.get(at).open -= n;
            self.touched.push(at);
        }
    }

    /// The slot that was kept is kept no more, if its worker is still there.
    fn end_asking(&mut self, at: u32, step: &mut Step<'_>) {
        if let Some(keeper) = self.bids.get(at).asking.take() {
            self.keep(keeper, step, |kept| *kept -= 1);
        }
    }

    fn keep(&mut self, keeper: ConnId, step: &mut Step<'_>, change: impl FnOnce(&mut u32)) {
        if let Some(worker) = self.conns.get(keeper).and_then(|conn| conn.worker.as_mut()) {
            change(&mut worker.kept);
            self.refresh(keeper, false, step);
        }
    }

    /// O4: a worker takes a type no more, or goes.
    pub(super) fn leave_type(&mut self, at: u32, node: u32, shown: Standing, step: &mut Step<'_>) {
        self.bids.leave(at, node, shown);
        self.touched.push(at);
        let bid = self.bids.get(at);
        if bid.workers > 0 || step.stopping {
            return;
        }
        bid.wanted = None;
        if bid.open > 0 {
            step.post(bid.home, Message::Withdraw(bid.name.clone()));
        }
        if std::mem::take(&mut bid.refusing) {
            step.post(bid.home, Message::Welcome(bid.name.clone()));
        }
    }

    /// O5: a worker goes. Offers and Asks stay out; O2 deals with what they bring.
    pub(super) fn depart(&mut self, id: ConnId, step: &mut Step<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for (at, node) in std::mem::take(&mut worker.types) {
            self.leave_type(at, node, worker.shown, step);
        }
        let jobs = worker.release_all();
        worker.gauge(step);
        let alone = jobs.len() == 1;
        for HeldJob { mut job, bid } in jobs {
            let bid_books = self.bids.get(bid);
            bid_books.running -= 1;
            let home = bid_books.home;
            self.touched.push(bid);
            step.counts.jobs_running -= 1;
            job.attempts += u32::from(alone || job.suspect);
            job.suspect = true;
            if step.stopping {
                self.finish(job, End::Shutdown, step);
            } else if step.settings.attempts_max != 0 && job.attempts >= step.settings.attempts_max {
                self.finish(job, End::GaveUp, step);
            } else {
                step.counts.jobs_reassigned += 1;
                step.post(home, Message::Return { job, refused: false });
            }
        }
    }

    /// The time to finish is over: every job that a worker holds ends.
    pub(super) fn drain_over(&mut self, step: &mut Step<'_>) {
        for id in self.conns.ids() {
            let Some(worker) = self.conns.get(id).and_then(|conn| conn.worker.as_mut()) else { continue };
            for HeldJob { job, bid } in worker.release_all() {
                self.bids.get(bid).running -= 1;
                step.counts.jobs_running -= 1;
                self.finish(job, End::Shutdown, step);
            }
            self.refresh(id, true, step);
        }
    }

    /// Brings the books of a worker's types up to date with it. `to_back`: it came, took or ended a job.
    pub(super) fn refresh(&mut self, id: ConnId, to_back: bool, step: &mut Step<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let paused = conn.unsent > UNSENT_PAUSE_BYTES;
        let Some(worker) = conn.worker.as_mut() else { return };
        let (shown, now) = (worker.shown, worker.standing(paused));
        worker.shown = now;
        worker.gauge(step);
        if to_back || shown != now {
            for &(bid, node) in &worker.types {
                self.bids.show(bid, node, shown, now, to_back);
                self.touched.push(bid);
            }
        }
    }
}
