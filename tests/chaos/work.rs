//! What a job asks of its worker, and what must come of it. Both are functions of its argument, of which no two are
//! alike: a result that went to another job, or to another submitter, is seen.

use serde_json::{Value, json};

use crate::options::Options;

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its worker gives a result.
    Done,
    /// Its worker says that it failed.
    Fails,
    /// It is the end of each worker that takes it.
    Kills,
}

/// How firmly a worker holds a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Until it answers or its connection ends.
    Firm,
    /// Or until it receives `cancel`. A worker without numbers does not receive it.
    Revocable,
    /// As before; and while it is being revoked, a next job with the same key and the same argument may begin.
    Shared,
}

impl Hold {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Firm, "firm"), (Self::Revocable, "revocable"), (Self::Shared, "shared")];
}

/// The first number of jobs that have a key in common. No count gets there.
const SHARED_FROM: u64 = 1 << 40;

/// A job, as its submitter and its worker both know it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// No two jobs of a server have the same, except those of one type that have a key in common.
    pub(crate) key: u64,
    pub(crate) fate: Fate,
    /// Bytes that the argument carries along, ...
    pub(crate) there: usize,
    /// ... and the result.
    pub(crate) back: usize,
    pub(crate) hold: Hold,
    /// What its submitter asks for; its worker does not know.
    pub(crate) options: Options,
}

impl Job {
    /// The same as a job of this type. Jobs that have a key in common must have one argument, as one run answers them all.
    pub(crate) fn of_type(self, type_name: &str) -> Self {
        let Some(group) = self.options.group else { return self };
        // No two of the types here have the same sum.
        let kind: u64 = type_name.bytes().map(u64::from).sum();
        let (there, back) = (group * 7, group * 11);
        let key = SHARED_FROM + (kind << 8) + group as u64;
        Self { key, fate: Fate::Done, there, back, hold: Hold::Shared, options: self.options }
    }

    pub(crate) fn arg(&self) -> String {
        let fate = match self.fate {
            Fate::Done => "done",
            Fate::Fails => "fails",
            Fate::Kills => "kills",
        };
        let (key, back, pad) = (self.key, self.back, "x".repeat(self.there));
        let hold = Hold::NAMES.iter().find(|entry| entry.0 == self.hold).expect("each has a name").1;
        format!(r#"{{"key":{key},"fate":"{fate}","back":{back},"hold":"{hold}","pad":"{pad}"}}"#)
    }

    /// Reads what [`Job::arg`] wrote.
    pub(crate) fn read(arg: &Value) -> Option<Self> {
        let fate = match arg["fate"].as_str()? {
            "done" => Fate::Done,
            "fails" => Fate::Fails,
            "kills" => Fate::Kills,
            _ => return None,
        };
        let back = usize::try_from(arg["back"].as_u64()?).ok()?;
        let hold = Hold::NAMES.iter().find(|entry| arg["hold"] == entry.1)?.0;
        let (key, there) = (arg["key"].as_u64()?, arg["pad"].as_str()?.len());
        Some(Self { key, fate, there, back, hold, options: Options::default() })
    }

    /// What its worker must say of it: `res` or `err`.
    pub(crate) fn outcome(&self) -> Value {
        // An odd factor: no two keys come to the same.
        let sum = self.key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        json!({"of": sum, "bytes": self.there, "pad": "y".repeat(self.back)})
    }

    /// What its worker says of it on the way.
    pub(crate) fn progress(&self) -> Value {
        json!({"at": self.key})
    }

    /// The members of the `did` by which its worker answers it.
    pub(crate) fn verdict(&self) -> String {
        let name = if self.fate == Fate::Fails { "err" } else { "res" };
        format!(r#""{name}":{}"#, self.outcome())
    }
}
