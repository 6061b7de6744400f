//! The options of a job, as members of its line.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::error::Error;
use super::outgoing;
use crate::limits::{JOB_MS_MAX, KEY_BYTES_MAX};

/// The options of a job. By default there are none.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the line")]
pub(super) struct JobOptions<'a> {
    pub(super) priority: i8,
    pub(super) delay: Option<Duration>,
    pub(super) deadline: Option<Duration>,
    pub(super) run_limit: Option<Duration>,
    pub(super) wait_limit: Option<Duration>,
    pub(super) attempts: Option<u8>,
    pub(super) cancellable: bool,
    pub(super) progress: bool,
    pub(super) key: Option<&'a str>,
    pub(super) need_worker: bool,
    pub(super) background: bool,
    pub(super) durable: bool,
}

impl JobOptions<'_> {
    /// Returns the members in JSON, with a comma before each.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the server would refuse an option. It names the option.
    pub(super) fn members(&self) -> Result<String, Error> {
        let mut members = String::new();
        let mut put = |name: &str, value: &dyn Display| {
            write!(members, ",\"{name}\":{value}").expect("a string takes any text");
        };
        if self.priority != 0 {
            put("priority", &self.priority);
        }
        for (option, name, given, least) in [
            ("delay", "delay_ms", self.delay, 0),
            ("deadline", "deadline_ms", self.deadline, 1),
            ("run_limit", "run_limit_ms", self.run_limit, 1),
            ("wait_limit", "wait_ms", self.wait_limit, 0),
        ] {
            if let Some(given) = given {
                put(name, &ms(option, given, least)?);
            }
        }
        match self.attempts {
            Some(0) => return Err(Error::BadRequest("attempts is 0, and must be from 1 to 255".to_owned())),
            Some(attempts) => put("attempts", &attempts),
            None => {}
        }
        match self.key {
            Some(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => {
                let bytes = key.len();
                return Err(Error::BadRequest(format!("key has {bytes} bytes, and must have 1 to {KEY_BYTES_MAX}")));
            }
            Some(key) => put("key", &outgoing::string(key)),
            None => {}
        }
        if let Some((job, option)) = self.conflict() {
            return Err(Error::BadRequest(format!("a job {job} cannot have {option}")));
        }
        for (name, is_set) in [
            ("cancellable", self.cancellable),
            ("progress", self.progress),
            ("need_worker", self.need_worker),
            ("background", self.background),
            ("durable", self.durable),
        ] {
            if is_set {
                put(name, &true);
            }
        }
        Ok(members)
    }

    /// Returns two options that exclude each other: a description of a job with the first, and the name of the second.
    fn conflict(&self) -> Option<(&'static str, &'static str)> {
        let conflicts = [
            (self.background && self.cancellable, ("in the background", "cancellable")),
            (self.background && self.progress, ("in the background", "progress")),
            (self.background && self.deadline.is_some(), ("in the background", "deadline")),
            (self.key.is_some() && self.wait_limit.is_some(), ("with a key", "wait_limit")),
            (self.durable && self.key.is_some(), ("that is durable", "key")),
            (self.durable && self.delay.is_some_and(|delay| !delay.is_zero()), ("that is durable", "delay")),
        ];
        conflicts.into_iter().find(|(is_given, _)| *is_given).map(|(_, conflict)| conflict)
    }
}

