//! Decides what the bridge does. Pure: it has no socket and no clock.
//!
//! The shell calls [`Core`] with what happened, and carries out the [`Effect`]s in their order.
//!
//! | file | what it decides |
//! |---|---|
//! | `outgoing` | jobs of the own server: published until stored, answered when their result comes |
//! | `held` | jobs that were pulled: submitted, given back, given up, answered |
//! | `pulls` | which pulls are open |
//! | `survey` | what the own server is asked, and for which types it has workers |
//! | `nodes` | which nodes are there, and their types |
//! | `effect` | what the shell is to do |
//! | `registration` | for which types the bridge is a worker of the own server |

mod effect;
mod held;
mod nodes;
mod outgoing;
mod pulls;
mod registration;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::figures::{Figures, Gauges};
use crate::names::Patterns;
use crate::wire::{self, CONNS, Conn, FromServer, Metrics, Role};

pub(crate) use effect::{
    After, Effect, EngineFacts, JobMessage, Notice, Outcome, Pulled, Reply, ResultMessage, StoreError, Verdict,
};
use held::AllHeld;
pub(crate) use nodes::NodeChange;
use nodes::{ANNOUNCE_EVERY, Nodes};
use outgoing::{Given, Outgoing};
use pulls::Pulls;
pub(crate) use pulls::{ConsumerState, PullEffect, PullEnd};
use registration::{Registration, TYPES_MAX};
use survey::{News, Step, Survey};

/// The time between two questions for the free slots.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// A pause between two ticks of this length means that the bridge itself did not run. What others would have said
/// meanwhile has not been read yet, so the time counts as no silence of theirs.
const FROZEN_FOR: Duration = Duration::from_secs(1);
/// A type stays given to the server as spare for this long after the last node announced it.
const SPARE_FOR: Duration = Duration::from_secs(5);
/// When a message waits for its acknowledgement for this long, the bridge takes no more jobs.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// The same for this many bytes of such messages, and of results that are not confirmed.
const BYTES_MAX: usize = 64 << 20;
/// The longest pull. It is below the time after which NATS delivers a message again.
const PULL_MAX: Duration = Duration::from_secs(5);
/// How long a bridge that stops waits for the jobs that it has.
const DRAIN: Duration = Duration::from_secs(8);
/// A bridge that stops calls its pulls back when they have brought nothing for this long. Under load they are used up
/// before. A job that NATS sends at the moment of the call back may be lost between its servers, and then it is delivered
/// again only after the acknowledgement's time.
const QUIET: Duration = Duration::from_millis(200);
/// The time between two warnings of another bridge with the same name.
const TWIN_EVERY: Duration = Duration::from_secs(30);

/// What the bridge was started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) node: String,
    /// Differs between two bridges of one name.
    pub(crate) instance: String,
    pub(crate) patterns: Patterns,
    /// After this NATS delivers a message again that was not reported as in progress.
    pub(crate) ack_wait: Duration,
}

/// The server, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Down,
    /// Connected; the first figures have not come.
    Greeting,
    Up {
        up_since: u64,
        max_line: usize,
    },
}

/// Things to do when the server has read what was sent on one connection.
#[derive(Debug, Default)]
struct Barriers {
    current: Vec<After>,
    sent: VecDeque<Vec<After>>,
}

/// The state of the bridge.
#[derive(Debug)]
pub(crate) struct Core {
    settings: Settings,
    now: Duration,
    server: Server,
    /// When the server started that was connected last.
    known_up_since: Option<u64>,
    engine: Option<EngineFacts>,
    outgoing: Outgoing,
    held: AllHeld,
    pulls: Pulls,
    nodes: Nodes,
    registration: Registration,
    barriers: HashMap<Conn, Barriers>,
    survey: Survey,
    /// The types that other nodes announce, and when they last did.
    others_types: BTreeMap<Arc<str>, Duration>,
    /// The types that have a consumer in the stream.
    consumers: BTreeSet<Arc<str>>,
    last_tick: Duration,
    next_announce: Duration,
    was_open: bool,
    is_dirty: bool,
    left_out: usize,
    next_twin: Duration,
    too_old: bool,
    stop_by: Option<Duration>,
    /// When a bridge that stops calls its pulls back.
    call_back_at: Option<Duration>,
    effects: Vec<Effect>,
    figures: Figures,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Self {
        let third = settings.ack_wait / 3;
        Self {
            now: Duration::ZERO,
            server: Server::Down,
            known_up_since: None,
            engine: None,
            outgoing: Outgoing::default(),
            held: AllHeld::new(third),
            pulls: Pulls::new(Self::pull_time(&settings)),
            nodes: Nodes::default(),
            registration: Registration::default(),
            barriers: HashMap::new(),
            survey: Survey::default(),
            others_types: BTreeMap::new(),
            consumers: BTreeSet::new(),
            last_tick: Duration::ZERO,
            next_announce: Duration::ZERO,
            was_open: false,
            is_dirty: false,
            left_out: 0,
            next_twin: Duration::ZERO,
            too_old: false,
            stop_by: None,
            call_back_at: None,
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
            server_up: matches!(self.server, Server::Up { .. }),
            engine_up: self.engine.is_some(),
            stopping: self.stop_by.is_some(),
        }
    }

