//! The figures of one run, as they are printed and written.

use std::time::Duration;

use serde::Serialize;

use super::case::{Case, LoopKind, Placement};
use super::ends::{self, Ends};
use crate::harness::figure::{approximate, median};
use crate::harness::limit::{self, Usage};
use crate::harness::load::backlog::BacklogFigures;
use crate::harness::load::interference;
use crate::harness::load::measure::{Figures, Footprint};
use crate::harness::servers::control::Counts;
use crate::harness::system::calls::Calls;
use crate::harness::system::process::Cpu;

/// The names are the keys of the JSON lines and end with their units; benches/README.md explains them. `None`: the figure
/// is not known, or was not asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) case: String,
    pub(crate) server: String,
    pub(crate) server_threads: usize,
    pub(crate) transport: String,
    pub(crate) pinned: Option<bool>,
    pub(crate) server_cores: Option<usize>,
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
    pub(crate) res_bytes_min: Option<usize>,
    pub(crate) res_bytes_max: Option<usize>,
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
    pub(crate) bridges_cpu_us_per_job: Option<f64>,
    pub(crate) nats_cpu_us_per_job: Option<f64>,
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
    pub(crate) interference: Option<&'static str>,
    pub(crate) interference_done: Option<f64>,
    /// What limited the speed, if that was not the server.
    pub(crate) limited_by: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) ends: Ends,
}

impl Row {
    fn begin(case: &Case, load_threads: usize) -> Self {
        let shape = &case.shape;
        Self {
            case: case.label.clone(),
            server: case.kind.name().to_owned(),
            server_threads: case.threads,
            transport: if case.unix { "unix" } else { "tcp" }.to_owned(),
            pinned: match case.placement {
                Placement::Shared => Some(false),
                Placement::Pinned(_) => Some(true),
                Placement::Running => None,
            },
            server_cores: if let Placement::Pinned(cores) = case.placement { Some(cores) } else { None },
            submitters: shape.submitters,
            inflight: shape.inflight,
            workers: shape.workers,
            types: shape.types,
            types_per_worker: shape.types_per_worker,
            max_jobs: shape.max_jobs,
            arg_bytes_min: shape.arg_bytes.0,
            arg_bytes_max: shape.arg_bytes.1,
            res_bytes_min: shape.res_bytes.map(|bytes| bytes.0),
            res_bytes_max: shape.res_bytes.map(|bytes| bytes.1),
            idle_connections: shape.idle,
            load_threads,
            ..Self::default()
        }
    }

    /// Returns the row of a run under steady load.
    pub(crate) fn of_figures(case: &Case, load_threads: usize, figures: &Figures) -> Self {
        let jobs = figures.jobs();
        let each = |count: u64, of: u64| approximate(count) / approximate(of.max(1));
        let us = |cpu: Option<Cpu>, part: fn(Cpu) -> Duration| {
            cpu.map(|cpu| part(cpu).as_secs_f64() * 1e6 / approximate(jobs))
        };
        let calls =
            |of: fn(&Calls) -> u64| figures.calls.as_ref().map(|(calls, jobs)| approximate(of(calls)) / jobs.max(1.0));
        let counted = |of: fn(&Counts) -> u64| {
            figures.counts.map(|(before, after)| each(of(&after) - of(&before), after.done - before.done))
        };
        let memory = |of: fn(&Footprint) -> u64| figures.memory.as_ref().map(|m| approximate(of(m)));
        let idle = approximate(case.shape.idle as u64);
        Self {
            rate_per_s: if let LoopKind::Rate(rate) = case.loop_kind { Some(rate) } else { None },
            jobs,
            jobs_per_s: figures.jobs_per_s(),
            p50_us: Some(figures.quantile_us(0.5)),
            p90_us: Some(figures.quantile_us(0.9)),
            p99_us: Some(figures.quantile_us(0.99)),
            p999_us: Some(figures.quantile_us(0.999)),
            max_us: Some(approximate(figures.latency_ns.max()) / 1e3),
            server_cpu_us_per_job: us(figures.server, |cpu| cpu.user + cpu.system),
            server_user_us_per_job: us(figures.server, |cpu| cpu.user),
            server_system_us_per_job: us(figures.server, |cpu| cpu.system),
            bridges_cpu_us_per_job: us(figures.bridges, |cpu| cpu.user + cpu.system),
            nats_cpu_us_per_job: us(figures.nats, |cpu| cpu.user + cpu.system),
            load_cpu_us_per_job: us(figures.load, |cpu| cpu.user + cpu.system),
            context_switches_per_job: figures.switches.map(|switches| switches / approximate(jobs)),
            system_calls_per_job: calls(|calls| calls.all),
            reads_per_job: calls(|calls| calls.reads),
            writes_per_job: calls(|calls| calls.writes),
            polls_per_job: calls(|calls| calls.polls),
            eventfd_writes_per_job: calls(|calls| calls.wakes),
            futexes_per_job: calls(|calls| calls.futexes),
            messages_per_job: counted(|counts| counts.messages),
            wakes_per_job: counted(|counts| counts.wakes),
            turns_per_job: counted(|counts| counts.turns),
            accepted_per_s: figures.accepting.map(|time| approximate(jobs) / time.as_secs_f64()),
            memory_rest_bytes: memory(|memory| memory.rest),
            memory_peak_bytes: memory(|memory| memory.peak),
            memory_after_bytes: memory(|memory| memory.after),
            memory_idle_connection_bytes: memory(|memory| memory.idle.saturating_sub(memory.rest))
                .filter(|_| case.shape.idle > 0)
                .map(|bytes| bytes / idle),
            server_os_threads: figures.threads,
            interference: interference::unit(case.shape.interference),
            interference_done: figures.interference,
            limited_by: limited_by(case, figures),
            ends: Ends::of(case.shape.ask, &figures.tally, figures.server_counts),
            ..Self::begin(case, load_threads)
        }
    }

