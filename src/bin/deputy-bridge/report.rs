//! Logs what happens to the bridge, with advice for the operator. Each frequent kind of line is logged at most once per
//! [`LOG_EVERY`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::ServerAddr;
use deputy::server::{EventKind, Level, Log, Value};

use crate::core::{NodeChange, Notice};
use crate::engine::{PERMISSIONS, SetupError};
use crate::log::{
    CONFIG_DIFFERS, CONSUMER_FAILED, JOB_GAVE_UP, JOB_NOT_STORED, JOB_REFUSED, LINE_REFUSED, NATS_CONNECTED, NATS_LOST,
    NATS_OLD, NATS_REFUSED, NODE_JOINED, NODE_LEFT, NODE_TWICE, PATTERN_DOUBTFUL, RESULT_DROPPED, SERVER_CONNECTED,
    SERVER_LOST, STARTED, STOPPED, STOPPING, STRANGE_MESSAGE, STREAM_FAILED, STREAM_READY, TYPES_LEFT_OUT,
};

/// The oldest NATS that is recommended.
const NATS_LEAST: (u64, u64) = (2, 10);
/// The time between two log lines of a frequent kind.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The maximum number of kinds that are remembered. Texts of NATS are kinds too, so their number has no other limit.
const KINDS_MAX: usize = 1_000;

/// Logs what happens to the bridge.
pub(crate) struct Report {
    log: Log,
    node: String,
    /// The addresses of the server and of NATS.
    server: String,
    nats: String,
    limit: RateLimit,
}

impl Report {
    /// `nats` are the URLs of NATS. Users and passwords in them are not logged.
    pub(crate) fn new(log: Log, node: String, server: String, nats: &[String]) -> Self {
        Self { log, node, server, nats: places(nats), limit: RateLimit::default() }
    }

    pub(crate) fn started(&self) {
        let text = format_args!("started as node {}", self.node);
        self.log.event(STARTED, text, &[("node", Value::Text(&self.node))]);
    }

    /// Logs the warnings about patterns of `--types`.
    pub(crate) fn doubts(&self, doubts: &[String]) {
        for doubt in doubts {
            self.failure(PATTERN_DOUBTFUL, doubt, doubt);
        }
    }

    pub(crate) fn stopping(&self) {
        self.log.event(STOPPING, format_args!("stopping"), &[]);
    }

    pub(crate) fn stopped(&self) {
        self.log.event(STOPPED, format_args!("stopped"), &[]);
    }

    pub(crate) fn server_lost(&self, reason: &str) {
        self.failure(SERVER_LOST, &format!("lost the server: {reason}"), reason);
    }

    /// Logs that an attempt to connect to the server has failed.
    pub(crate) fn server_unreachable(&mut self, error: &str) {
        if self.limit.allows("server unreachable") {
            self.failure(
                SERVER_LOST,
                &format!("cannot connect to the server at {} (--server): {error}", self.server),
                error,
            );
        }
    }

    pub(crate) fn nats_connected(&mut self) {
        self.limit.forget("nats unreachable");
        self.log.event(NATS_CONNECTED, format_args!("connected to NATS"), &[]);
    }

    pub(crate) fn nats_lost(&self) {
        self.log.event(NATS_LOST, format_args!("lost the connection to NATS"), &[]);
    }

    /// Logs that an attempt to connect to NATS has failed.
    pub(crate) fn nats_unreachable(&mut self, error: &str) {
        if self.limit.allows("nats unreachable") {
            self.failure(NATS_LOST, &format!("cannot connect to NATS at {} (--nats): {error}", self.nats), error);
        }
    }

    /// Logs that NATS has refused a request. The first line about a missing permission lists all necessary ones.
    pub(crate) fn nats_refused(&mut self, error: &str) {
        if self.limit.allows(error) {
            let is_hint_needed = error.contains("ermission") && self.limit.allows("permissions");
            let (lead, hint) =
                if is_hint_needed { ("; the bridge needs permission to ", PERMISSIONS) } else { ("", "") };
            self.failure(NATS_REFUSED, &format!("NATS refuses: {error}{lead}{hint}"), error);
        }
    }

