//! How each server of a comparison is started, and what it promises less or more than Deputy for the same work.

use crate::harness::servers::{Peer, ServerKind};
use crate::harness::traffic::drivers::Storage;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// That submitters receive results.
    Results,
    /// That workers receive background jobs.
    Background,
}

/// Returns lines for a person: the server's version, the command that starts it, and what it promises.
pub(super) fn describe(kind: ServerKind, promise: Promise) -> [String; 2] {
    [format!("  {}", kind.describe()), format!("      {}", text(kind, promise))]
}

fn text(kind: ServerKind, promise: Promise) -> &'static str {
    match (promise, kind) {
        (Promise::Results, ServerKind::Deputy) => {
            "promises: each job has one answer; the job of a lost worker goes to another, and is given up when it has \
             cost several workers; no worker has more jobs than slots; nothing on disk"
        }
        (Promise::Results, ServerKind::Floor) => "less: checks nothing, and forgets the jobs of a lost worker",
        (Promise::Results, ServerKind::Peer(Peer::Gearmand)) => {
            "the same, but a job that kills its workers is given out without end"
        }
        (Promise::Results, ServerKind::Peer(Peer::Beanstalkd(_))) => {
            "less: has no answers; they go through a tube per submitter. A job that kills its workers is given out \
             without end"
        }
        (Promise::Results, ServerKind::Peer(Peer::Redis(_))) => {
            "less: has no answers; they go through a list per submitter. The jobs of a lost worker are lost. Workers of \
             several slots take them in batches"
        }
        (Promise::Results, ServerKind::Peer(Peer::Nats | Peer::JetStream(_))) => {
            "less: stores nothing; the jobs of a lost worker are lost; sends workers more jobs than they have slots"
        }
        (_, ServerKind::Bridged(_)) => "more: each job is in files of one or three nats-servers until it is done",
        (Promise::Background, ServerKind::Deputy | ServerKind::Floor) => {
            "promises: an accepted job is in memory until a worker has done it; the job of a lost worker goes to another \
             at once, and is given up when it has cost several workers"
        }
        (Promise::Background, ServerKind::Peer(Peer::Gearmand)) => {
            "the same, in memory, but a job that kills its workers is given out without end"
        }
        (Promise::Background, ServerKind::Peer(Peer::Beanstalkd(Storage::Memory))) => {
            "the same, in memory, but a job that kills its workers is given out without end; a worker has one job"
        }
        (Promise::Background, ServerKind::Peer(Peer::Beanstalkd(Storage::Disk))) => {
            "more: jobs are in a log, forced to disk every 50 ms, so they outlive the server. Otherwise as in memory"
        }
        (Promise::Background, ServerKind::Peer(Peer::Redis(Storage::Memory))) => {
            "less: in memory; the jobs of a lost worker wait until a worker claims them (XAUTOCLAIM); a worker's jobs \
             come in batches"
        }
        (Promise::Background, ServerKind::Peer(Peer::Redis(Storage::Disk))) => {
            "more: jobs are in a log, forced to disk every second, so they outlive the server. Less: as in memory"
        }
        (Promise::Background, ServerKind::Peer(Peer::JetStream(Storage::Memory) | Peer::Nats)) => {
            "less: in memory; the jobs of a lost worker go to another after 30 s (ack_wait), and without end"
        }
        (Promise::Background, ServerKind::Peer(Peer::JetStream(Storage::Disk))) => {
            "more: jobs are in files, forced to disk from time to time, so they outlive the server. Less: as in memory"
        }
    }
}
