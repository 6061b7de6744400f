//! Hashes every file under a folder by worker processes, through a server that runs.
//!
//! ```text
//! hash_tree worker ADDR        does jobs of the type sha256: the arg is a path, the result the file's hash
//! hash_tree client ADDR DIR    submits every file under DIR, and prints what sha256sum prints
//! hash_tree demo ADDR DIR      starts three workers, submits every file, kills a worker half-way, checks every answer
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, thread};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USAGE: &str = "usage: hash_tree worker ADDR | client ADDR DIR | demo ADDR DIR";

/// Workers of the demo.
const WORKERS: usize = 3;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A file's hash in hex, or why there is none.
type Hash = Result<String, String>;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["worker", address] => work(address),
        ["client", address, folder] => client(address, folder),
        ["demo", address, folder] => demo(address, folder),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hash_tree: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A connection to the server: JSON lines in both directions.
struct Server {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Server {
    fn connect(address: &str) -> Outcome<Self> {
        let writer = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        writer.set_nodelay(true)?; // Lines are short, and the peer waits for each.
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// Reads the next line. None when the server has closed the connection.
    fn read(&mut self) -> Outcome<Option<Value>> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line)?;
        Ok(if length == 0 { None } else { Some(serde_json::from_str(&line)?) })
    }

    fn read_or_fail(&mut self) -> Outcome<Value> {
        self.read()?.ok_or_else(|| "the server closed the connection".into())
    }
}

fn send(mut writer: &TcpStream, line: &Value) -> io::Result<()> {
    writer.write_all(format!("{line}\n").as_bytes())
}

/// Does jobs until the server closes the connection. Prints `ready` when the server knows the worker.
fn work(address: &str) -> Outcome<()> {
    let mut server = Server::connect(address)?;
    send(&server.writer, &json!({"cmd": "can_do", "types": ["sha256"], "max_jobs": 1}))?;
    send(&server.writer, &json!({"cmd": "ping"}))?;
    while let Some(line) = server.read()? {
        match line["cmd"].as_str() {
            Some("do") => {
                let path = line["arg"].as_str().ok_or("the arg is no path");
                let answer = match path.map_err(str::to_owned).and_then(|path| hash(Path::new(path))) {
                    Ok(hash) => json!({"cmd": "did", "job": line["job"], "res": hash}),
                    Err(reason) => json!({"cmd": "did", "job": line["job"], "err": reason}),
                };
                send(&server.writer, &answer)?;
            }
            Some("pong") => println!("ready"),
            _ => return Err(format!("the server says {line}").into()),
        }
    }
    Ok(())
}

fn client(address: &str, folder: &str) -> Outcome<()> {
    let paths = files(Path::new(folder))?;
    let hashes = submit(address, &paths, |_| ())?;
    for (path, hash) in paths.iter().zip(&hashes) {
        match hash {
            Ok(hash) => println!("{hash}  {path}"),
            Err(reason) => eprintln!("hash_tree: {path}: {reason}"),
        }
    }
    if hashes.iter().all(Result::is_ok) { Ok(()) } else { Err("some files could not be hashed".into()) }
}

fn demo(address: &str, folder: &str) -> Outcome<()> {
    let paths = files(Path::new(folder))?;
    let half = paths.len().div_ceil(2);
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(Worker::start(address)?);
    }
    let hashes = submit(address, &paths, |answers| {
        if answers == half {
            workers.pop(); // The drop kills it.
        }
    })?;
    for (path, theirs) in paths.iter().zip(&hashes) {
        let own = hash(Path::new(path));
        if *theirs != own {
            return Err(format!("{path}: {theirs:?} came, but {own:?} is right").into());
        }
    }
    println!(
        "{} files, {WORKERS} workers, one killed after {half} answers: every file has exactly one right answer",
        paths.len()
    );
    Ok(())
}

/// Submits a job for every path, all at once, and returns the answers in the order of the paths. After each answer, it
/// calls `answered` with their number. A job with no answer, or two, is an error.
fn submit(address: &str, paths: &[String], mut answered: impl FnMut(usize)) -> Outcome<Vec<Hash>> {
    let mut server = Server::connect(address)?;
    let writer = server.writer.try_clone()?;
    let mut hashes: Vec<Option<Hash>> = vec![None; paths.len()];
    thread::scope(|scope| {
        // On another thread, so that this one reads meanwhile: the server limits the unread answers of a connection.
        let submitting = scope.spawn(move || {
            let mut jobs = paths.iter().enumerate();
            jobs.try_for_each(|(id, path)| {
                send(&writer, &json!({"cmd": "do", "id": id, "type": "sha256", "arg": path}))
            })
        });
        for answers in 1..=paths.len() {
            store(&mut hashes, &server.read_or_fail()?)?;
            answered(answers);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(submitting.join().map_err(|_| "the submitting thread has panicked")??)
    })?;
    send(&server.writer, &json!({"cmd": "ping"}))?;
    match server.read_or_fail()? {
        line if line["cmd"] == "pong" => Ok(hashes.into_iter().flatten().collect()),
        line => Err(format!("something came after the last answer: {line}").into()),
    }
}

/// Stores an answer. It is an error if there is one already.
fn store(hashes: &mut [Option<Hash>], line: &Value) -> Outcome<()> {
    let id = line["id"].as_u64().and_then(|id| usize::try_from(id).ok());
    let place = id.and_then(|id| hashes.get_mut(id)).ok_or_else(|| format!("not an answer: {line}"))?;
    let hash = match (&line["res"], &line["err"]) {
        (Value::String(hash), _) => Ok(hash.clone()),
        (_, Value::String(reason)) => Err(reason.clone()),
        _ => return Err(format!("neither a hash nor a reason: {line}").into()),
    };
    if place.replace(hash).is_some() { Err(format!("a second answer: {line}").into()) } else { Ok(()) }
}

/// This program as a worker process, killed when it is dropped.
struct Worker(Child);

impl Worker {
    /// Starts it, and returns when the server knows it.
    fn start(address: &str) -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?).args(["worker", address]).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        let worker = Self(child);
        let mut line = String::new();
        BufReader::new(stdout.ok_or("a worker without stdout")?).read_line(&mut line)?;
        if line == "ready\n" { Ok(worker) } else { Err("a worker could not start".into()) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It fails if the process has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns every file under a folder, by absolute path and sorted. Links are not followed.
fn files(folder: &Path) -> Outcome<Vec<String>> {
    let folder = fs::canonicalize(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path().into_os_string().into_string();
                paths.push(path.map_err(|path| format!("{}: JSON has only UTF-8", path.display()))?);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn hash(path: &Path) -> Hash {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(length) => hasher.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
