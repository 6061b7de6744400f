//! How jobs are won for this shard's workers: the rules O1 to O5 of docs/architecture.md.
//!
//! The owner bids for all its workers of a type at once, and picks the worker when a job comes. No message names a
//! worker, so a late one cannot hit its successor.

use super::bids::Standing;
use super::job::{End, Job};
use super::message::{ConnId, Message, Passage};
use super::owner::Owner;
use super::ready::worker_of;
use super::step::Step;
use super::worker::HeldJob;
use crate::limits::JOB_NUMBER_MAX;
use crate::metrics::Fault;
use crate::protocol::reply::Reply;

impl Owner {
    /// O1, after each input, for the types whose books it changed: first suspects are welcomed, then the types that were
    /// turned away are asked for, the longest wanted first, then what is free beyond the open offers is offered.
    pub(super) fn settle(&mut self, step: &mut Step<'_>) {
        self.settle_risen(step);
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
            if self.bids.peek(at).refusing && self.first_ready(at, true).is_some() {
                self.bids.get(at).welcome(step);
            }
        }
    }

    fn ask_for_wanted(&mut self, touched: &[u32], step: &mut Step<'_>) {
        let since = |at: &u32| self.bids.peek(*at).wanted.map(|since| (since, *at));
        let mut wanted: Vec<_> = touched.iter().filter_map(since).collect();
        wanted.sort_unstable();
        for (_, at) in wanted {
            let bid = self.bids.peek(at);
            if bid.asking.is_none()
                && let Some(keeper) = self.first_ready(at, false)
            {
                self.bids.get(at).ask(keeper, step);
                self.keep(keeper, step, |kept| *kept += 1);
            }
        }
    }

    fn offer_free(&mut self, touched: &[u32], step: &mut Step<'_>) {
        for &at in touched {
            let bid = self.bids.get(at);
            // More slots than the number holds are offered when some of them are taken.
            let n = bid.free.min(u32::MAX.into()).saturating_sub(bid.open.into());
            if n > 0 {
                let n = u32::try_from(n).expect("it is at most what the number holds");
                bid.open += n;
                step.post(bid.home, Message::Offer { type_name: bid.name.clone(), n, bid: bid.id });
            }
        }
    }

    /// O2: a job comes for an offer, or as the answer to an Ask.
    pub(super) fn assigned(&mut self, job: Job, asked: bool, at: u32, step: &mut Step<'_>) {
        debug_assert_eq!(*self.bids.peek(at).name, *job.type_name(), "books stay open while an offer or an Ask is out");
        let keeper = if asked {
            self.end_asking(at, step)
        } else {
            self.bids.get(at).open -= 1;
            None
        };
        self.touched.push(at);
        if step.stopping {
            return step.end(job, End::Shutdown);
        }
        if let Some(keeper) = keeper.filter(|&keeper| self.may_take(keeper, at, job.suspect)) {
            return self.give(keeper, at, job, asked, step);
        }
        self.show_risen();
        match self.first_ready(at, job.suspect) {
            Some(worker) => self.give(worker, at, job, asked, step),
            None => self.turn_away(at, job, step),
        }
    }

    /// If the worker was wholly free, the books of its other types need not know of this job. After an Ask they do: they
    /// are told just then that its slot is kept no more, and would offer it.
    fn give(&mut self, to: ConnId, at: u32, job: Job, asked: bool, step: &mut Step<'_>) {
        self.bids.get(at).running += 1;
        step.counts.jobs_running += 1;
        step.counts.jobs_dispatched += 1;
        let (worker, _) = worker_of(&mut self.conns, to).expect("who is ready is a worker");
        if !asked {
            worker.follow_only(at, &mut self.bids);
        }
        step.trace(&job, Passage::Given(to));
        let number = worker.is_numbered().then(|| self.fresh_job_number(step));
        self.send(to, &Reply::Do { id: job.id(), type_name: job.type_name(), job: number, arg: job.arg() }, step);
        let (worker, _) = worker_of(&mut self.conns, to).expect("it is still connected");
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
        let refused = self.first_ready(at, false).is_some();
        let bid = self.bids.get(at);
        if refused {
            bid.refusing = true;
        } else if bid.workers > 0 && bid.wanted.is_none() {
            bid.wanted = Some(self.next_wanted);
            self.next_wanted += 1;
            bid.withdraw(step);
        }
        step.post(bid.home, Message::Return { job, refused });
    }

    /// O3: the Ask found nothing.
    pub(super) fn declined(&mut self, at: u32, step: &mut Step<'_>) {
        self.end_asking(at, step);
        self.touched.push(at);
    }

    /// O3: so many offers were taken back.
    pub(super) fn withdrawn(&mut self, at: u32, n: u32) {
        // If none were left, all had ended in Assigns, and the books may be closed or another type's by now.
        if n > 0 {
            self.bids.get(at).open -= n;
            self.touched.push(at);
        }
    }

    /// The slot that was kept is kept no more, if its worker is still there. Returns whose it was.
    fn end_asking(&mut self, at: u32, step: &mut Step<'_>) -> Option<ConnId> {
        let keeper = self.bids.get(at).asking.take()?;
        self.keep(keeper, step, |kept| *kept -= 1);
        Some(keeper)
    }

    fn keep(&mut self, keeper: ConnId, step: &mut Step<'_>, change: impl FnOnce(&mut u32)) {
        if let Some((worker, _)) = worker_of(&mut self.conns, keeper) {
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
        bid.withdraw(step);
        if std::mem::take(&mut bid.refusing) {
            step.post(bid.home, Message::Welcome(bid.name.clone()));
        }
    }

    /// O5: a worker goes. Offers and Asks stay out; O2 deals with what they bring.
    pub(super) fn depart(&mut self, id: ConnId, step: &mut Step<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for (at, node) in std::mem::take(&mut worker.types) {
            let shown = worker.shown_at(node, &self.bids);
            self.leave_type(at, node, shown, step);
        }
        let jobs = worker.release_all();
        worker.gauge(step);
        if !jobs.is_empty() {
            step.effects.fault(id, Fault::LeftHolding);
        }
        let alone = jobs.len() == 1;
        for HeldJob { mut job, bid } in jobs {
            let bid_books = self.bids.get(bid);
            bid_books.running -= 1;
            let home = bid_books.home;
            self.touched.push(bid);
            step.counts.jobs_running -= 1;
            job.attempts += u32::from(alone || job.suspect);
            job.suspect = true;
            step.trace(&job, Passage::GivenBack(id));
            if step.stopping {
                self.finish(job, End::Shutdown, step);
            } else if step.settings.attempts_max != 0 && job.attempts >= step.settings.attempts_max {
                step.effects.fault(id, Fault::GaveUp);
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
}
