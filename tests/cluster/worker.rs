//! Workers that are processes of their own, this program started once more, so that they can be killed and stopped. Each
//! records in a file what it takes and what it has done. What was written stays when its process is killed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use socket2::SockAddr;

use crate::load::{Id, workload};
use crate::process::Process;
use crate::traffic::workload::{JobKey, job_named_by};
use crate::wire::{Received, Wire};

/// Jobs that a worker takes at once.
pub(crate) const SLOTS: usize = 8;

/// How long a worker waits before it connects again.
const RETRY: Duration = Duration::from_millis(10);

/// Says to the process what its plan is: four lines.
const VARIABLE: &str = "DEPUTY_CLUSTER_WORKER";

/// What becomes of a worker's jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// It takes this many milliseconds.
    TakesMs(u64),
    /// It ends the connection of its worker.
    Kills,
}

/// What a worker is started with.
#[derive(Debug)]
pub(crate) struct WorkerPlan {
    pub(crate) socket: PathBuf,
    pub(crate) record: PathBuf,
    pub(crate) type_name: String,
    pub(crate) job: Job,
}

impl WorkerPlan {
    /// Starts the worker.
    pub(crate) fn start(&self) -> Process {
        let work = if let Job::TakesMs(ms) = self.job { ms.to_string() } else { String::new() };
        let plan = format!("{}\n{}\n{}\n{work}", self.socket.display(), self.record.display(), self.type_name);
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "a_worker_process", "--nocapture"]).env(VARIABLE, plan);
        Process::spawn(&mut command, None)
    }

    /// The plan of this process.
    fn of_this_process() -> Self {
        let text = env::var(VARIABLE).expect("this is a worker");
        let mut lines = text.split('\n');
        let mut next = || lines.next().expect("a plan has four lines");
        let (socket, record, type_name) = (next().into(), next().into(), next().to_owned());
        let job = next().parse().map_or(Job::Kills, Job::TakesMs);
        Self { socket, record, type_name, job }
    }
}

/// Does jobs until the process is killed.
pub(crate) fn work() {
    let plan = WorkerPlan::of_this_process();
    let address = SockAddr::unix(&plan.socket).unwrap();
    let mut record = OpenOptions::new().create(true).append(true).open(&plan.record).unwrap();
    loop {
        if let Some(wire) = Wire::connect(&address) {
            serve(wire, &plan, &mut record);
        }
        thread::sleep(RETRY);
    }
}

/// A job that a worker holds.
struct Held {
    number: u64,
    job: JobKey,
    due: Instant,
}

/// Does jobs until the connection ends.
fn serve(mut wire: Wire, plan: &WorkerPlan, record: &mut File) {
    let mut held: VecDeque<Held> = VecDeque::new();
    wire.send(format!("{{\"cmd\":\"can_do\",\"types\":[\"{}\"],\"max_jobs\":{SLOTS}}}\n", plan.type_name));
    loop {
        let received: Value = match wire.receive() {
            Received::End => return,
            Received::Nothing => Value::Null,
            Received::Line(line) => serde_json::from_str(&line).expect("a line of the server is JSON"),
        };
        if received["cmd"] == "do" {
            match take(&received, plan) {
                Ok(job) => {
                    note(record, &format!("took {} {} {}\n", job.submitter, job.sequence, now_ms()));
                    let Job::TakesMs(ms) = plan.job else { return };
                    let number = received["job"].as_u64().expect("it asked for numbers");
                    held.push_back(Held { number, job, due: Instant::now() + Duration::from_millis(ms) });
                }
                Err(why) => note(record, &format!("wrong {why}\n")),
            }
        }
        while held.front().is_some_and(|held| held.due <= Instant::now()) {
            let Held { number, job, .. } = held.pop_front().expect("it was there");
            note(record, &format!("did {} {} {}\n", job.submitter, job.sequence, now_ms()));
            let mut line = format!("{{\"cmd\":\"did\",\"job\":{number},\"res\":").into_bytes();
            workload().append_res(job, &mut line);
            line.extend_from_slice(b"}\n");
            wire.send(line);
        }
    }
}

