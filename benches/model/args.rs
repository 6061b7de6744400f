//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, ValueExt};

use crate::compare::Plan;
use crate::shape::{SHARDS, TYPES, TurnOrder, WORKERS};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Predicts what many shards would do, from the cost of each operation on this machine.

usage: cargo bench --bench model -- [options]

costs:
  --costs FILE        read the costs from a file instead of measuring them
  --record FILE       write the costs to a file
  --set NAME=NS       change a cost; may be repeated
compare:
  --no-compare        do not compare with the real server
  --seconds S         time of each run of the real server (3)
  --runs N            rounds, each with one shard and with two (3)
scale:
  --shards N,N,...    numbers of shards, one row each (1,2,4,8,16,32,64)
  --workers N         workers per shard, for 16 types per shard (128)
  --far N             multiplies the costs between cores: cores of a large machine may share no cache (1)
  --factor PERMILLE   multiplies the costs within a shard (what the comparison at one shard finds, otherwise 1000)
  --mail-every N      connections that a shard reads or writes before it handles its mailbox again (as the server does);
                      0: only when a turn begins
  --post-early        let a shard post the messages that its mailbox caused before it reads from connections
  --home-share P      connections of the first type's home, in percent of those of other shards (100)
  --split N           makes the hot type N types, all of which each worker gives (1)
  --seed N            chooses the types of jobs and their homes (1)
  --help              print this

Without --bench (as cargo test calls it) the model only checks itself.
";

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print the help.
    Help,
    /// Check the model.
    Smoke,
    /// Measure, compare, scale.
    Bench(Options),
}

/// The options.
#[derive(Debug)]
pub(crate) struct Options {
    /// The file with the costs; `None`: they are measured.
    pub(crate) costs: Option<PathBuf>,
    /// The file that receives them.
    pub(crate) record: Option<PathBuf>,
    /// Changes of costs.
    pub(crate) set: Vec<String>,
    /// How the real server is loaded; `None`: it is not.
    pub(crate) compare: Option<Plan>,
    /// Numbers of shards, one row each.
    pub(crate) shards: Vec<u16>,
    /// See the help.
    pub(crate) far: u64,
    /// See the help.
    pub(crate) factor: Option<u64>,
    /// See the help.
    pub(crate) workers: usize,
    /// See the help.
    pub(crate) order: TurnOrder,
    /// See the help.
    pub(crate) home_share: usize,
    /// See the help.
    pub(crate) split: usize,
    /// Seeds the model.
    pub(crate) seed: u64,
}

/// Reads the arguments after the program's name. An error is one line of text for a person.
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
        workers: WORKERS,
        order: TurnOrder::SERVER,
        home_share: 100,
        split: 1,
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
            "mail-every" => options.order.connections_per_mail = parser.value()?.parse()?,
            "post-early" => options.order.post_early = true,
            "split" => options.split = parser.value()?.parse()?,
            "home-share" => options.home_share = parser.value()?.parse()?,
            "no-compare" => compare = false,
            "seconds" => plan.seconds = parser.value()?.parse()?,
            "runs" => plan.runs = parser.value()?.parse()?,
            "shards" => options.shards = shard_counts(&parser.value()?.string()?)?,
            "far" => options.far = parser.value()?.parse()?,
            "factor" => options.factor = Some(parser.value()?.parse()?),
            "workers" => options.workers = parser.value()?.parse()?,
            "seed" => options.seed = parser.value()?.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    if !(0.1..=3_600.0).contains(&plan.seconds) || plan.runs == 0 {
        return Err("--seconds takes 0.1 to 3600, and --runs 1 or more".into());
    }
    if !(1..=100).contains(&options.home_share) {
        return Err("--home-share takes a number from 1 to 100".into());
    }
    if !(1..=1_024).contains(&options.split) {
        return Err("--split takes a number from 1 to 1024".into());
    }
    if options.workers < TYPES {
        return Err(format!("--workers takes a number from {TYPES}, because each type needs a worker").into());
    }
    options.compare = compare.then_some(plan);
    Ok(if bench { Task::Bench(options) } else { Task::Smoke })
}

fn shard_counts(list: &str) -> Result<Vec<u16>, lexopt::Error> {
    let count = |text: &str| text.parse().ok().filter(|&count| (1..=1_024).contains(&count));
    let counts: Option<Vec<u16>> = list.split(',').map(count).collect();
    counts.ok_or_else(|| format!("--shards takes numbers from 1 to 1024 separated by commas, not '{list}'").into())
}
