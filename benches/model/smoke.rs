//! What `cargo test` runs: a small model with recorded costs.

use crate::costs::Costs;
use crate::scale;
use crate::shape::{Popularity, Shape, TurnOrder};
use crate::sim::{Figures, Jobs, run};
use crate::workload::WORKLOADS;

const JOBS: Jobs = Jobs { warm_up: 1_000, measured: 4_000 };

/// With workers of one type a job takes at most 4 (1 - 1/N) messages plus this (docs/architecture.md).
const MESSAGES_SLACK: f64 = 0.1;

/// Runs the model, which itself checks that each job is answered exactly once and that no core keeps anything.
///
/// # Panics
/// If two runs differ, or a job takes more messages than it may.
pub(crate) fn run_all(costs: &Costs) {
    for shards in [1, 2, 3] {
        for popularity in [Popularity::Uniform, Popularity::Zipf(1.0)] {
            let shape = scale::shape(shards, popularity, 1);
            let figures = run(&shape, costs, JOBS);
            assert!(figures == run(&shape, costs, JOBS), "two runs of one seed differ: {shape:?}");
            check(&shape, &figures);
        }
    }
    let numbered = Shape { max_jobs: 16, ..scale::shape(2, Popularity::Uniform, 1) };
    check(&numbered, &run(&numbered, costs, JOBS));
    for order in [
        TurnOrder { post_early: true, ..TurnOrder::SERVER },
        TurnOrder { connections_per_mail: 0, ..TurnOrder::SERVER },
        TurnOrder { connections_per_mail: 1, ..TurnOrder::SERVER },
    ] {
        let ordered = Shape { order, home_share: 50, ..scale::shape(3, Popularity::Uniform, 1) };
        check(&ordered, &run(&ordered, costs, JOBS));
    }
    let several_types = Shape { types_per_worker: 3, ..scale::shape(2, Popularity::Uniform, 1) };
    run(&several_types, costs, JOBS);
    let shared = WORKLOADS[0].shape(2, 2, 1);
    check(&shared, &run(&shared, costs, JOBS));
}

fn check(shape: &Shape, figures: &Figures) {
    let messages = figures.per_job(figures.messages);
    let most = 4.0 * (1.0 - 1.0 / f64::from(shape.shards)) + MESSAGES_SLACK;
    assert!(messages <= most, "{messages} messages per job, at most {most}: {shape:?}");
}
