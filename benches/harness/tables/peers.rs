//! The workloads that compare Deputy with the floor and with other projects' servers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::case::Case;
use super::common::{
    BACKGROUND, BASELINE, BASELINE_TITLE, JOBS_PER_S, MANY_TYPES, MANY_TYPES_TITLE, P50, P99, PING_PONG,
    PING_PONG_TITLE, SERVER_US, SLOTS, SLOTS_TITLE, STALLED_TITLE, choose,
};
use super::promises::{self, Promise};
use super::{Claim, Goal, Table};
use crate::harness::servers::ServerKind;
use crate::harness::traffic::workload::{Interference, Shape};
use Goal::AtLeast;

/// Jobs of the workload `background`, which is measured until the last of them is done.
const BACKGROUND_JOBS: u64 = 200_000;

const BACKGROUND_TITLE: &str =
    "200,000 jobs, 4 submitters x 64 in flight, 16 workers of 16 slots, until the last is done";

/// The workloads with a table for all servers.
const KNOWN: [&str; 6] = ["baseline", "ping-pong", "many-types", "slots", "stalled-readers", "background"];

/// 100 submitters x 4 in flight.
const MANY_SUBMITTERS: Shape = Shape { submitters: 100, inflight: 4, ..BASELINE };

/// The same beside 100 submitters that never read.
const WITH_STALLED: Shape = Shape { interference: Interference::StalledReaders(100), ..MANY_SUBMITTERS };

/// Returns the same work for Deputy, the floor, and the other servers that are installed; `only` restricts the servers.
pub(crate) fn compare_peers(names: &str, only: Option<&[String]>) -> Result<Vec<Table>, String> {
    let mut others = vec![ServerKind::Floor];
    others.extend(ServerKind::ANSWERING.into_iter().chain(ServerKind::BACKGROUND));
    let known = || [ServerKind::Deputy].iter().chain(&others).map(|kind| kind.name());
    if let Some(unknown) = only.and_then(|only| only.iter().find(|name| known().all(|known| known != **name))) {
        let known: BTreeSet<_> = known().collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(format!("--only: unknown server '{unknown}'; known: {}", known.join(", ")));
    }
    let chosen = choose(names, &KNOWN)?;
    let wanted = |kind: &ServerKind| only.is_none_or(|only| only.iter().any(|name| name == kind.name()));
    others.retain(|kind| wanted(kind));
    // Some servers are in both lists. What is missing is named once.
    let missing: BTreeMap<_, _> = others.iter().filter_map(|kind| Some((kind.name(), kind.missing()?))).collect();
    for (name, why) in &missing {
        // If stderr is closed, the run goes on without this notice.
        let _ = writeln!(io::stderr(), "skipping {name}: {why}");
    }
    others.retain(|kind| !missing.contains_key(kind.name()));
    Ok(chosen.into_iter().map(|name| table(name, &others)).collect())
}

/// Returns the table of a workload for Deputy and those of the `installed` servers that can do it.
fn table(name: &str, installed: &[ServerKind]) -> Table {
    let of = |able: &[ServerKind]| -> Vec<ServerKind> {
        [ServerKind::Deputy].into_iter().chain(able.iter().copied().filter(|kind| installed.contains(kind))).collect()
    };
    let floor_and_answering: Vec<_> = [ServerKind::Floor].into_iter().chain(ServerKind::ANSWERING).collect();
    let several = floor_and_answering.iter().copied().filter(|kind| kind.gives_several());
    let floor_and_several: Vec<_> = several.collect();
    let (promise, kinds) = match name {
        "background" => (Promise::Background, of(&ServerKind::BACKGROUND)),
        "stalled-readers" => (Promise::Results, of(&ServerKind::ANSWERING)),
        "slots" => (Promise::Results, of(&floor_and_several)),
        _ => (Promise::Results, of(&floor_and_answering)),
    };
    let (title, (cases, claims)) = match name {
        "baseline" => (BASELINE_TITLE, same_work(name, BASELINE, &kinds)),
        "ping-pong" => (PING_PONG_TITLE, same_work(name, PING_PONG, &kinds)),
        "many-types" => (MANY_TYPES_TITLE, same_work(name, MANY_TYPES, &kinds)),
        "slots" => (SLOTS_TITLE, same_work(name, SLOTS, &kinds)),
        "background" => (BACKGROUND_TITLE, background(&kinds)),
        _ => (STALLED_TITLE, stalled_readers(&kinds)),
    };
    let notes = kinds.iter().flat_map(|kind| promises::describe(*kind, promise)).collect();
    Table { name: name.to_owned(), title: title.to_owned(), notes, cases, claims }
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

fn background(kinds: &[ServerKind]) -> (Vec<Case>, Vec<Claim>) {
    let shape = Shape { inflight: 64, ..BACKGROUND };
    let cases: Vec<Case> = kinds.iter().map(|&kind| Case::new(kind, shape).jobs(BACKGROUND_JOBS)).collect();
    let figures = [("jobs/s", JOBS_PER_S), ("p50 to acceptance", P50), ("server CPU per job", SERVER_US)];
    let claims = cases.iter().enumerate().skip(1).flat_map(|(index, case)| {
        figures.map(|(text, figure)| {
            Claim::ratio(format!("{text}, Deputy / {}", case.label), figure, 0, index, Goal::None)
        })
    });
    let claims = claims.collect();
    (cases, claims)
}

/// Returns each server with and without submitters that never read. The floor does not isolate its clients, so it is not
/// one of them.
pub(super) fn stalled_readers(kinds: &[ServerKind]) -> (Vec<Case>, Vec<Claim>) {
    let pairs = kinds.iter().map(|&kind| {
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
