//! What the members of a group receive: the rule K2 of docs/architecture.md. A group may have a million members, so a turn
//! serves a share of them. The rest follows in the next turns. A shard that stops serves all at once.
//!
//! Groups are served in turn, each with a part of its members, so that a small group does not wait for a large one. A group
//! passes on one thing after the other, and its answer last.
//!
//! What waits does not grow with the lines that come: each `do` that joins a group, and each answer, serves one member more,
//! whatever is left of the turn's share.

use std::collections::VecDeque;

use super::Home;
use super::groups::Group;
use crate::dispatch::answer::Answer;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{GroupId, Submitter};
use crate::dispatch::message::Message;
use crate::flag::newly_set;
use crate::limits::JOB_FIXED_BYTES;
use crate::protocol::carried::OwnedCarried;

/// Members of a group that are served before the next group is.
const PART: usize = 32;

/// Groups that have something to pass on.
#[derive(Debug, Default)]
pub(super) struct PassingOn {
    groups: VecDeque<GroupId>,
    /// How many members this turn may still serve.
    left: usize,
}

/// What a group still has to pass on.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Outgoing {
    progress: Option<Pass>,
    /// The latest progress that came meanwhile.
    newer: Option<OwnedCarried>,
    answer: Option<Answer>,
    /// Whether its group is among those to be served.
    is_listed: bool,
}

/// Progress on its way through a group.
#[derive(Debug)]
struct Pass {
    data: OwnedCarried,
    /// Members from this number on have not received it.
    next: u64,
    /// Those from this number on joined later.
    end: u64,
}

impl PassingOn {
    /// Returns whether the next turn has something to pass on.
    pub(super) fn any(&self) -> bool {
        !self.groups.is_empty()
    }
}

impl Outgoing {
    /// Returns whether the group's job has ended.
    pub(super) fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Returns what it counts in the memory budget.
    fn bytes(&self) -> u64 {
        let progress = self.progress.iter().map(|pass| &pass.data).chain(&self.newer);
        let progress: usize = progress.map(|data| data.as_carried().len()).sum();
        progress as u64 + self.answer.as_ref().map_or(0, Answer::value_bytes)
    }
}

impl Group {
    /// Begins with the progress that came meanwhile, if none is on its way. Returns whether there is anything to pass on.
    fn begin_next(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(outgoing) = &mut self.outgoing else { return false };
        if outgoing.progress.is_none() {
            outgoing.progress = outgoing.newer.take().map(|data| Pass { data, next: 0, end: self.next_member });
        }
        if outgoing.progress.is_some() || outgoing.answer.is_some() {
            return true;
        }
        self.outgoing = None;
        self.count_bytes(ctx);
        false
    }

    /// Passes progress on to the next member, if any is on its way.
    fn pass_on_progress(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(outgoing) = &mut self.outgoing else { return false };
        let Some(pass) = &mut outgoing.progress else { return false };
        let next = self.members.range(pass.next..pass.end).next().filter(|_| self.watchers > 0);
        let Some((&number, member)) = next else {
            outgoing.progress = None;
            self.count_bytes(ctx);
            return false;
        };
        pass.next = number + 1;
        if member.wants_progress {
            let to = member.submitter;
            ctx.post(to.shard(), Message::Progress { to, data: pass.data.clone() });
        }
        true
    }

    /// Brings the memory budget up to date.
    fn count_bytes(&mut self, ctx: &mut Ctx<'_>) {
        let now = self.job_bytes + self.outgoing.as_ref().map_or(0, |outgoing| outgoing.bytes());
        ctx.counts.job_bytes = ctx.counts.job_bytes + now - std::mem::replace(&mut self.bytes, now);
    }
}

impl Home {
    /// K2: a group's job has an answer. Each member gets it, and no further line joins.
    pub(in crate::dispatch) fn group_answered(&mut self, id: GroupId, answer: Answer, ctx: &mut Ctx<'_>) {
        self.forget_doomed(Submitter::Group(ctx.settings.shard, id));
        self.groups.close(id);
        let Some(group) = self.groups.get_mut(id) else { return };
        group.job_bytes = JOB_FIXED_BYTES; // The answer takes the place of the job.
        group.outgoing.get_or_insert_default().answer = Some(answer);
        self.begin_to_serve(id, ctx);
        self.serve_one_more(ctx);
    }

