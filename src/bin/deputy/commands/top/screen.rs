//! The terminal: taken when it opens, and given back as it was when it is dropped or any thread panics.

use std::io::{self, Stdout, stdout};
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

/// What a shell shows for a Rust program that has panicked.
const PANICKED: i32 = 101;

pub(super) struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    colour: bool,
}

impl TerminalGuard {
    /// Takes the terminal.
    pub(super) fn open(colour: bool) -> io::Result<Self> {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            tell(panic);
            // Of another thread: the rest would go on, without a screen.
            process::exit(PANICKED);
        }));
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| restore())?;
        Ok(Self { terminal, colour })
    }

    /// Shows the state as it is now; only what has changed is sent.
    pub(super) fn draw(&mut self, state: &mut State) -> io::Result<()> {
        let colour = self.colour;
        self.terminal.draw(|frame| View { state, now: Instant::now(), colour }.draw(frame)).map(drop)
    }

    /// Forgets what is there, so that all is drawn again. (`Terminal::clear` asks the terminal where its cursor is, and the
    /// thread that reads keys would get the answer.)
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal back to the shell until that continues us.
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
    execute!(stdout(), EnterAlternateScreen, Hide).inspect_err(|_| restore())
}

/// All of it, as far as it goes: a terminal that is gone needs nothing back.
fn restore() {
    let _ = execute!(stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}
