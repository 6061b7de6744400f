//! The options of a `do`.

use super::{Text, TypeName, whole_number};
use crate::limits::{JOB_MS_MAX, KEY_BYTES_MAX};
use crate::protocol::members::{Members, Name};
use crate::protocol::types::canonical;

/// The options of a job. The default is that of a `do` without options.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member on the wire")]
pub struct JobOptions<'a> {
    /// Among waiting jobs of a type, those with the highest priority go first.
    pub priority: i8,
    /// How long it waits before it enters its queue, in milliseconds; 0 (not at all) to [`JOB_MS_MAX`].
    pub delay_ms: u64,
    /// How long after it was accepted it must have ended, in milliseconds; 1 to [`JOB_MS_MAX`].
    pub deadline_ms: Option<u64>,
    /// How long a worker may hold it, in milliseconds; 1 to [`JOB_MS_MAX`]. `None`: the server's default.
    pub run_limit_ms: Option<u64>,
    /// The number of counted attempts, losses and passed run limits, after which the server gives up on it; 1 to 255. `None`: the server's default.
    pub attempts: Option<u8>,
    /// Whether `cancel` and the end of its submitter's connection end it.
    pub cancellable: bool,
    /// Whether its submitter receives its progress.
    pub progress: bool,
    /// The key, which joins it with other jobs of its type: canonical text, like a type's.
    pub key: Option<TypeName<'a>>,
    /// Whether it ends at once if no connection does its type.
    pub need_worker: bool,
    /// Whether its one `did` reports that it was accepted, or stored if it is durable. Then `cancellable` and
    /// `progress` are false, and `deadline_ms` is absent.
    pub background: bool,
    /// Whether only workers for durable jobs may get it. Then `key` is absent, and `delay_ms` is 0.
    pub durable: bool,
    /// The time within which it must be sent to a worker, from when it is first queued, in milliseconds; 0 (a slot must
    /// be free then) to [`JOB_MS_MAX`]. A job with it has no `key`.
    pub wait_ms: Option<u64>,
}

/// Decodes the options of a `do`; `None` if it gives none.
pub(super) fn options<'a>(members: &Members<'a>) -> Result<Option<Box<JobOptions<'a>>>, Text> {
    if !members.has_options() {
        return Ok(None);
    }
    let priority_text = "priority must be a whole number from -128 to 127";
    let delay_text = "delay_ms must be a whole number from 0 to 2592000000";
    let deadline_text = "deadline_ms must be a whole number from 1 to 2592000000";
    let run_limit_text = "run_limit_ms must be a whole number from 1 to 2592000000";
    let attempts_text = "attempts must be a whole number from 1 to 255";
    let wait_text = "wait_ms must be a whole number from 0 to 2592000000";
    let key_text = "key must be a string of 1 to 255 bytes, without lone surrogates";
    let limit = |raw| whole_number(raw, 1..=JOB_MS_MAX);
    let attempts = |raw| whole_number(raw, 1..=u8::MAX.into()).and_then(|number| u8::try_from(number).ok());
    let options = JobOptions {
        priority: value(members, Name::Priority, priority, priority_text)?.unwrap_or_default(),
        delay_ms: value(members, Name::DelayMs, |raw| whole_number(raw, 0..=JOB_MS_MAX), delay_text)?
            .unwrap_or_default(),
        deadline_ms: value(members, Name::DeadlineMs, limit, deadline_text)?,
        run_limit_ms: value(members, Name::RunLimitMs, limit, run_limit_text)?,
        attempts: value(members, Name::Attempts, attempts, attempts_text)?,
        cancellable: flag(members, Name::Cancellable, "cancellable must be true or false")?,
        progress: flag(members, Name::Progress, "progress must be true or false")?,
        key: value(members, Name::Key, |raw| canonical(raw, KEY_BYTES_MAX), key_text)?,
        need_worker: flag(members, Name::NeedWorker, "need_worker must be true or false")?,
        background: flag(members, Name::Background, "background must be true or false")?,
        durable: flag(members, Name::Durable, "durable must be true or false")?,
        wait_ms: value(members, Name::WaitMs, |raw| whole_number(raw, 0..=JOB_MS_MAX), wait_text)?,
    };
    if options.background && (options.cancellable || options.progress || options.deadline_ms.is_some()) {
        return Err("background jobs cannot have cancellable, progress or deadline_ms");
    }
    if options.durable && (options.key.is_some() || options.delay_ms > 0) {
        return Err("durable jobs cannot have key or delay_ms");
    }
    if options.wait_ms.is_some() && options.key.is_some() {
        return Err("jobs with a key cannot have wait_ms");
    }
    Ok(Some(Box::new(options)))
}

/// Decodes a member that may be absent.
pub(super) fn value<'a, T>(
    members: &Members<'a>,
    name: Name,
    decode: impl FnOnce(&'a str) -> Option<T>,
    text: Text,
) -> Result<Option<T>, Text> {
    members.get(name).map(|raw| decode(raw).ok_or(text)).transpose()
}

/// Decodes a member that is false if it is absent.
pub(super) fn flag(members: &Members<'_>, name: Name, text: Text) -> Result<bool, Text> {
    let decode = |raw| match raw {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    Ok(value(members, name, decode, text)?.unwrap_or_default())
}

/// Parses a number of digits only, with a minus if it is below 0.
fn priority(raw: &str) -> Option<i8> {
    raw.parse().ok().filter(|_| raw != "-0")
}