    /// Logs that the stream was found, or `made`, in NATS of this version.
    pub(crate) fn stream_ready(&mut self, made: bool, version: &str, differences: &[String]) {
        self.limit.forget("stream failed");
        let is_made = if made { "true" } else { "false" };
        let members = [("made", Value::Json(is_made)), ("version", Value::Text(&version))];
        let did = if made { "made the stream" } else { "found the stream" };
        self.log.event(STREAM_READY, format_args!("{did} of NATS {version}"), &members);
        self.old_version(version);
        self.differences(differences);
    }

    fn old_version(&self, version: &str) {
        let mut parts = version.split('.').map_while(|part| part.parse::<u64>().ok());
        if let (Some(major), Some(minor)) = (parts.next(), parts.next())
            && (major, minor) < NATS_LEAST
        {
            let (major, minor) = NATS_LEAST;
            let text = format_args!(
                "NATS {version} is too old to be relied on: after a crash it may keep jobs that are done; use {major}.{minor} or later"
            );
            self.log.event(NATS_OLD, text, &[("version", Value::Text(&version))]);
        }
    }

    /// Logs the settings of the stream or a consumer that differ from those of the bridge.
    pub(crate) fn differences(&mut self, differences: &[String]) {
        for difference in differences {
            if self.limit.allows(difference) {
                self.failure(CONFIG_DIFFERS, difference, difference);
            }
        }
    }

    pub(crate) fn stream_failed(&mut self, error: &SetupError) {
        if self.limit.allows("stream failed") {
            self.failure(STREAM_FAILED, &format!("no stream: {error}"), &error.to_string());
        }
    }

    pub(crate) fn consumer_failed(&mut self, type_name: &str, error: &SetupError) {
        if self.limit.allows(&format!("consumer {type_name}")) {
            let members = [("type", Value::Text(&type_name)), ("error", Value::Text(&error))];
            self.log.event(CONSUMER_FAILED, format_args!("no jobs of type {type_name}: {error}"), &members);
        }
    }

    pub(crate) fn strange_message(&mut self, error: &str) {
        if self.limit.allows("strange message") {
            self.failure(STRANGE_MESSAGE, error, error);
        }
    }

    /// Logs a line whose only member is `error`.
    fn failure(&self, event: EventKind, text: &str, error: &str) {
        self.log.event(event, format_args!("{text}"), &[("error", Value::Text(&error))]);
    }

    /// Logs a notice of the core.
    pub(crate) fn notice(&mut self, notice: &Notice) {
        let kind = match notice {
            Notice::NotStored { reason } => Some(reason.as_str()),
            Notice::LineRefused { code, .. } => Some(code.as_str()),
            Notice::JobRefused { .. } => Some("job refused"),
            Notice::GaveUp { .. } => Some("gave up"),
            Notice::AnswerDropped { .. } => Some("result dropped"),
            Notice::ServerConnected
            | Notice::ServerTooOld
            | Notice::Node(_)
            | Notice::Twin { .. }
            | Notice::TypesLeftOut { .. } => None,
        };
        if let Some(suppressed) = kind.map_or(Some(0), |kind| self.limit.count(kind)) {
            self.log_notice(notice, suppressed);
        }
    }

