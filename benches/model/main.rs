//! A model of the sharded server on more cores than this machine has.
//!
//! Question: what do 4 to 64 shards do, where the first limit is, and how far one hot type goes. Method: the real core
//! (`deputy::dispatch::Dispatch`), one for each shard, under virtual time; each operation takes what it takes on this
//! machine, measured one by one. Messages, batches, wakes and turns a job are not assumed, they follow. The model is
//! fitted at one shard, and checked against the real server at two. Deterministic for given costs and seed; each
//! job is checked to be answered exactly once.
//!
//! ```text
//! args -> main -> calibrate: code, mail, sockets, wakes -> costs
//!              -> compare: real (a server process, the harness) against sim at 1 and 2 shards -> factor
//!              -> scale: sim at 1 to 64 shards, types alike, by Zipf's law, one hot type -> tables
//! ```
//!
//! `cargo bench --bench model -- --help` lists the options; without `--bench` (`cargo test`) it checks itself with costs
//! that were recorded once.
//!
//! What the model leaves out is in [`LEFT_OUT`], which is printed beside the tables. What is between cores is measured on two
//! cores that share a cache; `--far` multiplies it for machines whose cores do not.

mod args;
mod calibrate;
mod compare;
mod costs;
#[expect(dead_code, reason = "this bench loads a server, the others do more")]
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

/// Costs as they were measured once, so that the check of the model repeats.
const RECORDED: &str = include_str!("recorded.txt");

/// What the model does not know; said beside its tables.
const LEFT_OUT: &str = "\
Left out: network cards and their interrupts (loopback stands for the network: a write does the receiver's part of the
kernel's work), several sockets or dies of a machine and the ways between them, memory bandwidth, caches that are too
small for more connections, types and jobs, hyper-threads, clock frequency, the scheduler's finer rules, work of other
programs, contention inside the kernel, and cores too far apart to share a cache (see --far).
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
    // There is nowhere else to complain if stderr is closed.
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
        "The tables below: what is paid on one shard times {:.2}, what is between cores times {}. Each shard has its own \
         core; peers are ideal, 40 us away.\n",
        table::ratio(factor, 1_000),
        options.far
    )?;
    scale::print(&costs.scaled(factor).at_distance(options.far), &options.shards, options.post_early, options.seed)?;
    Ok(io::stdout().write_all(LEFT_OUT.as_bytes())?)
}

/// From a file or measured; then changed as the options say.
fn costs(options: &Options) -> Result<Costs, Failure> {
    let measured = match &options.costs {
        Some(file) => Costs::parse(&std::fs::read_to_string(file)?)?,
        None => calibrate::measure()?,
    };
    // Of two lines for a cost the later one counts.
    let text = measured.to_text() + &options.set.join("\n").replace('=', " ");
    if let Some(file) = &options.record {
        std::fs::write(file, &text)?;
    }
    Ok(Costs::parse(&text)?)
}
