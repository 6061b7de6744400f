//! `deputy top`: shows the server's state live.
//!
//! Three threads send events to the main thread through one channel: answers of the server or failures, keys, and
//! signals. The main thread updates its state and draws the state. No other thread writes to the terminal.
//!
//! | file | what |
//! |---|---|
//! | `top` | the row of the table; the loop, its events, and the threads that send them |
//! | `state` | the last metrics, their history, and the choices of the user. Pure |
//! | `window` | older copies of the histograms. Pure |
//! | `layout` | the columns and the order of the table of types, and the size of each part. Pure |
//! | `draw` | the screen, at any size. Pure |
//! | `theme` | colours |
//! | `terminal` | sets the terminal up, and restores it even after a panic |

mod draw;
mod layout;
mod state;
mod terminal;
mod theme;
mod window;

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use deputy::client::{Client, Options};
use ratatui::crossterm::event::{self, Event as TerminalEvent};
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use self::layout::Sort;
use self::state::{Action, Answer, State};
use self::terminal::TerminalGuard;
use crate::cli::parse::Args;
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome};
use crate::out::{Out, is_colour_wanted};
use crate::server::{self, SERVER, connect, is_in_use, url};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static DELAY: Opt = Opt::value("--delay", ValueKind::Seconds)
    .short('d')
    .help("how often to ask the server, at most ten times per second")
    .default("1");

static SORT: Opt = Opt::value(
    "--sort",
    ValueKind::Choice {
        name: "COLUMN",
        words: &[
            "type", "waiting", "running", "workers", "free", "done", "oldest", "longest", "wait-p50", "wait-p99",
            "run-p50", "run-p99",
        ],
    },
)
.short('s')
.help("sort by the column with this title: type, waiting, done, wait-p99 ...")
.default("waiting");

static TIMEOUT: Opt = Opt { help: "time limit of connecting, and of each answer", default: "5", ..server::TIMEOUT };

/// Default of `--delay`.
const DELAY_DEFAULT: Duration = Duration::from_secs(1);
/// The shortest `--delay`: people could not see more, and each query costs the server time.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// How often the screen is drawn without an event: it shows the age of its numbers.
const TICK: Duration = Duration::from_secs(1);
/// Default of `--timeout`. A person should soon see that the server does not answer.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// The longest wait between two attempts to connect again.
const RETRY_CAP: Duration = Duration::from_secs(1);