    /// K2: the worker of a group's job reports progress. Each member that wants it gets it. While an earlier report is on its
    /// way through the group, the latest waits, and those between the two are dropped.
    pub(in crate::dispatch) fn group_progress(&mut self, id: GroupId, data: OwnedCarried, ctx: &mut Ctx<'_>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.watchers == 0 || group.has_ended() {
            return;
        }
        let outgoing = group.outgoing.get_or_insert_default();
        ctx.counts.progress_dropped += u64::from(outgoing.newer.replace(data).is_some());
        self.begin_to_serve(id, ctx);
        self.go_on_passing_on(ctx);
    }

    fn begin_to_serve(&mut self, id: GroupId, ctx: &mut Ctx<'_>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        group.count_bytes(ctx);
        if group.outgoing.as_mut().is_some_and(|outgoing| newly_set(&mut outgoing.is_listed)) {
            self.passing_on.groups.push_back(id);
        }
    }

    /// Begins the share of a new turn, and goes on where the last turn has stopped.
    pub(in crate::dispatch) fn go_on_passing_on_in_turn(&mut self, ctx: &mut Ctx<'_>) {
        self.passing_on.left = ctx.settings.per_turn.members;
        self.go_on_passing_on(ctx);
    }

    /// Serves a member beside the turn's share.
    pub(super) fn serve_one_more(&mut self, ctx: &mut Ctx<'_>) {
        if self.passing_on.any() {
            self.passing_on.left = self.passing_on.left.saturating_add(1);
            self.go_on_passing_on(ctx);
        }
    }

    /// Serves members of groups, as far as the turn's share goes.
    pub(super) fn go_on_passing_on(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            self.passing_on.left = usize::MAX;
        }
        while self.passing_on.left > 0
            && let Some(id) = self.passing_on.groups.pop_front()
        {
            if self.serve_part(id, ctx) {
                self.passing_on.groups.push_back(id);
            }
        }
        if self.passing_on.groups.is_empty() {
            self.passing_on.groups = VecDeque::new();
        }
    }

    /// Serves members of a group. Returns whether the group has more to pass on.
    fn serve_part(&mut self, id: GroupId, ctx: &mut Ctx<'_>) -> bool {
        for _ in 0..PART.min(self.passing_on.left) {
            self.passing_on.left -= 1;
            if !self.serve_one(id, ctx) {
                return false;
            }
        }
        true
    }

    /// Serves the next member of a group. Returns whether the group may have more to pass on.
    fn serve_one(&mut self, id: GroupId, ctx: &mut Ctx<'_>) -> bool {
        loop {
            let Some(group) = self.groups.get_mut(id) else { return false };
            if !group.begin_next(ctx) {
                return false;
            }
            if group.outgoing.as_ref().is_some_and(|outgoing| outgoing.progress.is_none()) {
                return self.answer_one(id, ctx);
            }
            if group.pass_on_progress(ctx) {
                return true;
            }
        }
    }

    /// Answers the first member of a group whose job has ended. The group goes with the last one. Returns whether others are
    /// left.
    fn answer_one(&mut self, id: GroupId, ctx: &mut Ctx<'_>) -> bool {
        let member = self.groups.pop_member(id);
        let Some(group) = self.groups.get_mut(id) else { return false };
        let answer = group.outgoing.as_ref().and_then(|outgoing| outgoing.answer.as_ref());
        if let (Some(member), Some(answer)) = (member, answer) {
            let to = member.submitter;
            ctx.post(to.shard(), Message::Answer { to, answer: answer.for_other(&member.id, member.bytes) });
        }
        let any_left = !group.members.is_empty();
        if !any_left {
            self.end_group(id, ctx);
        }
        any_left
    }
}
