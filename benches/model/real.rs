//! The real server under the real load: what it counts itself, and its processor time.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::Failure;
use crate::conn::Address;
use crate::load::Load;
use crate::machine::{cores, cpu_time};
use crate::table::approximate;
use crate::workload::Workload;

/// Before anything is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// What a job takes, as measured or as predicted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerJob {
    /// Answers a second.
    pub(crate) jobs_per_s: f64,
    /// Microseconds of the server's processor time.
    pub(crate) us: f64,
    /// Messages between shards.
    pub(crate) messages: f64,
    /// Shards woken for them.
    pub(crate) wakes: f64,
    /// Turns of the shards.
    pub(crate) turns: f64,
    /// The part of the machine's cores that other programs had meanwhile.
    pub(crate) others: f64,
}

/// What the server says of itself.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Told {
    #[serde(rename = "shard_messages")]
    messages: u64,
    #[serde(rename = "shard_wakes")]
    wakes: u64,
    #[serde(rename = "shard_turns")]
    turns: u64,
}

#[derive(Deserialize)]
struct Answer {
    metrics: Told,
}

/// A server of our own, killed when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(shards: u16) -> Result<Self, Failure> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deputy-server"))
            .args(["--port", "0", "--threads", &shards.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        BufReader::new(stderr).read_line(&mut line)?;
        let address = line.split_whitespace().find_map(|word| word.parse().ok());
        server.address = address.ok_or_else(|| format!("the server did not say where it listens: {line}"))?;
        Ok(server)
    }

    fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is counted at one moment.
struct Sample {
    at: Instant,
    cpu: Duration,
    /// Of the load.
    own_cpu: Duration,
    /// Of all programs.
    all_cpu: Duration,
    jobs: u64,
    told: Told,
}

impl Sample {
    fn take(server: &Server, load: &Load, asker: &mut BufReader<TcpStream>) -> Result<Self, Failure> {
        asker.get_mut().write_all(b"{\"cmd\":\"metrics\"}\n")?;
        let mut line = String::new();
        asker.read_line(&mut line)?;
        let Answer { metrics: told } = serde_json::from_str(&line)?;
        let untold = "the system does not tell the processor time";
        let cpu = cpu_time(server.child.id()).ok_or(untold)?;
        let own_cpu = cpu_time(std::process::id()).ok_or(untold)?;
        let all_cpu = all_cpu_time().ok_or(untold)?;
        Ok(Self { at: Instant::now(), cpu, own_cpu, all_cpu, jobs: load.answered(), told })
    }
}

/// Processor time that all programs together have used; `None` where the system has no /proc that says so.
fn all_cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).map_while(|n| n.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq: see proc_stat(5).
    let busy = [0, 1, 2, 5, 6].into_iter().map(|at| ticks.get(at)).sum::<Option<u64>>()?;
    Some(Duration::from_secs(1) * u32::try_from(busy).ok()? / u32::try_from(clock_ticks_per_second()).ok()?)
}

/// Loads a server of so many shards for a while.
pub(crate) fn run(workload: Workload, shards: u16, time: Duration) -> Result<PerJob, Failure> {
    let server = Server::start(shards)?;
    let mut load = Load::connect(workload, &Address::Tcp(server.address))?;
    let mut asker = BufReader::new(TcpStream::connect(server.address)?);
    load.run_until(Instant::now() + WARM_UP)?;
    let before = Sample::take(&server, &load, &mut asker)?;
    load.run_until(before.at + time)?;
    let after = Sample::take(&server, &load, &mut asker)?;
    load.drain()?;
    server.stop()?;
    let jobs = approximate(after.jobs - before.jobs);
    let time = after.at - before.at;
    let between = |clock: fn(&Sample) -> Duration| clock(&after).saturating_sub(clock(&before));
    let server_time = between(|sample| sample.cpu);
    let others = between(|sample| sample.all_cpu).saturating_sub(server_time + between(|sample| sample.own_cpu));
    let of = |figure: fn(&Told) -> u64| approximate(figure(&after.told) - figure(&before.told)) / jobs;
    Ok(PerJob {
        jobs_per_s: jobs / time.as_secs_f64(),
        us: server_time.as_secs_f64() * 1e6 / jobs,
        messages: of(|told| told.messages),
        wakes: of(|told| told.wakes),
        turns: of(|told| told.turns),
        others: others.as_secs_f64() / time.as_secs_f64() / approximate(cores() as u64),
    })
}
