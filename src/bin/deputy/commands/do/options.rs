//! The options of a job, such as its priority and its time limits.

use std::time::Duration;

use deputy::client::{Client, JobBuilder, JobHandle};
use deputy::limits::KEY_BYTES_MAX;
use serde_json::value::RawValue;

use crate::cli::parse::Args;
use crate::cli::{Opt, ValueKind};
use crate::error::CliError;

pub(super) static PRIORITY: Opt = Opt::value("--priority", ValueKind::Int { min: i8::MIN as i64, max: i8::MAX as i64 })
    .help("of the waiting jobs of a type, those with the highest priority start first")
    .default("0");
pub(super) static DELAY: Opt = Opt::value("--delay", ValueKind::JobSeconds { zero: "none" })
    .help("let the job wait at the server for this long before it may start");
pub(super) static DEADLINE: Opt = Opt::value("--deadline", ValueKind::JobSeconds { zero: "" })
    .help("end the job if it is not done this long after the server accepted it");
pub(super) static RUN_LIMIT: Opt = Opt::value("--run-limit", ValueKind::JobSeconds { zero: "" })
    .help("give the job to another worker if one holds it this long, or this long after its last progress")
    .default("the server's --run-limit");
pub(super) static WAIT_LIMIT: Opt =
    Opt::value("--wait-limit", ValueKind::JobSeconds { zero: "a worker must be free at once" })
        .help("end the job if no worker gets it within this time, counted without --delay");
pub(super) static ATTEMPTS: Opt = Opt::value("--attempts", ValueKind::Uint { min: 1, max: u8::MAX as u64, zero: "" })
    .help("give up on the job after this many lost or overdue workers")
    .default("the server's --max-attempts");
pub(super) static KEY: Opt = Opt::value("--key", ValueKind::Text("TEXT"))
    .help("if a job of the type with this key waits or runs, get its result");
pub(super) static NEED_WORKER: Opt =
    Opt::flag("--need-worker").help("fail at once if no connected worker does the type");
pub(super) static DURABLE: Opt =
    Opt::flag("--durable").help("let a bridge store the job, so that it survives failures; exit when it is stored");
pub(super) static WAIT: Opt = Opt::flag("--wait").help("with --durable: wait for the result too");
pub(super) static PROGRESS: Opt = Opt::flag("--progress").help("show the worker's progress reports on standard error");
pub(super) static KEEP: Opt =
    Opt::flag("--keep").help("let the job go on if this command ends first, by its time limit or a signal");

/// The options of a job, or of each job of a batch.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct JobOptions {
    priority: i8,
    delay: Option<Duration>,
    deadline: Option<Duration>,
    run_limit: Option<Duration>,
    wait_limit: Option<Duration>,
    attempts: Option<u8>,
    key: Option<String>,
    need_worker: bool,
    is_durable: bool,
    has_progress: bool,
    is_kept: bool,
}

impl JobOptions {
    pub(super) fn of(args: &Args) -> Result<Self, CliError> {
        let key = args.text(&KEY);
        if let Some(key) = key.filter(|key| !(1..=KEY_BYTES_MAX).contains(&key.len())) {
            let bytes = key.len();
            return Err(CliError::usage(format!("option '--key' must have 1 to {KEY_BYTES_MAX} bytes, not {bytes}")));
        }
        Ok(Self {
            priority: args.int(&PRIORITY).map_or(0, |number| i8::try_from(number).expect(IN_RANGE)),
            delay: args.seconds(&DELAY),
            deadline: args.seconds(&DEADLINE),
            run_limit: args.seconds(&RUN_LIMIT),
            wait_limit: args.seconds(&WAIT_LIMIT),
            attempts: args.uint(&ATTEMPTS).map(|number| u8::try_from(number).expect(IN_RANGE)),
            key: key.map(str::to_owned),
            need_worker: args.has(&NEED_WORKER),
            is_durable: args.has(&DURABLE),
            has_progress: args.has(&PROGRESS),
            is_kept: args.has(&KEEP),
        })
    }

    /// Submits a job for whose result the command waits. Unless the job is kept or durable, the server cancels it when
    /// the connection ends.
    pub(super) fn submit(&self, client: &Client, type_name: &str, arg: Option<&RawValue>) -> JobHandle<Box<RawValue>> {
        let job = self.job(client, type_name, arg);
        let job = if self.is_kept || self.is_durable { job } else { job.cancellable() };
        if self.has_progress { job.progress().submit_raw() } else { job.submit_raw() }
    }

    /// Submits a job whose result is dropped.
    pub(super) fn submit_background(&self, client: &Client, type_name: &str, arg: Option<&RawValue>) -> JobHandle<()> {
        self.job(client, type_name, arg).submit_background()
    }

    fn job<'a>(
        &'a self,
        client: &'a Client,
        type_name: &'a str,
        arg: Option<&'a RawValue>,
    ) -> JobBuilder<'a, RawValue> {
        let mut job = client.job_raw(type_name, arg).priority(self.priority);
        if let Some(delay) = self.delay {
            job = job.delay(delay);
        }
        if let Some(deadline) = self.deadline {
            job = job.deadline(deadline);
        }
        if let Some(limit) = self.run_limit {
            job = job.run_limit(limit);
        }
        if let Some(limit) = self.wait_limit {
            job = job.wait_limit(limit);
        }
        if let Some(attempts) = self.attempts {
            job = job.attempts(attempts);
        }
        if let Some(key) = &self.key {
            job = job.key(key);
        }
        if self.need_worker {
            job = job.need_worker();
        }
        if self.is_durable { job.durable() } else { job }
    }
}

/// The panic text for a number that does not fit its type: the option's range excludes it.
const IN_RANGE: &str = "it is in its range";
