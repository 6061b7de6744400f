//! Jobs that a worker holds for as long as the test says: their limits, and how they are taken back.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use deputy::client::{Error, Job, JobHandle};

use crate::fixture::{Running, Soon, next, with_client};
use crate::job_life::{HOUR, run, server, until_metrics};
use crate::process::Server;
use crate::wait::{PATIENCE, until};

/// A worker whose handlers say that they have begun, and wait to be released. Then they say whether they are cancelled.
struct Held {
    begun: Receiver<(String, u32)>,
    /// Whether the handler first waits for its job to be cancelled.
    release: Sender<bool>,
    ended: Receiver<bool>,
    /// Dropped last: it waits for the handlers, which wait for `release`.
    _running: Running,
}

impl Held {
    fn start(server: &Server, max_jobs: u32) -> Self {
        let ((begins, begun), (release, released), (ends, ended)) = (unbounded(), bounded(0), unbounded());
        let handler = move |job: &Job| {
            begins.send((job.raw().map_or(String::new(), |arg| arg.get().to_owned()), job.attempt())).unwrap();
            // It fails at the end of the test.
            if released.recv() == Ok(true) {
                until("the cancel", || job.is_cancelled().then_some(()));
            }
            ends.send(job.is_cancelled()).unwrap_or_default();
            Ok::<_, String>("done")
        };
        let running = run(server, |worker| worker.handle("t", handler).max_jobs(max_jobs));
        Self { begun, release, ended, _running: running }
    }

    /// Returns the arg and the attempt of the next job that a handler begins.
    fn next(&self) -> (String, u32) {
        next(&self.begun)
    }

    /// Lets one handler end, and returns whether its job is cancelled.
    fn end_one(&self) -> bool {
        self.release.send_timeout(false, PATIENCE).unwrap();
        next(&self.ended)
    }

    /// Lets one handler end when it sees that its job is cancelled.
    fn end_cancelled(&self) {
        self.release.send_timeout(true, PATIENCE).unwrap();
        assert!(next(&self.ended));
    }
}

#[test]
fn a_job_with_a_wait_limit_ends_if_no_worker_gets_it_in_time() {
    let (server, client) = with_client(server());
    let job = |limit| client.job("t", &0).wait_limit(limit).submit::<String>();
    let no_worker = |job: JobHandle<String>| {
        let error = job.soon().unwrap_err();
        assert!(matches!(error, Error::NoWorker(_)) && !error.may_have_run(), "{error:?}");
    };
    no_worker(job(Duration::ZERO));
    no_worker(job(Duration::from_millis(1)));
    let held = Held::start(&server, 1);
    until_metrics(&client, |metrics| metrics.workers == 1);
    let first = job(HOUR);
    held.next();
    // Its only slot is taken.
    no_worker(job(Duration::ZERO));
    no_worker(job(Duration::from_millis(1)));
    let second = job(HOUR);
    held.end_one();
    held.next();
    held.end_one();
    assert_eq!([first.soon().unwrap(), second.soon().unwrap()], ["done"; 2]);
    assert_eq!(client.metrics().unwrap().jobs_no_worker, 4);
}

#[test]
fn a_job_expires_wherever_it_is() {
    let (server, client) = with_client(server());
    let soon = Duration::from_millis(20);
    for job in [client.job("none", &0), client.job("none", &0).delay(HOUR)] {
        let error = job.deadline(soon).submit::<()>().soon().unwrap_err();
        assert!(matches!(error, Error::Expired(_)) && error.may_have_run());
    }
    let worker = Held::start(&server, 1);
    // On a slow machine it may expire before it is held.
    until("a job that expires while it is held", || {
        let job = client.job("t", &0).deadline(soon).submit::<String>();
        assert!(matches!(job.soon(), Err(Error::Expired(_))));
        client.ping().unwrap();
        worker.begun.try_recv().ok()
    });
    worker.end_cancelled();
}

#[test]
fn a_job_that_runs_for_too_long_is_given_out_again_and_then_ends() {
    let (server, client) = with_client(server());
    let worker = Held::start(&server, 2);
    let job = client.job("t", &0).run_limit(Duration::from_millis(20)).attempts(2).submit::<String>();
    // Either handler may begin first.
    assert_eq!(worker.next().1 + worker.next().1, 1 + 2);
    let error = job.soon().unwrap_err();
    assert!(matches!(error, Error::RunLimit(_)) && error.may_have_run());
    // Its slots are taken until the handlers end.
    until_metrics(&client, |metrics| metrics.slots_spent == 2);
    let metrics = client.metrics_of(&["t"]).unwrap();
    assert_eq!((metrics.jobs_timed_out, metrics.jobs_failed, metrics.faults.overdue), (1, 1, 2));
    assert_eq!((metrics.types[0].spent, metrics.types[0].running), (2, 0));
    let next = client.submit::<_, String>("t", &1);
    client.ping().unwrap();
    assert!(worker.begun.is_empty());
    worker.end_cancelled();
    assert_eq!(worker.next(), ("1".to_owned(), 1));
    // Either may end first.
    assert_ne!(worker.end_one(), worker.end_one());
    assert_eq!(next.soon().unwrap(), "done");
    until_metrics(&client, |metrics| metrics.slots_spent == 0);
    assert_eq!(client.metrics().unwrap().protocol_errors, 0);
}

#[test]
fn a_job_is_taken_back_while_it_waits_or_runs() {
    let (server, client) = with_client(server());
    let worker = Held::start(&server, 1);
    let jobs = [0, 1, 2].map(|number| client.job("t", &number).cancellable().submit::<String>());
    assert_eq!(worker.next().0, "0");
    for job in &jobs[..2] {
        job.cancel().unwrap();
        let error = job.soon().unwrap_err();
        assert!(matches!(error, Error::Cancelled(_)) && error.may_have_run());
    }
    worker.end_cancelled();
    assert_eq!(worker.next().0, "2");
    assert!(!worker.end_one());
    assert_eq!(jobs[2].soon().unwrap(), "done");
    jobs[2].cancel().unwrap();
    client.ping().unwrap();
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.jobs_cancelled, metrics.jobs_done, metrics.protocol_errors), (2, 1, 0));
}

#[test]
fn a_spare_worker_gets_what_no_ordinary_one_may_take() {
    // One shard, so that it knows both workers when the first job comes.
    let (server, client) = with_client(Server::start(&["--threads", "1"]));
    let held = Held::start(&server, 1);
    let _spare = run(&server, |worker| {
        let worker = worker.handle("t", |_| Ok::<_, String>("spare")).handle("u", |_| Ok::<_, String>("ordinary"));
        worker.spare("t").max_jobs(2)
    });
    until_metrics(&client, |metrics| metrics.workers == 2);
    // Both have a free slot.
    let first = client.submit::<_, String>("t", &0);
    held.next();
    assert_eq!(client.submit::<_, String>("t", &0).soon().unwrap(), "spare");
    assert_eq!(client.submit::<_, String>("u", &0).soon().unwrap(), "ordinary");
    let metrics = client.metrics_of(&["t", "u"]).unwrap();
    assert_eq!([&metrics.types[0], &metrics.types[1]].map(|row| (row.workers, row.free)), [(2, 0), (1, 2)]);
    held.end_one();
    assert_eq!(first.soon().unwrap(), "done");
}
