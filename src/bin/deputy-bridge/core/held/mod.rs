//! Keeps the jobs that were pulled, until NATS knows how they ended.
//!
//! ```text
//! message -> [ counting ] -> running at the local server -> answering -> acknowledged
//!                |                    |                        (its submitter's bridge has confirmed the result)
//!                |                    +-> no free slot: NAK, and a record of the bounce
//!                |                    +-> its worker was lost: NAK
//!                +-> too many attempts: answering with gave_up -> Term
//! ```
//!
//! The number of attempts is that of deliveries less that of bounces. The bridge reads the bounces only when there were
//! more deliveries than attempts allowed, and once more before it gives up on the job.

mod answering;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use answering::Answering;
use bytes::Bytes;

use super::nodes::Nodes;
use super::pulls::Pulls;
use super::{Effect, Notice, Outcome, Pulled, Reply};
use crate::figures::{Figures, us};
use crate::wire::{self, Conn, Submission};

/// The number of attempts after which the bridge gives up on a job; the same as the default of a server.
const ATTEMPTS_MAX: u64 = 3;
/// How long the server may look for a worker. The figure of free slots is at most this old.
const WAIT_MS: u64 = 20;
/// The time after which the bridge reads the bounces once more before it gives up on a job, because the last record may
/// still have been on its way.
const COUNT_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Phase {
    /// The bridge waits for the number of bounces. `again`: for the second time.
    Counting {
        again: bool,
    },
    Running {
        question: u64,
    },
    Answering(Answering),
}

#[derive(Debug)]
struct Held {
    message: Pulled,
    phase: Phase,
    received: Duration,
}

/// An action that a timer of a held message causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Report to NATS that the message is in progress.
    Progress,
    /// Read how often the message bounced.
    Count,
    /// Send the result again, unless another try was made since.
    Ask(u32),
}

/// All messages that were pulled and have not ended.
#[derive(Debug)]
pub(super) struct AllHeld {
    held: HashMap<u64, Held>,
    next: u64,
    timers: BinaryHeap<Reverse<(Duration, u64, Due)>>,
    progress_every: Duration,
    /// Bytes of results that wait for their confirmation.
    answer_bytes: usize,
}

/// The state that the functions of held messages use.
pub(super) struct Scene<'a> {
    pub(super) now: Duration,
    /// The longest line that the local server accepts; `None` without a server.
    pub(super) max_line: Option<usize>,
    pub(super) max_payload: usize,
    pub(super) duplicate_window: Duration,
    pub(super) own_node: &'a str,
    pub(super) nodes: &'a Nodes,
    pub(super) pulls: &'a mut Pulls,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) figures: &'a mut Figures,
}

impl AllHeld {
    /// `progress_every` is shorter than the time after which NATS delivers a message again.
    pub(super) fn new(progress_every: Duration) -> Self {
        Self { held: HashMap::new(), next: 0, timers: BinaryHeap::new(), progress_every, answer_bytes: 0 }
    }

    /// Returns the number of held messages.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns the bytes of results that wait for their confirmation.
    pub(super) fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// Called when a message was pulled.
    pub(super) fn on_pulled(&mut self, message: Pulled, scene: &mut Scene<'_>) {
        scene.figures.pulled += 1;
        scene.figures.redelivered += u64::from(message.deliveries > 1);
        scene.figures.stream_time.record(us(message.age));
        if scene.max_line.is_none() {
            return bounce(&message, scene);
        }
        self.next += 1;
        let id = self.next;
        self.timers.push(Reverse((scene.now + self.progress_every, id, Due::Progress)));
        let is_late = message.deliveries > ATTEMPTS_MAX;
        let seq = message.seq;
        self.held.insert(id, Held { message, phase: Phase::Counting { again: false }, received: scene.now });
        if is_late {
            scene.effects.push(Effect::CountBounces { id, seq });
        } else {
            self.run(id, scene);
        }
    }

    /// Called with the number of bounces. `None` if they could not be read; then the bridge does not give up on the
    /// job.
    pub(super) fn on_counted(&mut self, id: u64, bounces: Option<u64>, scene: &mut Scene<'_>) {
        let Some(Held { message, phase: Phase::Counting { again }, .. }) = self.held.get_mut(&id) else { return };
        let attempts = bounces.map_or(0, |bounces| message.deliveries.saturating_sub(bounces));
        if attempts <= ATTEMPTS_MAX {
            return self.run(id, scene);
        }
        if !std::mem::replace(again, true) {
            return self.timers.push(Reverse((scene.now + COUNT_AFTER, id, Due::Count)));
        }
        let text =
            format!("gave_up: {ATTEMPTS_MAX} workers, or the machines of workers, were lost while they had the job");
        scene.effects.push(Effect::Notice(Notice::GaveUp {
            job: message.job.clone(),
            type_name: Arc::clone(&message.type_name),
        }));
        scene.figures.gave_up += 1;
        self.answer(id, Outcome::GaveUp, wire::quoted(&text).into(), scene);
    }

