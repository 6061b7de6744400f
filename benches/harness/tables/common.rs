//! What the named workloads and the comparison with other servers have in common: shapes, titles, figures, names.

use super::Figure;
use super::case::Case;
use crate::harness::servers::ServerKind;
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::workload::Shape;

/// 4 submitters x 64 in flight, 16 workers of one type.
pub(super) const BASELINE: Shape = Shape::DEFAULT;
/// One job at a time.
pub(super) const PING_PONG: Shape = Shape { submitters: 1, inflight: 1, workers: 1, ..BASELINE };
/// Many workers of many types.
pub(super) const MANY_TYPES: Shape = Shape { submitters: 8, inflight: 128, workers: 1_000, types: 100, ..BASELINE };
/// Workers that take 16 jobs each.
pub(super) const SLOTS: Shape = Shape { inflight: 256, max_jobs: 16, ..BASELINE };
/// The same for jobs that are answered when they are accepted.
pub(super) const BACKGROUND: Shape = Shape { inflight: 16, max_jobs: 16, ask: Ask::Background, ..BASELINE };
pub(super) const BASELINE_TITLE: &str = "4 submitters x 64 in flight, 16 workers of one type";
pub(super) const PING_PONG_TITLE: &str = "1 submitter x 1 in flight, 1 worker: latency";
pub(super) const MANY_TYPES_TITLE: &str = "8 submitters x 128 in flight, 1,000 workers, 100 types";
pub(super) const SLOTS_TITLE: &str = "4 submitters x 256 in flight, 16 workers of 16 slots";
pub(super) const STALLED_TITLE: &str = "100 submitters x 4 in flight beside 100 that never read";

pub(super) const JOBS_PER_S: Figure = |row| Some(row.jobs_per_s);
pub(super) const SERVER_US: Figure = |row| row.server_cpu_us_per_job;
pub(super) const P50: Figure = |row| row.p50_us;
pub(super) const P99: Figure = |row| row.p99_us;

/// Returns a case of Deputy.
pub(super) fn deputy(shape: Shape) -> Case {
    Case::new(ServerKind::Deputy, shape)
}

/// Returns those of the `known` workloads that `names` lists. Returns an error that names an unknown one.
pub(super) fn choose<'a>(names: &str, known: &[&'a str]) -> Result<Vec<&'a str>, String> {
    if names == "all" {
        return Ok(known.to_vec());
    }
    if let Some(unknown) = names.split(',').find(|name| !known.contains(name)) {
        return Err(format!("--scenario: unknown workload '{unknown}'; known: {}, all", known.join(", ")));
    }
    Ok(known.iter().copied().filter(|known| names.split(',').any(|name| name == *known)).collect())
}
