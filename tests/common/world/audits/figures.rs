//! The invariants of what is counted by type, at rest: each job that has ended is counted once, and all shards count the jobs
//! of a type in the same place.

use std::collections::BTreeSet;
use std::sync::Arc;

use deputy::dispatch::audit::Audit;
use deputy::metrics::Figures;

use super::super::World;

impl World {
    pub(super) fn check_figures(&self, audits: &[Audit]) {
        let all = || audits.iter().flat_map(|audit| audit.figures.iter().map(|(_, f)| f).chain([&audit.other_figures]));
        let c = self.totals().counts;
        let ended: u64 = all().map(|figures| figures.outcomes.jobs()).sum();
        let open = c.jobs_waiting + c.jobs_running + c.jobs_delayed;
        assert_eq!(c.jobs_added - c.jobs_joined, ended + open, "each job ends once: {c:?}");
        let sum = |count: fn(&Figures) -> u64| all().map(count).sum::<u64>();
        let (waits, runs) = (sum(|figures| figures.wait.count()), sum(|figures| figures.run.count()));
        let answered = sum(|figures| figures.outcomes.done + figures.outcomes.failed);
        assert_eq!(runs, answered, "the runs of answered jobs");
        assert!(runs <= waits && waits <= c.jobs_dispatched, "{runs} runs, {waits} waits: {c:?}");
        let names = |audit: &Audit| audit.figures.iter().map(|(name, _)| Arc::clone(name)).collect::<BTreeSet<_>>();
        let known: Vec<BTreeSet<Arc<str>>> = audits.iter().map(names).collect();
        for (shard, names) in (0..).zip(&known) {
            let own = names.iter().filter(|name| self.home(name) == shard).count();
            assert!(own <= self.options().figure_types_max, "{own} types have figures at home {shard}");
            let stray = names.iter().find(|name| !known[usize::from(self.home(name))].contains(*name));
            assert!(stray.is_none(), "the home of {stray:?} has not given it figures");
        }
    }

    /// Returns the sum of a type's figures over all shards; `None` if it has none of its own.
    pub(crate) fn figures_of(audits: &[Audit], type_name: &str) -> Option<Figures> {
        let all = audits.iter().flat_map(|audit| &audit.figures);
        let mut own = all.filter(|(name, _)| **name == *type_name).map(|(_, figures)| figures).peekable();
        own.peek()?;
        Some(sum_of(own))
    }

    /// Returns the sum of the figures of all types that have none of their own.
    pub(crate) fn other_figures(audits: &[Audit]) -> Figures {
        sum_of(audits.iter().map(|audit| &audit.other_figures))
    }
}

fn sum_of<'a>(figures: impl Iterator<Item = &'a Figures>) -> Figures {
    let mut sum = Figures::default();
    figures.for_each(|figures| sum.add(figures));
    sum
}
