//! The figures of one run, as they are printed and written.

use serde::Serialize;

use super::backlog::Heap;
use super::beside;
use super::case::{Case, Course};
use super::figure::{approximate, median};
use super::measure::Figures;
use super::process::Cpu;

/// Names are those of the JSON lines, each with its unit; benches/README.md explains them. `None`: the system or the server does not tell, or it was not
/// asked.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) case: String,
    pub(crate) server: String,
    pub(crate) server_threads: usize,
    pub(crate) transport: String,
    pub(crate) pinned: bool,
    pub(crate) run: usize,
    pub(crate) seed: u64,
    pub(crate) submitters: u16,
    pub(crate) inflight: usize,
    pub(crate) workers: usize,
    pub(crate) types: usize,
    pub(crate) types_per_worker: usize,
    pub(crate) max_jobs: u16,
    pub(crate) arg_bytes_min: usize,
    pub(crate) arg_bytes_max: usize,
    pub(crate) idle_connections: usize,
    pub(crate) load_threads: usize,
    pub(crate) rate_per_s: Option<f64>,
    pub(crate) jobs: u64,
    pub(crate) jobs_per_s: f64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p90_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    pub(crate) server_cpu_us_per_job: Option<f64>,
    pub(crate) server_user_us_per_job: Option<f64>,
    pub(crate) server_system_us_per_job: Option<f64>,
    pub(crate) load_cpu_us_per_job: Option<f64>,
    pub(crate) context_switches_per_job: Option<f64>,
    pub(crate) system_calls_per_job: Option<f64>,
    pub(crate) reads_per_job: Option<f64>,
    pub(crate) writes_per_job: Option<f64>,
    pub(crate) polls_per_job: Option<f64>,
    pub(crate) eventfd_writes_per_job: Option<f64>,
    pub(crate) futexes_per_job: Option<f64>,
    pub(crate) messages_per_job: Option<f64>,
    pub(crate) wakes_per_job: Option<f64>,
    pub(crate) turns_per_job: Option<f64>,
    pub(crate) memory_rest_bytes: Option<f64>,
    pub(crate) memory_peak_bytes: Option<f64>,
    pub(crate) memory_after_bytes: Option<f64>,
    pub(crate) memory_idle_connection_bytes: Option<f64>,
    pub(crate) memory_waiting_job_bytes: Option<f64>,
    pub(crate) accepted_per_s: Option<f64>,
    pub(crate) server_os_threads: Option<u64>,
    /// What strangers did meanwhile, and how much of it.
    pub(crate) beside: Option<&'static str>,
    pub(crate) beside_done: Option<f64>,
    /// What the speed was limited by, where that was not the server.
    pub(crate) limited_by: Option<&'static str>,
}

impl Row {
    fn begin(case: &Case, load_threads: usize) -> Self {
        let shape = &case.shape;
        Self {
            case: case.label.clone(),
            server: case.kind.name().to_owned(),
            server_threads: case.threads,
            transport: if case.unix { "unix" } else { "tcp" }.to_owned(),
            pinned: case.pin,
            submitters: shape.submitters,
            inflight: shape.inflight,
            workers: shape.workers,
            types: shape.types,
            types_per_worker: shape.types_per_worker,
            max_jobs: shape.max_jobs,
            arg_bytes_min: shape.arg_bytes.0,
            arg_bytes_max: shape.arg_bytes.1,
            idle_connections: shape.idle,
            load_threads,
            ..Self::default()
        }
    }

    /// The row of a run under steady load.
    pub(crate) fn of_figures(case: &Case, load_threads: usize, figures: &Figures) -> Self {
        let jobs = figures.jobs();
        let quantile_us = |q| Some(approximate(figures.latency_ns.value_at_quantile(q)) / 1e3);
        let each = |count: u64, of: u64| approximate(count) / approximate(of.max(1));
        let us = |cpu: Option<Cpu>, part: fn(Cpu) -> std::time::Duration| {
            cpu.map(|cpu| part(cpu).as_secs_f64() * 1e6 / approximate(jobs))
        };
        let calls = |of: fn(&super::calls::Calls) -> u64| {
            figures.calls.as_ref().map(|(calls, jobs)| approximate(of(calls)) / jobs.max(1.0))
        };
        let counted = |of: fn(&super::control::Counted) -> u64| {
            figures.counted.map(|(before, after)| each(of(&after) - of(&before), after.done - before.done))
        };
        let memory = |of: fn(&super::measure::Footprint) -> u64| figures.memory.as_ref().map(|m| approximate(of(m)));
        let idle = approximate(case.shape.idle as u64);
        Self {
            rate_per_s: if let Course::Rate(rate) = case.course { Some(rate) } else { None },
            jobs,
            jobs_per_s: figures.jobs_per_s(),
            p50_us: quantile_us(0.5),
            p90_us: quantile_us(0.9),
            p99_us: quantile_us(0.99),
            p999_us: quantile_us(0.999),
            max_us: Some(approximate(figures.latency_ns.max()) / 1e3),
            server_cpu_us_per_job: us(figures.server, |cpu| cpu.user + cpu.system),
            server_user_us_per_job: us(figures.server, |cpu| cpu.user),
            server_system_us_per_job: us(figures.server, |cpu| cpu.system),
            load_cpu_us_per_job: us(figures.load, |cpu| cpu.user + cpu.system),
            context_switches_per_job: figures.switches.map(|switches| each(switches, jobs)),
            system_calls_per_job: calls(|calls| calls.all),
            reads_per_job: calls(|calls| calls.reads),
            writes_per_job: calls(|calls| calls.writes),
            polls_per_job: calls(|calls| calls.polls),
            eventfd_writes_per_job: calls(|calls| calls.wakes),
            futexes_per_job: calls(|calls| calls.futexes),
            messages_per_job: counted(|counted| counted.messages),
            wakes_per_job: counted(|counted| counted.wakes),
            turns_per_job: counted(|counted| counted.turns),
            memory_rest_bytes: memory(|memory| memory.rest),
            memory_peak_bytes: memory(|memory| memory.peak),
            memory_after_bytes: memory(|memory| memory.after),
            memory_idle_connection_bytes: memory(|memory| memory.idle.saturating_sub(memory.rest))
                .filter(|_| case.shape.idle > 0)
                .map(|bytes| bytes / idle),
            server_os_threads: figures.threads,
            beside: beside::name(case.shape.beside),
            beside_done: figures.beside,
            limited_by: limit(case, figures),
            ..Self::begin(case, load_threads)
        }
    }

