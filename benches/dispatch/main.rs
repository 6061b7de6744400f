//! The pure core alone: without sockets, threads and JSON. What remains is the decision which worker does which job.
//!
//! Workload: `echo` jobs with an argument of 32 bytes. Unit: jobs per second on one core. After each run the benchmark checks
//! that every job was answered exactly once, on the connection that submitted it, with its worker's result. For a home
//! alone it checks that every job was assigned exactly once. Nothing is random: two runs take the same steps.
//!
//! - `one shard`: everything that the core does for a job whose submitter, home and worker are on one shard: `do`, the
//!   assignment, `did`, the result, and a share of the turn's other inputs.
//! - `a million wait`: the same, while a million jobs of the type wait, for jobs that ask for more than a plain one.
//! - `home alone`: only what the home of a hot type does for a job when all submitters and workers are on other shards. It
//!   receives a job and an offer, and assigns the job. However many shards there are, one type does no more jobs per second
//!   than this, minus the cost of channels and wakes.

mod fixture;
mod home;
mod one_shard;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use deputy::protocol::command::JobOptions;
use fixture::JOBS;
use one_shard::{OneShard, Shape};

/// Jobs that wait, where many do.
const BACKLOG: usize = 1_000_000;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn one_shard(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one shard");
    group.throughput(Throughput::Elements(JOBS as u64)).sampling_mode(SamplingMode::Flat).sample_size(20);
    for (name, shape) in [
        (
            "1 type, 16 workers",
            Shape { types: 1, workers: 16, slots: 0, types_per_worker: 1, options: None, in_flight: 256 },
        ),
        (
            "1 type, 4 workers of 64 slots",
            Shape { types: 1, workers: 4, slots: 64, types_per_worker: 1, options: None, in_flight: 1_024 },
        ),
        (
            "100 types, 1,000 workers",
            Shape { types: 100, workers: 1_000, slots: 0, types_per_worker: 1, options: None, in_flight: 1_024 },
        ),
        (
            "1 type, 10,000 workers",
            Shape { types: 1, workers: 10_000, slots: 0, types_per_worker: 1, options: None, in_flight: 12_000 },
        ),
        (
            "100,000 types, 1,000 workers of 100 each",
            Shape { types: 100_000, workers: 1_000, slots: 0, types_per_worker: 100, options: None, in_flight: 1_024 },
        ),
    ] {
        group.bench_function(name, |bencher| {
            let mut shard = OneShard::with_workers(&shape);
            bencher.iter_custom(|runs| (0..runs).map(|_| shard.run()).sum::<Duration>());
        });
    }
    group.finish();
}

/// What a job costs that asks for more than a plain one, while many like it wait.
fn options(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a million wait");
    group.throughput(Throughput::Elements(JOBS as u64)).sampling_mode(SamplingMode::Flat).sample_size(20);
    let plain = JobOptions::default;
    for (name, options) in [
        ("plain", None),
        ("priority", Some(JobOptions { priority: 5, ..plain() })),
        ("deadline_ms", Some(JobOptions { deadline_ms: Some(3_600_000), ..plain() })),
        ("cancellable", Some(JobOptions { cancellable: true, ..plain() })),
        ("run_limit_ms", Some(JobOptions { run_limit_ms: Some(3_600_000), ..plain() })),
        ("progress", Some(JobOptions { progress: true, ..plain() })),
    ] {
        group.bench_function(name, |bencher| {
            let shape = Shape {
                types: 1,
                workers: 16,
                slots: 0,
                types_per_worker: 1,
                in_flight: BACKLOG,
                options: options.clone(),
            };
            let mut shard = OneShard::with_backlog(&shape);
            bencher.iter_custom(|runs| (0..runs).map(|_| shard.run()).sum::<Duration>());
        });
    }
    group.finish();
}

fn home_alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("home alone");
    group.throughput(Throughput::Elements(JOBS as u64)).sampling_mode(SamplingMode::Flat).sample_size(20);
    for (name, waiting) in [("jobs wait for slots", true), ("slots wait for jobs", false)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|runs| (0..runs).map(|_| home::run(waiting)).sum::<Duration>());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = one_shard, options, home_alone
}
criterion_main!(benches);
