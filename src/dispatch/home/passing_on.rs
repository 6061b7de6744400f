//! Passes answers and progress on to the members of a group: the rule K2 of docs/architecture.md. A group may have a
//! million members, so each turn serves a share of them. A shard that stops serves all members at once.
//!
//! Groups are served alternately, each with a part of its members, so that a small group does not wait for a large one.
//! A group passes on one report at a time, and its answer last.
//!
//! Incoming lines do not make the backlog grow: each `do` that joins a group, and each answer, serves one more member,
//! even if the turn's share is used up.

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

/// The number of members of a group that are served before the next group.
const PART: usize = 32;

/// Groups with answers or progress to pass on.
#[derive(Debug, Default)]
pub(super) struct PassingOn {
    groups: VecDeque<GroupId>,
    /// How many members this turn may still serve.
    left: usize,
}

/// The data that a group still has to pass on.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Outgoing {
    progress: Option<Pass>,
    /// The latest progress that came meanwhile.
    newer: Option<OwnedCarried>,
    answer: Option<Answer>,
    /// Whether its group is in the list of groups to serve.
    is_listed: bool,
}

/// Progress on its way through a group.
#[derive(Debug)]
struct Pass {
    data: OwnedCarried,
    /// Members from this number on have not received it.
    next: u64,
    /// Members from this number on joined later, and do not receive it.
    end: u64,
}

impl PassingOn {
    /// Returns whether the next turn has data to pass on.
    pub(super) fn any(&self) -> bool {
        !self.groups.is_empty()
    }
}

impl Outgoing {
    /// Returns whether the group's job has ended.
    pub(super) fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Returns the bytes that it counts in the memory budget.
    fn bytes(&self) -> u64 {
        let progress = self.progress.iter().map(|pass| &pass.data).chain(&self.newer);
        let progress: usize = progress.map(|data| data.as_carried().len()).sum();
        progress as u64 + self.answer.as_ref().map_or(0, Answer::value_bytes)
    }
}

impl Group {
    /// Begins to pass on the progress that came meanwhile, if none is on its way. Returns whether there is any.
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

    /// Updates the bytes in the memory budget.
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
        group.job_bytes = JOB_FIXED_BYTES; // The answer replaces the job.
        group.outgoing.get_or_insert_default().answer = Some(answer);
        self.begin_to_serve(id, ctx);
        self.serve_one_more(ctx);
    }

    /// K2: the worker of a group's job reports progress. Each member that wants progress gets it. While an earlier
    /// report is on its way through the group, the latest report waits, and those in between are dropped.
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

    /// Begins the share of a new turn, and continues where the last turn has stopped.
    pub(in crate::dispatch) fn go_on_passing_on_in_turn(&mut self, ctx: &mut Ctx<'_>) {
        self.passing_on.left = ctx.settings.per_turn.members;
        self.go_on_passing_on(ctx);
    }

    /// Serves one member in addition to the turn's share.
    pub(super) fn serve_one_more(&mut self, ctx: &mut Ctx<'_>) {
        if self.passing_on.any() {
            self.passing_on.left = self.passing_on.left.saturating_add(1);
            self.go_on_passing_on(ctx);
        }
    }

    /// Serves members of groups, until the turn's share is used up.
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

    /// Answers the first member of a group whose job has ended. Removes the group with its last member. Returns whether
    /// other members are left.
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
