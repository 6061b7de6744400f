//! A model of the sharded server on more cores than this machine has.
//!
//! Questions: what do 4 to 64 shards do, what limits them first, and how far does one hot type scale? Method: the real core
//! (`deputy::dispatch::Dispatch`), one per shard, in virtual time. Each operation takes what it takes on this machine,
//! measured one by one. Messages, batches, wakes and turns per job follow from that and are not assumed. The model is fitted
//! at one shard and compared with the real server at two. It is deterministic for given costs and seed, and checks that
//! each job is answered exactly once.
//!
//! ```text
//! args -> main -> calibrate: code, mail, sockets, wakes -> costs
//!              -> compare: real (a server process, the harness) against sim at 1 and 2 shards -> factor
//!              -> scale: sim at 1 to 64 shards, equal types, Zipf's law, one hot type -> tables
//! ```
//!
//! `cargo bench --bench model -- --help` lists the options; without `--bench` (`cargo test`) it checks itself with costs
//! that were recorded once.
//!
//! [`LEFT_OUT`], printed with the tables, lists what the model leaves out. The costs between cores are measured on two cores
//! that share a cache; `--far` multiplies them for machines whose cores do not.

mod args;
mod calibrate;
mod compare;
mod costs;
#[expect(dead_code, reason = "the model uses a part of the harness")]
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../../tests/common/random.rs"]
mod random;
mod real;
mod scale;
mod shape;
mod sim;
mod smoke;
mod table;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;

use args::{HELP, Options, Task};
use costs::Costs;
use harness::Failure;

/// As in the server's binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An argument and a result: 32 bytes, as in the load test.
const ARG: &str = r#""0123456789abcdefghijklmnopqrst""#;

/// Costs that were measured once, so that the check of the model repeats.
const RECORDED: &str = include_str!("recorded.txt");

/// What the model leaves out; printed with its tables.
const LEFT_OUT: &str = "\
Left out: network cards and their interrupts (loopback replaces the network: a write does the receiver's part of the
kernel's work), machines with several sockets or dies, memory bandwidth, cache sizes, hyper-threads, clock frequency, the
scheduler's finer rules, other programs, contention inside the kernel, and cores that share no cache (see --far).
";

fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Help) => io::stdout().write_all(HELP.as_bytes()).map_err(Failure::from),
        Ok(Task::Smoke) => Costs::parse(RECORDED).map_err(Failure::from).map(|costs| smoke::run_all(&costs)),
        Ok(Task::Bench(options)) => bench(&options),
        Err(error) => return fail(&error.into(), 2),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, 1),
    }
}

fn fail(failure: &Failure, code: u8) -> ExitCode {
    // If stderr is closed, the exit code still shows it.
    let _ = writeln!(io::stderr(), "model: {failure}");
    ExitCode::from(code)
}

fn bench(options: &Options) -> Result<(), Failure> {
    let costs = costs(options)?;
    writeln!(io::stdout(), "### Costs in nanoseconds\n\n```text\n{}```\n", costs.to_text())?;
    let fitted = match options.compare {
        Some(plan) => compare::print(&costs, plan)?,
        None => 1_000,
    };
    let factor = options.factor.unwrap_or(fitted);
    writeln!(
        io::stdout(),
        "In the tables below the costs within a shard are multiplied by {:.2}, those between cores by {}. Each shard has its \
         own core; peers are infinitely fast and 40 us away. No run on more than two cores exists.\n",
        table::ratio(factor, 1_000),
        options.far
    )?;
    scale::print(&costs.scaled(factor).at_distance(options.far), options)?;
    Ok(io::stdout().write_all(LEFT_OUT.as_bytes())?)
}

/// Reads or measures the costs, then changes them as the options say.
fn costs(options: &Options) -> Result<Costs, Failure> {
    let measured = match &options.costs {
        Some(file) => Costs::parse(&std::fs::read_to_string(file)?)?,
        None => calibrate::measure()?,
    };
    // If a cost has two lines, the later one counts.
    let text = measured.to_text() + &options.set.join("\n").replace('=', " ");
    if let Some(file) = &options.record {
        std::fs::write(file, &text)?;
    }
    Ok(Costs::parse(&text)?)
}
