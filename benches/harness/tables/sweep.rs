//! Finds the highest rate that keeps the latency within a limit: the figure that sizes a machine.
//!
//! A closed loop shows roughly what the server can do. Then rates are tried as an open loop, upwards from an eighth of
//! that. Between the highest rate that held and the lowest that did not, the interval is halved.

use std::fmt::Arguments;
use std::io::{self, Write};

use super::case::{Case, LoopKind};
use super::plot::{self, RateCurve};
use super::row::{Row, limited_by};
use super::run::{Options, describe_running, steady};
use crate::harness::Failure;
use crate::harness::figure::median;
use crate::harness::limit;
use crate::harness::load::measure::Figures;
use crate::harness::system::machine;
use crate::harness::traffic::check::Wrong;

/// What a rate must keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencyLimit {
    /// The most that the 99th percentile may be, in microseconds.
    pub(crate) p99_us: f64,
}

/// How many rates are tried at most: upwards from an eighth, then by halving to within 1/64 of the closed loop's speed.
const TRIALS_MAX: usize = 13;

/// A rate that was tried.
#[derive(Clone, Copy, Debug)]
struct Trial {
    rate_per_s: f64,
    held: bool,
    /// The percentiles of its latencies, if the run came to its end.
    latency: Option<plot::RatePoint>,
    limited_by: Option<&'static str>,
}

/// The result of one sweep: the highest rate that held, and what limited the lowest rate that did not.
#[derive(Clone, Copy, Debug)]
struct Highest {
    rate_per_s: f64,
    limited_by: Option<&'static str>,
}

/// Sweeps each case in each round, and prints every trial and the highest rates.
pub(crate) fn sweep(cases: &[Case], limit: LatencyLimit, options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit()?;
    let mut cases = cases.to_vec();
    describe_running(&mut cases, options)?;
    let mut found: Vec<Vec<Highest>> = vec![Vec::new(); cases.len()];
    let mut curves: Vec<RateCurve> = cases.iter().map(|case| RateCurve::new(&case.label)).collect();
    for round in 0..options.runs {
        for ((case, found), curve) in cases.iter().zip(&mut found).zip(&mut curves) {
            found.push(sweep_case(case, round, limit, options, curve)?);
        }
    }
    if cases.len() > 1 || options.runs > 1 {
        print(options, format_args!("\nhighest rate with p99 within {} us:", limit.p99_us))?;
        for (case, found) in cases.iter().zip(&found) {
            let rates: Vec<f64> = found.iter().map(|highest| highest.rate_per_s).collect();
            let all = rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
            let middle = median(rates).unwrap_or_default();
            let remark = remark(found.iter().find_map(|highest| highest.limited_by));
            print(options, format_args!("{:<20}{middle:>10.0} jobs/s  (of {all}){remark}", case.label))?;
        }
    }
    match &options.output.plot {
        Some(path) => plot::draw_rates(&curves, limit.p99_us, path, &options.output.command),
        None => Ok(()),
    }
}

/// Sweeps one case once.
fn sweep_case(
    case: &Case,
    round: usize,
    p99: LatencyLimit,
    options: &Options,
    curve: &mut RateCurve,
) -> Result<Highest, Failure> {
    let closed_case = case.clone().loop_kind(LoopKind::Closed);
    let closed = steady(&closed_case, round, options)?;
    let closed_limit = remark(limited_by(&closed_case, &closed));
    let jobs_per_s = closed.jobs_per_s();
    print(options, format_args!("{}, closed loop: {jobs_per_s:.0} jobs/s{closed_limit}", case.label))?;
    let mut best = 0.0;
    let mut worst: Option<Trial> = None;
    let mut next = jobs_per_s / 8.0;
    for _ in 0..TRIALS_MAX {
        let trial = try_rate(case, round, next, p99, options)?;
        curve.points.extend(trial.latency);
        if trial.held {
            best = trial.rate_per_s;
        } else {
            worst = Some(trial);
        }
        next = match worst {
            Some(worst) if worst.rate_per_s - best < jobs_per_s / 64.0 => break,
            Some(worst) => f64::midpoint(best, worst.rate_per_s),
            None => best * 1.5,
        };
    }
    if best == 0.0 {
        let remark = remark(worst.and_then(|worst| worst.limited_by));
        let message = format!("{}: no rate keeps p99 within {} us; raise --p99-us{remark}", case.label, p99.p99_us);
        return Err(message.into());
    }
    let limited_by = worst.and_then(|worst| worst.limited_by);
    let remark =
        if worst.is_none() { "; every rate held, so the limit is higher".to_owned() } else { remark(limited_by) };
    let text = format_args!("highest rate with p99 within {} us: {best:.0} jobs/s{remark}", p99.p99_us);
    print(options, text)?;
    Ok(Highest { rate_per_s: best, limited_by })
}

/// Returns the remark at the end of a line: what limited a run, if it was not the server.
fn remark(limited_by: Option<&str>) -> String {
    limit::describe(limited_by).map(|text| format!("; {text}")).unwrap_or_default()
}

/// Prints a line for people: to stdout, or to stderr if stdout is for lines of JSON.
fn print(options: &Options, line: Arguments<'_>) -> io::Result<()> {
    if options.output.json { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") }
}

/// Tries a rate. A run with late or missing answers has not held: jobs arrive faster than the server does them.
fn try_rate(
    case: &Case,
    round: usize,
    rate_per_s: f64,
    p99: LatencyLimit,
    options: &Options,
) -> Result<Trial, Failure> {
    let rate_per_s = rate_per_s.round();
    let case = case.clone().loop_kind(LoopKind::Rate(rate_per_s));
    let (trial, text) = match steady(&case, round, options) {
        Ok(figures) => {
            if options.output.json {
                let row = Row::of_figures(&case, options.load_threads, &figures);
                let row = Row { run: round + 1, seed: options.seed.wrapping_add(round as u64), ..row };
                writeln!(io::stdout(), "{}", serde_json::to_string(&row)?)?;
            }
            judge(&case, rate_per_s, p99, &figures)
        }
        Err(failure) => {
            let wrong = failure.downcast::<Wrong>()?;
            if !wrong.is_timing() {
                return Err(wrong);
            }
            (Trial { rate_per_s, held: false, latency: None, limited_by: None }, wrong.to_string())
        }
    };
    let verdict = if trial.held { "" } else { ": too much" };
    let remark = remark(trial.limited_by);
    print(options, format_args!("{rate_per_s:>10.0} jobs/s: {text}{verdict}{remark}"))?;
    Ok(trial)
}

fn judge(case: &Case, rate_per_s: f64, p99: LatencyLimit, figures: &Figures) -> (Trial, String) {
    let [p50_us, p99_us] = [0.5, 0.99].map(|quantile| figures.quantile_us(quantile));
    let cpu = figures.server.map(|cpu| (cpu.user + cpu.system).as_secs_f64() / figures.wall.as_secs_f64());
    let cpu = cpu.map_or_else(|| "not known".to_owned(), |cpu| format!("{:.0}% of a core", 100.0 * cpu));
    let latency = Some(plot::RatePoint { rate_per_s, p50_us, p99_us });
    let trial = Trial { rate_per_s, held: p99_us <= p99.p99_us, latency, limited_by: limited_by(case, figures) };
    (trial, format!("p50 {p50_us:.0} us, p99 {p99_us:.0} us, server CPU {cpu}"))
}