/// Returns a time in whole milliseconds, rounded up.
fn ms(option: &str, given: Duration, least: u128) -> Result<u128, Error> {
    let ms = given.as_nanos().div_ceil(1_000_000);
    if (least..=JOB_MS_MAX.into()).contains(&ms) {
        Ok(ms)
    } else {
        Err(Error::BadRequest(format!("{option} is {given:?}, and must be from {least} ms to 30 days")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS_30: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    const NS: Duration = Duration::from_nanos(1);

    #[test]
    fn a_job_without_options_has_no_more_members() {
        assert_eq!(JobOptions::default().members().unwrap(), "");
        let switched_off = JobOptions { priority: 0, cancellable: false, ..JobOptions::default() };
        assert_eq!(switched_off.members().unwrap(), "");
    }

    #[test]
    fn each_option_is_a_member() {
        let some = |ms| Some(Duration::from_millis(ms));
        let none = JobOptions::default;
        for (options, members) in [
            (JobOptions { priority: -128, ..none() }, r#","priority":-128"#),
            (JobOptions { priority: 127, ..none() }, r#","priority":127"#),
            (JobOptions { delay: some(0), ..none() }, r#","delay_ms":0"#),
            (JobOptions { delay: Some(DAYS_30), ..none() }, r#","delay_ms":2592000000"#),
            (JobOptions { deadline: some(1), ..none() }, r#","deadline_ms":1"#),
            (JobOptions { run_limit: some(60_000), ..none() }, r#","run_limit_ms":60000"#),
            (JobOptions { wait_limit: some(0), ..none() }, r#","wait_ms":0"#),
            (JobOptions { wait_limit: Some(DAYS_30), ..none() }, r#","wait_ms":2592000000"#),
            (JobOptions { attempts: Some(1), ..none() }, r#","attempts":1"#),
            (JobOptions { attempts: Some(255), ..none() }, r#","attempts":255"#),
            (JobOptions { cancellable: true, ..none() }, r#","cancellable":true"#),
            (JobOptions { progress: true, ..none() }, r#","progress":true"#),
            (JobOptions { key: Some("cat \"é\"\n"), ..none() }, r#","key":"cat \"é\"\n""#),
            (JobOptions { need_worker: true, ..none() }, r#","need_worker":true"#),
            (JobOptions { background: true, ..none() }, r#","background":true"#),
            (JobOptions { durable: true, delay: some(0), ..none() }, r#","delay_ms":0,"durable":true"#),
            (JobOptions { durable: true, background: true, ..none() }, r#","background":true,"durable":true"#),
            (
                JobOptions { background: true, need_worker: true, run_limit: some(5), ..none() },
                r#","run_limit_ms":5,"need_worker":true,"background":true"#,
            ),
            (
                JobOptions { cancellable: true, progress: true, deadline: some(9), ..none() },
                r#","deadline_ms":9,"cancellable":true,"progress":true"#,
            ),
        ] {
            assert_eq!(options.members().unwrap(), members);
        }
    }

    #[test]
    fn times_are_rounded_up_to_whole_milliseconds() {
        for (given, ms) in [(NS, 1), (Duration::from_millis(1), 1), (Duration::from_millis(1) + NS, 2)] {
            let options = JobOptions { run_limit: Some(given), ..JobOptions::default() };
            assert_eq!(options.members().unwrap(), format!(",\"run_limit_ms\":{ms}"));
        }
    }

    #[test]
    fn an_option_that_the_server_would_refuse_is_named() {
        let long = "é".repeat(128);
        let none = JobOptions::default;
        let background = || JobOptions { background: true, ..none() };
        for (options, says) in [
            (
                JobOptions { delay: Some(DAYS_30 + NS), ..none() },
                "delay is 2592000.000000001s, and must be from 0 ms to",
            ),
            (
                JobOptions { deadline: Some(Duration::ZERO), ..none() },
                "deadline is 0ns, and must be from 1 ms to 30 days",
            ),
            (JobOptions { deadline: Some(Duration::MAX), ..none() }, "deadline is "),
            (JobOptions { run_limit: Some(Duration::ZERO), ..none() }, "run_limit is 0ns"),
            (JobOptions { run_limit: Some(DAYS_30 + NS), ..none() }, "run_limit is "),
            (JobOptions { wait_limit: Some(DAYS_30 + NS), ..none() }, "wait_limit is "),
            (JobOptions { wait_limit: Some(NS), key: Some("a"), ..none() }, "a job with a key cannot have wait_limit"),
            (JobOptions { attempts: Some(0), ..none() }, "attempts is 0"),
            (JobOptions { key: Some(""), ..none() }, "key has 0 bytes, and must have 1 to 255"),
            (JobOptions { key: Some(&long), ..none() }, "key has 256 bytes"),
            (JobOptions { durable: true, key: Some("a"), ..none() }, "a job that is durable cannot have key"),
            (JobOptions { durable: true, delay: Some(NS), ..none() }, "a job that is durable cannot have delay"),
            (JobOptions { cancellable: true, ..background() }, "background cannot have cancellable"),
            (JobOptions { progress: true, ..background() }, "background cannot have progress"),
            (JobOptions { deadline: Some(DAYS_30), ..background() }, "background cannot have deadline"),
        ] {
            match options.members() {
                Err(Error::BadRequest(text)) => assert!(text.contains(says), "{text}"),
                other => panic!("{options:?}: {other:?}"),
            }
        }
        let longest = "x".repeat(255);
        JobOptions { key: Some(&longest), ..none() }.members().unwrap();
    }
}
