//! The guard of the terminal. It sets the terminal up when it is made, and restores the terminal when it is dropped or
//! any thread panics.

use std::io::{self, BufWriter};
use std::panic;
use std::process;
use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;

use super::draw::View;
use super::state::State;
use crate::out::Stdout;

/// The exit code of a Rust program that has panicked.
const PANICKED: i32 = 101;

pub(super) struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    colour: bool,
}

impl TerminalGuard {
    /// Sets the terminal up.
    pub(super) fn open(colour: bool) -> io::Result<Self> {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            print(panic);
            // A panic in one thread ends the process: otherwise the other threads would go on without a screen.
            process::exit(PANICKED);
        }));
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(Stdout))).inspect_err(|_| restore())?;
        Ok(Self { terminal, colour })
    }

    /// Draws the state. Only changes are sent to the terminal.
    pub(super) fn draw(&mut self, state: &mut State) -> io::Result<()> {
        let colour = self.colour;
        self.terminal.draw(|frame| View { state, now: Instant::now(), colour }.draw(frame)).map(drop)
    }

    /// Forgets the screen, so that the next drawing is complete. `Terminal::clear` does not fit: it asks the terminal
    /// for the cursor position, and the thread that reads keys would get the answer.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Restores the terminal and stops the process until the shell continues it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        emulate_default_handler(SIGTSTP)?;
        enter()?;
        self.clear()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(Stdout, EnterAlternateScreen, Hide).inspect_err(|_| restore())
}

/// Undoes [`enter`]. Errors are ignored: a terminal that is gone need not be restored.
fn restore() {
    let _ = execute!(Stdout, Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}
