//! What the model predicts for more shards than this machine has cores.

use std::io::{self, Write};

use crate::args::Options;
use crate::costs::Costs;
use crate::harness::figure::approximate;
use crate::shape::{Popularity, Shape, TYPES, TurnOrder, WORKERS};
use crate::sim::{Figures, Jobs, Work, run};
use crate::table::{Table, ratio};

/// Per shard: connections that submit, and unanswered jobs of each.
const SUBMITTERS: usize = 4;
const INFLIGHT: usize = 128;

/// From the server's write to the arrival of the peer's answer, in nanoseconds: a network within a building.
const NETWORK_NS: u64 = 40_000;

/// Measured jobs per shard.
const JOBS: u64 = 10_000;

/// Returns work that grows with the shards.
pub(crate) fn shape(shards: u16, popularity: Popularity, seed: u64) -> Shape {
    let n = usize::from(shards);
    Shape {
        shards,
        submitters: SUBMITTERS * n,
        inflight: INFLIGHT,
        workers: WORKERS * n,
        types: TYPES * n,
        types_per_worker: 1,
        popularity,
        max_jobs: 0,
        order: TurnOrder::SERVER,
        home_share: 100,
        network_ns: NETWORK_NS,
        think_ns: 0,
        shared: None,
        seed,
    }
}

/// Returns the jobs of a run with this many shards.
fn jobs(shards: u16) -> Jobs {
    let measured = JOBS * u64::from(shards);
    Jobs { warm_up: measured / 2, measured }
}

/// Prints one table per popularity of types.
pub(crate) fn print(costs: &Costs, options: &Options) -> io::Result<()> {
    let Options { shards, workers, order, home_share, split, seed, .. } = options;
    let of_many = |shards: u16, popularity| {
        let workers = workers * usize::from(shards);
        Shape { workers, order: *order, home_share: *home_share, ..shape(shards, popularity, *seed) }
    };
    let of_one_type =
        |shards| Shape { types: *split, types_per_worker: *split, ..of_many(shards, Popularity::Uniform) };
    print_rows("types of equal popularity, 16 per shard", costs, shards, |n| of_many(n, Popularity::Uniform))?;
    print_rows("types by Zipf's law, s = 1, 16 per shard", costs, shards, |n| of_many(n, Popularity::Zipf(1.0)))?;
    print_rows("one hot type: all jobs have one home", costs, shards, of_one_type)?;
    let home_ns = costs.run_ns + costs.far_run_ns + costs.pair_ns;
    writeln!(
        io::stdout(),
        "A home works about {home_ns} ns on a job that it queues and assigns for other shards, besides batches and offers. A \
         home that did nothing else would limit one type to {:.0} jobs/s.\n",
        1e9 / approximate(home_ns)
    )
}

fn print_rows(title: &str, costs: &Costs, shards: &[u16], shape: impl Fn(u16) -> Shape) -> io::Result<()> {
    let mut table = Table::new(&[
        "shards", "jobs/s", "efficiency", "us per job", "messages", "batches", "wakes", "turns", "busiest shard",
        "mean shard", "busiest's home work", "kernel", "lines", "home", "messages", "figures", "first to saturate",
    ]);
    let mut alone = None;
    for &count in shards {
        let shape = shape(count);
        let figures = run(&shape, costs, jobs(count));
        let row = Row::of(&figures);
        let alone = *alone.get_or_insert(row.jobs_per_s_and_shard);
        table.add(row.cells(count, alone, &figures));
    }
    writeln!(io::stdout(), "### {title}\n\n{table}")
}

/// The figures of a row.
struct Row {
    jobs_per_s: f64,
    jobs_per_s_and_shard: f64,
    busiest: f64,
    /// The share of the busiest shard's time that is work of a home.
    its_home: f64,
    mean: f64,
}

impl Row {
    fn of(figures: &Figures) -> Self {
        let busiest = figures.spent.iter().max_by_key(|spent| spent.total_ns()).expect("there is a shard");
        let shards = figures.spent.len() as u64;
        let jobs_per_s = ratio(figures.jobs, figures.ns) * 1e9;
        Self {
            jobs_per_s,
            jobs_per_s_and_shard: jobs_per_s / approximate(shards),
            busiest: ratio(busiest.total_ns(), figures.ns),
            its_home: ratio(busiest.by_kind()[Work::Home as usize], figures.ns),
            mean: ratio(figures.spent_by_all().total_ns(), figures.ns * shards),
        }
    }

    /// Returns what limits the speed. If one shard is full and the others are not, its additional work is the limit.
    fn limit(&self) -> &'static str {
        if self.busiest < 0.9 {
            "none: the peers and the way to them"
        } else if self.mean > 0.9 {
            "all shards, by system calls"
        } else if self.its_home > 0.3 {
            "the home of the hottest type"
        } else {
            "the busiest shard: its connections make its turns long"
        }
    }

    fn cells(&self, shards: u16, alone: f64, figures: &Figures) -> Vec<String> {
        let all = figures.spent_by_all();
        let share = |kind: Work| format!("{:.1}%", 100.0 * ratio(all.by_kind()[kind as usize], all.total_ns()));
        vec![
            shards.to_string(),
            format!("{:.0}", self.jobs_per_s),
            format!("{:.2}", self.jobs_per_s_and_shard / alone),
            format!("{:.2}", figures.per_job(all.total_ns()) / 1e3),
            format!("{:.2}", figures.per_job(figures.messages)),
            format!("{:.2}", figures.per_job(figures.batches)),
            format!("{:.3}", figures.per_job(figures.wakes)),
            format!("{:.3}", figures.per_job(figures.turns)),
            format!("{:.0}%", 100.0 * self.busiest),
            format!("{:.0}%", 100.0 * self.mean),
            format!("{:.0}%", 100.0 * self.its_home),
            share(Work::Kernel),
            share(Work::Lines),
            share(Work::Home),
            share(Work::Messages),
            share(Work::Figures),
            self.limit().to_owned(),
        ]
    }
}
