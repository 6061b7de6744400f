//! Brings the peers of a run to the server: workers first, so that none of them is missed by the first jobs; all dealt
//! out to the load threads in turn.

use super::Failure;
use super::books::{Asking, Books, Part, Schedule};
use super::clients::{Submitter, Worker};
use super::conn::Socket;
use super::dialect::Language;
use super::drive::{LoadThread, Shared};
use super::figure::approximate;
use super::measure::Timing;
use super::pace::Pace;
use super::server::Target;
use super::workload::Workload;

/// The job that an answer is expected wrong to, if one is: late enough that others were right before.
const WRONG_SEQUENCE: u64 = 10;

/// Load threads with all their peers connected.
pub(crate) fn connect<'a>(
    target: &Target,
    language: Language,
    workload: &'a Workload,
    timing: &Timing,
    shared: &'a Shared,
) -> Result<Vec<LoadThread<'a>>, Failure> {
    let count = timing.load_threads;
    let mut loaders = (0..count)
        .map(|_| {
            let loader = LoadThread::new(Books::new(workload, Schedule::unset())?, shared)?;
            Ok(loader.reborn_at(target.address.clone(), language))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    for number in 0..workload.shape.workers {
        let worker = Worker::new(number, workload, !language.pushes());
        loaders[number % count].add(socket(target)?, language.dialect(), Part::Works(worker), 0)?;
    }
    for loader in &mut loaders {
        loader.settle()?;
    }
    for number in 0..workload.shape.submitters {
        let mut submitter = Submitter::new(number);
        if timing.expect_wrong && number == 0 {
            submitter = submitter.expect_wrong(WRONG_SEQUENCE);
        }
        let asking = Asking { submitter, on: 0, closed_loop: timing.rate_per_s.is_none(), measured: true };
        add_submitter(&mut loaders[usize::from(number) % count], asking, number, target, language)?;
    }
    for (index, loader) in loaders.iter_mut().enumerate() {
        set_pace(&mut loader.books, (index, count), timing);
        if let Some(jobs) = timing.jobs {
            // What does not divide falls to the first threads.
            loader.books.quota = (jobs + count as u64 - 1 - index as u64) / count as u64;
        }
    }
    loaders.extend(workload.giant().map(|number| large_jobs(target, language, workload, shared, number)).transpose()?);
    Ok(loaders)
}

fn add_submitter(
    loader: &mut LoadThread<'_>,
    mut asking: Asking,
    number: u16,
    target: &Target,
    language: Language,
) -> Result<(), Failure> {
    let index = loader.books.askings.len();
    asking.on = loader.len() + usize::from(language.hears_apart());
    loader.books.askings.push(asking);
    loader.add(socket(target)?, language.dialect(), Part::Hears(index), number)?;
    if language.hears_apart() {
        loader.add(socket(target)?, language.dialect(), Part::Asks, number)?;
    }
    Ok(())
}

/// Sets when the submitters of one of several threads ask. Those of all threads take turns.
fn set_pace(books: &mut Books<'_>, (index, threads): (usize, usize), timing: &Timing) {
    let all = usize::from(books.workload.shape.submitters);
    let measured: Vec<usize> = (0..books.askings.len()).filter(|asking| books.askings[*asking].measured).collect();
    let part = |n: usize| approximate(n as u64) / approximate(all as u64);
    match timing.rate_per_s {
        Some(rate) => {
            let phases = measured.into_iter().map(|asking| (asking, part(index + asking * threads)));
            books.paces.push(Pace::new(rate / approximate(all as u64), phases));
        }
        None => {
            for asking in measured {
                books.fill(asking, books.workload.shape.inflight);
            }
        }
    }
}

/// A thread that asks for one large job each second, and does it: one of its own, in the background, so that what these
/// cost the load does not count as what they cost the server.
fn large_jobs<'a>(
    target: &Target,
    language: Language,
    workload: &'a Workload,
    shared: &'a Shared,
    number: u16,
) -> Result<LoadThread<'a>, Failure> {
    let mut loader = LoadThread::new(Books::new(workload, Schedule::unset())?, shared)?.in_background();
    let worker = Worker::new(workload.shape.workers, workload, !language.pushes());
    loader.add(socket(target)?, language.dialect(), Part::Works(worker), 0)?;
    let asking = Asking { submitter: Submitter::new(number), on: 0, closed_loop: false, measured: false };
    add_submitter(&mut loader, asking, number, target, language)?;
    loader.books.paces.push(Pace::new(1.0, [(0, 0.5)]));
    Ok(loader)
}

/// Connections that say nothing.
pub(crate) fn idle(target: &Target, count: usize) -> Result<Vec<Socket>, Failure> {
    (0..count).map(|_| socket(target)).collect()
}

fn socket(target: &Target) -> Result<Socket, Failure> {
    Socket::connect(&target.address).map_err(|error| format!("cannot connect: {error}").into())
}
