//! Running the command: with words, in a shell, with pipes of the test's own; and workers beside it.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use deputy::client::{Job, Stopper, Worker};
use rustix::process::{Pid, Signal, test_kill_process};

use crate::client::Client;
use crate::process::{Ended, Process, Server, Via};
use crate::programs;
use crate::wait::until;

/// The program under test.
pub(crate) const DEPUTY: &str = env!("CARGO_BIN_EXE_deputy");

/// Where a server is.
pub(crate) fn url(server: &Server) -> String {
    format!("tcp://{}", server.tcp[0])
}

/// The command, with a server as its environment has it.
pub(crate) fn command(url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(DEPUTY);
    command.args(words).env("DEPUTY_URL", url).env_remove("NO_COLOR");
    command
}

/// Starts the command, without input.
pub(crate) fn start(server: &Server, words: &[&str]) -> Process {
    Process::spawn(&mut command(&url(server), words), None)
}

/// Runs the command to its end, without input.
pub(crate) fn run(server: &Server, words: &[&str]) -> Ended {
    start(server, words).ended()
}

/// Starts a script in which `$DEPUTY` is the command, in the server's folder.
pub(crate) fn start_shell(server: &Server, script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("DEPUTY", DEPUTY).env("DEPUTY_URL", url(server));
    Process::spawn(command.current_dir(server.folder.path()), None)
}

/// Runs a script as [`start_shell`] does, to its end.
pub(crate) fn shell(server: &Server, script: &str) -> Ended {
    start_shell(server, script).ended()
}

/// Runs the command with this input and a stdout that is closed already; what it says on stderr, and its exit code. The
/// input stays open if it is to.
pub(crate) fn run_with_closed_stdout(server: &Server, words: &[&str], input: &[u8], stays_open: bool) -> (i32, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(&url(server), words);
    let mut child = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take();
    // It may end before it has read all.
    let _ = stdin.as_mut().unwrap().write_all(input);
    stdin = stdin.filter(|_| stays_open);
    let status = until("the end of the command", || child.try_wait().unwrap());
    drop(stdin);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (status.code().unwrap(), stderr)
}

/// Checks how a run ended. `stderr` is a part of what it says there; empty if it is to say nothing.
#[track_caller]
pub(crate) fn check(ended: &Ended, code: i32, stdout: &str, stderr: &str) {
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(code), stdout), "{}", ended.stderr);
    let is_right = ended.stderr.contains(stderr) && ended.stderr.is_empty() == stderr.is_empty();
    assert!(is_right, "{:?} is not in {:?}", stderr, ended.stderr);
}

/// Starts `deputy work` with these words and a shell script as its command, in the server's folder; returns when the
/// server has it as a worker.
pub(crate) fn work(server: &Server, words: &[&str], script: &str) -> Process {
    let mut command = command(&url(server), &["work"]);
    command.args(words).args(["--", "sh", "-c", script]).current_dir(server.folder.path());
    let worker = Process::spawn(&mut command, None);
    until("the worker's connection", || worker.stderr().contains("connected").then_some(()));
    ask(server).until_metric("workers", 1);
    worker
}

/// Waits until the process is gone whose number a command has written to this file of the server's folder.
pub(crate) fn until_gone(server: &Server, file: &str) {
    let number = until("the number of a process", || {
        fs::read_to_string(server.folder.path().join(file)).ok().filter(|number| number.ends_with('\n'))
    });
    let pid = Pid::from_raw(number.trim().parse().unwrap()).unwrap();
    until("the end of a process", || test_kill_process(pid).is_err().then_some(()));
}

/// The shell command that waits until a file is there, or until the test is over and has taken the folder away.
pub(crate) fn wait_for(file: &str) -> String {
    format!("until [ -e {file} -o ! -d \"$PWD\" ]; do sleep 0.01; done")
}

/// A connection for questions.
pub(crate) fn ask(server: &Server) -> Client {
    server.connect(Via::Tcp, "asker")
}

/// A worker of the library beside the test, that ends with it. It answers with the arg; a job of type `fail` fails with it.
pub(crate) struct Echo {
    stopper: Stopper,
}

impl Echo {
    /// Starts a server too.
    pub(crate) fn with_server() -> (Server, Self) {
        let server = Server::start(&[]);
        let worker = Self::start(&server);
        (server, worker)
    }

    pub(crate) fn start(server: &Server) -> Self {
        let worker = Worker::new(&url(server))
            .handle("echo", |job: &Job| Ok::<_, String>(job.raw().map(ToOwned::to_owned)))
            .handle("fail", |job: &Job| Err::<(), _>(job.arg::<String>().unwrap_or_default()))
            .max_jobs(4);
        let stopper = worker.stopper();
        thread::spawn(|| worker.run());
        Self { stopper }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

/// Interrupts a process as a terminal would, and checks that it ends by that.
pub(crate) fn interrupt(process: &Process) {
    use std::os::unix::process::ExitStatusExt;
    let shell = Command::new("sh").args(["-c", "kill -INT $$"]).status().unwrap();
    if shell.signal() != Some(Signal::INT.as_raw()) {
        // What a script starts in the background ignores the signal, and so does whatever that starts in turn.
        return programs::pass_over("interrupts are ignored here; run it in the foreground");
    }
    process.signal(Signal::INT);
    assert_eq!(process.ended().status.signal(), Some(Signal::INT.as_raw()));
}