    /// Called when both connections to the server are there.
    pub(crate) fn on_server_connected(&mut self) {
        self.server = Server::Greeting;
        let line = self.survey.ask_about_all(self.now);
        self.ask(line);
    }

    /// Called when a connection to the server is lost. The shell closes the other one.
    pub(crate) fn on_server_lost(&mut self) {
        self.server = Server::Down;
        self.barriers.clear();
        self.registration = Registration::default();
        self.survey = Survey::default();
        self.pulls.forget_server(&mut self.effects);
        self.outgoing.on_server_lost(self.now);
        self.with_held(AllHeld::on_server_lost);
        self.is_dirty = true;
    }

    /// Called when NATS is there, with the stream.
    pub(crate) fn on_engine_connected(&mut self, facts: EngineFacts) {
        self.engine = Some(facts);
        self.nodes.on_connected(self.now);
        self.next_announce = self.now;
        self.with_outgoing(Outgoing::on_connected);
        self.with_held(AllHeld::on_connected);
        self.is_dirty = true;
    }

    /// Called when there is no connection to NATS any more.
    pub(crate) fn on_engine_lost(&mut self) {
        self.engine = None;
        self.pulls.forget();
        self.is_dirty = true;
    }

    /// Called with each line of the server.
    pub(crate) fn on_line(&mut self, conn: Conn, line: FromServer) {
        match line {
            FromServer::Do { reference: None, .. } => self.refuse_old_server(),
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

    fn refuse_old_server(&mut self) {
        if !mem::replace(&mut self.too_old, true) {
            self.effects.push(Effect::Notice(Notice::ServerTooOld));
        }
        let reason = "it does not know spare workers: a newer deputy-server is needed".to_owned();
        self.effects.push(Effect::DropServer { reason });
    }

    fn on_pong(&mut self, conn: Conn) {
        let Some(done) = self.barriers.get_mut(&conn).and_then(|barriers| barriers.sent.pop_front()) else { return };
        for after in done {
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
            return self.refuse_old_server();
        }
        if self.server == Server::Greeting {
            self.greet(metrics);
        }
        let registration = &self.registration;
        let news =
            self.survey.on_metrics(metrics, &self.settings.patterns, |name| registration.counted(name), self.now);
        self.is_dirty |= news != News::None;
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
        if self.known_up_since != Some(metrics.up_since) {
            self.outgoing.clear();
        }
        self.known_up_since = Some(metrics.up_since);
        self.server = Server::Up { up_since: metrics.up_since, max_line: metrics.max_line };
        self.too_old = false;
        self.is_dirty = true;
        self.effects.push(Effect::Notice(Notice::ServerConnected));
    }

    /// Called when NATS has stored a job, or refused it.
    pub(crate) fn on_stored(&mut self, serial: u64, outcome: Result<(), StoreError>) {
        self.with_outgoing(|outgoing, scene| outgoing.on_stored(serial, outcome, scene));
    }

    /// Called with a message of a pull. `is_late` if the pull was called back.
    pub(crate) fn on_pulled(&mut self, message: Pulled, is_late: bool) {
        if !is_late {
            self.pulls.on_message(&message.type_name);
        }
        if let Some(at) = &mut self.call_back_at {
            *at = self.now + QUIET;
        }
        self.with_held(|held, scene| held.on_pulled(message, scene));
    }

    /// Called when a pull ended.
    pub(crate) fn on_pull_end(&mut self, type_name: &str, pull: u64, end: PullEnd) {
        self.pulls.on_pull_end(type_name, pull, end, self.now);
    }

    /// Called when the pulls of a type that were called back can bring nothing more.
    pub(crate) fn on_called_back(&mut self) {
        self.pulls.on_called_back();
    }

    /// Called when a consumer was found or made, or was not.
    pub(crate) fn on_consumer(&mut self, type_name: &Arc<str>, state: ConsumerState) {
        self.pulls.on_consumer(type_name, state, self.now);
        if state == ConsumerState::Ready && self.consumers.insert(Arc::clone(type_name)) {
            self.is_dirty = true;
        }
    }

    /// Called with the types that have a consumer in the stream.
    pub(crate) fn on_consumers(&mut self, types: BTreeSet<Arc<str>>) {
        self.is_dirty |= self.consumers != types;
        self.consumers = types;
    }

    /// Called with the number of bounces of a message; `None` if it could not be read.
    pub(crate) fn on_counted(&mut self, id: u64, bounces: Option<u64>) {
        self.with_held(|held, scene| held.on_counted(id, bounces, scene));
    }

    /// Called with a result for this node.
    pub(crate) fn on_result(&mut self, result: &ResultMessage, reply: &str) {
        let mut verdict = Some(Verdict::Unknown); // Without a server it is not known who waits.
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
                self.effects.push(Effect::Notice(Notice::Twin));
            }
            return;
        }
        let patterns = &self.settings.patterns;
        let types: BTreeSet<Arc<str>> =
            types.into_iter().filter(|name| patterns.match_type(name)).map(Into::into).collect();
        for type_name in &types {
            self.is_dirty |= self.others_types.insert(Arc::clone(type_name), self.now).is_none();
        }
        let change = self.nodes.heard(node, types, self.now);
        self.effects.extend(change.map(|change| Effect::Notice(Notice::Node(change))));
    }

