//! A backlog: many jobs are submitted before a worker comes. What each takes of the server's memory, how fast they are
//! accepted, how fast they are done when workers come, and what is left of the memory then.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use super::Failure;
use super::blocking::Blocking;
use super::books::{Asking, Books, Part, Schedule};
use super::clients::{Submitter, Worker};
use super::conn::Socket;
use super::dialect::{Deputy, Dialect};
use super::drive::{LoadThread, Shared};
use super::measure::settled;
use super::process::memory;
use super::server::Target;
use super::workload::{Shape, Workload, nanoseconds};

/// How long accepting or doing all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long memory may not change to count as settled: longer than any allocator takes to give back what is free.
const QUIET: Duration = Duration::from_secs(4);

/// Bytes of one write.
const WRITE_BYTES: usize = 64 << 10;

/// What came of it. Memory is in bytes, and `None` where the system does not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    /// Jobs.
    pub(crate) jobs: u64,
    /// From the first byte of the first job until the server has taken the last.
    pub(crate) accepting: Duration,
    /// From the first worker until the last answer.
    pub(crate) draining: Duration,
    /// The server's memory before, with all jobs waiting, at most, and after the load had left.
    pub(crate) rest: Option<u64>,
    pub(crate) full: Option<u64>,
    pub(crate) peak: Option<u64>,
    pub(crate) after: Option<u64>,
}

/// The work of a backlog: ids of 16 digits, one submitter; with `own_types` a type for each job, which workers of a
/// thousand types share among them.
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

/// Builds a backlog up and has it done.
pub(crate) fn measure(target: &Target, workload: &Workload, jobs: u64) -> Result<Heap, Failure> {
    let now = || target.process.and_then(memory);
    let rest = now().map(|memory| memory.now);
    let mut submitter = Submitter::new(0);
    let mut stream = Blocking::connect(&target.address, PATIENCE)?;
    let accepting = submit(&mut stream, &mut submitter, workload, jobs)?;
    let full = target.process.and_then(|process| settled(process, QUIET)).map(|memory| memory.now);
    let draining = drain(stream.into_socket()?, submitter, target, workload, jobs)?;
    let peak = now().map(|memory| memory.peak);
    let after = target.process.and_then(|process| settled(process, QUIET)).map(|memory| memory.now);
    Ok(Heap { jobs, accepting, draining, rest, full, peak, after })
}

/// Sends all jobs, and a `ping`, whose answer says that all were taken.
fn submit(
    stream: &mut Blocking,
    submitter: &mut Submitter,
    workload: &Workload,
    jobs: u64,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut out = Vec::with_capacity(2 * WRITE_BYTES);
    for _ in 0..jobs {
        Deputy.submit(workload, submitter.ask(0), &mut out);
        if out.len() >= WRITE_BYTES {
            stream.write_all(&out)?;
            out.clear();
        }
    }
    out.extend_from_slice(b"{\"cmd\":\"ping\"}\n");
    stream.write_all(&out)?;
    let line = stream.read_line()?;
    if line != "{\"cmd\":\"pong\"}\r\n" {
        return Err(format!("the server refused: {line}").into());
    }
    Ok(began.elapsed())
}

/// Brings the workers, and waits for all answers.
fn drain(
    socket: Socket,
    submitter: Submitter,
    target: &Target,
    workload: &Workload,
    jobs: u64,
) -> Result<Duration, Failure> {
    let schedule =
        Schedule { start: Instant::now(), give_up_ns: nanoseconds(PATIENCE), late_ns: u64::MAX, ..Schedule::unset() };
    let shared =
        Shared { unfinished: AtomicUsize::new(1), failed: AtomicBool::new(false), answered: AtomicU64::new(0) };
    let mut books = Books::new(workload, schedule)?;
    books.owed = usize::try_from(jobs).expect("no more jobs than memory has bytes");
    books.askings.push(Asking { submitter, on: 0, closed_loop: false, measured: false });
    let mut loader = LoadThread::new(books, &shared)?;
    loader.add(socket, Box::new(Deputy), Part::Hears(0), 0)?;
    for number in 0..workload.shape.workers {
        let worker = Worker::new(number, workload, true);
        loader.add(Socket::connect(&target.address)?, Box::new(Deputy), Part::Works(worker), 0)?;
    }
    Ok(Duration::from_nanos(loader.run()?.finished_ns))
}
