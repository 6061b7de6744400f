//! Options of jobs at the real server: each has its effect, for submitter and worker.

use std::sync::mpsc::channel;
use std::time::Duration;

use crossbeam_channel::unbounded;
use deputy::client::{Client, Error, Failure, Job, JobHandle, Metrics, Worker};
use serde_json::value::RawValue;

use crate::fixture::{Running, Soon, connect, next, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) fn server() -> Server {
    Server::start(&["--threads", "2"])
}

pub(crate) fn run(server: &Server, worker: impl FnOnce(Worker) -> Worker) -> Running {
    Running::start(worker(Worker::new(&url(server, Via::Unix))))
}

/// Waits until the metrics are as expected.
pub(crate) fn until_metrics(client: &Client, is_so: impl Fn(&Metrics) -> bool) {
    until("the metrics", || is_so(&client.metrics().unwrap()).then_some(()));
}

#[test]
fn the_server_takes_each_option_in_its_whole_range() {
    let (_server, client) = with_client(server());
    let job = || client.job("t", &0);
    let (ms, month) = (Duration::from_millis(1), Duration::from_secs(30 * 24 * 60 * 60));
    let key = "é\"".repeat(85);
    let handles: [JobHandle<()>; 14] = [
        job().priority(-128).submit(),
        job().priority(127).submit(),
        job().delay(Duration::ZERO).submit(),
        job().delay(month).submit(),
        job().deadline(month).submit(),
        job().run_limit(ms).submit(),
        job().run_limit(month).submit(),
        job().wait_limit(month).submit(),
        job().attempts(1).submit(),
        job().attempts(255).submit(),
        job().key("k").submit(),
        job().key(&key).cancellable().progress().submit(),
        job().submit_background(),
        job().need_worker().run_limit(ms).attempts(1).key("k").priority(1).delay(month).submit_background(),
    ];
    client.ping().unwrap();
    let metrics = client.metrics_of(&["t"]).unwrap();
    assert_eq!((metrics.jobs_added, metrics.jobs_refused, metrics.protocol_errors), (14, 0, 0));
    assert_eq!((metrics.jobs_delayed, metrics.types[0].delayed), (2, 2));
    for (handle, is_answered) in handles.iter().zip([[false; 12].as_slice(), &[true; 2]].concat()) {
        assert_eq!(handle.try_wait().map(Result::unwrap).is_some(), is_answered);
    }
}

#[test]
fn higher_priorities_go_first() {
    let (server, client) = with_client(server());
    let priorities = [0, 5, -5, 5, 127, 0];
    let jobs: Vec<_> =
        priorities.iter().zip(0..).map(|(&priority, n)| client.job("t", &n).priority(priority).submit()).collect();
    client.ping().unwrap();
    let (report, order) = unbounded();
    let _worker = run(&server, |worker| {
        worker.handle_typed("t", move |number: u32| report.send(number).map_err(|error| error.to_string()))
    });
    for job in jobs {
        JobHandle::<()>::soon(&job).unwrap();
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [4, 1, 3, 0, 5, 2]);
}

#[test]
fn a_delayed_job_is_done_later_and_can_be_taken_back() {
    let (server, client) = with_client(server());
    let _worker = run(&server, |worker| worker.handle_typed("t", Ok::<u32, String>));
    let late = client.job("t", &1).delay(HOUR).cancellable().submit::<u32>();
    assert_eq!(client.job("t", &2).delay(Duration::from_millis(20)).submit::<u32>().soon().unwrap(), 2);
    assert_eq!(client.metrics().unwrap().jobs_delayed, 1);
    late.cancel().unwrap();
    assert!(matches!(late.soon(), Err(Error::Cancelled(_))));
    until_metrics(&client, |metrics| (metrics.jobs_delayed, metrics.jobs_cancelled) == (0, 1));
}

#[test]
fn a_handler_knows_its_attempt_and_its_run_limit() {
    let (server, client) = with_client(server());
    let lose_worker = || {
        let mut lost = server.connect(Via::Tcp, "a worker that goes");
        lost.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
        lost.line();
    };
    let once = client.job("t", &0).attempts(1).submit::<(u32, bool)>();
    lose_worker();
    assert!(matches!(once.soon(), Err(Error::GaveUp(_))));
    let job = client.job("t", &0).run_limit(HOUR).submit::<(u32, bool)>();
    lose_worker();
    let handler = |job: &Job| {
        let left = job.time_left();
        job.keep_alive()?;
        Ok::<_, Failure>((job.attempt(), left.is_some_and(|left| left > HOUR / 2 && left <= HOUR)))
    };
    let _worker = run(&server, |worker| worker.handle("t", handler));
    assert_eq!(job.soon().unwrap(), (2, true));
    assert_eq!(client.submit::<_, (u32, bool)>("t", &0).soon().unwrap(), (1, false));
}

#[test]
fn jobs_are_taken_back_when_their_client_or_handle_goes() {
    let server = server();
    let watcher = connect(&server);
    let client = connect(&server);
    drop(client.job("t", &0).cancellable().submit::<()>().cancel_on_drop());
    until_metrics(&watcher, |metrics| metrics.jobs_cancelled == 1);
    let kept = client.job("t", &0).cancellable().submit::<()>();
    drop(client.submit::<_, ()>("t", &0));
    client.ping().unwrap();
    assert_eq!(watcher.metrics().unwrap().jobs_waiting, 2);
    drop(client);
    assert!(matches!(kept.soon(), Err(Error::Closed)));
    until_metrics(&watcher, |metrics| (metrics.jobs_cancelled, metrics.jobs_waiting) == (2, 1));
}

