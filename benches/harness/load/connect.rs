//! Connects the peers of a run: the workers first, so that the first jobs find all of them. The peers are distributed
//! over the load threads in rotation.

use super::in_flight::{InFlight, Role, Source};
use super::shared::Shared;
use super::thread::LoadThread;
use super::timing::{Schedule, Timing};
use crate::harness::Failure;
use crate::harness::figure::approximate;
use crate::harness::net::conn::{Address, Socket};
use crate::harness::servers::Target;
use crate::harness::traffic::clients::{Submitter, Worker};
use crate::harness::traffic::drivers::Protocol;
use crate::harness::traffic::pace::Pace;
use crate::harness::traffic::workload::Workload;

/// The job whose right answer is to be called wrong, if one is: the answers before it are right.
const WRONG_SEQUENCE: u64 = 10;

/// Returns the load threads with all their peers connected.
pub(super) fn connect<'a>(
    target: &Target,
    protocol: Protocol,
    workload: &'a Workload,
    timing: &Timing,
    shared: &'a Shared,
) -> Result<Vec<LoadThread<'a>>, Failure> {
    let count = timing.load_threads;
    let mut threads = (0..count)
        .map(|_| {
            let thread = LoadThread::new(InFlight::new(workload, Schedule::unset())?, shared)?;
            Ok(thread.reconnect_to(target.of_workers().clone(), protocol))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    for number in 0..workload.shape.workers {
        let worker = worker(number, workload, target, protocol);
        threads[number % count].add(socket(target.of_workers())?, protocol.driver(), Role::Works(worker), 0)?;
    }
    for thread in &mut threads {
        thread.wait_ready()?;
    }
    for number in 0..workload.shape.submitters {
        let mut submitter = Submitter::new(number);
        if timing.expect_wrong && number == 0 {
            submitter = submitter.expect_wrong(WRONG_SEQUENCE);
        }
        let source = Source { submitter, conn: 0, closed_loop: timing.rate_per_s.is_none(), measured: true };
        add_submitter(&mut threads[usize::from(number) % count], source, number, target, protocol)?;
    }
    for (index, thread) in threads.iter_mut().enumerate() {
        set_pace(&mut thread.in_flight, (index, count), timing);
        if let Some(jobs) = timing.jobs {
            // The first threads take the remainder.
            thread.in_flight.quota = (jobs + count as u64 - 1 - index as u64) / count as u64;
        }
    }
    let large = workload.large_jobs_submitter();
    if large.is_some() {
        threads.iter_mut().for_each(LoadThread::leave_time);
    }
    threads.extend(large.map(|number| large_jobs(target, protocol, workload, shared, number)).transpose()?);
    Ok(threads)
}

fn add_submitter(
    thread: &mut LoadThread<'_>,
    mut source: Source,
    number: u16,
    target: &Target,
    protocol: Protocol,
) -> Result<(), Failure> {
    let index = thread.in_flight.sources.len();
    source.conn = thread.len() + usize::from(protocol.separates_answers());
    thread.in_flight.sources.push(source);
    thread.add(socket(&target.address)?, protocol.driver(), Role::Answers(index), number)?;
    if protocol.separates_answers() {
        thread.add(socket(&target.address)?, protocol.driver(), Role::SubmitsOnly, number)?;
    }
    Ok(())
}

/// Sets when the submitters of one of several threads submit. The submitters of all threads alternate.
fn set_pace(in_flight: &mut InFlight<'_>, (index, threads): (usize, usize), timing: &Timing) {
    let all = usize::from(in_flight.workload.shape.submitters);
    let measured: Vec<usize> =
        (0..in_flight.sources.len()).filter(|source| in_flight.sources[*source].measured).collect();
    let fraction = |n: usize| approximate(n as u64) / approximate(all as u64);
    match timing.rate_per_s {
        Some(rate) => {
            let phases = measured.into_iter().map(|source| (source, fraction(index + source * threads)));
            in_flight.paces.push(Pace::new(rate / approximate(all as u64), phases));
        }
        None => {
            for source in measured {
                in_flight.fill(source, in_flight.workload.shape.inflight);
            }
        }
    }
}

/// Returns a thread that submits one large job each second, and does it. It is a thread of its own in the background, so
/// that the load's cost of these jobs does not count as the server's.
fn large_jobs<'a>(
    target: &Target,
    protocol: Protocol,
    workload: &'a Workload,
    shared: &'a Shared,
    number: u16,
) -> Result<LoadThread<'a>, Failure> {
    let mut thread = LoadThread::new(InFlight::new(workload, Schedule::unset())?, shared)?.in_background();
    let worker = worker(workload.shape.workers, workload, target, protocol);
    thread.add(socket(target.of_workers())?, protocol.driver(), Role::Works(worker), 0)?;
    let source = Source { submitter: Submitter::new(number), conn: 0, closed_loop: false, measured: false };
    add_submitter(&mut thread, source, number, target, protocol)?;
    thread.in_flight.paces.push(Pace::new(1.0, [(0, 0.5)]));
    Ok(thread)
}

/// Opens connections that send nothing.
pub(super) fn idle(target: &Target, count: usize) -> Result<Vec<Socket>, Failure> {
    (0..count).map(|_| socket(&target.address)).collect()
}

fn socket(address: &Address) -> Result<Socket, Failure> {
    Socket::connect(address).map_err(|error| format!("cannot connect to the server at {address}: {error}").into())
}

/// Returns the worker of this number.
fn worker(number: usize, workload: &Workload, target: &Target, protocol: Protocol) -> Worker {
    let worker = Worker::new(number, workload, !protocol.pushes());
    // Bridges submit the jobs of other servers with ids of their own.
    if target.bridges.is_empty() || target.workers.is_none() { worker } else { worker.without_ids() }
}