    /// Called when a node says that it leaves.
    pub(crate) fn on_left(&mut self, node: &str) {
        let change = self.nodes.left(node);
        self.effects.extend(change.map(|change| Effect::Notice(Notice::Node(change))));
    }

    /// Called about every [`TICK`].
    pub(crate) fn on_tick(&mut self) {
        if self.now.saturating_sub(mem::replace(&mut self.last_tick, self.now)) >= FROZEN_FOR {
            self.nodes.on_connected(self.now);
            self.survey.on_frozen(self.now);
        }
        self.watch_nodes();
        self.call_back_when_quiet();
        self.with_outgoing(Outgoing::on_tick);
        if self.engine.is_some() {
            self.with_held(AllHeld::on_tick);
        }
        self.ask_server();
        if self.now >= self.next_announce {
            self.announce();
        }
    }

    fn watch_nodes(&mut self) {
        if self.engine.is_none() {
            return;
        }
        let left = self.nodes.expire(self.now);
        self.effects.extend(left.into_iter().map(|change| Effect::Notice(Notice::Node(change))));
        for type_name in self.nodes.types() {
            self.others_types.insert(type_name, self.now);
        }
        let before = self.others_types.len();
        let now = self.now;
        self.others_types.retain(|_, seen| now.saturating_sub(*seen) < SPARE_FOR);
        self.is_dirty |= self.others_types.len() != before;
    }

    /// Asks for figures, if the last question is answered.
    fn ask_server(&mut self) {
        let max_line = match self.server {
            Server::Down => return,
            Server::Up { max_line, .. } if self.engine.is_some() => Some(max_line),
            // Then only the list of types has a use.
            Server::Up { .. } | Server::Greeting => None,
        };
        match self.survey.next_step(max_line, self.now) {
            Step::Ask(line) => self.ask(line),
            Step::Wait => {}
            Step::GiveUp { reason } => self.effects.push(Effect::DropServer { reason }),
        }
    }

    fn ask(&mut self, line: Vec<u8>) {
        self.pulls.on_question();
        self.effects.push(Effect::Line(Conn::Main, line));
    }

    fn announce(&mut self) {
        self.next_announce = self.now + ANNOUNCE_EVERY;
        if self.engine.is_some() {
            let is_open = matches!(self.server, Server::Up { .. }) && self.stop_by.is_none();
            let types = if is_open { self.survey.types().cloned().collect() } else { Vec::new() };
            self.effects.push(Effect::Announce { types, leaving: false });
        }
    }

