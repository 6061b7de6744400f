//! The languages, and how a client in each is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::process::Process;
use crate::programs;

/// A client of docs/clients.
pub(crate) struct Language {
    pub(crate) file: &'static str,
    /// The programs that it needs, of which the first runs it.
    programs: &'static [&'static str],
    /// Points of the conformance script that it says itself it lacks.
    pub(crate) lacks: &'static str,
}

pub(crate) const PYTHON: Language = Language { file: "deputy.py", programs: &["python3"], lacks: "" };
pub(crate) const NODE: Language = Language { file: "deputy.js", programs: &["node"], lacks: "" };
pub(crate) const GO: Language = Language { file: "deputy.go", programs: &["go"], lacks: "" };
pub(crate) const RUBY: Language = Language { file: "deputy.rb", programs: &["ruby"], lacks: "" };
pub(crate) const PHP: Language = Language { file: "deputy.php", programs: &["php"], lacks: "" };
pub(crate) const SHELL: Language = Language {
    file: "deputy.sh",
    programs: &["bash", "nc", "sed"],
    lacks: "unknown-members,unknown-members-of-jobs,endless-line,endless-job,no-delay,keepalive,cancelled-work",
};

/// All of them.
pub(crate) const ALL: [&Language; 6] = [&PYTHON, &NODE, &GO, &RUBY, &PHP, &SHELL];

impl Language {
    /// The words that start the client, or none after saying that its language is missing.
    pub(crate) fn words(&self) -> Option<Vec<PathBuf>> {
        let found: Option<Vec<PathBuf>> = self.programs.iter().map(|program| programs::find(program)).collect();
        let program = found?.swap_remove(0);
        match self.file.rsplit_once('.') {
            Some((_, "go")) => Some(vec![go_client(&program)]),
            Some((_, "py")) => Some(vec![python()?, folder().join(self.file)]),
            _ => Some(vec![program, folder().join(self.file)]),
        }
    }
}

/// A client's command with these words, for the server at this address.
pub(crate) fn start<'a>(client: &[PathBuf], words: impl IntoIterator<Item = &'a str>, url: &str) -> Process {
    Process::spawn(command(client, url).args(words), None)
}

/// As `start`; each job that it submits has these members, an object.
pub(crate) fn start_with<const N: usize>(client: &[PathBuf], words: [&str; N], url: &str, members: &str) -> Process {
    Process::spawn(command(client, url).args(words).env("MEMBERS", members), None)
}

fn command(client: &[PathBuf], url: &str) -> Command {
    let mut command = Command::new(&client[0]);
    command.args(&client[1..]).env("DEPUTY_URL", url);
    command
}

/// Whether the conformance script finds nothing wrong with a client, and what it says; none after saying that there is no
/// Python. It has deadlines of its own.
pub(crate) fn conformance(client: &[PathBuf], options: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new(python()?);
    command.arg(folder().join("conformance.py")).args(options).arg("--").args(client);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), printed.into_owned()))
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients")
}

/// The interpreter itself: what PATH leads to may be a script that looks for it, each time.
fn python() -> Option<PathBuf> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let program = programs::find("python3")?;
    let look = || {
        let output = Command::new(program).args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    };
    Some(FOUND.get_or_init(look).clone())
}

/// Builds the client in Go, once per run of the tests.
fn go_client(go: &Path) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(go, "deputy-go", &[folder().join("deputy.go")])).clone()
}

/// Builds a program of these files in Go, each a name and its text. None after saying that there is no Go.
pub(crate) fn go_program(name: &str, files: &[(&str, String)]) -> Option<PathBuf> {
    // Tests that run at the same time do not write to each other's program.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let go = programs::find("go")?;
    let sources = TempDir::new().unwrap();
    let written = files.iter().map(|(file, text)| {
        let file = sources.path().join(file);
        fs::write(&file, text).unwrap();
        file
    });
    let name = format!("deputy-go-{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Some(build(&go, &name, &written.collect::<Vec<_>>()))
}

/// Builds these files. What they take from Go's library stays built.
fn build(go: &Path, name: &str, files: &[PathBuf]) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = target.join(name);
    let mut command = Command::new(go);
    command.arg("build").arg("-o").arg(&program).args(files);
    command.env("GO111MODULE", "off").env("GOCACHE", target.join("go-cache")).env("GOPATH", target.join("go"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}
