//! A cluster under load, and what is done to it: a fault again and again, each time until everything that was open is
//! answered. Then every job is accounted for.

use std::env;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::{Engine, Program};
use crate::load::{Id, Kind, Load, Plan};
use crate::nats::STREAM;
use crate::node::Node;
use crate::wait::until;
use crate::worker::{Job, Record, Runs, now_ms};

/// Says how long each fault is made again and again, in seconds.
const SECONDS: &str = "DEPUTY_CLUSTER_SECONDS";

/// The type that the machines B and C do. Its jobs are submitted at A and B.
pub(crate) const SHARED: &str = "shared";
/// The type that only A does, for itself.
const LOCAL: &str = "local";
/// The plan of its submitter.
pub(crate) const LOCAL_PLAN: usize = 4;

/// The machines, by number.
pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

/// Shared jobs that are unanswered. With one machine less they wait in turn.
const IN_FLIGHT: usize = 24;

/// How long a job takes.
const JOB: Job = Job::TakesMs(50);

/// A row of the table of failures in docs/scale-out.md.
pub(crate) struct Row {
    /// What dies.
    pub(crate) name: &'static str,
    /// How long the table says that it takes.
    pub(crate) table: &'static str,
    /// How many jobs each fault may make run twice.
    pub(crate) twice: usize,
    /// The machine whose submitters cannot be answered until the repair.
    pub(crate) cut_off: Option<usize>,
    /// Whether durable jobs may be refused from the fault on.
    pub(crate) refuses: bool,
}

/// See the module.
pub(crate) struct Cluster {
    pub(crate) engine: Engine,
    pub(crate) nodes: Vec<Node>,
    pub(crate) load: Arc<Load>,
    threads: Vec<JoinHandle<()>>,
    pub(crate) record: Record,
    title: String,
}

impl Cluster {
    /// Starts three machines on an engine with this number of servers, and the load, and waits until each worker has
    /// had a job.
    pub(crate) fn start(program: &Program, servers: usize) -> Self {
        let engine = Engine::start(program, servers).unwrap();
        let shared = [(SHARED, JOB), (SHARED, JOB)];
        let machines: [(&str, &[(&str, Job)]); 3] = [("a", &[(LOCAL, JOB)]), ("b", &shared), ("c", &shared)];
        let nodes: Vec<Node> = machines.iter().map(|(name, plans)| Node::start(name, &engine, &[], plans)).collect();
        let submitters = [
            (A, SHARED, Kind::Ordinary, IN_FLIGHT / 3),
            (A, SHARED, Kind::Durable, IN_FLIGHT / 3),
            (B, SHARED, Kind::Ordinary, IN_FLIGHT / 6),
            (B, SHARED, Kind::Durable, IN_FLIGHT / 6),
            (A, LOCAL, Kind::Ordinary, 2),
        ];
        let plans = submitters.into_iter().enumerate().map(|(number, (machine, type_name, kind, window))| {
            let address = nodes[machine].address();
            Plan { number, machine, address, type_name, kind, window }
        });
        let plans = plans.collect();
        let record = Record::of(nodes.iter().flat_map(Node::plans));
        let (load, threads) = Load::start(nodes.len(), plans);
        let (major, minor) = program.version;
        let title = format!("nats-server {major}.{minor}, R{servers}");
        let mut cluster = Self { engine, nodes, load, threads, record, title };
        cluster.wait_until_healthy();
        cluster.load.expect_refusals(false);
        cluster
    }

    /// Waits until each worker has had another job, each submitter has another result, and all jobs are answered that were
    /// open.
    pub(crate) fn wait_until_healthy(&mut self) {
        let now_ns = self.load.now_ns();
        self.record.refresh();
        let grow = |now: Vec<u64>, before: &[u64]| now.iter().zip(before).all(|(now, before)| now > before);
        let (received, done) = (self.record.received(), self.load.done());
        until("a job for each worker, and a result for each submitter", || {
            self.load.check();
            self.record.refresh();
            (grow(self.record.received(), &received) && grow(self.load.done(), &done)).then_some(())
        });
        self.wait_for_answers(now_ns, None);
    }

