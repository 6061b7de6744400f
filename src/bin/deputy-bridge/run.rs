//! The loop: takes what has happened, reports it to the core, and carries out what the core decides.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::ServerAddr;
use deputy::client::Url;
use deputy::server::{Log, Value};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::core::{ConsumerState, Core, Effect, Notice, PullEffect, Settings, TICK};
use crate::engine::setup::SetupError;
use crate::engine::{Engine, EngineEvent, EngineOptions, PERMISSIONS};
use crate::figures::Shared;
use crate::local::{Lines, Local, LocalEvent};
use crate::log;

/// The oldest NATS that the bridge works with, and the oldest that is recommended.
const NATS_LEAST: (u64, u64) = (2, 10);
/// Things that are handled before their effects are carried out.
const BATCH_MAX: usize = 256;
/// The time between two log lines of one kind that could come often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What to run.
pub(crate) struct Plan {
    pub(crate) server: Url,
    pub(crate) settings: Settings,
    pub(crate) engine: EngineOptions,
}

/// What can happen.
enum Happening {
    Local(LocalEvent),
    Engine(EngineEvent),
    Tick,
    Stop,
    /// Nothing more for now.
    Nothing,
}

/// The running bridge.
struct Bridge {
    core: Core,
    node: String,
    begin: Instant,
    local: Local,
    lines: Option<Lines>,
    engine: Engine,
    /// Where the server and NATS are, for people.
    server: String,
    nats: String,
    is_stream_ready: bool,
    shared: Shared,
    log: Log,
    said: Said,
    signals: [Signal; 2],
    ticks: Interval,
}

/// Runs the bridge until a signal says to stop.
///
/// # Errors
/// A text for people, if it cannot start.
pub(crate) async fn run(plan: Plan, shared: Shared, log: Log) -> Result<(), String> {
    let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
    let signals = [catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?];
    let node = plan.settings.node.clone();
    let (server, nats) = (plan.server.to_string(), places(&plan.engine.urls));
    let engine = Engine::start(plan.engine).await?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    log.event(log::STARTED, format_args!("started as node {node}"), &[("node", Value::Text(&node))]);
    let mut bridge = Bridge {
        core: Core::new(plan.settings),
        node,
        begin: Instant::now(),
        local: Local::start(plan.server),
        lines: None,
        engine,
        server,
        nats,
        is_stream_ready: false,
        shared,
        log,
        said: Said::default(),
        signals,
        ticks,
    };
    while !bridge.turn().await {}
    bridge.leave().await;
    Ok(())
}

impl Bridge {
    /// Handles what has happened, as far as it is there. Returns whether the bridge has ended its work.
    async fn turn(&mut self) -> bool {
        let mut happening = self.next(true).await;
        for handled in 1.. {
            self.core.set_now(self.begin.elapsed());
            self.handle(happening);
            if handled == BATCH_MAX {
                break; // Before the next one is taken, because it would be lost.
            }
            happening = self.next(false).await;
            if let Happening::Nothing = happening {
                break;
            }
        }
        let is_finished = self.core.is_finished();
        for effect in self.core.take_effects() {
            self.carry_out(effect).await;
        }
        is_finished
    }

