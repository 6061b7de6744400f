//! What is checked of a whole world at rest about what shards count, and about tickets, groups and progress.

use deputy::dispatch::audit::Audit;

use crate::model::requests::{Job, Request, State};
use crate::schedule::Schedule;

/// More reports of progress than a job has between two turns.
const REPORTS_OF_A_TURN: usize = 32;

impl Schedule {
    /// What each shard waits for, and holds of the memory budget for it, is what was submitted through it, the groups that it
    /// keeps, and the names of spent slots.
    pub(crate) fn check_pending(&self) {
        let mut shards = vec![(0, 0); self.plan.options.shards.into()];
        for request in self.shadow.requests.values() {
            let (count, bytes) = &mut shards[usize::from(self.shadow.conn(request.submitter).shard)];
            *count += 1;
            *bytes += request.bytes;
        }
        for job in self.shadow.jobs.values() {
            if let Some((home, _)) = job.group {
                shards[usize::from(home)].1 += job.bytes;
            }
        }
        for conn in self.shadow.live.iter().map(|peer| self.shadow.conn(peer)) {
            let unnamed = conn.held.iter().filter(|held| held.spent.is_some() && held.lease.is_none());
            shards[usize::from(conn.shard)].1 += unnamed.map(|held| held.id.len() as u64).sum::<u64>();
        }
        for (shard, (count, bytes)) in (0..).zip(shards) {
            assert_eq!(self.world.pending(shard), count, "jobs of shard {shard} without an answer");
            assert_eq!(
                self.world.counts(shard).job_bytes,
                bytes,
                "bytes of shard {shard}: {:?}\n{:?}",
                self.shadow.requests,
                self.shadow.jobs
            );
        }
    }

    /// The tables by which jobs are found that may end before they are answered have what they must, and no more.
    pub(crate) fn check_tickets(&self, audits: &[Audit]) {
        let unwanted = self.shadow.jobs.values().find(|job| job.requests.is_empty());
        assert!(unwanted.is_none(), "nobody waits for it, but it is there: {unwanted:?}");
        assert_eq!(
            self.shadow.costly,
            self.shadow.requests.values().filter(|request| request.is_costly()).count(),
            "costly"
        );
        for (shard, audit) in (0..).zip(audits) {
            let requests = || self.shadow.requests.values();
            let own = || requests().filter(|request| self.shadow.conn(request.submitter).shard == shard);
            let is_delayed = |job: u64| self.shadow.jobs[&job].state == State::Delayed;
            let tickets = own().filter(|request| request.asks.is_named() || is_delayed(request.job)).count();
            assert_eq!(audit.tickets.len(), tickets, "tickets of shard {shard}");
            let has_timer = |request: &&Request| {
                request.expires_ms.is_some() || request.recall_ms.is_some() || is_delayed(request.job)
            };
            let timers = own().filter(has_timer).count();
            let limits = self.shadow.clocks[usize::from(shard)].limits.len();
            assert_eq!(audit.timers, [timers, limits], "timers of shard {shard}");
            let revocable = || self.shadow.jobs.values().filter(|job| job.asks.is_revocable());
            let is_home = |job: &Job| self.world.home(&job.type_name) == shard;
            let waiting = revocable().filter(|job| job.state == State::Inside && is_home(job)).count();
            let is_here = |job: &&Job| matches!(job.state, State::Held(peer) if self.shadow.conn(peer).shard == shard);
            let held = revocable().filter(is_here).count();
            let is_member = |job: u64| self.shadow.jobs[&job].group.is_some_and(|group| group.0 == shard);
            let members = requests().filter(|request| request.asks.is_named() && is_member(request.job)).count();
            let cancellable = own().filter(|request| request.asks.cancellable).count();
            assert_eq!(audit.revocable, [waiting, held, members, cancellable], "revocable at shard {shard}");
            let groups = self.shadow.jobs.values().filter(|job| job.group.is_some_and(|group| group.0 == shard));
            assert_eq!(audit.groups.len(), groups.count(), "groups of shard {shard}");
            for group in &audit.groups {
                let job = &self.shadow.jobs[&self.shadow.groups[&(shard, group.id.generation)]];
                let of = (job.type_name.as_str(), job.asks.key.expect("it has a group"));
                assert_eq!((&*group.of.0, &*group.of.1), of, "the key of {group:?}");
                assert_eq!(group.members.len(), job.requests.len(), "members of {group:?}");
            }
        }
    }

    /// Each submitter that is there knows that its job is stored.
    pub(crate) fn check_stored(&self) {
        let missing = self.shadow.requests.values().find(|request| {
            let is_due = !request.received_stored && self.shadow.jobs[&request.job].stored;
            is_due && !self.shadow.conn(request.submitter).gone
        });
        assert!(missing.is_none(), "its job is stored, and it was not sent that: {missing:?}");
    }

    /// Each report came to all who asked for it, unless they do not read. In a slow group a later one may take its place.
    pub(crate) fn check_reports(&self, dropped: u64) {
        if self.plan.options.members_per_turn < REPORTS_OF_A_TURN * self.shadow.tally.members_max.max(1) {
            return;
        }
        let wait = self.shadow.requests.values().filter(|request| !self.shadow.conn(request.submitter).gone);
        let owed: usize = wait.map(|request| request.owed.len()).sum();
        assert!(owed as u64 <= dropped, "{owed} reports did not come, {dropped} were dropped");
        assert!(dropped == 0 || self.plan.big_one_in > 0, "reports were dropped though all read: {dropped}");
    }
}
