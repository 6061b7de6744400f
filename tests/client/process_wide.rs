//! What the library does to the process that it is in: signals and threads.

use std::env;
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use deputy::client::{Error, Job, RunError, Worker};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use signal_hook::consts::{SIGPIPE, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::alone;
use crate::fake::Fake;
use crate::fixture::{Running, Soon, quick_retry, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

#[test]
fn a_lost_server_sends_the_process_no_sigpipe() {
    alone::run(&[], "process_wide::a_write_to_a_peer_that_reads_no_more");
}

/// A program may have set the signal to its default, which ends the process.
#[test]
#[ignore = "run by a_lost_server_sends_the_process_no_sigpipe"]
fn a_write_to_a_peer_that_reads_no_more() {
    let is_raised = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGPIPE, Arc::clone(&is_raised)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let client = quick_retry().connect(&format!("unix:{}", path.display())).unwrap();
    let (peer, _) = listener.accept().unwrap();
    // The reader notices nothing, so the write fails.
    peer.shutdown(Shutdown::Read).unwrap();
    let error = client.submit::<_, ()>("t", &0).soon().unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.reason.contains("Broken pipe")), "{error:?}");
    assert!(!is_raised.load(Ordering::Relaxed), "SIGPIPE was raised");
}

/// The size of the stack of each thread in [`threads_beyond_the_address_space`].
#[cfg(target_os = "linux")]
const STACK: u64 = 256 << 20;

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_cannot_start_its_threads_takes_no_job() {
    // A thread that cannot get memory for its own start ends the process. So the stacks are much larger than what is
    // left when the first one does not fit, and the allocator reserves nothing for each thread.
    let settings = ["env", &format!("RUST_MIN_STACK={STACK}"), "MALLOC_ARENA_MAX=1"];
    alone::run(&settings, "process_wide::threads_beyond_the_address_space");
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by a_worker_that_cannot_start_its_threads_takes_no_job"]
fn threads_beyond_the_address_space() {
    let (server, client) = with_client(Server::start(&[]));
    let jobs: Vec<_> = (0..10).map(|n| client.submit::<_, ()>("t", &n)).collect();
    client.ping().unwrap();
    // Some of the worker's threads start.
    let limit = Some(address_space() + 8 * STACK + STACK / 2);
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
    let worker = Worker::new(&url(&server, Via::Unix)).handle("t", |_| Ok::<_, String>(())).max_jobs(65_535);
    let error = worker.run().unwrap_err();
    assert!(matches!(error, RunError::Thread(_)), "{error}");
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.workers_added, metrics.jobs_dispatched, metrics.jobs_reassigned), (0, 0, 0));
    drop(jobs);
}

/// Returns the size of the process's address space, in bytes.
#[cfg(target_os = "linux")]
fn address_space() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = sizes.split(' ').next().unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// How a handler ends the process that it is in.
const ENDS: [&str; 3] = ["exit", "abort", "overflow"];

#[test]
fn a_handler_that_ends_the_process_costs_its_job_an_attempt_and_no_other_job() {
    let (server, client) = with_client(Server::start(&["--max-attempts", "2"]));
    let own_worker = |end: &str| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "process_wide::a_worker_whose_handler_ends_the_process"]);
        command.env("END", end).env("DEPUTY_URL", url(&server, Via::Tcp));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the end of the process", || child.try_wait().unwrap())
    };
    for end in ENDS {
        let job = client.submit::<_, u8>("end", &0);
        let ended = own_worker(end);
        assert!(!ended.success() && (end != "exit" || ended.code() == Some(7)), "{end}: {ended}");
        let good = Running::start(Worker::new(&url(&server, Via::Unix)).handle("end", |_| Ok::<_, String>(1)));
        assert_eq!(job.soon().unwrap(), 1, "{end}");
        drop(good);
    }
    let poison = client.submit::<_, u8>("end", &0);
    own_worker("exit");
    own_worker("exit");
    assert!(matches!(poison.soon(), Err(Error::GaveUp(_))));
}

#[test]
#[ignore = "run by a_handler_that_ends_the_process_costs_its_job_an_attempt_and_no_other_job"]
fn a_worker_whose_handler_ends_the_process() {
    #[expect(unconditional_recursion, reason = "it is to overflow the stack")]
    fn overflow(depth: u64) -> u64 {
        overflow(std::hint::black_box(depth) + 1) + 1
    }
    let end = |_: &Job| match env::var("END").unwrap().as_str() {
        "exit" => process::exit(7),
        "abort" => process::abort(),
        _ => Ok::<_, String>(overflow(0)),
    };
    Worker::from_env().handle("end", end).run().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn signals_do_not_keep_a_dead_server_alive() {
    alone::run(&[], "process_wide::a_silent_server_and_a_signal_every_millisecond");
}

/// A profiler's timer, for example. Each signal interrupts the reader's wait for input.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by signals_do_not_keep_a_dead_server_alive"]
fn a_silent_server_and_a_signal_every_millisecond() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let mut signals = Signals::new([SIGUSR1]).unwrap();
    let handle = signals.handle();
    let counting = thread::spawn(move || {
        for _ in signals.forever() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let fake = Fake::start();
    let options = quick_retry().ping_after(Duration::from_millis(100)).answer_timeout(Duration::from_millis(100));
    let client = options.connect(&fake.url()).unwrap();
    let _peer = fake.accept();
    let job = client.submit::<_, ()>("t", &0);
    let reader = reader_thread();
    let error = until("the end of the connection", || {
        kill_process(reader, Signal::USR1).unwrap();
        match job.wait_timeout(Duration::from_millis(1)) {
            Err(Error::TimedOut) => None,
            outcome => Some(outcome.unwrap_err()),
        }
    });
    assert!(
        matches!(&error, Error::Disconnected(lost) if lost.reason.contains("has not answered a ping")),
        "{error:?}"
    );
    handle.close();
    counting.join().unwrap();
    assert!(count.load(Ordering::Relaxed) > 0);
}

/// Returns the id of the reader thread, once it has set its name. The system gives a signal for this id to this thread.
#[cfg(target_os = "linux")]
fn reader_thread() -> Pid {
    until("the reader thread", || {
        let mut tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
        let is_reader =
            |path: &Path| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "deputy reader\n");
        let id = tasks.find(|task| is_reader(&task.path()))?.file_name().into_string().unwrap();
        Pid::from_raw(id.parse().unwrap())
    })
}
