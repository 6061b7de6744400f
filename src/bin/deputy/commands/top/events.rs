//! What can happen while `deputy top` runs, and the threads that tell of it. They end with the process.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use deputy::client::{Client, Error, Metrics};
use ratatui::crossterm::event::{self, Event as TerminalEvent};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

pub(super) enum Event {
    Answer(Box<Answer>),
    /// A key, or a new size.
    Terminal(TerminalEvent),
    /// The terminal cannot be read.
    KeysEnded,
    Signal(i32),
}

/// What the server said, or why it did not, and when.
pub(super) struct Answer {
    pub(super) at: Instant,
    pub(super) metrics: Result<Metrics, Error>,
}

/// How long to wait after a question that has failed: at least the client's own first wait before it connects again.
const RETRY: Duration = Duration::from_millis(200);

/// Asks the server again and again.
pub(super) fn spawn_poller(client: Client, delay: Duration, teller: Sender<Event>) -> io::Result<()> {
    start("questions", move || {
        loop {
            let asked = Instant::now();
            let metrics = client.metrics_by_type();
            let pause = if metrics.is_ok() { delay } else { delay.min(RETRY) };
            let answer = Answer { at: Instant::now(), metrics };
            if teller.send(Event::Answer(Box::new(answer))).is_err() {
                return;
            }
            thread::sleep(pause.saturating_sub(asked.elapsed()));
        }
    })
}

/// Reads the terminal.
pub(super) fn spawn_key_reader(teller: Sender<Event>) -> io::Result<()> {
    start("keys", move || {
        while let Ok(event) = event::read() {
            if teller.send(Event::Terminal(event)).is_err() {
                return;
            }
        }
        // Whoever would hear it is gone if it cannot be told.
        let _ = teller.send(Event::KeysEnded);
    })
}

/// Catches the signals that would leave the terminal as it is now.
pub(super) fn spawn_signal_reader(teller: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP])?;
    start("signals", move || {
        for signal in signals.forever() {
            if teller.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}