    /// Tells the bridge to stop: it takes no more jobs.
    pub(crate) fn stop(&mut self) {
        if self.stop_by.is_none() {
            self.stop_by = Some(self.now + DRAIN);
            self.call_back_at = Some(self.now + QUIET);
            self.announce();
        }
    }

    /// Calls the pulls back of a bridge that stops, when they have been quiet for long enough.
    fn call_back_when_quiet(&mut self) {
        if self.call_back_at.take_if(|at| *at <= self.now).is_some() {
            self.pulls.call_all_back(&mut self.effects);
        }
    }

    /// Whether a bridge that stops has ended all its jobs, and given back those that pulls still brought, or has waited
    /// long enough. Then it gives back what it still holds.
    pub(crate) fn is_finished(&mut self) -> bool {
        let Some(stop_by) = self.stop_by else { return false };
        if self.held.len() > 0 || self.outgoing.must_stay() || self.pulls.may_bring() {
            if self.now < stop_by {
                return false;
            }
            self.with_held(AllHeld::give_all_back);
        }
        self.effects.push(Effect::Announce { types: Vec::new(), leaving: true });
        true
    }

    /// Returns what is to be done. Called when all that has happened by now was reported.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        self.register();
        self.adjust_pulls();
        let mut effects = Vec::with_capacity(self.effects.len());
        for effect in self.effects.drain(..) {
            match effect {
                Effect::AfterRead(conn, after) => self.barriers.entry(conn).or_default().current.push(after),
                other => effects.push(other),
            }
        }
        for conn in CONNS {
            if let Some(barriers) = self.barriers.get_mut(&conn).filter(|barriers| !barriers.current.is_empty()) {
                barriers.sent.push_back(mem::take(&mut barriers.current));
                effects.push(Effect::Line(conn, wire::ping()));
            }
        }
        effects
    }

    /// Whether the bridge takes jobs of the own server.
    fn is_open(&self) -> bool {
        let stalled =
            self.outgoing.oldest_unstored().is_some_and(|since| self.now.saturating_sub(since) >= STALLED_AFTER);
        self.engine.is_some() && self.stop_by.is_none() && !stalled && self.outgoing.unstored_bytes() < BYTES_MAX
    }

    /// Tells the server for which types the bridge is a worker.
    fn register(&mut self) {
        let Server::Up { max_line, .. } = self.server else { return };
        let is_open = self.is_open();
        if !self.is_dirty && is_open == self.was_open {
            return;
        }
        (self.is_dirty, self.was_open) = (false, is_open);
        let (mut spare, mut durable) = (BTreeSet::new(), BTreeSet::new());
        if is_open {
            spare.extend(self.others_types.keys().cloned());
            durable.extend(self.settings.patterns.literals().map(Arc::from));
            durable.extend(spare.iter().chain(self.survey.types()).chain(&self.consumers).cloned());
            let patterns = &self.settings.patterns;
            durable.retain(|type_name| patterns.match_type(type_name));
        }
        let left_out = spare.len().max(durable.len()).saturating_sub(TYPES_MAX);
        if mem::replace(&mut self.left_out, left_out) < left_out {
            self.effects.push(Effect::Notice(Notice::TypesLeftOut { types: left_out }));
        }
        for types in [&mut spare, &mut durable] {
            while types.len() > TYPES_MAX {
                types.pop_last();
            }
        }
        self.registration.set(Role::Spare, &spare, max_line, &mut self.effects);
        self.registration.set(Role::Durable, &durable, max_line, &mut self.effects);
    }

    fn adjust_pulls(&mut self) {
        let is_open = matches!(self.server, Server::Up { .. }) && self.engine.is_some() && self.stop_by.is_none();
        if !is_open {
            return;
        }
        if self.held.answer_bytes() < BYTES_MAX {
            self.pulls.adjust(self.now, &mut self.effects);
        } else {
            self.pulls.pause_all(self.now, &mut self.effects);
        }
    }

    /// Calls a function of the outgoing jobs, if the server is known.
    fn with_outgoing(&mut self, call: impl FnOnce(&mut Outgoing, &mut outgoing::Scene<'_>)) {
        let Server::Up { up_since, max_line } = self.server else { return };
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
        let max_line = match self.server {
            Server::Up { max_line, .. } if self.stop_by.is_none() => Some(max_line),
            _ => None,
        };
        let mut scene = held::Scene {
            now: self.now,
            max_line,
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
