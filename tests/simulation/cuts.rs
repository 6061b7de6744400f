//! Half lines: they are cut off when they pass the budget, and only then.

use deputy::metrics::Counts;

use crate::schedule::Schedule;

/// What is known of a shard before a step in which half lines may be cut off.
pub(crate) struct BeforeCuts {
    pub(crate) counts: Counts,
    /// What of the unsent bytes metrics queries count.
    metrics_bytes: u64,
    /// How often half a line was cut off.
    pub(crate) cuts: u64,
    pub(crate) has_partials: bool,
}

impl Schedule {
    pub(crate) fn before_cuts(&self, shard: u16) -> BeforeCuts {
        let bounds = &self.shadow.bounds;
        let (counts, metrics_bytes) = (self.world.counts(shard), self.world.metrics_bytes(shard));
        BeforeCuts { counts, metrics_bytes, cuts: bounds.cuts(), has_partials: bounds.has_partials(shard) }
    }

    /// Checks that half lines are cut off exactly when they must be, and enough of them. What comes after the last, such as
    /// the jobs of the lost workers that go to other workers, groups of keys, and rows for metrics queries, counts at the
    /// next turn.
    pub(crate) fn check_cuts(&self, shard: u16, before: &BeforeCuts, must: bool) {
        let cut = self.shadow.bounds.cuts() - before.cuts;
        assert_eq!(cut > 0, must, "half lines cut off at shard {shard}: {cut}");
        let mut counts = self.world.counts(shard);
        counts.job_bytes = counts.job_bytes.min(before.counts.job_bytes);
        let gathered = self.world.metrics_bytes(shard).saturating_sub(before.metrics_bytes);
        counts.unsent_bytes = counts.unsent_bytes.saturating_sub(self.sent_bytes + gathered);
        let passed = self.passed(shard, &counts, 0);
        assert!(!passed || !self.shadow.bounds.has_partials(shard), "half lines past the budget at shard {shard}");
    }

    /// Whether the budget would be passed by half lines, of which a shard with these figures has `more` bytes.
    pub(crate) fn passed(&self, shard: u16, own: &Counts, more: u64) -> bool {
        let (others, max) = (self.world.memory_seen(shard), self.plan.options.memory_bytes_max);
        let partial = own.partial_bytes + more + others.partial;
        own.job_bytes + own.unsent_bytes + others.committed + partial > max && partial > max / 4
    }
}
