//! What a worker says of itself.

use super::options::{flag, value};
use super::{Command, Text, types, whole_number};
use crate::limits::JOBS_PER_WORKER_MAX;
use crate::protocol::members::{Members, Name};

/// What a `can_do` asks for beside types and slots; the default is what one asks for that gives no such member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Whether each job that the connection is sent from now on carries `ref`.
    pub wants_ref: bool,
}

pub(super) fn can_do<'a>(members: &Members<'a>) -> Result<Command<'a>, Text> {
    let slots = |raw| whole_number(raw, 1..=JOBS_PER_WORKER_MAX.into()).and_then(|number| u32::try_from(number).ok());
    let max_jobs = value(members, Name::MaxJobs, slots, "max_jobs must be a whole number from 1 to 65535")?;
    let options = WorkerOptions { wants_ref: flag(members, Name::Ref, "ref must be true or false")? };
    Ok(Command::CanDo { types: types(members)?, max_jobs, options, id: members.id() })
}
