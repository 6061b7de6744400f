//! nats-servers as processes: one, or three as a cluster, each with an address and a folder of its own that stay while it
//! is killed and started again. The tests of several machines include this folder as it is.

mod request;

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use request::Connection;

/// Says which nats-server is used; without it, the one on PATH.
pub(crate) const VARIABLE: &str = "DEPUTY_NATS_SERVER";

/// Where the program is that Debian has, which PATH often lacks.
const FOLDER: &str = "/usr/sbin";

/// How often an engine is started, because another program may take a port first.
const STARTS_MAX: usize = 3;

/// How long a server may take to be ready, and a cluster to elect.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often is looked.
const TICK: Duration = Duration::from_millis(5);

/// A nats-server's program, and its version, such as 2.15.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) version: (u32, u32),
}

impl Program {
    /// Returns the programs that are here, of each version one: first the one that the environment names, then the one on
    /// PATH.
    ///
    /// # Errors
    /// If one cannot be run.
    pub(crate) fn all() -> Result<Vec<Self>, String> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&folders).chain([PathBuf::from(FOLDER)]);
        let on_path = folders.map(|folder| folder.join("nats-server")).find(|path| path.is_file());
        let chosen = env::var_os(VARIABLE).map(PathBuf::from);
        let mut found = chosen.into_iter().chain(on_path).map(Self::at).collect::<Result<Vec<_>, _>>()?;
        found.dedup_by_key(|program| program.version);
        Ok(found)
    }

    /// Whether a stream of three replicas keeps its promises with it, and finished jobs leave the stream after a kill
    /// (docs/scale-out.md).
    pub(crate) fn is_recommended(&self) -> bool {
        self.version >= (2, 10)
    }

    fn at(path: PathBuf) -> Result<Self, String> {
        let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("cannot run {}: {error}", path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.trim().rsplit('v').next().and_then(|version| {
            let mut parts = version.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        Ok(Self { version: version.ok_or_else(|| format!("{} has no version: {text}", path.display()))?, path })
    }
}

/// One nats-server of an engine.
#[derive(Debug)]
struct Server {
    name: String,
    folder: PathBuf,
    /// Where clients connect.
    client: SocketAddr,
    /// Where the others connect.
    route: SocketAddr,
    process: Option<Child>,
}

/// All nats-servers that know each other. They are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Engine {
    program: Program,
    servers: Vec<Server>,
    /// Has the servers' files.
    folder: TempDir,
}

impl Engine {
    /// Starts one server, or three as a cluster, and waits until they keep streams.
    ///
    /// # Errors
    /// If they do not, a text for people.
    pub(crate) fn start(program: &Program, servers: usize) -> Result<Self, String> {
        let mut starts = 1;
        loop {
            match Self::try_to_start(program, servers) {
                Err(_) if starts < STARTS_MAX => starts += 1,
                result => return result,
            }
        }
    }

    fn try_to_start(program: &Program, servers: usize) -> Result<Self, String> {
        let mut engine = Self::configure(program, servers).map_err(|error| error.to_string())?;
        for number in 0..servers {
            engine.spawn(number)?;
        }
        for number in 0..servers {
            engine.wait_until_ready(number)?;
        }
        // The servers of a cluster elect a leader first.
        engine
            .wait_for("streams that can be made", || engine.ask("INFO", "").filter(|info| info["error"].is_null()))?;
        Ok(engine)
    }

    fn configure(program: &Program, servers: usize) -> io::Result<Self> {
        let folder = TempDir::new()?;
        // All are open at once, so that no two are the same.
        let listeners = (0..servers).map(|_| listeners()).collect::<io::Result<Vec<_>>>()?;
        let mut all = Vec::new();
        for (number, [client, route]) in listeners.iter().enumerate() {
            let name = format!("n{number}");
            let folder = folder.path().join(&name);
            fs::create_dir(&folder)?;
            let (client, route) = (client.local_addr()?, route.local_addr()?);
            all.push(Server { name, folder, client, route, process: None });
        }
        let routes: Vec<String> = all.iter().map(|server| format!("\"nats://{}\"", server.route)).collect();
        for Server { name, folder, client, route, .. } in &all {
            let cluster = if servers > 1 {
                let routes = routes.join(", ");
                format!("cluster {{ name: deputy, listen: \"{route}\", routes: [{routes}] }}\n")
            } else {
                String::new()
            };
            let text = format!(
                "server_name: {name}\nlisten: \"{client}\"\njetstream {{ store_dir: \"{}\" }}\n{cluster}",
                folder.display()
            );
            fs::write(folder.join("config"), text)?;
        }
        Ok(Self { program: program.clone(), servers: all, folder })
    }

    /// Starts a server. Its log is that of this start only.
    fn spawn(&mut self, number: usize) -> Result<(), String> {
        let server = &mut self.servers[number];
        let log = File::create(server.folder.join("log")).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program.path);
        command.arg("-c").arg(server.folder.join("config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        server.process = Some(command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?);
        Ok(())
    }

    fn wait_until_ready(&mut self, number: usize) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let server = &mut self.servers[number];
            let log = fs::read_to_string(server.folder.join("log")).unwrap_or_default();
            if log.contains("Server is ready") {
                return Ok(());
            }
            let ended = server.process.as_mut().is_none_or(|process| !matches!(process.try_wait(), Ok(None)));
            if ended || Instant::now() >= deadline {
                return Err(format!("a nats-server is not ready: {log}"));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// If there is none for long.
    pub(crate) fn wait_for<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(answer) = ask() {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                return Err(format!("waited in vain for {what}, in {}", self.folder.path().display()));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Returns how many servers there are.
    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether a server has not been killed.
    pub(crate) fn runs(&self, number: usize) -> bool {
        self.servers[number].process.is_some()
    }

    /// Returns the addresses of all servers.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(|server| server.client)
    }

    /// Returns the processes of the servers that run.
    pub(crate) fn processes(&self) -> impl Iterator<Item = u32> {
        self.servers.iter().filter_map(|server| server.process.as_ref().map(Child::id))
    }

    /// Returns the URLs of all servers, with commas between them.
    pub(crate) fn urls(&self) -> String {
        self.addresses().map(|address| format!("nats://{address}")).collect::<Vec<_>>().join(",")
    }

    /// Kills a server that runs, and waits for its end.
    pub(crate) fn kill(&mut self, number: usize) {
        if let Some(mut process) = self.servers[number].process.take() {
            // Both fail only for a process that has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Gives a server's process away: from now on it is not the engine's. Its files are, as long as the engine is there.
    pub(crate) fn hand_over(&mut self, number: usize) -> Option<Child> {
        self.servers[number].process.take()
    }

    /// Starts a killed server again, and waits until it is ready.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn restart(&mut self, number: usize) -> Result<(), String> {
        self.spawn(number)?;
        self.wait_until_ready(number)
    }

    /// Sends a server that runs a signal.
    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        if let Some(process) = &self.servers[number].process {
            // It fails only if the server has ended, which the next question shows.
            let _ = kill_process(Pid::from_child(process), signal);
        }
    }

    /// Asks the first server that answers for something of its administration. `None` if none answers.
    pub(crate) fn ask(&self, what: &str, payload: &str) -> Option<Value> {
        let running = (0..self.len()).filter(|number| self.runs(*number));
        running.into_iter().find_map(|number| self.request(number, &format!("$JS.API.{what}"), payload))
    }

    /// Sends a server a request; `None` if no answer comes.
    pub(crate) fn request(&self, number: usize, subject: &str, payload: &str) -> Option<Value> {
        Connection::open(self.servers[number].client)?.request(subject, payload)
    }

    /// Returns which server leads the stream of this name, if there is one.
    pub(crate) fn leader_of(&self, stream: &str) -> Option<usize> {
        let info = self.ask(&format!("STREAM.INFO.{stream}"), "")?;
        let leader = info["cluster"]["leader"].as_str()?;
        self.servers.iter().position(|server| server.name == leader)
    }

    /// Returns how many messages with these subjects a stream has; `None` if it does not say.
    pub(crate) fn messages(&self, stream: &str, subjects: &str) -> Option<u64> {
        let info = self.ask(&format!("STREAM.INFO.{stream}"), &format!("{{\"subjects_filter\":\"{subjects}\"}}"))?;
        let by_subject = info["state"].as_object()?.get("subjects").and_then(Value::as_object);
        Some(by_subject.map_or(0, |subjects| subjects.values().filter_map(Value::as_u64).sum()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        (0..self.len()).for_each(|number| self.kill(number));
    }
}

/// Takes two free ports of an address that nothing else uses. All addresses of 127.0.0.0/8 are this machine's, and what
/// connects to them comes from 127.0.0.1, so no connection takes the port while its server is away.
fn listeners() -> io::Result<[TcpListener; 2]> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, high, low, 2 + NEXT.fetch_add(1, Ordering::Relaxed) % 250);
    Ok([TcpListener::bind((address, 0))?, TcpListener::bind((address, 0))?])
}