    /// Logs a notice. `suppressed` is the number of omitted lines of its kind before it.
    fn log_notice(&self, notice: &Notice, suppressed: u64) {
        match notice {
            Notice::ServerConnected => self.log.event(SERVER_CONNECTED, format_args!("connected to the server"), &[]),
            Notice::ServerTooOld => {
                let error = "the server is too old: it does not support spare workers";
                self.failure(SERVER_LOST, error, error);
            }
            Notice::Node(NodeChange::Joined(node)) => {
                self.log.event(NODE_JOINED, format_args!("node {node} is there"), &[("node", Value::Text(node))]);
            }
            Notice::Node(NodeChange::Left(node)) => {
                self.log.event(NODE_LEFT, format_args!("node {node} is gone"), &[("node", Value::Text(node))]);
            }
            Notice::Twin { instance } => {
                let text = format_args!(
                    "another bridge is called {} too: {}; results of both may get lost, so stop one, or give it another name (--node)",
                    self.node,
                    place(instance)
                );
                self.log.event(NODE_TWICE, text, &[("node", Value::Text(&self.node))]);
            }
            Notice::JobRefused { type_name, reason } => {
                let members = [("type", Value::Text(type_name)), ("error", Value::Text(reason))];
                self.log.event(JOB_REFUSED, format_args!("refused a job of type {type_name}: {reason}"), &members);
            }
            Notice::NotStored { reason } => {
                let members = [("error", Value::Text(reason)), ("suppressed", Value::Number(suppressed))];
                let text = format_args!("NATS does not store a job; the bridge tries again: {reason}");
                self.log.event(JOB_NOT_STORED, text, &members);
            }
            Notice::GaveUp { job, type_name } => {
                let members = [("job", Value::Text(job)), ("type", Value::Text(type_name))];
                self.log.event(JOB_GAVE_UP, format_args!("gave up on job {job} of type {type_name}"), &members);
            }
            Notice::AnswerDropped { job } => {
                let text =
                    format_args!("dropped the result of job {job}: its node is gone, or no longer knows the job");
                self.log.event(RESULT_DROPPED, text, &[("job", Value::Text(job))]);
            }
            Notice::TypesLeftOut { types } => {
                let members = [("types", Value::Number(*types as u64))];
                self.log.event(
                    TYPES_LEFT_OUT,
                    format_args!("too many types: {types} are left out (--types)"),
                    &members,
                );
            }
            Notice::LineRefused { code, text } => {
                let level = if code == "not_holding" { Level::Debug } else { Level::Warn };
                let text = format!("the server refused a line: {code}: {text}");
                self.log.event_at(level, LINE_REFUSED, format_args!("{text}"), &[("error", Value::Text(&text))]);
            }
        }
    }
}

/// Returns where a bridge runs, from its announcement. Older bridges announce only a number.
fn place(instance: &str) -> String {
    let mut parts = instance.split('/');
    match (parts.next(), parts.next()) {
        (Some(machine), Some(process)) => format!("process {process} on {machine}"),
        _ => "its machine is unknown".to_owned(),
    }
}

/// Returns hosts and ports, without the users.
fn places(urls: &[String]) -> String {
    let place = |url: &String| url.parse::<ServerAddr>().map(|at| format!("{}:{}", at.host(), at.port()));
    urls.iter().filter_map(|url| place(url).ok()).collect::<Vec<_>>().join(", ")
}

/// Remembers when lines were logged that could come often.
#[derive(Debug, Default)]
struct RateLimit(HashMap<String, (Instant, u64)>);

impl RateLimit {
    /// Returns how many lines of this kind were omitted before this one; `None` if this one is omitted too.
    fn count(&mut self, kind: &str) -> Option<u64> {
        let now = Instant::now();
        if let Some((last, suppressed)) = self.0.get_mut(kind) {
            if now.saturating_duration_since(*last) < LOG_EVERY {
                *suppressed += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(suppressed));
        }
        if self.0.len() >= KINDS_MAX {
            self.0.clear();
        }
        self.0.insert(kind.to_owned(), (now, 0));
        Some(0)
    }

    /// Whether a line of this kind may be logged now. Counts the line otherwise.
    fn allows(&mut self, kind: &str) -> bool {
        self.count(kind).is_some()
    }

    /// Allows the next line of this kind at once.
    fn forget(&mut self, kind: &str) {
        self.0.remove(kind);
    }
}