    /// Returns the row of a backlog that was built up and drained. `jobs_per_s` is the speed of the draining.
    pub(crate) fn of_backlog(case: &Case, backlog: &BacklogFigures) -> Self {
        let bytes = |bytes: Option<u64>| bytes.map(approximate);
        Self {
            jobs: backlog.jobs,
            jobs_per_s: approximate(backlog.jobs) / backlog.draining.as_secs_f64(),
            accepted_per_s: Some(approximate(backlog.jobs) / backlog.accepting.as_secs_f64()),
            memory_rest_bytes: bytes(backlog.rest),
            memory_peak_bytes: bytes(backlog.peak),
            memory_after_bytes: bytes(backlog.after),
            memory_waiting_job_bytes: bytes(
                backlog.full.zip(backlog.rest).map(|(full, rest)| full.saturating_sub(rest)),
            )
            .map(|bytes| bytes / approximate(backlog.jobs)),
            ..Self::begin(case, 1)
        }
    }

    /// Returns each figure's median over some runs of one case; `jobs` is their sum. `None` without runs.
    pub(crate) fn median(runs: &[&Row]) -> Option<Self> {
        let of = |figure: &dyn Fn(&mut Row) -> &mut Option<f64>| {
            median(runs.iter().map(|row| *figure(&mut (*row).clone())).collect::<Option<_>>()?)
        };
        let mut row = (*runs.first()?).clone();
        for figure in FIGURES {
            *figure(&mut row) = of(&figure);
        }
        for figure in ends::FIGURES {
            *figure(&mut row.ends) = of(&|row| figure(&mut row.ends));
        }
        row.jobs = runs.iter().map(|row| row.jobs).sum();
        row.jobs_per_s = median(runs.iter().map(|row| row.jobs_per_s).collect())?;
        Some(row)
    }

    /// Returns the share of its processor time that the server spends in its own code.
    pub(crate) fn user_share(&self) -> Option<f64> {
        Some(self.server_user_us_per_job? / self.server_cpu_us_per_job?)
    }
}

/// The figures of which a median is taken.
const FIGURES: [fn(&mut Row) -> &mut Option<f64>; 29] = [
    |row| &mut row.p50_us,
    |row| &mut row.p90_us,
    |row| &mut row.p99_us,
    |row| &mut row.p999_us,
    |row| &mut row.max_us,
    |row| &mut row.server_cpu_us_per_job,
    |row| &mut row.server_user_us_per_job,
    |row| &mut row.server_system_us_per_job,
    |row| &mut row.bridges_cpu_us_per_job,
    |row| &mut row.nats_cpu_us_per_job,
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
    |row| &mut row.interference_done,
];

/// Returns what limited a run, if it was not the server.
pub(super) fn limited_by(case: &Case, figures: &Figures) -> Option<&'static str> {
    if matches!(case.loop_kind, LoopKind::Rate(_)) {
        return limit::of_open_loop(figures.lag_ns.value_at_quantile(0.99));
    }
    let cores = |busy: Duration| busy.div_duration_f64(figures.wall);
    let server_cores = if let Placement::Pinned(cores) = case.placement { cores } else { usize::MAX };
    limit::of_closed_loop(Usage {
        busiest: cores(figures.busiest),
        server: figures.server.map(|cpu| cores(cpu.user + cpu.system)),
        server_max: approximate(case.threads.min(server_cores).max(1) as u64),
    })
}
