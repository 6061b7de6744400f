//! A terminal that a test can look at: a shell in a tmux of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::kit::DEPUTY;
use crate::programs;
use crate::wait::until;

/// A shell in a terminal, with `$DEPUTY` and a server in its environment.
pub(crate) struct Tmux {
    folder: TempDir,
}

impl Tmux {
    /// Starts it; none where there is no tmux.
    pub(crate) fn start(url: &str, (columns, lines): (u16, u16), settings: &[(&str, &str)]) -> Option<Self> {
        programs::find("tmux")?;
        let tmux = Self { folder: TempDir::new().unwrap() };
        let shell = "exec env -u ENV PS1='> ' sh";
        let mut command = tmux.command(&["-f", "/dev/null", "new-session", "-d", "-x"]);
        command.args([&columns.to_string(), "-y", &lines.to_string(), shell]);
        command.env("DEPUTY", DEPUTY).env("DEPUTY_URL", url).env_remove("NO_COLOR").envs(settings.iter().copied());
        assert!(command.current_dir(tmux.folder.path()).status().unwrap().success());
        tmux.until("a prompt", |screen| screen.trim_end() == ">");
        Some(tmux)
    }

    /// Has the shell run the command. Its process is in the file `pid`, and what the terminal was set to in `before`.
    pub(crate) fn run(&self, words: &str) {
        let script = format!("echo $$ > pid; exec {DEPUTY} {words}");
        fs::write(self.path("run"), script).unwrap();
        self.type_line("stty -g > before; sh ./run");
    }

    /// The process that [`Tmux::run`] started.
    pub(crate) fn pid(&self) -> String {
        until("the process", || fs::read_to_string(self.path("pid")).ok().filter(|pid| pid.ends_with('\n')))
    }

    /// Types a line.
    pub(crate) fn type_line(&self, text: &str) {
        self.keys(&["-l", text]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, by tmux's names.
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// What the terminal shows; with colours if they are asked for.
    pub(crate) fn screen(&self, coloured: bool) -> String {
        self.tmux(if coloured { &["capture-pane", "-p", "-e"] } else { &["capture-pane", "-p"] })
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn until(&self, what: &str, is_right: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(what, || {
                last = self.screen(false);
                is_right(&last).then_some(())
            });
        }));
        assert!(waited.is_ok(), "waited in vain for {what}:\n{last}");
        last
    }

    /// Waits until this stands on the screen.
    pub(crate) fn until_shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, lines: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// Waits until the command has ended, with this code; the terminal must be as it was before.
    pub(crate) fn expect_restored(&self, code: i32) -> String {
        self.until("a prompt", |screen| screen.trim_end().ends_with("\n>"));
        // Not before: a shell forgets the rest of a line if a signal has ended a command.
        self.type_line("echo \"ended with $?\"; stty -g > after");
        let screen = self.until_shows(&format!("\nended with {code}\n"));
        let after =
            until("the settings", || fs::read_to_string(self.path("after")).ok().filter(|text| !text.is_empty()));
        assert_eq!(fs::read_to_string(self.path("before")).unwrap(), after);
        let modes = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]);
        assert_eq!(modes, "0 1 0\n", "{screen}");
        // What is typed before the shell asks for it is shown before its prompt.
        self.until("the next prompt", |screen| screen.trim_end().ends_with("\n>"));
        self.type_line("echo seen by the $((40 + 2))");
        self.until_shows("\nseen by the 42\n")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.path("socket")).args(words).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        command
    }

    fn tmux(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output(); // It has ended if its shell has.
    }
}
