//! `deputy work`: a worker that runs a command for each job.
//!
//! | file | what |
//! |---|---|
//! | `work` | the row of the table; a worker of the library, and the signals that stop it |
//! | `command` | a job in, the command's output out, as result or err |
//! | `run` | one run of the command: its pipes, its time, its end |
//! | `groups` | the process groups of the commands that run, so that signals reach them |

mod command;
mod groups;
mod run;

use std::sync::Arc;
use std::thread;

use deputy::client::{Event, Job, Stopper, Worker};
use deputy::limits::JOBS_PER_WORKER_MAX;
use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::command::{Command, IoFormat};
use self::groups::ProcessGroups;
use crate::args::Args;
use crate::commands::check_types;
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome, print_error};
use crate::options::{HELP, Opt, SERVER, ValueKind};
use crate::subcommand::{self, Count, Example, Positional, Subcommand};

static JOBS: Opt = Opt {
    short: Some('j'),
    long: "--jobs",
    value: ValueKind::Number { min: 1, max: JOBS_PER_WORKER_MAX as u64 },
    help: "how many jobs to do at once",
    default: "1",
};
static JSON: Opt = Opt::flag(None, "--json", "COMMAND reads JSON, and writes JSON");
static BASE64: Opt = Opt::flag(None, "--base64", "the result is COMMAND's output in base64");
static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "how long COMMAND may run; then it is ended, and the job fails",
    default: "without end",
};
static COUNT: Opt = Opt {
    short: Some('c'),
    long: "--count",
    value: ValueKind::Number { min: 1, max: u64::MAX },
    help: "leave after so many jobs",
    default: "without end",
};

pub(crate) static WORK: Subcommand = Subcommand {
    name: "work",
    summary: "do jobs by running a command for each",
    positionals: &[
        Positional {
            name: "TYPE",
            help: "which jobs to do",
            count: Count::OnceOrMore,
            choices: subcommand::no_choices,
        },
        Positional {
            name: "COMMAND",
            help: "what to run, with its arguments",
            count: Count::Trailing,
            choices: subcommand::no_choices,
        },
    ],
    options: &[&JOBS, &JSON, &BASE64, &TIMEOUT, &COUNT, &SERVER, &HELP],
    about: &[
        "COMMAND gets the job's arg on its standard input: a text as it is, anything else as JSON. The variables \
         DEPUTY_ID and DEPUTY_TYPE tell the job's id and type. What it writes to standard output is the result, as a \
         text without the last line end. With --json the arg is always JSON (null if the job has none), and the output \
         has to be JSON. Output that is not UTF-8 fails the job, unless --base64 is given.",
        "If COMMAND ends with another status than 0, or by a signal, the job fails, and its err tells the status and \
         the last lines of standard error. COMMAND is done when it has ended and its output is closed: a process that \
         it leaves behind should have an output of its own.",
        "COMMAND runs in a process group of its own. At its time-out that gets SIGTERM, and 2 s later SIGKILL.",
        "SIGTERM or SIGINT: takes no more jobs, does those at hand, and leaves. Each further one is passed on to the \
         process groups of the commands, and the exit code will be 130. A lost connection is made again, as often as \
         it takes; the server has then given the jobs at hand to others.",
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
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    check_types(args.positionals())?;
    let form = match (args.has(&JSON), args.has(&BASE64)) {
        (false, false) => IoFormat::Text,
        (true, false) => IoFormat::Json,
        (false, true) => IoFormat::Base64,
        (true, true) => return Err(CliError::usage("--json and --base64 exclude each other")),
    };
    let groups = Arc::new(ProcessGroups::default());
    let command = Command::new(args.trailing(), form, args.seconds(&TIMEOUT), Arc::clone(&groups))?;
    let worker = worker(args, command)?;
    catch_signals(worker.stopper(), Arc::clone(&groups))?;
    worker.run()?;
    if groups.were_signalled() { Err(CliError::new(INTERRUPTED, "")) } else { Ok(()) }
}

fn worker(args: &Args, command: Command) -> Result<Worker, CliError> {
    let url = args.url()?.to_string();
    let jobs = args.number(&JOBS).unwrap_or(1);
    let mut worker = Worker::connect(&url)
        .max_jobs(u32::try_from(jobs).expect("it is in its range"))
        .limit(args.number(&COUNT).unwrap_or(u64::MAX))
        .on_event(events(url));
    let command = Arc::new(command);
    for name in args.positionals() {
        let command = Arc::clone(&command);
        worker = worker.handle(name, move |job: &Job| command.run(job));
    }
    Ok(worker)
}

/// Tells what happens to the connection. Attempts that fail alike are told once.
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

/// The first signal stops the worker, all others go to the commands.
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