    /// Waits until a machine has a job of another one.
    pub(crate) fn wait_for_foreign_job(&mut self, at: usize, of: usize) {
        until("a job of another machine", || {
            self.record.refresh();
            let mut open = self.nodes[at].plans().iter().flat_map(|plan| self.record.open_at(plan));
            open.any(|id| self.load.is_of(of, id)).then_some(())
        });
    }

    fn wait_for_answers(&self, before_ns: u64, except: Option<usize>) {
        until("the answers to all jobs that were open", || self.load.has_answered(before_ns, except).then_some(()));
    }

    /// Makes a fault for as long as is asked for, once at least. `fault` may include the return of what died. `repair`
    /// follows when jobs are answered that were open at the fault, and then some that were submitted after it.
    ///
    /// # Panics
    /// If a job is not accounted for.
    #[allow(clippy::print_stdout, reason = "the harness keeps it for failures and --nocapture")]
    pub(crate) fn play(&mut self, row: &Row, fault: impl Fn(&mut Self), repair: impl Fn(&mut Self)) {
        let (start, mut open, mut new) = (Instant::now(), Vec::new(), Vec::new());
        self.record.refresh();
        let mut faults = Vec::new();
        let before: Vec<Id> = self.record.twice().map(|(id, _)| id).collect();
        while open.is_empty() || start.elapsed() < seconds() {
            self.wait_for_foreign_job(B, A);
            let (now, now_ns) = (Instant::now(), self.load.now_ns());
            faults.push(now_ms());
            if row.refuses {
                self.load.expect_refusals(true);
            }
            fault(self);
            self.wait_for_answers(now_ns, row.cut_off);
            self.wait_for_stored();
            open.push(now.elapsed());
            self.wait_for_answers(self.load.now_ns(), row.cut_off);
            new.push(now.elapsed());
            repair(self);
            self.wait_until_healthy();
        }
        self.record.refresh();
        let twice: Vec<(Id, &Runs)> = self.record.twice().filter(|(id, _)| !before.contains(id)).collect();
        let counts = self.load.counts();
        let worst = |times: &[Duration]| times.iter().max().map_or(0.0, Duration::as_secs_f64);
        println!(
            "{}, {} x {}: open jobs answered after {:.2} s, new ones after {:.2} s at most (table: {}); run twice \
             {}; so far {counts:?}",
            self.title,
            row.name,
            open.len(),
            worst(&open),
            worst(&new),
            row.table,
            twice.len()
        );
        let allowed = row.twice.saturating_mul(open.len());
        assert!(twice.len() <= allowed, "{}: jobs were run twice: {twice:#?}; faults at {faults:?} ms", row.name);
    }

    /// Waits until the durable jobs are done that were stored, and whose submitter is gone.
    fn wait_for_stored(&mut self) {
        let stored = self.load.stored_and_left();
        until("stored jobs that are done", || {
            self.load.check();
            self.record.refresh();
            stored.iter().all(|id| self.record.of_job(*id).did > 0).then_some(())
        });
    }

    /// Ends the load, and accounts for every job.
    ///
    /// # Panics
    /// If one is lost.
    pub(crate) fn finish(mut self) {
        self.load.finish();
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("submitters do not panic");
        }
        self.load.check();
        self.wait_for_stored();
        let lost: Vec<Id> = self.load.promised().into_iter().filter(|id| self.record.of_job(*id).did == 0).collect();
        assert_eq!(lost, [], "jobs that were answered or stored, and never done");
        until("an empty stream", || self.engine.messages(STREAM, "deputy.job.>").filter(|jobs| *jobs == 0));
    }
}

impl Drop for Cluster {
    /// Ends the submitters, also of a test that failed.
    fn drop(&mut self) {
        self.load.finish();
    }
}

/// How long each fault is made.
fn seconds() -> Duration {
    setting(SECONDS, 1)
}

/// Returns a time in seconds that the environment may set.
pub(crate) fn setting(name: &str, default: u64) -> Duration {
    let seconds =
        env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number")));
    Duration::from_secs(seconds)
}