    fn run(&mut self, id: u64, scene: &mut Scene<'_>) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let Some(max_line) = scene.max_line else {
            let held = self.held.remove(&id).expect("it was there");
            return bounce(&held.message, scene);
        };
        let message = &held.message;
        let line = wire::submit(&Submission {
            id,
            type_name: &message.type_name,
            run_limit_ms: message.run_limit_ms,
            wait_ms: WAIT_MS,
            arg: &message.arg,
        });
        if line.len() > max_line {
            let node = scene.own_node;
            let text = format!(
                "the job is too long for the server of node {node}: {} bytes (--max-line {max_line})",
                line.len()
            );
            scene.figures.refused += 1;
            return self.answer(id, Outcome::Failed, wire::quoted(&text).into(), scene);
        }
        held.phase = Phase::Running { question: scene.pulls.on_begin(&message.type_name) };
        held.message.arg = Bytes::new(); // The server and the stream have the arg.
        scene.effects.push(Effect::Line(Conn::Main, line));
    }

    /// Called when the local server has answered a job that the bridge submitted.
    pub(super) fn on_did(&mut self, id: u64, code: Option<&str>, value: Option<Bytes>, scene: &mut Scene<'_>) {
        let Some(Held { message, phase: Phase::Running { question }, .. }) = self.held.get(&id) else { return };
        let (question, type_name) = (*question, Arc::clone(&message.type_name));
        let value = value.unwrap_or_default();
        if code == Some("no_worker") {
            scene.pulls.on_bounce(&type_name, question, scene.now, scene.effects);
            return self.bounce(id, scene);
        }
        scene.pulls.on_end(&type_name, question);
        match code {
            None => self.answer(id, Outcome::Done, value, scene),
            // The server takes no jobs now, or the bridge has ended the job. This does not count as an attempt.
            Some("shutdown" | "queue_full" | "cancelled") => {
                scene.pulls.pause_all(scene.now, scene.effects);
                self.bounce(id, scene);
            }
            // This counts as an attempt. Another machine may get the next one.
            Some("gave_up" | "timed_out") => {
                if let Some(held) = self.held.remove(&id) {
                    scene.figures.lost += 1;
                    scene.effects.push(Effect::Respond { ack: held.message.ack, reply: Reply::Nak });
                }
            }
            Some(_) => self.answer(id, Outcome::Failed, value, scene),
        }
    }

    fn bounce(&mut self, id: u64, scene: &mut Scene<'_>) {
        if let Some(held) = self.held.remove(&id) {
            bounce(&held.message, scene);
        }
    }

    /// Called when the connections to the local server are lost: other machines get the jobs. Results that have arrived
    /// are still sent.
    pub(super) fn on_server_lost(&mut self, scene: &mut Scene<'_>) {
        self.give_back(scene, |message, scene| {
            scene.figures.lost += 1;
            scene.effects.push(Effect::Respond { ack: message.ack.clone(), reply: Reply::Nak });
        });
    }

    /// Gives all jobs without a result back, because the bridge stops. This does not count as an attempt.
    pub(super) fn give_all_back(&mut self, scene: &mut Scene<'_>) {
        self.give_back(scene, bounce);
    }

    fn give_back(&mut self, scene: &mut Scene<'_>, mut back: impl FnMut(&Pulled, &mut Scene<'_>)) {
        self.held.retain(|_, held| {
            let stays = matches!(held.phase, Phase::Answering(_));
            if !stays {
                back(&held.message, scene);
            }
            stays
        });
    }

    /// Called when NATS is connected again, before it delivers the messages to other bridges.
    pub(super) fn on_connected(&mut self, scene: &mut Scene<'_>) {
        let ids: Vec<u64> = self.held.keys().copied().collect();
        for id in ids {
            let Held { message, phase, .. } = &self.held[&id];
            scene.effects.push(Effect::Respond { ack: message.ack.clone(), reply: Reply::Progress });
            if let Phase::Counting { .. } = phase {
                scene.effects.push(Effect::CountBounces { id, seq: message.seq });
            }
            self.ask(id, scene);
        }
    }

    /// Called at each tick while NATS is connected.
    pub(super) fn on_tick(&mut self, scene: &mut Scene<'_>) {
        while let Some(&Reverse((at, id, due))) = self.timers.peek() {
            if at > scene.now {
                return;
            }
            self.timers.pop();
            let Some(held) = self.held.get(&id) else { continue };
            match (due, &held.phase) {
                (Due::Progress, _) => {
                    let ack = held.message.ack.clone();
                    scene.effects.push(Effect::Respond { ack, reply: Reply::Progress });
                    self.timers.push(Reverse((scene.now + self.progress_every, id, Due::Progress)));
                }
                (Due::Count, Phase::Counting { .. }) => {
                    scene.effects.push(Effect::CountBounces { id, seq: held.message.seq });
                }
                (Due::Ask(due), Phase::Answering(answering)) if answering.is_last_try(due) => {
                    if answering.may_be_dropped(scene) {
                        scene.figures.dropped += 1;
                        scene.effects.push(Effect::Notice(Notice::AnswerDropped { job: held.message.job.clone() }));
                        self.end(id, scene);
                    } else {
                        self.ask(id, scene);
                    }
                }
                (Due::Count | Due::Ask(_), _) => {}
            }
        }
    }
}

/// Gives a message back without counting an attempt, and records the bounce.
fn bounce(message: &Pulled, scene: &mut Scene<'_>) {
    scene.figures.bounced += 1;
    scene.effects.push(Effect::Bounce { seq: message.seq });
    scene.effects.push(Effect::Respond { ack: message.ack.clone(), reply: Reply::Nak });
}