pub(crate) static TOP: Subcommand = Subcommand {
    name: "top",
    summary: "show the server's state live",
    positionals: &[],
    options: &[&DELAY, &SORT, &TIMEOUT, &SERVER, &HELP],
    about: &[
        "Shows what 'deputy status' shows, and the jobs done per second, and updates it until a key quits. The \
         quantiles are those of the last minute. Needs a terminal. If the connection is lost, the command shows \
         that, keeps the last numbers, and reconnects.",
        "Keys: q, Esc or Ctrl-C quits. Left and right (or < and >) choose the column to sort by, r reverses the \
         order. Up, down, Page Up, Page Down, Home and End scroll. g switches the graphs between done and waiting \
         jobs.",
    ],
    examples: &[
        Example { what: "Watch the server", line: "deputy top" },
        Example { what: "Another server, twice per second", line: "deputy top -d 0.5 --server tcp://jobs:11746" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let url = url(args)?;
    if !Out::stdout().is_terminal() {
        return Err(CliError::usage("top needs a terminal; use 'deputy status' without one"));
    }
    let delay = args.seconds(&DELAY).unwrap_or(DELAY_DEFAULT).max(DELAY_MIN);
    let timeout = args.seconds(&TIMEOUT).unwrap_or(TIMEOUT_DEFAULT);
    let options = Options::new().connect_timeout(timeout).answer_timeout(timeout).outage_timeout(Duration::ZERO);
    let client = connect(args, options.retry(DELAY_MIN, RETRY_CAP))?;
    let (sender, events) = channel();
    spawn_signal_reader(sender.clone()).map_err(|error| CliError::no_thread(&error))?;
    spawn_poller(client, delay, sender.clone()).map_err(|error| CliError::no_thread(&error))?;
    let mut screen = TerminalGuard::open(is_colour_wanted())?;
    spawn_key_reader(sender).map_err(|error| CliError::no_thread(&error))?;
    let mut state = State::new(url.to_string(), delay);
    state.sort = args.text(&SORT).map_or_else(Sort::default, Sort::by);
    let end = watch(&mut screen, &mut state, &events);
    drop(screen);
    match end? {
        End::Quit => Ok(()),
        End::TerminalLost => Err(CliError::new(FAILED, "the terminal was closed")),
        End::Signal(signal) => {
            // Ends the process as if the signal had not been caught. It returns only if the system refuses.
            let _ = emulate_default_handler(signal);
            Err(CliError::new(INTERRUPTED, ""))
        }
    }
}

/// Why the loop ended.
enum End {
    Quit,
    /// A signal. Ctrl-C counts as a signal, so that it also ends a loop of the shell.
    Signal(i32),
    /// The terminal cannot be read any more.
    TerminalLost,
}

/// Draws, waits for an event, and draws again.
fn watch(screen: &mut TerminalGuard, state: &mut State, events: &Receiver<Event>) -> Result<End, CliError> {
    loop {
        screen.draw(state)?;
        let Ok(event) = events.recv_timeout(TICK) else { continue };
        match event {
            Event::Answer(answer) => state.on_answer(*answer),
            Event::Signal(signal) if signal == Signal::TSTP.as_raw() => screen.suspend()?,
            Event::Signal(signal) => return Ok(End::Signal(signal)),
            Event::KeysEnded => return Ok(End::TerminalLost),
            Event::Terminal(TerminalEvent::Key(key)) => match state.on_key(key) {
                Action::Nothing => {}
                Action::Quit => return Ok(End::Quit),
                Action::Interrupt => return Ok(End::Signal(Signal::INT.as_raw())),
                Action::Suspend => screen.suspend()?,
                Action::Redraw => screen.clear()?,
            },
            // The next drawing finds the new size.
            Event::Terminal(_) => {}
        }
    }
}

enum Event {
    Answer(Box<Answer>),
    /// A key, or a new size.
    Terminal(TerminalEvent),
    /// The terminal cannot be read any more.
    KeysEnded,
    Signal(i32),
}

/// The pause after a failed query: at least the client's first pause before it connects again.
const RETRY: Duration = Duration::from_millis(200);

/// Starts the thread that queries the server.
fn spawn_poller(client: Client, delay: Duration, sender: Sender<Event>) -> io::Result<()> {
    start("questions", move || {
        loop {
            let asked = Instant::now();
            let metrics = client.metrics_in_full().map(|mut metrics| {
                metrics.types.retain(is_in_use);
                metrics
            });
            let pause = if metrics.is_ok() { delay } else { delay.min(RETRY) };
            let answer = Answer { at: Instant::now(), metrics };
            if sender.send(Event::Answer(Box::new(answer))).is_err() {
                return;
            }
            thread::sleep(pause.saturating_sub(asked.elapsed()));
        }
    })
}

/// Starts the thread that reads the terminal.
fn spawn_key_reader(sender: Sender<Event>) -> io::Result<()> {
    start("keys", move || {
        while let Ok(event) = event::read() {
            if sender.send(Event::Terminal(event)).is_err() {
                return;
            }
        }
        // Sending fails if the main thread has ended.
        let _ = sender.send(Event::KeysEnded);
    })
}

/// Starts the thread that receives the signals whose default action would not restore the terminal.
fn spawn_signal_reader(sender: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP])?;
    start("signals", move || {
        for signal in signals.forever() {
            if sender.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use super::layout::COLUMNS;
    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        assert_eq!(DELAY.default, DELAY_DEFAULT.as_secs().to_string());
        assert_eq!(TIMEOUT.default, TIMEOUT_DEFAULT.as_secs().to_string());
        assert_eq!(Sort::by(SORT.default), Sort::default());
    }

    #[test]
    fn every_column_can_be_chosen() {
        let ValueKind::Choice { words, .. } = SORT.value else { unreachable!() };
        assert_eq!(words.len(), COLUMNS.len());
        assert!(words.iter().zip(COLUMNS).all(|(word, column)| Sort::by(word).column == column));
    }
}