/// Returns the job, or what is wrong with it.
fn take(received: &Value, plan: &WorkerPlan) -> Result<JobKey, String> {
    let arg = received["arg"].to_string();
    let job = job_named_by(arg.as_bytes()).filter(|job| workload().is_arg(*job, arg.as_bytes()));
    let is_right = received["type"] == *plan.type_name;
    job.filter(|_| is_right).ok_or_else(|| format!("a worker of {} received {received}", plan.type_name))
}

/// Returns the time of the machine in milliseconds, the same in all processes.
pub(crate) fn now_ms() -> u128 {
    SystemTime::UNIX_EPOCH.elapsed().expect("the clock is set").as_millis()
}

/// One write, so that a kill leaves no half of it.
fn note(record: &mut File, line: &str) {
    record.write_all(line.as_bytes()).expect("the record can be written");
}

/// How often a job was begun and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) took: u32,
    pub(crate) did: u32,
    /// What was recorded of it, for people.
    pub(crate) events: Vec<String>,
}

/// What all workers have recorded.
pub(crate) struct Record {
    files: Vec<Recorded>,
    runs: HashMap<Id, Runs>,
}

/// How far a record was read.
struct Recorded {
    path: PathBuf,
    read: u64,
    jobs: u64,
    /// Jobs that the worker has taken and not done.
    open: HashSet<Id>,
}

impl Record {
    /// Of these workers.
    pub(crate) fn of<'a>(plans: impl IntoIterator<Item = &'a WorkerPlan>) -> Self {
        let files = plans.into_iter().map(|plan| Recorded {
            path: plan.record.clone(),
            read: 0,
            jobs: 0,
            open: HashSet::new(),
        });
        Self { files: files.collect(), runs: HashMap::new() }
    }

    /// Reads what was added.
    ///
    /// # Panics
    /// If a worker received a job that no submitter sent.
    pub(crate) fn refresh(&mut self) {
        for file in &mut self.files {
            for line in file.next_lines().lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let [what @ ("took" | "did"), submitter, sequence, ms] = words[..] else { panic!("{line}") };
                let id: Id = (submitter.parse().unwrap(), sequence.parse().unwrap());
                let runs = self.runs.entry(id).or_default();
                let worker = file.path.file_name().unwrap_or_default().to_string_lossy();
                runs.events.push(format!("{what} by {worker} at {ms}"));
                if what == "took" {
                    runs.took += 1;
                    file.jobs += 1;
                    file.open.insert(id);
                } else {
                    runs.did += 1;
                    file.open.remove(&id);
                }
            }
        }
    }

    /// Returns how often a job was run.
    pub(crate) fn of_job(&self, id: Id) -> Runs {
        self.runs.get(&id).cloned().unwrap_or_default()
    }

    /// Returns the jobs that were begun more than once.
    pub(crate) fn twice(&self) -> impl Iterator<Item = (Id, &Runs)> {
        self.runs.iter().filter(|(_, runs)| runs.took > 1).map(|(id, runs)| (*id, runs))
    }

    /// Returns the jobs that a worker has at the moment, as far as it has recorded it.
    pub(crate) fn open_at<'a>(&'a self, plan: &WorkerPlan) -> impl Iterator<Item = Id> + 'a {
        let file = self.files.iter().find(|file| file.path == plan.record);
        file.into_iter().flat_map(|file| file.open.iter().copied())
    }

    /// Returns how many times each worker has received a job, in the order of the plans.
    pub(crate) fn received(&self) -> Vec<u64> {
        self.files.iter().map(|file| file.jobs).collect()
    }
}

impl Recorded {
    /// Returns the whole lines that follow those that were read.
    fn next_lines(&mut self) -> String {
        // There is none before its worker has started.
        let Ok(mut file) = File::open(&self.path) else { return String::new() };
        let mut text = String::new();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        file.read_to_string(&mut text).unwrap();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        self.read += text.len() as u64;
        text
    }
}
