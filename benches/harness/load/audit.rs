//! What a server still has when the load believes that all jobs have ended.

use std::time::Duration;

use crate::harness::Failure;
use crate::harness::net::blocking::Blocking;
use crate::harness::net::conn::chunk;
use crate::harness::servers::Target;
use crate::harness::servers::control::{Books, Control};
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::check::{Wrong, excerpt};
use crate::harness::traffic::drivers::{Endpoint, Protocol, ServerMessage};
use crate::harness::traffic::tally::ServerCounts;
use crate::harness::traffic::workload::Workload;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Asks the server.
pub(super) enum Auditor<'a> {
    /// Deputy says how its jobs ended and what it has; it may have as much as before the load.
    Books { control: Control, before: Books },
    /// Another server says how many jobs it has; it may have none.
    Jobs { target: &'a Target, protocol: Protocol, types: Vec<u64> },
}

/// What the server says.
pub(super) enum Audit {
    /// It has nothing of the load's. Its jobs ended as these counts say.
    AtRest(ServerCounts),
    /// It still has something.
    Busy(String),
}

impl<'a> Auditor<'a> {
    /// Returns the auditor of a server before its load; `None` if the jobs ask for nothing.
    pub(super) fn of(target: &'a Target, protocol: Protocol, workload: &Workload) -> Result<Option<Self>, Failure> {
        let ask = workload.shape.ask;
        if ask == Ask::Nothing {
            return Ok(None);
        }
        if let Some(mut control) = target.control()? {
            let before = control.books()?;
            return Ok(Some(Self::Books { control, before }));
        }
        if ask != Ask::Background {
            return Err("only Deputy does what these jobs ask for".into());
        }
        let types = (0..workload.shape.types as u64).collect();
        Ok(Some(Self::Jobs { target, protocol, types }))
    }

    /// Asks once.
    pub(super) fn ask(&mut self) -> Result<Audit, Failure> {
        match self {
            Self::Books { control, before } => {
                let books = control.books()?;
                Ok(if books.at_rest.is_within(before.at_rest) {
                    Audit::AtRest(books.counts_since(before))
                } else {
                    Audit::Busy(format!("{:?}, before the load {:?}", books.at_rest, before.at_rest))
                })
            }
            Self::Jobs { target, protocol, types } => Ok(match jobs_left(target, *protocol, types)? {
                0 => Audit::AtRest(ServerCounts::default()),
                left => Audit::Busy(format!("{left} jobs")),
            }),
        }
    }
}

/// Asks a server for the number of its jobs, on a connection of its own.
fn jobs_left(target: &Target, protocol: Protocol, types: &[u64]) -> Result<u64, Failure> {
    let mut driver = protocol.driver();
    let mut stream = Blocking::connect(&target.address, ANSWER_TIMEOUT)?;
    let (mut chunk, mut input, mut out) = (chunk(), Vec::new(), Vec::new());
    driver.greet(Endpoint::Auditor(types), &mut out);
    loop {
        stream.write_all(&out)?;
        out.clear();
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err("the server closed the connection that asked for its jobs".into());
        }
        input.extend_from_slice(&chunk[..count]);
        let mut rest = &input[..];
        while let Some(message) = driver.next_message(&mut rest, &mut out)? {
            match message {
                ServerMessage::Left(jobs) => return Ok(jobs),
                ServerMessage::Receipt => {}
                ServerMessage::Refused(line) => return Err(Wrong::Refused(excerpt(line)).into()),
                other => return Err(Wrong::Unexpected(format!("{other:?} for an auditor")).into()),
            }
        }
        let taken = input.len() - rest.len();
        input.drain(..taken);
    }
}