    /// Returns the next thing that happens; at once, if it need not wait.
    async fn next(&mut self, may_wait: bool) -> Happening {
        let [terminate, interrupt] = &mut self.signals;
        tokio::select! {
            biased;
            Some(()) = terminate.recv() => Happening::Stop,
            Some(()) = interrupt.recv() => Happening::Stop,
            _ = self.ticks.tick() => Happening::Tick,
            Some(event) = self.local.events.recv() => Happening::Local(event),
            event = self.engine.next() => Happening::Engine(event),
            () = ready(()), if !may_wait => Happening::Nothing,
        }
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Tick => {
                self.core.on_tick();
                self.shared.set(self.core.figures(), self.core.gauges());
            }
            Happening::Stop => {
                self.log.event(log::STOPPING, format_args!("stopping"), &[]);
                self.core.stop();
            }
            Happening::Local(event) => self.handle_local(event),
            Happening::Engine(event) => self.handle_engine(event),
            Happening::Nothing => {}
        }
    }

    fn handle_local(&mut self, event: LocalEvent) {
        match event {
            LocalEvent::Connected(lines) => {
                self.lines = Some(lines);
                self.core.on_server_connected();
            }
            LocalEvent::Lost { reason } => {
                self.lines = None;
                self.core.on_server_lost();
                self.warn_of_server(&format!("lost the server: {reason}"), &reason);
            }
            LocalEvent::Failed { error } => {
                if self.said.may_say("server unreachable") {
                    self.warn_of_server(
                        &format!("cannot connect to the server at {} (--server): {error}", self.server),
                        &error,
                    );
                }
            }
            LocalEvent::Line(conn, line) => self.core.on_line(conn, line),
        }
    }

    fn warn_of_server(&self, text: &str, error: &str) {
        self.log.event(log::SERVER_LOST, format_args!("{text}"), &[("error", Value::Text(&error))]);
    }

    fn handle_engine(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Connected => {
                self.said.forget("nats unreachable");
                self.log.event(log::NATS_CONNECTED, format_args!("connected to NATS"), &[]);
                self.engine.find_stream();
            }
            EngineEvent::Lost => {
                self.is_stream_ready = false;
                self.engine.forget_pulls();
                self.core.on_engine_lost();
                self.log.event(log::NATS_LOST, format_args!("lost the connection to NATS"), &[]);
            }
            EngineEvent::Unreachable(error) => {
                if self.said.may_say("nats unreachable") {
                    let text = format_args!("cannot connect to NATS at {} (--nats): {error}", self.nats);
                    self.log.event(log::NATS_LOST, text, &[("error", Value::Text(&error))]);
                }
            }
            EngineEvent::Refused(error) => {
                if self.said.may_say(&error) {
                    let is_hint_needed = error.contains("ermission") && self.said.may_say("permissions");
                    let (lead, hint) =
                        if is_hint_needed { ("; the bridge needs permission to ", PERMISSIONS) } else { ("", "") };
                    let text = format_args!("NATS refuses: {error}{lead}{hint}");
                    self.log.event(log::NATS_REFUSED, text, &[("error", Value::Text(&error))]);
                }
            }
            EngineEvent::Ready { facts, made, version, differences } => {
                self.said.forget("stream failed");
                let is_made = if made { "true" } else { "false" };
                let members = [("made", Value::Json(is_made)), ("version", Value::Text(&version))];
                let did = if made { "made the stream" } else { "found the stream" };
                self.log.event(log::STREAM_READY, format_args!("{did} of NATS {version}"), &members);
                self.warn_of_version(&version);
                self.warn_of_differences(&differences);
                self.is_stream_ready = true;
                self.core.on_engine_connected(facts);
            }
            EngineEvent::Failed(error) => {
                if self.said.may_say("stream failed") {
                    let text = explain(&error);
                    self.log.event(
                        log::STREAM_FAILED,
                        format_args!("no stream: {text}"),
                        &[("error", Value::Text(&text))],
                    );
                }
            }
            EngineEvent::Consumer { type_name, outcome } => self.handle_consumer(&type_name.into(), outcome),
            EngineEvent::Consumers(types) => self.core.on_consumers(types.into_iter().map(Arc::from).collect()),
            EngineEvent::Counted { id, bounces } => self.core.on_counted(id, bounces),
            EngineEvent::Stored { serial, outcome } => self.core.on_stored(serial, outcome),
            EngineEvent::Verdict { id, verdict } => self.core.on_verdict(id, verdict),
            EngineEvent::Result { result, reply } => self.core.on_result(&result, &reply),
            EngineEvent::Announced { node, leaving: true, .. } => self.core.on_left(&node),
            EngineEvent::Announced { node, instance, types, .. } => self.core.on_announced(&node, &instance, types),
            EngineEvent::Pulled { is_late, message } => self.core.on_pulled(*message, is_late),
            EngineEvent::CalledBack => self.core.on_called_back(),
            EngineEvent::PullEnd { type_name, pull, end } => self.core.on_pull_end(&type_name, pull, end),
            EngineEvent::Strange(error) => {
                if self.said.may_say("strange message") {
                    self.log.event(log::STRANGE_MESSAGE, format_args!("{error}"), &[("error", Value::Text(&error))]);
                }
            }
        }
    }

    fn handle_consumer(&mut self, type_name: &Arc<str>, outcome: Result<Vec<String>, SetupError>) {
        let state = match &outcome {
            Ok(_) => ConsumerState::Ready,
            Err(SetupError::NoAnswer(_) | SetupError::Later(_)) => ConsumerState::Failed,
            Err(SetupError::Refused(_) | SetupError::Unfit(_)) => ConsumerState::Refused,
        };
        match outcome {
            Ok(differences) => self.warn_of_differences(&differences),
            Err(error) => {
                if self.said.may_say(&format!("consumer {type_name}")) {
                    let text = explain(&error);
                    let members = [("type", Value::Text(type_name)), ("error", Value::Text(&text))];
                    self.log.event(log::CONSUMER_FAILED, format_args!("no jobs of type {type_name}: {text}"), &members);
                }
            }
        }
        self.core.on_consumer(type_name, state);
    }

    fn warn_of_version(&self, version: &str) {
        let mut parts = version.split('.').map_while(|part| part.parse::<u64>().ok());
        if let (Some(major), Some(minor)) = (parts.next(), parts.next())
            && (major, minor) < NATS_LEAST
        {
            let (major, minor) = NATS_LEAST;
            let text = format_args!(
                "NATS {version} is too old to be relied on: after a crash it may keep jobs that are done; use {major}.{minor} or later"
            );
            self.log.event(log::NATS_OLD, text, &[("version", Value::Text(&version))]);
        }
    }

    fn warn_of_differences(&mut self, differences: &[String]) {
        for difference in differences {
            if self.said.may_say(difference) {
                self.log.event(
                    log::CONFIG_DIFFERS,
                    format_args!("{difference}"),
                    &[("error", Value::Text(difference))],
                );
            }
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Line(conn, line) => {
                if let Some(lines) = &self.lines {
                    lines.send(conn, line);
                }
            }
            Effect::DropServer { reason } => self.local.drop_connections(reason),
            Effect::Notice(notice) => self.say(&notice),
            Effect::AfterRead(..) => unreachable!("the core replaces it"),
            // Without a stream, nothing of this has a use: it is decided again when there is one.
            _ if !self.is_stream_ready => {}
            Effect::Publish { serial, message } => self.engine.publish_job(serial, &message).await,
            Effect::Respond { ack, reply } => self.engine.respond(ack, reply).await,
            Effect::Bounce { seq } => self.engine.record_bounce(seq).await,
            Effect::CountBounces { id, seq } => self.engine.count_bounces(id, seq),
            Effect::Ask { id, result } => self.engine.ask(id, &result).await,
            Effect::Verdict { to, verdict } => self.engine.answer_verdict(to, verdict).await,
            Effect::Announce { types, leaving } => self.engine.announce(&types, leaving).await,
            Effect::Pulls(PullEffect::Consumer { type_name }) => self.engine.find_consumer(&type_name),
            Effect::Pulls(PullEffect::Pull { type_name, pull, batch }) => {
                self.engine.pull(&type_name, pull, batch).await;
            }
            Effect::Pulls(PullEffect::CallBack { type_name, most }) => self.engine.call_back(&type_name, most).await,
        }
    }

    fn say(&mut self, notice: &Notice) {
        let key = match notice {
            Notice::NotStored { reason } => reason.as_str(),
            Notice::LineRefused { code, .. } => code.as_str(),
            Notice::JobRefused { .. } => "job refused",
            Notice::GaveUp { .. } => "gave up",
            Notice::AnswerDropped { .. } => "result dropped",
            _ => return log::notice(&self.log, &self.node, notice, 0),
        };
        if let Some(suppressed) = self.said.count(key) {
            log::notice(&self.log, &self.node, notice, suppressed);
        }
    }

    /// Waits until NATS has what was published last.
    async fn leave(&mut self) {
        if tokio::time::timeout(Duration::from_secs(1), self.engine.flush()).await.is_err() {
            // What NATS has not got is delivered again, as after a crash.
        }
        self.log.event(log::STOPPED, format_args!("stopped"), &[]);
    }
}

/// Returns hosts and ports, without the users.
fn places(urls: &[String]) -> String {
    let place = |url: &String| url.parse::<ServerAddr>().map(|at| format!("{}:{}", at.host(), at.port()));
    urls.iter().filter_map(|url| place(url).ok()).collect::<Vec<_>>().join(", ")
}

/// Returns what a person should know of a failure.
fn explain(error: &SetupError) -> String {
    let (SetupError::NoAnswer(text) | SetupError::Later(text) | SetupError::Refused(text) | SetupError::Unfit(text)) =
        error;
    text.clone()
}

/// Remembers when lines were logged that could come often.
#[derive(Debug, Default)]
struct Said(HashMap<String, (Instant, u64)>);

impl Said {
    /// Returns how many lines of this kind were left out before this one; `None` if this one is left out too.
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
        if self.0.len() >= 1_000 {
            self.0.clear();
        }
        self.0.insert(kind.to_owned(), (now, 0));
        Some(0)
    }

    fn may_say(&mut self, kind: &str) -> bool {
        self.count(kind).is_some()
    }

    /// Lets the next line of this kind through.
    fn forget(&mut self, kind: &str) {
        self.0.remove(kind);
    }
}
