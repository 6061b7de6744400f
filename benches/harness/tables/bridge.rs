//! The workload `bridge`: jobs that two servers share through NATS, beside NATS alone, and what a bridge costs local jobs.

use std::time::Duration;

use super::case::Case;
use super::common::{BASELINE, JOBS_PER_S, P50, P99, deputy};
use super::workloads::{Named, Parts};
use super::{Claim, Figure, Goal};
use crate::harness::servers::{Bridged, ServerKind};
use crate::harness::traffic::workload::Shape;
use Goal::{AtLeast, AtMost};

pub(super) const BRIDGE: Named = Named {
    name: "bridge",
    title: "1 submitter x 1 and x 64 in flight at one server, 4 workers of 32 slots at another, through NATS; server and \
            load share all cores",
    parts,
};

/// One submitter, so that its jobs in flight are all there are.
const SHAPE: Shape = Shape { submitters: 1, inflight: 64, workers: 4, max_jobs: 32, ..BASELINE };

/// Bridges learn of new types within seconds.
const WARM_UP: Duration = Duration::from_secs(5);

const ALL_US: Figure = |row| {
    Some(
        row.server_cpu_us_per_job? + row.bridges_cpu_us_per_job.unwrap_or(0.0) + row.nats_cpu_us_per_job.unwrap_or(0.0),
    )
};
const BRIDGES_US: Figure = |row| row.bridges_cpu_us_per_job;

fn parts() -> Parts {
    let (mut cases, mut claims) = (Vec::new(), Vec::new());
    for servers in [1, 3] {
        for inflight in [1, 64] {
            let name = format!("R{servers}, {inflight} in flight");
            let case = |bridged: Bridged, label: &str| {
                let case = Case::new(ServerKind::Bridged(bridged), Shape { inflight, ..SHAPE });
                case.shared().warm_up(WARM_UP).label(format!("{label} R{servers}, x{inflight}"))
            };
            let (with, floor) = (cases.len(), cases.len() + 1);
            cases.extend([case(Bridged::Servers(servers), "bridge"), case(Bridged::NatsAlone(servers), "NATS")]);
            claims.extend([
                Claim::ratio(format!("jobs/s, bridge / NATS alone, {name}"), JOBS_PER_S, with, floor, Goal::None),
                Claim::ratio(format!("p50, bridge / NATS alone, {name}"), P50, with, floor, Goal::None),
                Claim::ratio(format!("CPU of all, bridge / NATS alone, {name}"), ALL_US, with, floor, Goal::None),
                Claim::alone(format!("CPU of both bridges, us/job, {name}"), BRIDGES_US, with, bridges_goal(inflight)),
            ]);
        }
    }
    let local = |case: Case, label: &str| case.shared().warm_up(WARM_UP).label(label);
    let (with, without) = (cases.len(), cases.len() + 1);
    cases.push(local(Case::new(ServerKind::Bridged(Bridged::Local), BASELINE), "local, with bridge"));
    cases.push(local(deputy(BASELINE), "local, without"));
    claims.extend([
        Claim::ratio("jobs/s, local, with a bridge / without", JOBS_PER_S, with, without, AtLeast(0.95)),
        Claim::ratio("p99, local, with a bridge / without", P99, with, without, Goal::None),
    ]);
    (cases, claims)
}

/// What a prototype needed, 12 us per job and bridge, and half as much again. With one job in flight nearly all of it is
/// waking up.
fn bridges_goal(inflight: usize) -> Goal {
    if inflight > 1 { AtMost(36.0) } else { Goal::None }
}
