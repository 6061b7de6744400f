//! `deputy work`: a worker that runs a command for each job.
//!
//! | file | what |
//! |---|---|
//! | `work` | the row of the table; workers of the library, one after another, and the signals that stop them |
//! | `command` | a job in, the command's output out, as result or err |
//! | `program` | whether the program can be run |
//! | `run` | one run of the command: its pipes, its time-out, its end |
//! | `groups` | the process groups of the running commands, and the guard that ends them if the worker is killed |

mod command;
pub(crate) mod groups;
mod program;
mod run;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use deputy::client::{Event, Job, Options, RunError, Stopper, Worker};
use deputy::limits::JOBS_PER_WORKER_MAX;
use parking_lot::{Condvar, Mutex};
use rustix::process::{Resource, Signal, getrlimit};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use self::command::{Command, IoFormat, JobError};
use self::groups::ProcessGroups;
use crate::cli::parse::Args;
use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome, print_error};
use crate::server::{MAX_LINE, SERVER, check_types, max_line, url};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static JOBS: Opt = Opt {
    short: Some('j'),
    long: "--jobs",
    value: ValueKind::Uint { min: 1, max: JOBS_PER_WORKER_MAX as u64, zero: "" },
    help: "how many jobs to run at once",
    default: "1",
};
static JSON: Opt = Opt::flag(None, "--json", "COMMAND reads and writes JSON");
static BASE64: Opt = Opt::flag(None, "--base64", "the result is COMMAND's output in base64");
static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "how long COMMAND may run; then it is ended, and the job fails",
    default: "no limit",
};
static COUNT: Opt = Opt {
    short: Some('c'),
    long: "--count",
    value: ValueKind::Uint { min: 1, max: u64::MAX, zero: "" },
    help: "leave after this many jobs",
    default: "no limit",
};

/// Open files of a running command: three pipes, and one with two ends for its exit.
const FILES_PER_COMMAND: u64 = 5;
/// Open files of the worker itself, and of a command that is being started.
const FILES_OF_WORKER: u64 = 32;
/// How long the worker takes no jobs after it could not run the command: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(crate) static WORK: Subcommand = Subcommand {
    name: "work",
    summary: "run a command for each job",
    positionals: &[
        Positional { name: "TYPE", help: "the types of jobs to do", count: Count::OnceOrMore, choices: Choices::Any },
        Positional {
            name: "COMMAND",
            help: "the program to run, with its arguments",
            count: Count::Trailing,
            choices: Choices::Any,
        },
    ],
    options: &[&JOBS, &JSON, &BASE64, &TIMEOUT, &COUNT, &MAX_LINE, &SERVER, &HELP],
    about: &[
        "COMMAND reads the job's arg on standard input: a text as it is, anything else as JSON. The variables DEPUTY_ID \
         and DEPUTY_TYPE hold the job's id and type. Its standard output is the result, as a text without the last \
         line end. With --json the arg is always JSON (null if the job has none), and the output must be JSON. Output \
         that is not UTF-8 fails the job, unless --base64 is given.",
        "If COMMAND ends with a status other than 0, or by a signal, the job fails. Its err is the status and the last \
         lines of standard error. A run is over when COMMAND has ended and its output is closed: redirect the output of \
         a process that is to live on.",
        "COMMAND runs in its own session, without a terminal. At the time-out its process group gets SIGTERM, and 2 s \
         later SIGKILL.",
        "If COMMAND cannot be started, such as after its program was removed, that is not the job's fault. The worker \
         reports it, leaves the job to another worker, and takes no jobs for a while.",
        "At the first SIGTERM, SIGINT, SIGHUP or SIGQUIT the worker takes no more jobs, finishes those that it holds, \
         and leaves. Each further signal is passed on to the process groups of the commands, and the exit code is then \
         130. If the worker is killed, its commands are killed too. After a lost connection the worker connects again, \
         as often as it takes; the server has then given its jobs to others.",
    ],
    examples: &[
        Example { what: "Text in, text out", line: "deputy work shout -- tr a-z A-Z" },
        Example {
            what: "Thumbnails, 4 at once, each within 30 s",
            line: "deputy work -j 4 -t 30 thumbnail -- \\\n      sh -c 'read -r f; convert \"$f\" -resize 200 \"small/$f\" && echo \"small/$f\"'",
        },
        Example { what: "JSON in, JSON out, by jq", line: "deputy work --json add -- jq add" },
        Example { what: "One job, then leave", line: "deputy work -c 1 backup -- ./backup.sh" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    check_types(args.positionals())?;
    let form = match (args.has(&JSON), args.has(&BASE64)) {
        (false, false) => IoFormat::Text,
        (true, false) => IoFormat::Json,
        (false, true) => IoFormat::Base64,
        (true, true) => return Err(CliError::usage("options '--json' and '--base64' exclude each other")),
    };
    let groups = Arc::new(ProcessGroups::default());
    let command =
        Arc::new(Command::new(args.trailing(), form, args.seconds(&TIMEOUT), max_line(args), Arc::clone(&groups))?);
    let stop = Arc::new(Stop::default());
    check_open_files(args.uint(&JOBS).unwrap_or(1))?;
    url(args)?;
    catch_signals(Arc::clone(&stop), Arc::clone(&groups))?;
    groups.start_guard();
    let jobs_left = AtomicU64::new(args.uint(&COUNT).unwrap_or(u64::MAX));
    work(args, &command, &stop, &Arc::new(jobs_left))?;
    if groups.were_signalled() { Err(CliError::new(INTERRUPTED, "")) } else { Ok(()) }
}

/// Checks that the limit of open files is enough for this many commands at once.
fn check_open_files(jobs: u64) -> Outcome {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let enough_for = limit.saturating_sub(FILES_OF_WORKER) / FILES_PER_COMMAND;
    if jobs <= enough_for.max(1) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "option '--jobs' {jobs} needs more open files than the limit of {limit}, which is enough for {enough_for}: raise it \
         (ulimit -n, LimitNOFILE=), or run fewer jobs at once"
    )))
}

