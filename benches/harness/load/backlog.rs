//! A backlog: many jobs are submitted before a worker connects. Measured are the server's memory per job, how fast it
//! accepts the jobs, how fast workers then do them, and how much memory is left afterwards.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::in_flight::{InFlight, Role, Source};
use super::measure::steady_memory;
use super::shared::Shared;
use super::thread::LoadThread;
use super::timing::Schedule;
use crate::harness::Failure;
use crate::harness::net::blocking::Blocking;
use crate::harness::net::conn::Socket;
use crate::harness::servers::Target;
use crate::harness::system::process::memory;
use crate::harness::traffic::clients::{Submitter, Worker};
use crate::harness::traffic::drivers::{Deputy, Driver};
use crate::harness::traffic::workload::{Shape, Workload, nanoseconds};

/// How long it may take to accept all jobs, or to do them.
const PHASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Memory that does not change for this long is steady: longer than an allocator takes to return what is free.
const QUIET: Duration = Duration::from_secs(4);

/// Bytes of one write.
const WRITE_BYTES: usize = 64 << 10;

/// What was measured. Memory is in bytes, and `None` if it is not known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BacklogFigures {
    /// Jobs.
    pub(crate) jobs: u64,
    /// From the first byte of the first job until the server has accepted the last job.
    pub(crate) accepting: Duration,
    /// From the first worker until the last answer.
    pub(crate) draining: Duration,
    /// The server's memory before the jobs,
    pub(crate) rest: Option<u64>,
    /// with all jobs waiting,
    pub(crate) full: Option<u64>,
    /// at most,
    pub(crate) peak: Option<u64>,
    /// and after the load had left.
    pub(crate) after: Option<u64>,
}

/// Returns the shape of a backlog: ids of 16 digits, and one submitter. With `own_types` each job has a type of its own,
/// and each worker does a thousand of them.
pub(crate) fn shape(shape: Shape, jobs: u64, own_types: bool) -> Shape {
    const TYPES_PER_WORKER: usize = 1_000;
    let shape = Shape { submitters: 1, long_ids: true, ..shape };
    if !own_types {
        return shape;
    }
    let types = usize::try_from(jobs).expect("no more jobs than memory has bytes");
    let types_per_worker = types.min(TYPES_PER_WORKER);
    Shape { types, types_per_worker, workers: types.div_ceil(types_per_worker), ..shape }
}

/// Builds up a backlog, then lets workers do it.
pub(crate) fn measure(target: &Target, workload: &Workload, jobs: u64) -> Result<BacklogFigures, Failure> {
    let now = || target.process.and_then(memory);
    let steady = || target.process.and_then(|process| steady_memory(process, QUIET)).map(|memory| memory.now);
    let rest = now().map(|memory| memory.now);
    let mut submitter = Submitter::new(0);
    let mut stream = Blocking::connect(&target.address, PHASE_TIMEOUT)?;
    let accepting = submit(&mut stream, &mut submitter, workload, jobs)?;
    let full = steady();
    let draining = drain(stream.into_socket()?, submitter, target, workload, jobs)?;
    let peak = now().map(|memory| memory.peak);
    Ok(BacklogFigures { jobs, accepting, draining, rest, full, peak, after: steady() })
}

/// Sends all jobs and a `ping`, whose answer shows that the server has accepted them all.
fn submit(
    stream: &mut Blocking,
    submitter: &mut Submitter,
    workload: &Workload,
    jobs: u64,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut out = Vec::with_capacity(2 * WRITE_BYTES);
    for _ in 0..jobs {
        Deputy.submit(workload, submitter.submit(0), &mut out);
        if out.len() >= WRITE_BYTES {
            stream.write_all(&out)?;
            out.clear();
        }
    }
    out.extend_from_slice(b"{\"cmd\":\"ping\"}\n");
    stream.write_all(&out)?;
    let line = stream.read_line()?;
    if line != "{\"cmd\":\"pong\"}\r\n" {
        return Err(format!("the server refused a job of the backlog: {line}").into());
    }
    Ok(began.elapsed())
}

/// Connects the workers, and waits for all answers.
fn drain(
    socket: Socket,
    submitter: Submitter,
    target: &Target,
    workload: &Workload,
    jobs: u64,
) -> Result<Duration, Failure> {
    let give_up_ns = nanoseconds(PHASE_TIMEOUT);
    let schedule = Schedule { start: Instant::now(), give_up_ns, late_ns: u64::MAX, ..Schedule::unset() };
    let shared = Shared::default();
    shared.unfinished.store(1, Ordering::Relaxed);
    let mut in_flight = InFlight::new(workload, schedule)?;
    in_flight.unanswered = usize::try_from(jobs).expect("no more jobs than memory has bytes");
    in_flight.sources.push(Source { submitter, conn: 0, closed_loop: false, measured: false });
    let mut thread = LoadThread::new(in_flight, &shared)?;
    thread.add(socket, Box::new(Deputy), Role::Answers(0), 0)?;
    for number in 0..workload.shape.workers {
        let worker = Worker::new(number, workload, true);
        thread.add(Socket::connect(&target.address)?, Box::new(Deputy), Role::Works(worker), 0)?;
    }
    Ok(Duration::from_nanos(thread.run()?.finished_ns))
}