#[test]
fn progress_comes_to_the_submitter_that_asked() {
    let (server, client) = with_client(server());
    let handler = |job: &Job| -> Result<_, Failure> {
        let arg = job.raw().map(ToOwned::to_owned);
        for _ in 0..3 {
            job.progress(&arg)?;
            job.keep_alive()?;
        }
        job.progress(&"x".repeat(5_000))?;
        Ok("done")
    };
    let _worker = run(&server, |worker| worker.handle("t", handler));
    for text in ["1e400", "null", r#"{ "a": [1,  2] }"#] {
        let arg = RawValue::from_string(text.to_owned()).unwrap();
        let job = client.job_raw("t", Some(&arg)).progress().submit::<String>();
        let mut reports: Vec<_> = job.progress::<Box<RawValue>>().map(|report| report.unwrap().to_string()).collect();
        assert_eq!(reports.pop().unwrap().len(), 5_002);
        assert_eq!(reports, [text; 3]);
        assert_eq!(job.try_wait().unwrap().unwrap(), "done");
        let job = client.job_raw("t", Some(&arg)).cancellable().submit::<String>();
        assert!(job.progress::<u8>().next().is_none());
        assert_eq!(job.soon().unwrap(), "done");
    }
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.protocol_errors, metrics.progress_dropped), (0, 0));
}

#[test]
fn jobs_with_one_key_are_done_once() {
    let server = server();
    let (client, other) = (connect(&server), connect(&server));
    let first = client.job("t", &1).key("k").cancellable().submit::<String>();
    client.ping().unwrap();
    let joined = other.job("t", &2).key("k").progress().submit::<String>();
    let third = client.job("t", &3).key("k").submit::<String>();
    let apart = client.job("t", &4).key("another").submit::<String>();
    client.ping().unwrap();
    other.ping().unwrap();
    until_metrics(&client, |metrics| metrics.jobs_joined == 2);
    first.cancel().unwrap();
    assert!(matches!(first.soon(), Err(Error::Cancelled(_))));
    let handler = |job: &Job| {
        job.progress(&50)?;
        Ok::<_, Failure>(format!("of {}", job.arg::<u32>()?))
    };
    let _worker = run(&server, |worker| worker.handle("t", handler));
    assert_eq!(joined.progress::<u32>().map(Result::unwrap).collect::<Vec<_>>(), [50]);
    for (job, result) in [(&joined, "of 1"), (&third, "of 1"), (&apart, "of 4")] {
        assert_eq!(job.soon().unwrap(), result);
    }
    assert_eq!(client.metrics().unwrap().jobs_dispatched, 2);
}

#[test]
fn a_job_that_needs_a_worker_ends_without_one() {
    let (server, client) = with_client(server());
    let error = client.job("t", &1).need_worker().submit::<u32>().soon().unwrap_err();
    assert!(matches!(error, Error::NoWorker(_)) && !error.may_have_run());
    let _worker = run(&server, |worker| worker.handle_typed("t", Ok::<u32, String>));
    until_metrics(&client, |metrics| metrics.workers == 1);
    // The other shard may learn of the worker later.
    let done = until("the worker", || match client.job("t", &1).need_worker().submit::<u32>().soon() {
        Err(Error::NoWorker(_)) => None,
        other => Some(other),
    });
    assert_eq!(done.unwrap(), 1);
    assert!(client.metrics().unwrap().jobs_no_worker > 0);
}

#[test]
fn a_job_in_the_background_outlives_its_client() {
    let server = server();
    let watcher = connect(&server);
    let client = connect(&server);
    client.job("t", &1).submit_background().soon().unwrap();
    client.job("t", &2).delay(Duration::from_millis(20)).submit_background().soon().unwrap();
    drop(client);
    let (report, done) = unbounded();
    let _worker = run(&server, |worker| {
        worker.handle_typed("t", move |number: u32| report.send(number).map_err(|error| error.to_string()))
    });
    assert_eq!(next(&done) + next(&done), 3);
    until_metrics(&watcher, |metrics| metrics.jobs_done == 2);
}

#[test]
fn a_thousand_jobs_are_taken_back_without_a_thread_for_each() {
    const JOBS: u64 = 1_000;
    let (_server, client) = with_client(server());
    let (sender, completions) = channel();
    let controls: Vec<_> =
        (0..JOBS).map(|number| client.job("t", &number).cancellable().submit_to(&sender, number)).collect();
    for control in controls {
        control.cancel().unwrap();
    }
    drop(sender);
    let mut sum = 0;
    for completion in completions {
        assert!(matches!(completion.outcome, Err(Error::Cancelled(_))));
        sum += completion.tag;
    }
    assert_eq!(sum, JOBS * (JOBS - 1) / 2);
    until_metrics(&client, |metrics| metrics.jobs_waiting == 0 && metrics.jobs_cancelled == JOBS);
}

#[test]
fn a_job_keeps_its_reference_when_its_worker_is_lost() {
    let (server, client) = with_client(server());
    let mut lost = server.connect(Via::Tcp, "a worker that is lost");
    lost.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1,"ref":true}"#);
    let job = client.submit::<_, Option<String>>("t", &0);
    let seen: serde_json::Value = serde_json::from_str(&lost.line()).unwrap();
    drop(lost);
    let reference = |job: &Job| Ok::<_, String>(job.reference().map(str::to_owned));
    {
        let _worker = run(&server, |worker| worker.handle("t", reference).references());
        assert_eq!(job.soon().unwrap().as_deref(), seen["ref"].as_str());
        let other = client.submit::<_, String>("t", &0).soon().unwrap();
        assert_ne!(other, seen["ref"]);
    }
    let _worker = run(&server, |worker| worker.handle("t", reference));
    assert_eq!(client.submit::<_, Option<String>>("t", &0).soon().unwrap(), None);
}