/// Works until a signal or the number of jobs ends it. A worker that cannot run the command leaves, and another begins when
/// it can be run again, later each time.
fn work(args: &Args, command: &Arc<Command>, stop: &Stop, jobs_left: &Arc<AtomicU64>) -> Outcome {
    let mut pause = PAUSE_MIN;
    loop {
        let before = jobs_left.load(Ordering::Relaxed);
        let worker = worker(args, command, jobs_left)?;
        stop.set_stopper(worker.stopper());
        let reason = match worker.run() {
            Err(RunError::Fault(reason)) => reason,
            ended => return Ok(ended?),
        };
        if jobs_left.load(Ordering::Relaxed) < before {
            pause = PAUSE_MIN;
        }
        print_error(&format!("{reason}; the job goes to another worker; taking no jobs for {} s", pause.as_secs()));
        if stop.wait(pause) {
            return Ok(());
        }
        pause = (2 * pause).min(PAUSE_MAX);
        let mut last = reason;
        while let Err(reason) = command.try_out() {
            if reason != last {
                print_error(&format!("still taking no jobs: {reason}"));
                last = reason;
            }
            if stop.wait(pause) {
                return Ok(());
            }
        }
    }
}

fn worker(args: &Args, command: &Arc<Command>, jobs_left: &Arc<AtomicU64>) -> Result<Worker, CliError> {
    let url = url(args)?.to_string();
    let jobs = args.uint(&JOBS).unwrap_or(1);
    let mut worker = Worker::new(&url)
        .max_jobs(u32::try_from(jobs).expect("it is in its range"))
        .options(Options::new().max_line(max_line(args)))
        .limit(jobs_left.load(Ordering::Relaxed))
        .on_event(events(url));
    for name in args.positionals() {
        let (command, jobs_left) = (Arc::clone(command), Arc::clone(jobs_left));
        worker = worker.handle(name, move |job: &Job| {
            let result = command.run(job);
            if !job.is_lost() && !matches!(result, Err(JobError::Worker(_))) {
                jobs_left.fetch_sub(1, Ordering::Relaxed);
            }
            result
        });
    }
    Ok(worker)
}

/// Reports what happens to the connection. Repeated failures with the same text are reported once.
fn events(url: String) -> impl FnMut(&Event) + Send {
    let mut last = String::new();
    move |event| {
        let text = match event {
            Event::Connected => format!("connected to {url}"),
            event => event.to_string(),
        };
        if text != last {
            print_error(&text);
            last = text;
        }
    }
}

/// The request to stop: ends the worker that runs, and any pause between two.
#[derive(Debug, Default)]
struct Stop {
    state: Mutex<StopState>,
    requested: Condvar,
}

#[derive(Debug, Default)]
struct StopState {
    is_requested: bool,
    stopper: Option<Stopper>,
}

impl Stop {
    /// Sets the worker that runs from now on.
    fn set_stopper(&self, stopper: Stopper) {
        let mut state = self.state.lock();
        if state.is_requested {
            stopper.stop();
        }
        state.stopper = Some(stopper);
    }

    fn request(&self) {
        let mut state = self.state.lock();
        state.is_requested = true;
        state.stopper.iter().for_each(Stopper::stop);
        self.requested.notify_all();
    }

    /// Waits for a pause, or until the stop is requested. Returns whether it is.
    fn wait(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        let _ = self.requested.wait_while_for(&mut state, |state| !state.is_requested, pause);
        state.is_requested
    }
}

/// Lets the first signal stop the worker, and passes all others to the commands: SIGINT as it is, any other as SIGTERM.
fn catch_signals(stop: Arc<Stop>, groups: Arc<ProcessGroups>) -> Outcome {
    let cannot = |error| CliError::new(FAILED, format!("cannot catch signals: {error}"));
    // `nohup` and shells start programs with these ignored, and that is respected.
    let others = [SIGHUP, SIGQUIT].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new([SIGTERM, SIGINT].into_iter().chain(others)).map_err(cannot)?;
    // A parent process may have left it ignored. Then the system would reap commands before the worker knows how they ended.
    flag::register(SIGCHLD, Arc::default()).map_err(cannot)?;
    let listen = move || {
        let mut signals = signals.forever();
        signals.next();
        stop.request();
        for number in signals {
            groups.signal(if number == SIGINT { Signal::INT } else { Signal::TERM });
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(cannot)?;
    Ok(())
}

/// Whether the process was started with this signal ignored. On systems without /proc it is taken as not ignored.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask >> (signal - 1) & 1 == 1)
}
