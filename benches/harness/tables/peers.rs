//! The workloads that compare Deputy with the floor and with other projects' servers.

use std::io::{self, Write};

use super::case::Case;
use super::common::{
    BASELINE, BASELINE_TITLE, JOBS_PER_S, MANY_TYPES, MANY_TYPES_TITLE, P50, P99, PING_PONG, PING_PONG_TITLE,
    SERVER_US, STALLED_TITLE, choose,
};
use super::{Claim, Goal, Table};
use crate::harness::servers::ServerKind;
use crate::harness::traffic::workload::{Interference, Shape};
use Goal::AtLeast;

/// 100 submitters x 4 in flight.
const MANY_SUBMITTERS: Shape = Shape { submitters: 100, inflight: 4, ..BASELINE };

/// The same beside 100 submitters that never read.
const WITH_STALLED: Shape = Shape { interference: Interference::StalledReaders(100), ..MANY_SUBMITTERS };

/// Returns the same work for Deputy, the floor, and the other servers that are installed; `only` restricts the servers.
pub(crate) fn compare_peers(names: &str, only: Option<&[String]>) -> Result<Vec<Table>, String> {
    let known = [ServerKind::Deputy, ServerKind::Floor].into_iter().chain(ServerKind::PEERS).map(ServerKind::name);
    if let Some(unknown) = only.and_then(|only| only.iter().find(|name| known.clone().all(|known| known != **name))) {
        return Err(format!("--only: unknown server '{unknown}'; known: {}", known.collect::<Vec<_>>().join(", ")));
    }
    let chosen = choose(names, &["baseline", "ping-pong", "many-types", "stalled-readers"])?;
    let wanted = |kind: &ServerKind| only.is_none_or(|only| only.iter().any(|name| name == kind.name()));
    let others = [ServerKind::Floor].into_iter().chain(ServerKind::PEERS);
    let others = others.filter(|kind| wanted(kind) && is_installed(*kind));
    let kinds: Vec<ServerKind> = [ServerKind::Deputy].into_iter().chain(others).collect();
    Ok(chosen
        .into_iter()
        .map(|name| {
            let (title, (cases, claims)) = match name {
                "baseline" => (BASELINE_TITLE, same_work(name, BASELINE, &kinds)),
                "ping-pong" => (PING_PONG_TITLE, same_work(name, PING_PONG, &kinds)),
                "many-types" => (MANY_TYPES_TITLE, same_work(name, MANY_TYPES, &kinds)),
                _ => (STALLED_TITLE, stalled_readers(&kinds)),
            };
            Table { name: name.to_owned(), title: title.to_owned(), cases, claims }
        })
        .collect())
}

/// Whether a server is installed; writes to stderr if it is not.
fn is_installed(kind: ServerKind) -> bool {
    let missing = kind.missing();
    if let Some(why) = &missing {
        // If stderr is closed, the run goes on without this notice.
        let _ = writeln!(io::stderr(), "skipping {}: {why}", kind.name());
    }
    missing.is_none()
}

fn same_work(name: &str, shape: Shape, kinds: &[ServerKind]) -> (Vec<Case>, Vec<Claim>) {
    let cases: Vec<Case> = kinds.iter().map(|&kind| Case::new(kind, shape)).collect();
    let claims = cases.iter().enumerate().skip(1).flat_map(|(index, case)| {
        let least = match (case.label.as_str(), name) {
            ("gearmand", "baseline") => AtLeast(2.3),
            ("gearmand", "many-types") => AtLeast(2.5),
            _ => Goal::None,
        };
        let text = |figure: &str| format!("{figure}, Deputy / {}", case.label);
        [
            Claim::ratio(text("jobs/s"), JOBS_PER_S, 0, index, least),
            Claim::ratio(text("p50"), P50, 0, index, Goal::None),
            Claim::ratio(text("server CPU per job"), SERVER_US, 0, index, Goal::None),
        ]
    });
    let claims = claims.collect();
    (cases, claims)
}

/// Returns each server with and without submitters that never read. The floor does not isolate its clients, so it is left
/// out.
pub(super) fn stalled_readers(kinds: &[ServerKind]) -> (Vec<Case>, Vec<Claim>) {
    let kinds = kinds.iter().filter(|kind| **kind != ServerKind::Floor);
    let pairs = kinds.map(|&kind| {
        let with = Case::new(kind, WITH_STALLED).label(format!("{}, stalled", kind.name()));
        [with, Case::new(kind, MANY_SUBMITTERS)]
    });
    let cases: Vec<Case> = pairs.flatten().collect();
    let claims = (0..cases.len()).step_by(2).flat_map(|index| {
        let least = if cases[index].kind == ServerKind::Deputy { AtLeast(0.95) } else { Goal::None };
        let with = |text: &str| format!("{text}, {} / without", cases[index].label);
        [
            Claim::ratio(with("jobs/s"), JOBS_PER_S, index, index + 1, least),
            Claim::ratio(with("p99"), P99, index, index + 1, Goal::None),
            Claim::ratio(with("server CPU per job"), SERVER_US, index, index + 1, Goal::None),
        ]
    });
    let claims = claims.collect();
    (cases, claims)
}
