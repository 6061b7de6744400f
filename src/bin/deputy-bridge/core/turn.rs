//! What the bridge does at each tick, when it stops, and at the end of each turn.

use std::mem;
use std::time::Duration;

use super::held::AllHeld;
use super::nodes::ANNOUNCE_EVERY;
use super::outgoing::Outgoing;
use super::server::Up;
use super::survey::Step;
use super::{Core, Effect, Notice, QUIET, Stopping};
use crate::wire::Role;

/// If two ticks are this far apart, the bridge itself did not run. It has not read meanwhile, so the time does not
/// count as silence of others.
const FROZEN_FOR: Duration = Duration::from_secs(1);
/// If a message has waited for its acknowledgement for this long, the bridge takes no more jobs.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// The same for this many bytes of such messages, and of results that are not confirmed.
const BYTES_MAX: usize = 64 << 20;
/// How long a bridge that stops waits for the jobs that it has.
const DRAIN: Duration = Duration::from_secs(8);

impl Core {
    /// Called about every [`super::TICK`].
    pub(crate) fn on_tick(&mut self) {
        if self.now.saturating_sub(mem::replace(&mut self.last_tick, self.now)) >= FROZEN_FOR {
            self.nodes.on_connected(self.now);
            self.survey.on_frozen(self.now);
        }
        self.watch_nodes();
        self.cancel_pulls_when_quiet();
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
        self.types.on_tick(&self.nodes.types(), self.now);
    }

    /// Sends the next query for figures, if the last one was answered.
    fn ask_server(&mut self) {
        if self.server.is_down() {
            return;
        }
        // Without NATS, only the list of types is of use.
        let up = self.server.up().filter(|_| self.engine.is_some());
        match self.survey.next_step(up.map(|up| up.max_line), self.now) {
            Step::Ask(line) => self.ask(line),
            Step::Wait => {}
            Step::GiveUp { reason } => self.effects.push(Effect::DropServer { reason }),
        }
    }

    fn announce(&mut self) {
        self.next_announce = self.now + ANNOUNCE_EVERY;
        if self.engine.is_some() {
            let is_open = self.server.up().is_some() && self.stopping.is_none();
            let types = if is_open { self.survey.types().cloned().collect() } else { Vec::new() };
            self.effects.push(Effect::Announce { types, leaving: false });
        }
    }

    /// Begins to stop: the bridge takes no more jobs.
    pub(crate) fn stop(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(Stopping { by: self.now + DRAIN, cancel_at: Some(self.now + QUIET) });
            self.announce();
        }
    }

    /// Cancels the pulls of a bridge that stops, when they have been quiet for long enough.
    fn cancel_pulls_when_quiet(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.cancel_at.take_if(|at| *at <= self.now).is_some() {
            self.pulls.cancel_all(&mut self.effects);
        }
    }

    /// Whether a bridge that stops may end: all its jobs have ended and its pulls are cancelled, or it has waited long
    /// enough. In the latter case it gives back the jobs that it still holds.
    pub(crate) fn is_finished(&mut self) -> bool {
        let Some(Stopping { by, .. }) = self.stopping else { return false };
        if self.held.len() > 0 || self.outgoing.must_stay() || self.pulls.may_bring() {
            if self.now < by {
                return false;
            }
            self.with_held(AllHeld::give_all_back);
        }
        self.effects.push(Effect::Announce { types: Vec::new(), leaving: true });
        true
    }

    /// Returns the effects to carry out. Called when all events so far were reported.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        self.register();
        self.adjust_pulls();
        self.barriers.replace(&mut self.effects)
    }

    /// Whether the bridge takes jobs of the local server.
    fn is_open(&self) -> bool {
        let stalled =
            self.outgoing.oldest_unstored().is_some_and(|since| self.now.saturating_sub(since) >= STALLED_AFTER);
        self.engine.is_some() && self.stopping.is_none() && !stalled && self.outgoing.unstored_bytes() < BYTES_MAX
    }

    /// Sends the server the types for which the bridge is a worker.
    fn register(&mut self) {
        let Some(Up { max_line, .. }) = self.server.up() else { return };
        let is_open = self.is_open();
        let Some(wanted) = self.types.wanted(is_open, &self.settings.patterns, self.survey.types()) else { return };
        if let Some(types) = wanted.left_out {
            self.effects.push(Effect::Notice(Notice::TypesLeftOut { types }));
        }
        self.registration.set(Role::Spare, &wanted.spare, max_line, &mut self.effects);
        self.registration.set(Role::Durable, &wanted.durable, max_line, &mut self.effects);
    }

    fn adjust_pulls(&mut self) {
        let is_open = self.server.up().is_some() && self.engine.is_some() && self.stopping.is_none();
        if !is_open {
            return;
        }
        if self.held.answer_bytes() < BYTES_MAX {
            self.pulls.adjust(self.now, &mut self.effects);
        } else {
            self.pulls.pause_all(self.now, &mut self.effects);
        }
    }
}
