//! `deputy work`: a worker that runs a command for each job.
//!
//! | file | what |
//! |---|---|
//! | `work` | the row of the table; a worker of the library, the signals that stop it, the process groups that they reach |
//! | `command` | a job in, the command's output out, as result or err |
//! | `run` | one run of the command: its pipes, its time-out, its end |

mod command;
mod run;

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use deputy::client::{Event, Job, Stopper, Worker};
use deputy::limits::JOBS_PER_WORKER_MAX;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::command::{Command, IoFormat};
use crate::cli::parse::Args;
use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome, print_error};
use crate::server::{SERVER, check_types, url};
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
    options: &[&JOBS, &JSON, &BASE64, &TIMEOUT, &COUNT, &SERVER, &HELP],
    about: &[
        "COMMAND reads the job's arg on standard input: a text as it is, anything else as JSON. The variables DEPUTY_ID \
         and DEPUTY_TYPE hold the job's id and type. Its standard output is the result, as a text without the last \
         line end. With --json the arg is always JSON (null if the job has none), and the output must be JSON. Output \
         that is not UTF-8 fails the job, unless --base64 is given.",
        "If COMMAND ends with a status other than 0, or by a signal, the job fails. Its err is the status and the last \
         lines of standard error. A run is over when COMMAND has ended and its output is closed: redirect the output of \
         a process that is to live on.",
        "COMMAND runs in its own process group. At the time-out the group gets SIGTERM, and 2 s later SIGKILL.",
        "At the first SIGTERM or SIGINT the worker takes no more jobs, finishes those that it holds, and leaves. Each \
         further signal is passed on to the process groups of the commands, and the exit code is then 130. After a lost \
         connection the worker connects again, as often as it takes; the server has then given its jobs to others.",
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
    let command = Command::new(args.trailing(), form, args.seconds(&TIMEOUT), Arc::clone(&groups))?;
    let worker = worker(args, command)?;
    catch_signals(worker.stopper(), Arc::clone(&groups))?;
    worker.run()?;
    if groups.were_signalled() { Err(CliError::new(INTERRUPTED, "")) } else { Ok(()) }
}

fn worker(args: &Args, command: Command) -> Result<Worker, CliError> {
    let url = url(args)?.to_string();
    let jobs = args.uint(&JOBS).unwrap_or(1);
    let mut worker = Worker::connect(&url)
        .max_jobs(u32::try_from(jobs).expect("it is in its range"))
        .limit(args.uint(&COUNT).unwrap_or(u64::MAX))
        .on_event(events(url));
    let command = Arc::new(command);
    for name in args.positionals() {
        let command = Arc::clone(&command);
        worker = worker.handle(name, move |job: &Job| command.run(job));
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

/// Lets the first signal stop the worker, and passes all others to the commands.
fn catch_signals(stopper: Stopper, groups: Arc<ProcessGroups>) -> Outcome {
    let cannot = |error| CliError::new(FAILED, format!("cannot catch signals: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(cannot)?;
    let listen = move || {
        let mut signals = signals.forever();
        signals.next();
        stopper.stop();
        for number in signals {
            groups.signal(if number == SIGINT { Signal::INT } else { Signal::TERM });
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(cannot)?;
    Ok(())
}

/// The process groups of the running commands, and the last signal that was passed to them.
///
/// Invariant: a group is signalled only while its first process is not reaped. Until then the system gives its number to
/// no other process.
#[derive(Debug, Default)]
pub(super) struct ProcessGroups(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: HashSet<Pid>,
    signal: Option<Signal>,
}

impl ProcessGroups {
    /// Passes a signal to all groups, and to those that start later.
    pub(super) fn signal(&self, signal: Signal) {
        let mut inner = self.0.lock();
        inner.signal = Some(signal);
        for &group in &inner.running {
            send(group, signal);
        }
    }

    pub(super) fn were_signalled(&self) -> bool {
        self.0.lock().signal.is_some()
    }

    /// Adds the group of a command that has started.
    pub(super) fn add(&self, group: Pid) {
        let mut inner = self.0.lock();
        inner.running.insert(group);
        if let Some(signal) = inner.signal {
            send(group, signal);
        }
    }

    /// Removes the group of a command that has ended and will be reaped.
    pub(super) fn remove(&self, group: Pid) {
        self.0.lock().running.remove(&group);
    }
}

/// Sends a signal to a group whose first process is not reaped.
pub(super) fn send(group: Pid, signal: Signal) {
    // It fails if all its processes have ended.
    let _ = kill_process_group(group, signal);
}
