//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, ValueExt};

use crate::compare::Plan;
use crate::scale::SHARDS;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Says what many shards would do, from what each operation costs here.

usage: cargo bench --bench model -- [options]

costs:
  --costs FILE        take them from a file, do not measure them
  --record FILE       write them to a file, as they were measured
  --set NAME=NS       change one of them; may be repeated
compare:
  --no-compare        do not load the real server to compare with
  --seconds S         how long to load it, a run (3)
  --runs N            how often, by turns with one shard and with two (3)
scale:
  --shards N,N,...    how many, a row each (1,2,4,8,16,32,64)
  --far N             times this, what is between cores: those here share a cache, those of a large machine do not (1)
  --factor PERMILLE   times this, what is paid on one shard (1000, or what the comparison at one shard says)
  --post-early        what if a shard posted what its mail led to before it reads from its connections
  --seed N            picks the types of jobs and their homes (1)
  --help              print this

Without --bench (as cargo test calls it) it only checks itself.
";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print the help.
    Help,
    /// Check the model.
    Smoke,
    /// Measure, compare, scale.
    Bench(Options),
}

/// How.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the costs come from; `None`: they are measured.
    pub(crate) costs: Option<PathBuf>,
    /// Where they go.
    pub(crate) record: Option<PathBuf>,
    /// Costs that are changed.
    pub(crate) set: Vec<String>,
    /// How the real server is loaded; `None`: not at all.
    pub(crate) compare: Option<Plan>,
    /// Shards, a row each.
    pub(crate) shards: Vec<u16>,
    /// See the help.
    pub(crate) far: u64,
    /// See the help.
    pub(crate) factor: Option<u64>,
    /// See the help.
    pub(crate) post_early: bool,
    /// Seeds the model.
    pub(crate) seed: u64,
}

/// Reads the arguments, the program's name not among them. The error is a line for people.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut bench, mut compare) = (false, true);
    let mut plan = Plan { seconds: 3.0, runs: 3 };
    let (costs, record, set) = (None, None, Vec::new());
    let mut options = Options {
        costs,
        record,
        set,
        compare: None,
        shards: SHARDS.to_vec(),
        far: 1,
        factor: None,
        post_early: false,
        seed: 1,
    };
    while let Some(arg) = parser.next()? {
        let Long(name) = arg else { return Err(arg.unexpected()) };
        match name {
            "help" => return Ok(Task::Help),
            "bench" => bench = true,
            "costs" => options.costs = Some(parser.value()?.into()),
            "record" => options.record = Some(parser.value()?.into()),
            "set" => options.set.push(parser.value()?.string()?),
            "post-early" => options.post_early = true,
            "no-compare" => compare = false,
            "seconds" => plan.seconds = parser.value()?.parse()?,
            "runs" => plan.runs = parser.value()?.parse()?,
            "shards" => options.shards = shard_counts(&parser.value()?.string()?)?,
            "far" => options.far = parser.value()?.parse()?,
            "factor" => options.factor = Some(parser.value()?.parse()?),
            "seed" => options.seed = parser.value()?.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    if !(0.1..=3_600.0).contains(&plan.seconds) || plan.runs == 0 {
        return Err("--seconds takes 0.1 to 3600, and --runs 1 or more".into());
    }
    options.compare = compare.then_some(plan);
    Ok(if bench { Task::Bench(options) } else { Task::Smoke })
}

fn shard_counts(list: &str) -> Result<Vec<u16>, lexopt::Error> {
    let count = |text: &str| text.parse().ok().filter(|&count| (1..=1_024).contains(&count));
    let counts: Option<Vec<u16>> = list.split(',').map(count).collect();
    counts.ok_or_else(|| format!("--shards takes numbers from 1 to 1024 with commas between, not {list}").into())
}
