//! Makes all decisions of the bridge. Pure: the core has no socket and no clock.
//!
//! The shell reports events to [`Core`], and carries out the returned [`Effect`]s in order.
//!
//! | file | what it decides |
//! |---|---|
//! | `turn` | what to do at the end of a turn |
//! | `outgoing` | jobs of the local server: published until stored, answered when their result comes |
//! | `held` | jobs that were pulled: submitted, given back, given up, answered |
//! | `pulls` | which pulls are open |
//! | `survey` | which queries go to the local server, and for which types it has workers |
//! | `nodes` | which nodes are connected, and their types |
//! | `server` | whether the local server is connected and usable |
//! | `shared_types`, `registration` | for which types the bridge is a worker; how the server learns that |
//! | `barriers` | what to do when the server has read all lines so far |
//! | `effect` | the effects for the shell |

mod barriers;
mod effect;
mod held;
mod nodes;
mod outgoing;
mod pulls;
mod registration;
mod server;
mod shared_types;
mod survey;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::figures::{Figures, Gauges};
use crate::names::Patterns;
use crate::wire::{Conn, FromServer, Metrics};

use barriers::Barriers;
pub(crate) use effect::{
    After, Effect, EngineFacts, JobMessage, Notice, Outcome, Pulled, Reply, ResultMessage, StoreError, Verdict,
};
use held::AllHeld;
pub(crate) use nodes::NodeChange;
use nodes::Nodes;
use outgoing::{Given, Outgoing};
use pulls::Pulls;
pub(crate) use pulls::{ConsumerState, PullEffect, PullEnd};
use registration::Registration;
use server::{Server, Up};
use shared_types::SharedTypes;
use survey::{News, Survey};

/// The time between two queries for the free slots.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// The longest pull. It is shorter than the time after which NATS delivers a message again.
const PULL_MAX: Duration = Duration::from_secs(5);
/// A bridge that stops cancels its pulls when they have brought no message for this long. Under load they are used up
/// before. A job that NATS sends at the moment of the cancellation may be lost between its servers, and is then
/// delivered again only after the ack wait.
const QUIET: Duration = Duration::from_millis(200);
/// The time between two warnings of another bridge with the same name.
const TWIN_EVERY: Duration = Duration::from_secs(30);

/// The settings from the command line.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) node: String,
    /// Differs between two bridges of one name; logged by the other one.
    pub(crate) instance: String,
    pub(crate) patterns: Patterns,
    /// The time after which NATS delivers a message again that was not reported as in progress.
    pub(crate) ack_wait: Duration,
}

/// The state of a bridge that stops.
#[derive(Debug)]
struct Stopping {
    /// When the bridge ends at the latest.
    by: Duration,
    /// When the bridge cancels its pulls; `None` if it has done so.
    cancel_at: Option<Duration>,
}

/// The state of the bridge.
#[derive(Debug)]
pub(crate) struct Core {
    settings: Settings,
    now: Duration,
    server: Server,
    engine: Option<EngineFacts>,
    outgoing: Outgoing,
    held: AllHeld,
    pulls: Pulls,
    nodes: Nodes,
    registration: Registration,
    barriers: Barriers,
    survey: Survey,
    types: SharedTypes,
    last_tick: Duration,
    next_announce: Duration,
    next_twin: Duration,
    stopping: Option<Stopping>,
    effects: Vec<Effect>,
    figures: Figures,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Self {
        let third = settings.ack_wait / 3;
        Self {
            now: Duration::ZERO,
            server: Server::default(),
            engine: None,
            outgoing: Outgoing::default(),
            held: AllHeld::new(third),
            pulls: Pulls::new(Self::pull_time(&settings)),
            nodes: Nodes::default(),
            registration: Registration::default(),
            barriers: Barriers::default(),
            survey: Survey::default(),
            types: SharedTypes::default(),
            last_tick: Duration::ZERO,
            next_announce: Duration::ZERO,
            next_twin: Duration::ZERO,
            stopping: None,
            effects: Vec::new(),
            figures: Figures::default(),
            settings,
        }
    }

    /// Returns how long a pull stays open.
    pub(crate) fn pull_time(settings: &Settings) -> Duration {
        PULL_MAX.min(settings.ack_wait / 3)
    }

    /// Sets the time. Called before the other functions.
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    pub(crate) fn gauges(&self) -> Gauges {
        let (spare_types, durable_types) = self.registration.sizes();
        Gauges {
            in_progress: self.held.len(),
            outgoing: self.outgoing.held(),
            pull_slots: self.pulls.open(),
            nodes: self.nodes.count(),
            spare_types,
            durable_types,
            unstored: self.outgoing.oldest_unstored().map_or(Duration::ZERO, |since| self.now.saturating_sub(since)),
            server_up: self.server.up().is_some(),
            engine_up: self.engine.is_some(),
            stopping: self.stopping.is_some(),
        }
    }

