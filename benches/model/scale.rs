//! More shards than this machine has cores: what the model says of them.

use std::io::{self, Write};

use crate::costs::Costs;
use crate::harness::figure::approximate;
use crate::shape::{Popularity, Shape};
use crate::sim::{Figures, Jobs, Work, run};
use crate::table::{Table, ratio};

/// Shards, a row each.
pub(crate) const SHARDS: [u16; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Of each shard: connections that submit, jobs that each keeps unanswered, workers, types. Workers are so many that they
/// are not the limit where a job's way takes a turn of three shards.
const SUBMITTERS: usize = 4;
const INFLIGHT: usize = 128;
const WORKERS: usize = 128;
const TYPES: usize = 16;

/// From the server's write to the arrival of the peer's answer, in nanoseconds: a network of the same building.
const NETWORK_NS: u64 = 40_000;

/// Of the measured jobs, for each shard.
const JOBS: u64 = 10_000;

/// The work that grows with the shards.
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
        post_early: false,
        network_ns: NETWORK_NS,
        think_ns: 0,
        shared: None,
        seed,
    }
}

/// Jobs of a run with so many shards.
fn jobs(shards: u16) -> Jobs {
    let measured = JOBS * u64::from(shards);
    Jobs { warm_up: measured / 2, measured }
}

/// Prints a table for each way in which jobs are spread over types.
pub(crate) fn print(costs: &Costs, shards: &[u16], post_early: bool, seed: u64) -> io::Result<()> {
    let of_many = |shards, popularity| Shape { post_early, ..shape(shards, popularity, seed) };
    let of_one_type = |shards| Shape { types: 1, ..of_many(shards, Popularity::Uniform) };
    print_rows("types alike, 16 for each shard", costs, shards, |n| of_many(n, Popularity::Uniform))?;
    print_rows("types by Zipf's law, s = 1, 16 for each shard", costs, shards, |n| of_many(n, Popularity::Zipf(1.0)))?;
    print_rows("one hot type: all jobs have one home", costs, shards, of_one_type)?;
    let home_ns = costs.submit_ns + costs.offer_ns + 2 * (costs.message_ns + costs.line_ns);
    writeln!(
        io::stdout(),
        "A home's work for a job whose messages come from other shards: at least {home_ns} ns (its step, and what comes \
         from other cores), so that a home that did nothing else would be the limit at {:.0} jobs/s of one type.\n",
        1e9 / approximate(home_ns)
    )
}

fn print_rows(title: &str, costs: &Costs, shards: &[u16], shape: impl Fn(u16) -> Shape) -> io::Result<()> {
    let mut table = Table::new(&[
        "shards",
        "jobs/s",
        "efficiency",
        "us a job",
        "messages",
        "wakes",
        "turns",
        "busiest shard",
        "mean shard",
        "busiest's home work",
        "kernel",
        "lines",
        "home",
        "messages",
        "figures",
        "first to saturate",
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

/// What a run says of a number of shards.
struct Row {
    jobs_per_s: f64,
    jobs_per_s_and_shard: f64,
    busiest: f64,
    /// Of the busiest shard's time.
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

    /// What limits the speed: a shard that is full while the others are not is the limit by what it does more than they.
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
            format!("{:.2}", per_job(all.total_ns(), figures) / 1e3),
            format!("{:.2}", per_job(figures.messages, figures)),
            format!("{:.3}", per_job(figures.wakes, figures)),
            format!("{:.3}", per_job(figures.turns, figures)),
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

/// A figure, a job.
pub(crate) fn per_job(figure: u64, figures: &Figures) -> f64 {
    ratio(figure, figures.jobs)
}
