//! Gives up many jobs of one client: all jobs that a `cancel` names by their common id, and all jobs of a connection
//! that has ended. There may be a million of them, so each turn gives up a share.
//!
//! Until then such a job goes on as if its `cancel`, or the end of its connection, had come later.

use std::collections::{BTreeMap, VecDeque};

use super::Owner;
use super::tickets::{Age, Cancellable, Tickets};
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, TicketId};

/// The jobs that are still to be given up.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct GiveUps {
    cancels: VecDeque<Cancel>,
    /// Connections that have ended, each with its list of tickets that can be cancelled.
    departed: BTreeMap<ConnId, Cancellable>,
    /// How many jobs this turn may still give up.
    left: usize,
}

/// A `cancel` that is not finished.
#[derive(Debug)]
struct Cancel {
    from: ConnId,
    id: Box<str>,
    /// When it came. It does not apply to younger jobs.
    came: Age,
}

impl GiveUps {
    /// Returns whether the next turn has jobs to give up.
    pub(in crate::dispatch) fn any(&self) -> bool {
        !self.cancels.is_empty() || !self.departed.is_empty()
    }

    /// Returns how many connections and `cancel` lines are not finished, for tests.
    pub(in crate::dispatch) fn len(&self) -> usize {
        self.cancels.len() + self.departed.len()
    }

    /// Returns the list of a connection that has ended, if some of it is left.
    pub(super) fn list_of(&mut self, conn: ConnId) -> Option<&mut Cancellable> {
        self.departed.get_mut(&conn)
    }

    fn next_of(&self, conn: ConnId, tickets: &Tickets) -> Option<TicketId> {
        tickets.first(*self.departed.get(&conn)?)
    }

    /// Takes one job of this turn's share. Returns whether there was one.
    fn take(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left -= usize::from(is_left);
        is_left
    }
}

impl Owner {
    /// `cancel`: gives up the jobs of this connection and id that can be cancelled, and ignores others. The first job
    /// is given up even if the turn's share is used up, so the backlog never has more `cancel` lines than submitted
    /// jobs.
    pub(in crate::dispatch) fn cancel(&mut self, from: ConnId, id: &str, ctx: &mut Ctx<'_>) {
        let Some(ticket) = self.tickets.find(from, id) else { return };
        let came = self.tickets.age();
        self.give_ups.take();
        self.give_up(ticket, Reason::Cancelled, ctx);
        if !self.cancel_older(from, id, came, ctx) {
            self.give_ups.cancels.push_back(Cancel { from, id: id.into(), came });
        }
    }

    /// Gives up the jobs of a connection and id that came before `came`, until the turn's share is used up. Returns
    /// whether it has given up all of them.
    fn cancel_older(&mut self, from: ConnId, id: &str, came: Age, ctx: &mut Ctx<'_>) -> bool {
        while let Some(ticket) = self.tickets.find(from, id).filter(|ticket| came.is_after(*ticket)) {
            if !self.give_ups.take() {
                return false;
            }
            self.give_up(ticket, Reason::Cancelled, ctx);
        }
        true
    }

    /// Gives up all jobs of a connection that can be cancelled, because it has ended.
    pub(in crate::dispatch) fn cancel_all(&mut self, from: ConnId, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(from) else { return };
        let list = std::mem::take(&mut conn.cancellable);
        if self.tickets.first(list).is_some() {
            self.give_ups.departed.insert(from, list);
            self.give_up_list(from, ctx);
        }
    }

    /// Gives up the jobs of a connection that has ended, until the turn's share is used up. Returns whether it has
    /// given up all of them.
    fn give_up_list(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) -> bool {
        while let Some(ticket) = self.give_ups.next_of(conn, &self.tickets) {
            if !self.give_ups.take() {
                return false;
            }
            self.give_up(ticket, Reason::Cancelled, ctx);
        }
        self.give_ups.departed.remove(&conn);
        true
    }

    /// Begins the share of a new turn.
    pub(in crate::dispatch) fn begin_give_ups(&mut self, ctx: &Ctx<'_>) {
        self.give_ups.left = ctx.settings.per_turn.give_ups;
    }

    /// Continues where the last turn has stopped.
    pub(in crate::dispatch) fn go_on_giving_up(&mut self, ctx: &mut Ctx<'_>) {
        while let Some((&conn, _)) = self.give_ups.departed.first_key_value() {
            if !self.give_up_list(conn, ctx) {
                return;
            }
        }
        while let Some(cancel) = self.give_ups.cancels.pop_front() {
            if !self.cancel_older(cancel.from, &cancel.id, cancel.came, ctx) {
                self.give_ups.cancels.push_front(cancel);
                return;
            }
        }
    }
}
