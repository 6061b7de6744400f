//! `deputy work`: a worker that runs a command for each job.
//!
//! | file | what |
//! |---|---|
//! | `work` | the row of the table; workers of the library, one after another |
//! | `command` | runs the command for a job, and makes the result or err from its output |
//! | `fault` | keeps or returns the jobs of a worker whose command cannot be started |
//! | `program` | checks whether the program can be run |
//! | `progress` | the descriptor for the command's progress reports |
//! | `run` | one run of the command: its pipes, its time-out, its end |
//! | `exit`, `tail` | the end of a command, for `poll`; the last bytes of its standard error |
//! | `groups` | the process groups of the running commands, and the guard that ends them if the worker is killed |
//! | `stop` | the request to stop, and the signals that cause it |

mod command;
mod exit;
mod fault;
pub(crate) mod groups;
mod program;
mod progress;
mod run;
mod stop;
mod tail;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deputy::client::{Event, Job, Options, RunError, Worker};
use deputy::limits::JOBS_PER_WORKER_MAX;
use rustix::process::{Resource, getrlimit};

use self::command::{Command, IoFormat, JobError};
use self::fault::{Ask, Fault};
use self::groups::ProcessGroups;
use self::stop::{Stop, catch_signals};
use crate::cli::parse::Args;
use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome, print_error};
use crate::server::{MAX_LINE, SERVER, check_types, max_line, url};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static JOBS: Opt = Opt::value("--jobs", ValueKind::Uint { min: 1, max: JOBS_PER_WORKER_MAX as u64, zero: "" })
    .short('j')
    .help("how many jobs to run at the same time")
    .default("1");
static JSON: Opt = Opt::flag("--json").help("COMMAND reads and writes JSON");
static BASE64: Opt = Opt::flag("--base64").help("the result is COMMAND's output in base64");
static SPARE: Opt = Opt::flag("--spare").help("take jobs only while no worker without this option can take them");
static TIMEOUT: Opt = Opt::value("--timeout", ValueKind::Seconds)
    .short('t')
    .help("time limit of COMMAND; at the limit COMMAND is ended, and the job fails")
    .default("no limit");
static PROGRESS: Opt =
    Opt::flag("--progress").help("COMMAND reports its progress to the descriptor $DEPUTY_PROGRESS_FD");
static COUNT: Opt = Opt::value("--count", ValueKind::Uint { min: 1, max: u64::MAX, zero: "" })
    .short('c')
    .help("exit after this many jobs")
    .default("no limit");

/// Open files of a running command: three pipes, and one with two ends for its exit.
const FILES_PER_COMMAND: u64 = 5;
/// Open files for a command's reports: a pipe with two ends.
const FILES_OF_PROGRESS: u64 = 2;
/// Open files of the worker itself, and of a command that is being started.
const FILES_OF_WORKER: u64 = 32;
/// The time limit of the query whether other workers do the types, if the command cannot be started.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after a worker has left with jobs: at first, and at most.
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
    options: &[&JOBS, &SPARE, &JSON, &BASE64, &PROGRESS, &TIMEOUT, &COUNT, &MAX_LINE, &SERVER, &HELP],
    about: &[
        "COMMAND reads the job's arg on standard input: text without quotes, any other value as JSON. The variables \
         DEPUTY_ID and DEPUTY_TYPE hold the job's id and type. The standard output of COMMAND is the result, as a text \
         without the last line end. With --json the arg is always JSON (null if the job has none), and the output must be JSON. Output \
         that is not UTF-8 fails the job, unless --base64 is given.",
        "If COMMAND ends with a status other than 0, or by a signal, the job fails. Its err is the status and the last \
         lines of standard error. A run ends when COMMAND has ended and its output is closed. So redirect the output \
         of a process that must keep running.",
        "DEPUTY_ATTEMPT is 1, or more if earlier workers were lost or took too long. DEPUTY_RUN_LIMIT_MS is set if the \
         job has a run limit. DEPUTY_REF names the job: it is the same at each attempt, and no other job has it while the \
         server runs. With --progress, each line that COMMAND writes to the descriptor $DEPUTY_PROGRESS_FD is \
         reported to the submitter, as JSON if it is JSON and otherwise as text, and the run limit starts again.",
        "If the job is cancelled, or COMMAND exceeds the run limit, the process group of COMMAND gets SIGTERM, and 5 s \
         later SIGKILL. Its output is dropped.",
        "COMMAND runs in its own session, without a terminal. At the time-out its process group gets SIGTERM, and 2 s \
         later SIGKILL.",
        "If COMMAND cannot be started, for example because its program was removed, the job does not fail. The worker \
         reports the error, and takes no jobs until COMMAND can be started again. If there is another worker and the job \
         is at its first attempt, the other worker gets the job. Otherwise this worker keeps it.",
        "At the first SIGTERM, SIGINT, SIGHUP or SIGQUIT the worker takes no more jobs, finishes those that it holds, \
         and exits. It passes each further signal on to the process groups of the commands, and the exit code is then \
         130. If the worker is killed, its commands are killed too. After a lost connection the worker reconnects until \
         it succeeds; meanwhile the server gives its jobs to other workers.",
    ],
    examples: &[
        Example { what: "Text in, text out", line: "deputy work shout -- tr a-z A-Z" },
        Example {
            what: "Thumbnails, 4 at once, each within 30 s",
            line: "deputy work -j 4 -t 30 thumbnail -- \\\n      sh -c 'read -r f; convert \"$f\" -resize 200 \"small/$f\" && echo \"small/$f\"'",
        },
        Example { what: "JSON in, JSON out, by jq", line: "deputy work --json add -- jq add" },
        Example {
            what: "With progress, in percent",
            line: "deputy work --progress pack -- \\\n      sh -c 'for n in 1 2 3 4; do ./pack $n; echo $((n * 25)) >&3; done'",
        },
        Example {
            what: "A machine that helps out when the others are busy",
            line: "deputy work --spare --server jobs.example thumbnail -- ./thumbnail",
        },
        Example { what: "One job, then exit", line: "deputy work -c 1 backup -- ./backup.sh" },
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
    let has_progress = args.has(&PROGRESS);
    // The descriptor is reserved before any file is opened that may be closed again.
    let _reserved = has_progress.then(progress::reserve).transpose().map_err(|error| no_descriptor(&error))?;
    let groups = Arc::new(ProcessGroups::default());
    let (timeout, output_max) = (args.seconds(&TIMEOUT), max_line(args));
    let command = Command::new(args.trailing(), form, timeout, output_max, has_progress, Arc::clone(&groups))?;
    let command = Arc::new(command);
    let stop = Arc::new(Stop::default());
    check_open_files(args.uint(&JOBS).unwrap_or(1), has_progress)?;
    url(args)?;
    catch_signals(Arc::clone(&stop), Arc::clone(&groups))?;
    groups.start_guard();
    let jobs_left = AtomicU64::new(args.uint(&COUNT).unwrap_or(u64::MAX));
    work(args, &command, &stop, &Arc::new(jobs_left))?;
    if groups.were_signalled() { Err(CliError::new(INTERRUPTED, "")) } else { Ok(()) }
}

