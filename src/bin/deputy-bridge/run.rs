//! The main loop: passes events to the core, and carries out the effects that the core returns.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use deputy::client::Url;
use deputy::server::Log;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::core::{ConsumerState, Core, Effect, PullEffect, Settings, TICK};
use crate::engine::{Engine, EngineEvent, EngineOptions, SetupError};
use crate::figures::Shared;
use crate::local::{Lines, Local, LocalEvent};
use crate::report::Report;

/// The maximum number of events that are handled before their effects are carried out.
const BATCH_MAX: usize = 256;

/// What to run.
pub(crate) struct Plan {
    pub(crate) server: Url,
    pub(crate) nats: Nats,
    pub(crate) settings: Settings,
    pub(crate) engine: EngineOptions,
}

/// The address of NATS, and how to connect to it.
pub(crate) struct Nats {
    pub(crate) options: ConnectOptions,
    pub(crate) urls: Vec<String>,
}

/// An event of the main loop.
enum Happening {
    Local(LocalEvent),
    Engine(EngineEvent),
    Tick,
    Stop,
    /// No event is available now.
    Nothing,
}

/// The running bridge.
struct Bridge {
    core: Core,
    begin: Instant,
    local: Local,
    lines: Option<Lines>,
    engine: Engine,
    is_stream_ready: bool,
    shared: Shared,
    report: Report,
    signals: [Signal; 2],
    ticks: Interval,
}

/// Runs the bridge until a signal says to stop.
///
/// # Errors
/// A message if the bridge cannot start.
pub(crate) async fn run(plan: Plan, shared: Shared, log: Log) -> Result<(), String> {
    let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
    let signals = [catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?];
    let report = Report::new(log, plan.settings.node.clone(), plan.server.to_string(), &plan.nats.urls);
    let engine = Engine::start(plan.nats.options, plan.nats.urls, plan.engine).await?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    report.started();
    report.doubts(&plan.settings.patterns.doubts());
    let mut bridge = Bridge {
        core: Core::new(plan.settings),
        begin: Instant::now(),
        local: Local::start(plan.server),
        lines: None,
        engine,
        is_stream_ready: false,
        shared,
        report,
        signals,
        ticks,
    };
    while !bridge.turn().await {}
    bridge.leave().await;
    Ok(())
}

impl Bridge {
    /// Handles the events that are available. Returns whether the bridge has ended its work.
    async fn turn(&mut self) -> bool {
        let mut happening = self.next(true).await;
        for handled in 1.. {
            self.core.set_now(self.begin.elapsed());
            self.handle(happening);
            if handled == BATCH_MAX {
                break; // Before the next event is taken, because it would be lost.
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

    /// Returns the next event. If `may_wait` is false, returns at once.
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
                self.report.stopping();
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
                self.report.server_lost(&reason);
            }
            LocalEvent::Failed { error } => self.report.server_unreachable(&error),
            LocalEvent::Line(conn, line) => self.core.on_line(conn, line),
        }
    }

    fn handle_engine(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Connected => {
                self.report.nats_connected();
                self.engine.find_stream();
            }
            EngineEvent::Lost => {
                self.is_stream_ready = false;
                self.engine.forget_pulls();
                self.core.on_engine_lost();
                self.shared.set_backlogs(BTreeMap::new());
                self.report.nats_lost();
            }
            EngineEvent::Unreachable(error) => self.report.nats_unreachable(&error),
            EngineEvent::Refused(error) => self.report.nats_refused(&error),
            EngineEvent::Ready { facts, made, version, differences } => {
                self.report.stream_ready(made, &version, &differences);
                self.is_stream_ready = true;
                self.core.on_engine_connected(facts);
            }
            EngineEvent::Failed(error) => self.report.stream_failed(&error),
            EngineEvent::Consumer { type_name, outcome } => self.handle_consumer(&type_name.into(), &outcome),
            EngineEvent::Listed { consumers, backlogs } => {
                self.core.on_consumers(consumers.into_iter().map(Arc::from).collect());
                self.shared.set_backlogs(backlogs.into_iter().filter(|(name, _)| self.core.shares(name)).collect());
            }
            EngineEvent::Counted { id, bounces } => self.core.on_counted(id, bounces),
            EngineEvent::Stored { serial, outcome } => self.core.on_stored(serial, outcome),
            EngineEvent::Verdict { id, verdict } => self.core.on_verdict(id, verdict),
            EngineEvent::Result { result, reply } => self.core.on_result(&result, &reply),
            EngineEvent::Announced { node, leaving: true, .. } => self.core.on_left(&node),
            EngineEvent::Announced { node, instance, types, .. } => self.core.on_announced(&node, &instance, types),
            EngineEvent::Pulled { is_late, message } => self.core.on_pulled(*message, is_late),
            EngineEvent::PullsCancelled => self.core.on_pulls_cancelled(),
            EngineEvent::PullEnd { type_name, pull, end } => self.core.on_pull_end(&type_name, pull, end),
            EngineEvent::Strange(error) => self.report.strange_message(&error),
        }
    }

    fn handle_consumer(&mut self, type_name: &Arc<str>, outcome: &Result<Vec<String>, SetupError>) {
        let state = match outcome {
            Ok(_) => ConsumerState::Ready,
            Err(SetupError::NoAnswer(_) | SetupError::Later(_)) => ConsumerState::Failed,
            Err(SetupError::Refused(_) | SetupError::Unfit(_)) => ConsumerState::Refused,
        };
        match outcome {
            Ok(differences) => self.report.differences(differences),
            Err(error) => self.report.consumer_failed(type_name, error),
        }
        self.core.on_consumer(type_name, state);
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Line(conn, line) => {
                if let Some(lines) = &self.lines {
                    lines.send(conn, line);
                }
            }
            Effect::DropServer { reason } => self.local.drop_connections(reason),
            Effect::Notice(notice) => self.report.notice(&notice),
            Effect::AfterRead(..) => unreachable!("the core replaces it"),
            // Without a stream these effects are useless. The core decides again when the stream exists.
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
            Effect::Pulls(PullEffect::Cancel { type_name, most }) => self.engine.cancel_pulls(&type_name, most).await,
        }
    }

    /// Waits until NATS has received the last published messages.
    async fn leave(&mut self) {
        if tokio::time::timeout(Duration::from_secs(1), self.engine.flush()).await.is_err() {
            // NATS delivers again what it has not received, as after a crash.
        }
        self.report.stopped();
    }
}