    /// Called when both connections to the server are open.
    pub(crate) fn on_server_connected(&mut self) {
        self.server.on_connected();
        let line = self.survey.ask_about_all(self.now);
        self.ask(line);
    }

    /// Called when a connection to the server is lost. The shell closes the other one.
    pub(crate) fn on_server_lost(&mut self) {
        self.server.on_lost();
        self.barriers.clear();
        self.registration = Registration::default();
        self.survey = Survey::default();
        self.pulls.forget_server(&mut self.effects);
        self.outgoing.on_server_lost(self.now);
        self.with_held(AllHeld::on_server_lost);
        self.types.set_changed();
    }

    /// Called when NATS is connected and the stream exists.
    pub(crate) fn on_engine_connected(&mut self, facts: EngineFacts) {
        self.engine = Some(facts);
        self.nodes.on_connected(self.now);
        self.next_announce = self.now;
        self.with_outgoing(Outgoing::on_connected);
        self.with_held(AllHeld::on_connected);
        self.types.set_changed();
    }

    /// Called when the connection to NATS is lost.
    pub(crate) fn on_engine_lost(&mut self) {
        self.engine = None;
        self.pulls.forget();
        self.types.set_changed();
    }

    /// Asks the server for figures.
    fn ask(&mut self, line: Vec<u8>) {
        self.pulls.on_question();
        self.effects.push(Effect::Line(Conn::Main, line));
    }

    /// Called with each line of the server.
    pub(crate) fn on_line(&mut self, conn: Conn, line: FromServer) {
        match line {
            FromServer::Do { reference: None, .. } => self.server.refuse_old(&mut self.effects),
            FromServer::Do { job, reference: Some(reference), type_name, run_limit_ms, arg } => {
                let type_name = type_name.into();
                let given = Given { conn, job, reference, type_name, run_limit_ms, arg: arg.unwrap_or_default() };
                self.with_outgoing(|outgoing, scene| outgoing.on_given(given, scene));
            }
            FromServer::Cancel { job } => self.with_outgoing(|outgoing, scene| outgoing.on_cancelled(conn, job, scene)),
            FromServer::Did { id, code, value } => {
                self.with_held(|held, scene| held.on_did(id, code.as_deref(), value, scene));
            }
            FromServer::Metrics(metrics) => self.on_metrics(&metrics),
            FromServer::Pong => self.on_pong(conn),
            FromServer::Error { code, text } => self.effects.push(Effect::Notice(Notice::LineRefused { code, text })),
            FromServer::Other => {}
        }
    }

    fn on_pong(&mut self, conn: Conn) {
        for after in self.barriers.on_pong(conn) {
            match after {
                After::Answered { serial, reply } => {
                    self.outgoing.on_answer_read(serial);
                    self.effects.push(Effect::Verdict { to: reply, verdict: Verdict::Delivered });
                }
                After::Withdrawn { type_name } => self.registration.on_withdrawn(&type_name),
            }
        }
    }

    fn on_metrics(&mut self, metrics: &Metrics) {
        if metrics.types.values().any(|row| row.free.is_none()) {
            return self.server.refuse_old(&mut self.effects);
        }
        if self.server.is_greeting() {
            self.greet(metrics);
        }
        let registration = &self.registration;
        let news =
            self.survey.on_metrics(metrics, &self.settings.patterns, |name| registration.counted(name), self.now);
        if news != News::None {
            self.types.set_changed();
        }
        if news == News::Come {
            self.next_announce = self.now;
        }
        self.pulls.set_types(self.survey.types(), &mut self.effects);
        for (name, row) in &metrics.types {
            self.pulls.on_free(name, if metrics.draining { 0 } else { row.free.unwrap_or(0) });
        }
    }

    /// Called with the first figures of a connection.
    fn greet(&mut self, metrics: &Metrics) {
        if self.server.greet(metrics) {
            self.outgoing.clear();
        }
        self.types.set_changed();
        self.effects.push(Effect::Notice(Notice::ServerConnected));
    }

    /// Called when NATS has stored or refused a job.
    pub(crate) fn on_stored(&mut self, serial: u64, outcome: Result<(), StoreError>) {
        self.with_outgoing(|outgoing, scene| outgoing.on_stored(serial, outcome, scene));
    }