fn no_descriptor(error: &io::Error) -> CliError {
    CliError::new(FAILED, format!("cannot prepare the descriptor for progress: {error}"))
}

/// Checks that the limit of open files is enough for this many commands at once.
fn check_open_files(jobs: u64, has_progress: bool) -> Outcome {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let files = FILES_PER_COMMAND + if has_progress { FILES_OF_PROGRESS } else { 0 };
    let enough_for = limit.saturating_sub(FILES_OF_WORKER) / files;
    if jobs <= enough_for.max(1) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "option '--jobs' {jobs} needs more open files than the limit of {limit}, which is enough for {enough_for}: raise it \
         (ulimit -n, LimitNOFILE=), or run fewer jobs at once"
    )))
}

/// Works until a signal or the number of jobs ends the work. A worker that cannot start the command ends, and the next
/// begins when the command can be started. Each time a worker has left with jobs, the pause before the next is longer.
fn work(args: &Args, command: &Arc<Command>, stop: &Arc<Stop>, jobs_left: &Arc<AtomicU64>) -> Outcome {
    let mut pause = PAUSE_MIN;
    loop {
        let before = jobs_left.load(Ordering::Relaxed);
        let fault = Arc::new(Fault::new(Arc::clone(stop), ask(args)?));
        let worker = worker(args, command, &fault, jobs_left)?;
        stop.set_stopper(worker.stopper());
        let outcome = worker.run();
        let left = jobs_left.load(Ordering::Relaxed);
        if left < before {
            pause = PAUSE_MIN;
        }
        match outcome {
            Err(RunError::Fault(reason)) => {
                let text = format!("{reason}; its jobs go to other workers");
                if stop.is_requested() {
                    print_error(&text);
                    return Ok(());
                }
                print_error(&format!("{text}; taking no jobs for {} s", pause.as_secs()));
                if stop.wait(pause) {
                    return Ok(());
                }
                pause = (2 * pause).min(PAUSE_MAX);
            }
            // The worker has answered all jobs that it kept, or has lost the connection meanwhile.
            Ok(()) if fault.has_begun() && left > 0 => {}
            ended => return Ok(ended?),
        }
        if wait_until_it_starts(command, stop, pause) {
            return Ok(());
        }
    }
}

/// Waits until the command can probably be started, or until the stop is requested. Returns whether the stop is
/// requested.
fn wait_until_it_starts(command: &Command, stop: &Stop, pause: Duration) -> bool {
    let mut last = String::new();
    while let Err(reason) = command.try_out() {
        if reason != last {
            print_error(&format!("still taking no jobs: {reason}"));
            last = reason;
        }
        if stop.wait(pause) {
            return true;
        }
    }
    stop.is_requested()
}

fn worker(
    args: &Args,
    command: &Arc<Command>,
    fault: &Arc<Fault>,
    jobs_left: &Arc<AtomicU64>,
) -> Result<Worker, CliError> {
    let url = url(args)?.to_string();
    let jobs = args.uint(&JOBS).unwrap_or(1);
    let mut worker = Worker::new(&url)
        .max_jobs(u32::try_from(jobs).expect("it is in its range"))
        .references()
        .options(Options::new().max_line(max_line(args)))
        .limit(jobs_left.load(Ordering::Relaxed))
        .on_event(events(url));
    for name in args.positionals() {
        if args.has(&SPARE) {
            worker = worker.spare(name);
        }
        let (command, fault, jobs_left) = (Arc::clone(command), Arc::clone(fault), Arc::clone(jobs_left));
        worker = worker.handle(name, move |job: &Job| {
            let result = command.run(job, &fault);
            if !job.is_lost() && !matches!(result, Err(JobError::Worker(_))) {
                jobs_left.fetch_sub(1, Ordering::Relaxed);
            }
            result
        });
    }
    Ok(worker)
}

/// Returns the function that queries the server for the metrics of types.
fn ask(args: &Args) -> Result<Box<Ask>, CliError> {
    let url = url(args)?.to_string();
    Ok(Box::new(move |names| {
        let options = Options::new().connect_timeout(ASK_TIMEOUT).answer_timeout(ASK_TIMEOUT);
        Ok(options.deadline(Instant::now() + ASK_TIMEOUT).connect(&url)?.metrics_of(names)?)
    }))
}

/// Reports events of the connection. Repeated failures with the same text are reported once.
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
