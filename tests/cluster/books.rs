//! What one connection of a submitter knows of its jobs, and what is wrong with the lines that it receives.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::load::{Kind, Plan, workload};
use crate::traffic::check::{Outstanding, Wrong};
use crate::traffic::workload::{JobKey, job_named_by};

/// What one connection of a submitter knows of its jobs.
pub(crate) struct Books {
    pub(crate) number: u16,
    pub(crate) plan: Plan,
    pub(crate) outstanding: Outstanding,
    /// Jobs that were answered with their result.
    pub(crate) done: BTreeSet<u64>,
    pub(crate) stored: BTreeSet<u64>,
    pub(crate) refused: u64,
    /// The connection ended before all was answered, as was expected.
    pub(crate) is_lost: bool,
}

/// What came of a line.
pub(crate) enum Taken {
    Well,
    /// A job was refused, as may be.
    Refused,
}

impl Books {
    pub(crate) fn new(number: u16, plan: Plan) -> Self {
        Self {
            number,
            plan,
            outstanding: Outstanding::new(number),
            done: BTreeSet::new(),
            stored: BTreeSet::new(),
            refused: 0,
            is_lost: false,
        }
    }

    pub(crate) fn submitted(&self) -> u64 {
        self.done.len() as u64 + self.refused + self.open()
    }

    pub(crate) fn open(&self) -> u64 {
        match self.outstanding.check_empty() {
            Err(Wrong::Missing { jobs, .. }) => jobs as u64,
            _ => 0,
        }
    }

    pub(crate) fn missing(&self) -> String {
        let missing = self.outstanding.check_empty().map_or_else(|wrong| wrong.to_string(), |()| String::new());
        let (kind, machine) = (self.plan.kind, self.plan.machine);
        format!("{missing} ({kind:?}, machine {machine}, stored {})", self.stored.contains(&self.outstanding.oldest()))
    }

    /// Returns lines that fill the window.
    pub(crate) fn submit(&mut self, now_ns: u64) -> String {
        let mut lines = String::new();
        let durable = if self.plan.kind == Kind::Durable { r#","durable":true"# } else { "" };
        for _ in usize::try_from(self.open()).expect("a window")..self.plan.window {
            let job = self.outstanding.submit(now_ns);
            let mut arg = Vec::new();
            workload().append_arg(job, &mut arg);
            let arg = String::from_utf8(arg).expect("arguments are text");
            let (id, type_name) = (job.sequence, self.plan.type_name);
            writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"{type_name}"{durable},"arg":{arg}}}"#).unwrap();
        }
        lines
    }

    pub(crate) fn take(&mut self, line: &str, may_refuse: bool) -> Result<Taken, String> {
        let received: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let sequence = received["id"].as_u64().ok_or("without the id of a job")?;
        match received["cmd"].as_str() {
            Some("stored") => {
                let is_first = self.plan.kind == Kind::Durable && self.stored.insert(sequence);
                if is_first { Ok(Taken::Well) } else { Err("of a job that is stored, or is not durable".to_owned()) }
            }
            Some("did") => self.on_did(sequence, &received, may_refuse),
            _ => Err("which answers nothing".to_owned()),
        }
    }

    fn on_did(&mut self, sequence: u64, did: &Value, may_refuse: bool) -> Result<Taken, String> {
        self.outstanding.complete(sequence).map_err(|wrong| wrong.to_string())?;
        if let Some(code) = did["code"].as_str() {
            let is_stored = self.stored.contains(&sequence);
            if code == "no_bridge" && self.plan.kind == Kind::Durable && may_refuse && !is_stored {
                self.refused += 1;
                return Ok(Taken::Refused);
            }
            return Err(format!("which is no result (stored: {is_stored})"));
        }
        let job = JobKey { submitter: self.number, sequence };
        let res = did["res"].to_string();
        if !workload().is_res(job, res.as_bytes()) {
            return Err(Wrong::OtherPayload { job, names: job_named_by(res.as_bytes()) }.to_string());
        }
        self.done.insert(sequence);
        Ok(Taken::Well)
    }
}