    /// Called with a message of a pull. `is_late` if the pull was cancelled.
    pub(crate) fn on_pulled(&mut self, message: Pulled, is_late: bool) {
        if !is_late {
            self.pulls.on_message(&message.type_name);
        }
        if let Some(at) = self.stopping.as_mut().and_then(|stopping| stopping.cancel_at.as_mut()) {
            *at = self.now + QUIET;
        }
        self.with_held(|held, scene| held.on_pulled(message, scene));
    }

    /// Called when a pull ended.
    pub(crate) fn on_pull_end(&mut self, type_name: &str, pull: u64, end: PullEnd) {
        self.pulls.on_pull_end(type_name, pull, end, self.now);
    }

    /// Called when the cancelled pulls of a type can bring no more messages.
    pub(crate) fn on_pulls_cancelled(&mut self) {
        self.pulls.on_pulls_cancelled();
    }

    /// Called with the state of a consumer.
    pub(crate) fn on_consumer(&mut self, type_name: &Arc<str>, state: ConsumerState) {
        self.pulls.on_consumer(type_name, state, self.now);
        if state == ConsumerState::Ready {
            self.types.on_consumer(type_name);
        }
    }

    /// Whether the node shares a type.
    pub(crate) fn shares(&self, type_name: &str) -> bool {
        self.settings.patterns.match_type(type_name)
    }

    /// Called with the types that have a consumer in the stream.
    pub(crate) fn on_consumers(&mut self, types: BTreeSet<Arc<str>>) {
        self.types.on_consumers(types);
    }

    /// Called with the number of bounces of a message; `None` if it could not be read.
    pub(crate) fn on_counted(&mut self, id: u64, bounces: Option<u64>) {
        self.with_held(|held, scene| held.on_counted(id, bounces, scene));
    }

    /// Called with a result for this node.
    pub(crate) fn on_result(&mut self, result: &ResultMessage, reply: &str) {
        let mut verdict = Some(Verdict::Unknown); // Without a server the bridge does not know which clients wait.
        self.with_outgoing(|outgoing, scene| verdict = outgoing.on_result(result, reply, scene));
        if let Some(verdict) = verdict {
            self.effects.push(Effect::Verdict { to: reply.to_owned(), verdict });
        }
    }

    /// Called when another bridge has judged a result.
    pub(crate) fn on_verdict(&mut self, id: u64, verdict: Verdict) {
        self.with_held(|held, scene| held.on_verdict(id, verdict, scene));
    }

    /// Called when a node announces its types.
    pub(crate) fn on_announced(&mut self, node: &str, instance: &str, types: Vec<String>) {
        if node == self.settings.node {
            if instance != self.settings.instance && self.now >= self.next_twin {
                self.next_twin = self.now + TWIN_EVERY;
                self.effects.push(Effect::Notice(Notice::Twin { instance: instance.to_owned() }));
            }
            return;
        }
        let patterns = &self.settings.patterns;
        let types: BTreeSet<Arc<str>> =
            types.into_iter().filter(|name| patterns.match_type(name)).map(Into::into).collect();
        self.types.on_announced(&types, self.now);
        let change = self.nodes.on_announced(node, types, self.now);
        self.effects.extend(change.map(|change| Effect::Notice(Notice::Node(change))));
    }

    /// Called when a node announces that it leaves.
    pub(crate) fn on_left(&mut self, node: &str) {
        let change = self.nodes.left(node);
        self.effects.extend(change.map(|change| Effect::Notice(Notice::Node(change))));
    }

    /// Calls a function of the outgoing jobs, if the server is known.
    fn with_outgoing(&mut self, call: impl FnOnce(&mut Outgoing, &mut outgoing::Scene<'_>)) {
        let Some(Up { since: up_since, max_line }) = self.server.up() else { return };
        let mut scene = outgoing::Scene {
            now: self.now,
            node: &self.settings.node,
            up_since,
            max_line,
            max_payload: self.engine.map(|engine| engine.max_payload),
            effects: &mut self.effects,
            figures: &mut self.figures,
        };
        call(&mut self.outgoing, &mut scene);
    }

    /// Calls a function of the held messages.
    fn with_held(&mut self, call: impl FnOnce(&mut AllHeld, &mut held::Scene<'_>)) {
        let up = self.server.up().filter(|_| self.stopping.is_none());
        let mut scene = held::Scene {
            now: self.now,
            max_line: up.map(|up| up.max_line),
            max_payload: self.engine.map_or(usize::MAX, |engine| engine.max_payload),
            duplicate_window: self.engine.map_or(Duration::MAX, |engine| engine.duplicate_window),
            own_node: &self.settings.node,
            nodes: &self.nodes,
            pulls: &mut self.pulls,
            effects: &mut self.effects,
            figures: &mut self.figures,
        };
        call(&mut self.held, &mut scene);
    }
}
