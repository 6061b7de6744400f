//! The real server as a process: started with ports and paths of its own, watched, and killed when the test is over.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use socket2::SockAddr;
use tempfile::TempDir;

use self::port::Port;
use crate::client::Client;
use crate::wait::until;

pub(crate) mod port;

/// The program under test.
pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_deputy-server");

/// What a process has written so far.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    /// Reads on a thread of its own, so that the process never waits for the test.
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    sink.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            })
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Returns all of it. Waits for the end of the process.
    fn whole(&self) -> String {
        until("the end of the output", || self.reader.as_ref().is_none_or(JoinHandle::is_finished).then_some(()));
        self.text()
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that is killed when it is dropped.
pub(crate) struct Process {
    child: Mutex<Child>,
    stdout: Output,
    stderr: Output,
}

impl Process {
    /// Starts a command and reads its output. `stderr` may go elsewhere.
    pub(crate) fn spawn(command: &mut Command, stderr: Option<Stdio>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr.unwrap_or_else(Stdio::piped));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (stdout, stderr) = (Output::of(child.stdout.take()), Output::of(child.stderr.take()));
        Self { child: Mutex::new(child), stdout, stderr }
    }

    /// Returns the id of the process: that of the wrapper, if the wrapper does not become the server.
    pub(crate) fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.lock().unwrap()), signal).unwrap();
    }

    /// Returns what it has written to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns what it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Returns how it ended, if it has.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// Returns the line that says where a server listens, if it has been written.
    fn listening(&self) -> Option<String> {
        let stderr = self.stderr();
        stderr
            .split_inclusive('\n')
            .find(|line| line.contains("listening on") && line.ends_with('\n'))
            .map(str::to_owned)
    }

    /// Waits until a server listens or ends. Returns the line that says where it listens.
    pub(crate) fn listens(&self) -> Option<String> {
        until("a server that listens or ends", || self.listening().map(Some).or_else(|| self.status().map(|_| None)))
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(&self) -> Ended {
        let status = until("the end of the process", || self.status());
        Ended { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill(); // It may have ended already.
        let _ = child.wait();
    }
}

/// A way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Tcp,
    Unix,
}

/// A server that listens.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// The addresses on which it listens.
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) sock: PathBuf,
    /// Holds the socket; a place for the test's own files.
    pub(crate) folder: TempDir,
    /// Its port, also after its end. None if the options name a port.
    _port: Option<Port>,
}

impl Server {
    /// Starts a server on a port and a socket of its own.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_under(&[], options)
    }

    /// As [`Server::start`], started by another program that is given the server's command as its last arguments.
    pub(crate) fn start_under(wrapper: &[&str], options: &[&str]) -> Self {
        let mut server = Self::launch(wrapper, options, None);
        let line = server.until("the line that says where it listens", |server| server.process.listening());
        server.tcp = addresses(&line);
        server
    }

    /// As [`Server::start_under`], but does not read stderr: waits until the socket accepts connections. The port is
    /// not known.
    pub(crate) fn start_ignoring_stderr(wrapper: &[&str], options: &[&str], stderr: Option<Stdio>) -> Self {
        let server = Self::launch(wrapper, options, stderr);
        server.until("its socket", |server| Client::can_connect(&server.address(Via::Unix)).then_some(()));
        server
    }

    fn launch(wrapper: &[&str], options: &[&str], stderr: Option<Stdio>) -> Self {
        let folder = TempDir::new().unwrap();
        let sock = folder.path().join("deputy.sock");
        let mut own: Vec<OsString> = vec!["-s".into(), sock.clone().into()];
        own.extend(options.iter().map(OsString::from));
        let port = (!options.contains(&"-p")).then(Port::keep);
        if let Some(port) = &port {
            own.extend(["-p".into(), port.number().into()]);
        }
        let process = Process::spawn(&mut command(wrapper, &own), stderr);
        Self { process, tcp: Vec::new(), sock, folder, _port: port }
    }

    /// Probes until there is a result. Panics if the server ends first.
    fn until<T>(&self, what: &str, probe: impl Fn(&Self) -> Option<T>) -> T {
        until(what, || {
            assert_eq!(self.process.status(), None, "the server ended: {}", self.process.stderr());
            probe(self)
        })
    }

    /// Returns the address to connect to.
    pub(crate) fn address(&self, via: Via) -> SockAddr {
        match via {
            Via::Tcp => self.tcp[0].into(),
            Via::Unix => SockAddr::unix(&self.sock).unwrap(),
        }
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&self) {
        self.process.signal(Signal::KILL);
        until("the end of the server", || self.process.status());
    }

    /// Starts another server at the same addresses.
    pub(crate) fn come_back(&self) -> Process {
        let port = self.tcp[0].port().to_string();
        let process = start_process(&[], &["-p", &port, "-s", self.sock.to_str().unwrap()]);
        for via in [Via::Tcp, Via::Unix] {
            until("the server's return", || {
                assert_eq!(process.status(), None, "{}", process.stderr());
                Client::can_connect(&self.address(via)).then_some(())
            });
        }
        process
    }

    /// Opens a connection; `name` is for the messages of failing tests.
    pub(crate) fn connect(&self, via: Via, name: &str) -> Client {
        Client::connect(name, &self.address(via))
    }
}

/// Runs the server with these options only, until it ends by itself.
pub(crate) fn run(options: &[&str]) -> Ended {
    run_under(&[], options)
}

/// As [`run`], started by another program.
pub(crate) fn run_under(wrapper: &[&str], options: &[&str]) -> Ended {
    start_process(wrapper, options).ended()
}

/// Starts the server with these options only, and waits for nothing.
pub(crate) fn start_process(wrapper: &[&str], options: &[&str]) -> Process {
    let options: Vec<OsString> = options.iter().map(OsString::from).collect();
    Process::spawn(&mut command(wrapper, &options), None)
}

fn command(wrapper: &[&str], options: &[OsString]) -> Command {
    let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
    words.push(SERVER.into());
    words.extend_from_slice(options);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Returns a line of the log without the time before it.
#[track_caller]
pub(crate) fn sentence(line: &str) -> &str {
    let (time, sentence) = line.split_once(' ').unwrap_or_else(|| panic!("no time in {line:?}"));
    assert!(is_time(time), "no time in {line:?}");
    sentence
}

/// Returns whether this is a time as the log has it: `2026-11-28T22:06:41.123Z`.
pub(crate) fn is_time(text: &str) -> bool {
    let fits = |(shown, wanted): (u8, u8)| if wanted == b'0' { shown.is_ascii_digit() } else { shown == wanted };
    let form = "0000-00-00T00:00:00.000Z";
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn addresses(line: &str) -> Vec<SocketAddr> {
    line.split([' ', ',', ';', '\r', '\n']).filter_map(|word| word.parse().ok()).collect()
}
