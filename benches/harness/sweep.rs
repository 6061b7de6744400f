//! The highest rate that holds: what someone who sizes a machine wants to know.
//!
//! First a closed loop tells about how much the server can do; then rates are tried as an open loop, from an eighth of
//! that upwards, and between the highest that held and the lowest that did not by halves.

use std::fmt::Arguments;
use std::io::{self, Write};

use super::Failure;
use super::case::{Case, Course};
use super::figure::approximate;
use super::machine;
use super::row::Row;
use super::run::{Options, steady};

/// What a rate has to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// Most of the 99th percentile, in microseconds.
    pub(crate) p99_us: f64,
}

/// How often an interval is halved: to within a hundredth of where it began.
const HALVINGS: usize = 5;

/// A rate that was tried.
#[derive(Clone, Copy, Debug)]
struct Tried {
    rate_per_s: f64,
    held: bool,
}

/// Tries rates and prints each, and the highest that held.
pub(crate) fn sweep(case: &Case, bound: Bound, options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit()?;
    let closed = steady(&case.clone().course(Course::Closed), 0, options)?;
    tell(options, format_args!("closed loop: {:.0} jobs/s", closed.jobs_per_s()))?;
    let mut best = Tried { rate_per_s: 0.0, held: true };
    let mut worst = None;
    let mut next = closed.jobs_per_s() / 8.0;
    for _ in 0..HALVINGS + 8 {
        let tried = try_rate(case, next, bound, options)?;
        if tried.held {
            best = tried;
        } else {
            worst = Some(tried.rate_per_s);
        }
        next = match worst {
            Some(worst) if worst - best.rate_per_s < closed.jobs_per_s() / 64.0 => break,
            Some(worst) => f64::midpoint(best.rate_per_s, worst),
            None => best.rate_per_s * 1.5,
        };
    }
    if best.rate_per_s == 0.0 {
        return Err(format!("no rate holds a p99 of {} us", bound.p99_us).into());
    }
    let highest = format_args!("highest rate with p99 within {} us: {:.0} jobs/s", bound.p99_us, best.rate_per_s);
    Ok(tell(options, highest)?)
}

/// A line for people: where stdout is for lines of JSON, on stderr.
fn tell(options: &Options, line: Arguments<'_>) -> io::Result<()> {
    if options.output.json { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") }
}

/// A run that does not come to its end has not held: jobs are late or unanswered, for they come faster than they go.
fn try_rate(case: &Case, rate_per_s: f64, bound: Bound, options: &Options) -> Result<Tried, Failure> {
    let rate_per_s = rate_per_s.round();
    let case = case.clone().course(Course::Rate(rate_per_s));
    let (held, told) = match steady(&case, 0, options) {
        Ok(figures) => {
            if options.output.json {
                let row = Row { run: 1, seed: options.seed, ..Row::of_figures(&case, options.load_threads, &figures) };
                writeln!(io::stdout(), "{}", serde_json::to_string(&row)?)?;
            }
            let p99_us = approximate(figures.latency_ns.value_at_quantile(0.99)) / 1e3;
            let cpu =
                figures.server.map_or(0.0, |cpu| (cpu.user + cpu.system).as_secs_f64() / figures.wall.as_secs_f64());
            (p99_us <= bound.p99_us, format!("p99 {p99_us:.0} us, server CPU {:.0}% of a core", 100.0 * cpu))
        }
        Err(failure) if failure.is::<super::check::Wrong>() => {
            let wrong = failure.downcast::<super::check::Wrong>()?;
            if !wrong.is_of_time() {
                return Err(wrong);
            }
            (false, wrong.to_string())
        }
        Err(failure) => return Err(failure),
    };
    tell(options, format_args!("{rate_per_s:>10.0} jobs/s: {told}{}", if held { "" } else { ", too much" }))?;
    Ok(Tried { rate_per_s, held })
}
