//! What a job asks of its worker, and what must come of it. Both are functions of its argument, of which no two are
//! alike: a result that went to another job, or to another submitter, is seen.

use serde_json::{Value, json};

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

/// A job, as its submitter and its worker both know it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// No two jobs of a server have the same.
    pub(crate) key: u64,
    pub(crate) fate: Fate,
    /// Bytes that the argument carries along, ...
    pub(crate) there: usize,
    /// ... and the result.
    pub(crate) back: usize,
}

impl Job {
    pub(crate) fn arg(&self) -> String {
        let fate = match self.fate {
            Fate::Done => "done",
            Fate::Fails => "fails",
            Fate::Kills => "kills",
        };
        let (key, back, pad) = (self.key, self.back, "x".repeat(self.there));
        format!(r#"{{"key":{key},"fate":"{fate}","back":{back},"pad":"{pad}"}}"#)
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
        Some(Self { key: arg["key"].as_u64()?, fate, there: arg["pad"].as_str()?.len(), back })
    }

    /// What its worker must say of it: `res` or `err`.
    pub(crate) fn outcome(&self) -> Value {
        // An odd factor: no two keys come to the same.
        let sum = self.key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        json!({"of": sum, "bytes": self.there, "pad": "y".repeat(self.back)})
    }

    /// The members of the `did` by which its worker answers it.
    pub(crate) fn verdict(&self) -> String {
        let name = if self.fate == Fate::Fails { "err" } else { "res" };
        format!(r#""{name}":{}"#, self.outcome())
    }
}
