//! Compares the model with the real server. With one shard nothing passes between cores: there the model is fitted by one
//! factor, because a measurement in a loop has warmer caches than a server. Its figures for two shards are predictions.
//!
//! The server and the load share this machine, so the model has its cores and the load's thread too. The server's processor
//! time per job is compared. Other programs disturb it less than the speed; the least disturbed run counts.

use std::io::{self, Write};
use std::time::Duration;

use crate::Failure;
use crate::costs::Costs;
use crate::harness::system::machine::cores;
use crate::real::{self, PerJob};
use crate::sim::{Jobs, run};
use crate::table::{Table, ratio};
use crate::workload::{WORKLOADS, Workload};

/// How the real server is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The measured time of a run.
    pub(crate) seconds: f64,
    /// Rounds, each with one shard and with two.
    pub(crate) runs: usize,
}

const JOBS: Jobs = Jobs { warm_up: 10_000, measured: 60_000 };

/// Each seed places the types differently; the mean over this many seeds is taken.
const SEEDS: u32 = 4;

/// How often the fit is refined, because other costs lead to batches of other sizes.
const REFINEMENTS: usize = 6;

/// Compares, prints, and returns the factor of the first workload, in thousandths.
pub(crate) fn print(costs: &Costs, plan: Plan) -> Result<u64, Failure> {
    let cores = cores();
    let mut table = Table::new(&[
        "workload", "shards", "", "server us per job", "messages", "wakes", "turns", "jobs/s", "other programs",
    ]);
    let mut first = None;
    for workload in WORKLOADS {
        let [one, two] = measure(workload, plan)?;
        let factor = fit(workload, costs, cores, one.us);
        let fitted = costs.scaled(factor);
        first.get_or_insert(factor);
        row(&mut table, workload, 1, "real", &one);
        row(
            &mut table,
            workload,
            1,
            &format!("model, fitted: x {:.2}", ratio(factor, 1_000)),
            &model(workload, 1, &fitted, cores),
        );
        row(&mut table, workload, 2, "real", &two);
        let predicted = model(workload, 2, &fitted, cores);
        let miss = 100.0 * (predicted.us / two.us - 1.0);
        row(&mut table, workload, 2, &format!("model, predicted: {miss:+.1}%"), &predicted);
    }
    writeln!(io::stdout(), "### The model and the real server, {cores} cores shared with the load\n\n{table}")?;
    Ok(first.expect("there are workloads"))
}

/// Returns the least disturbed run with one shard, and with two.
fn measure(workload: Workload, plan: Plan) -> Result<[PerJob; 2], Failure> {
    let time = Duration::from_secs_f64(plan.seconds);
    let mut best: [Option<PerJob>; 2] = [None; 2];
    for _ in 0..plan.runs {
        for (shards, best) in (1..).zip(&mut best) {
            let run = real::run(workload, shards, time)?;
            if best.is_none_or(|best| run.others < best.others) {
                *best = Some(run);
            }
        }
    }
    Ok(best.map(|best| best.expect("there is a run")))
}

/// Returns the factor, in thousandths, with which the model of one shard takes as long as the real server.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a factor near 1, in thousandths")]
fn fit(workload: Workload, costs: &Costs, cores: usize, real_us: f64) -> u64 {
    let mut factor = 1.0;
    for _ in 0..REFINEMENTS {
        let modelled = model(workload, 1, &costs.scaled((factor * 1e3) as u64), cores);
        factor *= real_us / modelled.us;
    }
    (factor * 1e3) as u64
}

fn model(workload: Workload, shards: u16, costs: &Costs, cores: usize) -> PerJob {
    let mut mean = PerJob::default();
    for seed in 0..SEEDS {
        let figures = run(&workload.shape(shards, cores, seed.into()), costs, JOBS);
        let part = 1.0 / f64::from(SEEDS);
        mean.jobs_per_s += part * ratio(figures.jobs, figures.ns) * 1e9;
        mean.us += part * figures.per_job(figures.spent_by_all().total_ns()) / 1e3;
        mean.messages += part * figures.per_job(figures.messages);
        mean.wakes += part * figures.per_job(figures.wakes);
        mean.turns += part * figures.per_job(figures.turns);
    }
    mean
}

fn row(table: &mut Table, workload: Workload, shards: u16, what: &str, figures: &PerJob) {
    table.add(vec![
        workload.name.to_owned(),
        shards.to_string(),
        what.to_owned(),
        format!("{:.2}", figures.us),
        format!("{:.2}", figures.messages),
        format!("{:.3}", figures.wakes),
        format!("{:.3}", figures.turns),
        format!("{:.0}", figures.jobs_per_s),
        format!("{:.0}%", 100.0 * figures.others),
    ]);
}
