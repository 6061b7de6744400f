//! `deputy top`: how a server is doing, live.
//!
//! Three threads tell the main one what happens, through one channel: a key was pressed, a signal came, the server answered
//! or did not. The main thread changes its state by that and draws it. Nothing else writes to the terminal.
//!
//! | file | what |
//! |---|---|
//! | `top` | the row of the table; the loop |
//! | `events` | what can happen, and the threads that tell |
//! | `state`, `history`, `sort` | what is known and chosen. Pure |
//! | `layout`, `theme`, `draw`, `server`, `table` | the picture of a state, at any size. Pure |
//! | `screen` | the terminal: taken, and given back whatever happens |

mod draw;
mod events;
mod history;
mod layout;
mod screen;
mod server;
mod sort;
mod state;
mod table;
mod theme;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use deputy::client::Options;
use ratatui::crossterm::event::Event as TerminalEvent;
use rustix::process::Signal;
use signal_hook::low_level::emulate_default_handler;

use self::events::Event;
use self::screen::TerminalGuard;
use self::sort::Sort;
use self::state::{Action, State};
use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, FAILED, INTERRUPTED, Outcome};
use crate::options::{HELP, Opt, SERVER, ValueKind};
use crate::out::{Out, is_colour_wanted};
use crate::subcommand::{Example, Subcommand};

static DELAY: Opt = Opt {
    short: Some('d'),
    long: "--delay",
    value: ValueKind::Seconds,
    help: "how often to ask the server; not more than ten times a second",
    default: "1",
};

static SORT: Opt = Opt {
    short: Some('s'),
    long: "--sort",
    value: ValueKind::Choice(&["type", "waiting", "running", "workers", "done", "oldest"]),
    help: "sort by type, waiting, running, workers, done or oldest at first",
    default: "waiting",
};

/// Default of `--delay`.
const DELAY_DEFAULT: Duration = Duration::from_secs(1);
/// A person sees no more, and the server has other work.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// After how long the screen is drawn again though nothing has happened: it shows how old its figures are.
const TICK: Duration = Duration::from_secs(1);
/// How long the server may take to answer. Whoever theme at a screen wants to see soon that it does not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait between two attempts to connect again.
const RETRY_CAP: Duration = Duration::from_secs(1);

pub(crate) static TOP: Subcommand = Subcommand {
    name: "top",
    summary: "watch how the server is doing",
    positionals: &[],
    options: &[&DELAY, &SORT, &SERVER, &HELP],
    about: &[
        "Shows what 'deputy status' shows, and how many jobs are done each second, until it is told to quit. Needs a \
         terminal. If the server is lost, it says so, keeps the last figures, and connects again.",
        "Keys: q, Esc or Ctrl-C quits. Left and right (or < and >) choose the column to sort by, r turns the order round. \
         Up, down, Page Up, Page Down, Home and End scroll. g changes the graphs from jobs done to jobs that wait.",
    ],
    examples: &[
        Example { what: "Watch", line: "deputy top" },
        Example { what: "A server elsewhere, twice a second", line: "deputy top -d 0.5 --server tcp://jobs:11746" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let url = args.url()?;
    if !Out::stdout().is_terminal() {
        return Err(CliError::usage("top needs a terminal; without one there is 'deputy status'"));
    }
    let delay = args.seconds(&DELAY).unwrap_or(DELAY_DEFAULT).max(DELAY_MIN);
    let options = Options::new().answer_timeout(ANSWER_TIMEOUT).outage_timeout(Duration::ZERO);
    let client = args.connect(options.retry(DELAY_MIN, RETRY_CAP))?;
    let (teller, events) = channel();
    events::spawn_signal_reader(teller.clone()).map_err(no_thread)?;
    events::spawn_poller(client, delay, teller.clone()).map_err(no_thread)?;
    let mut screen = TerminalGuard::open(is_colour_wanted())?;
    events::spawn_key_reader(teller).map_err(no_thread)?;
    let mut state = State::new(url.to_string(), delay);
    state.sort = args.text(&SORT).map_or_else(Sort::default, Sort::by);
    let end = watch(&mut screen, &mut state, &events);
    drop(screen);
    match end? {
        Exit::Quit => Ok(()),
        Exit::TerminalLost => Err(CliError::new(FAILED, "the terminal is gone")),
        Exit::Signal(signal) => {
            // Ends the process as if the signal had not been caught; it returns only if the system does not let it.
            let _ = emulate_default_handler(signal);
            Err(CliError::new(INTERRUPTED, ""))
        }
    }
}

/// Why it is over.
enum Exit {
    Quit,
    /// Ctrl-C counts as one: a shell's loop must not go on with its next line.
    Signal(i32),
    /// No more keys can come.
    TerminalLost,
}

/// Draws, waits for what happens, and draws again.
fn watch(screen: &mut TerminalGuard, state: &mut State, events: &Receiver<Event>) -> Result<Exit, CliError> {
    loop {
        screen.draw(state)?;
        let Ok(event) = events.recv_timeout(TICK) else { continue };
        match event {
            Event::Answer(answer) => state.on_answer(*answer),
            Event::Signal(signal) if signal == Signal::TSTP.as_raw() => screen.suspend()?,
            Event::Signal(signal) => return Ok(Exit::Signal(signal)),
            Event::KeysEnded => return Ok(Exit::TerminalLost),
            Event::Terminal(TerminalEvent::Key(key)) => match state.on_key(key) {
                Action::Nothing => {}
                Action::Quit => return Ok(Exit::Quit),
                Action::Interrupt => return Ok(Exit::Signal(Signal::INT.as_raw())),
                Action::Suspend => screen.suspend()?,
                Action::Redraw => screen.clear()?,
            },
            // A new size is found out by drawing.
            Event::Terminal(_) => {}
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_thread(reason: std::io::Error) -> CliError {
    CliError::new(FAILED, format!("cannot start a thread: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::sort::COLUMNS;
    use super::*;

    #[test]
    fn the_default_is_the_one_that_help_tells() {
        assert_eq!(DELAY.default, DELAY_DEFAULT.as_secs().to_string());
        assert_eq!(Sort::by(SORT.default), Sort::default());
    }

    #[test]
    fn every_column_can_be_chosen() {
        let ValueKind::Choice(words) = SORT.value else { unreachable!() };
        assert_eq!(words.len(), COLUMNS.len());
        assert!(words.iter().zip(COLUMNS).all(|(word, column)| Sort::by(word).column == column));
    }
}