    /// The row of a backlog, built up and drained. `jobs_per_s` is the speed of the draining.
    pub(crate) fn of_heap(case: &Case, load_threads: usize, heap: &Heap) -> Self {
        let bytes = |bytes: Option<u64>| bytes.map(approximate);
        Self {
            jobs: heap.jobs,
            jobs_per_s: approximate(heap.jobs) / heap.draining.as_secs_f64(),
            accepted_per_s: Some(approximate(heap.jobs) / heap.accepting.as_secs_f64()),
            memory_rest_bytes: bytes(heap.rest),
            memory_peak_bytes: bytes(heap.peak),
            memory_after_bytes: bytes(heap.after),
            memory_waiting_job_bytes: bytes(heap.full.zip(heap.rest).map(|(full, rest)| full.saturating_sub(rest)))
                .map(|bytes| bytes / approximate(heap.jobs)),
            ..Self::begin(case, load_threads)
        }
    }

    /// Each figure's median over some runs of one case; `jobs` is their sum. `None` of no runs.
    pub(crate) fn median(runs: &[&Row]) -> Option<Self> {
        let of = |figure: fn(&mut Row) -> &mut Option<f64>| {
            median(runs.iter().map(|row| *figure(&mut (*row).clone())).collect::<Option<_>>()?)
        };
        let mut row = (*runs.first()?).clone();
        for figure in FIGURES {
            *figure(&mut row) = of(figure);
        }
        row.jobs = runs.iter().map(|row| row.jobs).sum();
        row.jobs_per_s = median(runs.iter().map(|row| row.jobs_per_s).collect())?;
        Some(row)
    }

    /// The part of its processor time that the server spends in its own code.
    pub(crate) fn user_share(&self) -> Option<f64> {
        Some(self.server_user_us_per_job? / self.server_cpu_us_per_job?)
    }
}

/// The figures that a median is taken of.
const FIGURES: [fn(&mut Row) -> &mut Option<f64>; 27] = [
    |row| &mut row.p50_us,
    |row| &mut row.p90_us,
    |row| &mut row.p99_us,
    |row| &mut row.p999_us,
    |row| &mut row.max_us,
    |row| &mut row.server_cpu_us_per_job,
    |row| &mut row.server_user_us_per_job,
    |row| &mut row.server_system_us_per_job,
    |row| &mut row.load_cpu_us_per_job,
    |row| &mut row.context_switches_per_job,
    |row| &mut row.system_calls_per_job,
    |row| &mut row.reads_per_job,
    |row| &mut row.writes_per_job,
    |row| &mut row.polls_per_job,
    |row| &mut row.eventfd_writes_per_job,
    |row| &mut row.futexes_per_job,
    |row| &mut row.messages_per_job,
    |row| &mut row.wakes_per_job,
    |row| &mut row.turns_per_job,
    |row| &mut row.memory_rest_bytes,
    |row| &mut row.memory_peak_bytes,
    |row| &mut row.memory_after_bytes,
    |row| &mut row.memory_idle_connection_bytes,
    |row| &mut row.memory_waiting_job_bytes,
    |row| &mut row.accepted_per_s,
    |row| &mut row.rate_per_s,
    |row| &mut row.beside_done,
];

/// Jobs that were sent later than this, in the hundredth that were sent latest, tell of the load, not of the server.
const LAG_NS_MAX: u64 = 1_000_000;

/// What limited a run, if it was not the server: a load thread that never slept while the server did, or a load that
/// did not keep to its times.
fn limit(case: &Case, figures: &Figures) -> Option<&'static str> {
    if matches!(case.course, Course::Rate(_)) {
        return (figures.lag_ns.value_at_quantile(0.99) > LAG_NS_MAX).then_some("load");
    }
    let server = figures.server?;
    let part = |busy: std::time::Duration| busy.as_secs_f64() / figures.wall.as_secs_f64();
    (part(figures.busiest) > 0.95 && part(server.user + server.system) < 0.9).then_some("load")
}
