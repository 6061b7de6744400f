//! The options and classes of a worker.

use super::options::{flag, value};
use super::{Command, Text, types, whole_number};
use crate::limits::JOBS_PER_WORKER_MAX;
use crate::protocol::members::{Members, Name};

/// The options of a `can_do` besides types and slots. The default is that of absent members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Whether the connection takes the types of the line as a spare worker.
    pub spare: bool,
    /// Whether it takes their durable jobs. Without `spare`, the line is only for durable jobs.
    pub durable: bool,
    /// Whether each job that is sent to the connection from now on has `ref`.
    pub wants_ref: bool,
}

/// The class of a worker for a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It gets jobs whenever it has a free slot.
    Ordinary,
    /// It gets a job only while no ordinary worker can take the job.
    Spare,
    /// It gets only the durable jobs.
    Durable,
}

impl Class {
    /// All classes, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Ordinary, Self::Spare, Self::Durable];

    /// The number of classes.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether such a worker passes its jobs on, and does not run them: a durable one, and a spare one that wants `ref`.
    pub fn passes_on(self, wants_ref: bool) -> bool {
        match self {
            Self::Ordinary => false,
            Self::Spare => wants_ref,
            Self::Durable => true,
        }
    }

    /// Returns the classes that exclude each other for a worker and type: this class and its alternatives.
    pub fn alternatives(self) -> &'static [Self] {
        match self {
            Self::Ordinary | Self::Spare => &[Self::Ordinary, Self::Spare],
            Self::Durable => &[Self::Durable],
        }
    }
}

impl WorkerOptions {
    /// Returns the classes in which the connection takes the new types of the line.
    pub fn classes(self) -> &'static [Class] {
        match (self.spare, self.durable) {
            (false, false) => &[Class::Ordinary],
            (true, false) => &[Class::Spare],
            (false, true) => &[Class::Durable],
            (true, true) => &[Class::Spare, Class::Durable],
        }
    }
}

pub(super) fn can_do<'a>(members: &Members<'a>) -> Result<Command<'a>, Text> {
    let slots = |raw| whole_number(raw, 1..=JOBS_PER_WORKER_MAX.into()).and_then(|number| u32::try_from(number).ok());
    let max_jobs = value(members, Name::MaxJobs, slots, "max_jobs must be a whole number from 1 to 65535")?;
    let options = WorkerOptions {
        spare: flag(members, Name::Spare, "spare must be true or false")?,
        durable: flag(members, Name::Durable, "durable must be true or false")?,
        wants_ref: flag(members, Name::Ref, "ref must be true or false")?,
    };
    Ok(Command::CanDo { types: types(members)?, max_jobs, options, id: members.id() })
}
