//! What happens to a job when it comes to its home: it joins the group of its key, enters its queue, or ends because there is no
//! worker. Which group it joins is looked up in the home's books; that there was no worker must follow from what the shards
//! have reported to the home.

use deputy::dispatch::audit::Audit;
use deputy::dispatch::message::{JobEvent, Message, Submitter, TraceId};
use deputy::protocol::command::Class;

use super::schedule::Schedule;
use super::world::{Event, Link, Peer, World};
use crate::model::requests::{End, Job, State};
use crate::model::shadow::Shadow;

impl Job {
    /// Whether this is how the home knows its submitter, before it is in a group.
    fn is_from(&self, submitter: Submitter, id: &str, world: &World) -> bool {
        let (shard, conn) = world.conn_id(self.submitter);
        match submitter {
            Submitter::Ticket(of, ticket) => {
                of.0 == shard && Some(ticket.generation) == self.ticket && self.asks.is_named()
            }
            Submitter::Conn(of, from) => of.0 == shard && from == conn && self.id == id && !self.is_anonymous(),
            Submitter::Background(of) => {
                let silent = self.asks.is_accepted_at_once() && !self.asks.is_named();
                of.0 == shard && self.id == id && silent
            }
            Submitter::Group(..) => false,
        }
    }

    fn is_anonymous(&self) -> bool {
        self.asks.is_named() || self.asks.background
    }
}

impl Schedule {
    /// The jobs in `arrived` came to their home in the last step, which was one of `home`.
    pub(super) fn arrive(&mut self, home: u16, arrived: &[u64], events: &[Event]) {
        if self.shadow.stopping[usize::from(home)] {
            return;
        }
        let is_keyed = |serial: &u64| self.shadow.jobs[serial].asks.key.is_some();
        let (mut keyed, others): (Vec<u64>, Vec<u64>) = arrived.iter().copied().partition(is_keyed);
        for serial in others {
            self.check_need(home, serial, None);
        }
        if keyed.is_empty() {
            return;
        }
        let audit = self.world.audit(home);
        keyed.sort_by_cached_key(|serial| self.place_in_group(*serial, &audit));
        for serial in keyed {
            self.arrive_with_key(home, serial, &audit, events);
        }
    }

    /// The group of a job's first `do` line, and its place among the members.
    fn place_in_group(&self, serial: u64, audit: &Audit) -> Option<(u32, usize)> {
        let job = &self.shadow.jobs[&serial];
        let of = (job.type_name.as_str(), job.asks.key.expect("only such jobs have groups"));
        let is_it = |(submitter, id): &(Submitter, String)| job.is_from(*submitter, id, &self.world);
        // The last one: an equal `do` line of this connection may be a member already.
        let groups = audit.groups.iter().filter(|group| (&*group.of.0, &*group.of.1) == of);
        let places = groups.filter_map(|group| Some((group.id.generation, group.members.iter().rposition(is_it)?)));
        places.max()
    }

    fn arrive_with_key(&mut self, home: u16, serial: u64, audit: &Audit, events: &[Event]) {
        let joins = match self.place_in_group(serial, audit) {
            Some((group, _)) => {
                let known = self.shadow.groups.get(&(home, group)).copied();
                if known.is_none() {
                    self.open_group((home, group), serial);
                }
                known
            }
            None => self
                .left_its_group(home, serial, audit, events)
                .or_else(|| self.ended_with_its_group(home, serial, audit, events))
                .or_else(|| {
                    let group = self.opened_and_left_its_group(home, serial, audit, events)?;
                    self.open_group(group, serial);
                    None
                }),
        };
        match joins {
            Some(other) => self.shadow.join(serial, other),
            None if self.shadow.jobs[&serial].group.is_none() => self.check_need(home, serial, Some(false)),
            None => {}
        }
    }

    /// A job has come home, and is the first member of a group.
    fn open_group(&mut self, group: (u16, u32), serial: u64) {
        self.check_need(group.0, serial, Some(true));
        self.shadow.groups.insert(group, serial);
        self.shadow.jobs.get_mut(&serial).expect("it has come").group = Some(group);
    }

    /// Whether a job was given up in this step: its `did` was sent, or its submitter has left.
    fn was_given_up(&self, serial: u64, events: &[Event]) -> bool {
        let job = &self.shadow.jobs[&serial];
        let id = format!(r#"{{"cmd":"did","id":{},"#, job.id);
        let is_end =
            |text: &str| text.starts_with(&id) && ["cancelled", "expired"].iter().any(|code| text.contains(code));
        let is_given_up =
            |event: &Event| matches!(event, Event::Sent(peer, text) if *peer == job.submitter && is_end(text));
        !self.shadow.live.contains(job.submitter) || events.iter().any(is_given_up)
    }

    /// A job that joined a group, and was given up in the same step. Other members keep the group open.
    fn left_its_group(&self, home: u16, serial: u64, audit: &Audit, events: &[Event]) -> Option<u64> {
        if !self.was_given_up(serial, events) {
            return None;
        }
        let job = &self.shadow.jobs[&serial];
        let of = (job.type_name.as_str(), job.asks.key.expect("only such jobs have groups"));
        let group = audit.groups.iter().find(|group| group.is_open && (&*group.of.0, &*group.of.1) == of)?;
        self.shadow.groups.get(&(home, group.id.generation)).copied()
    }

    /// A job that opened a group, and was given up in the same step, before any other job joined it. Returns the group.
    fn opened_and_left_its_group(&self, home: u16, serial: u64, audit: &Audit, events: &[Event]) -> Option<(u16, u32)> {
        if !self.was_given_up(serial, events) {
            return None;
        }
        let mut opened = events.iter().filter_map(|event| match event {
            Event::Traced(_, JobEvent::Queued(Submitter::Group(at, group))) if at.0 == home => Some(group.generation),
            _ => None,
        });
        let is_gone = |group: &u32| {
            let is_there = audit.groups.iter().any(|other| other.id.generation == *group);
            !is_there && !self.shadow.groups.contains_key(&(home, *group))
        };
        Some((home, opened.find(is_gone)?))
    }

    /// A job that joined a group whose job was overdue in the same step: the group is not there any more, or other members
    /// wait for their turn to be answered. If all had left the group, its job was revoked instead, and nothing joined it.
    fn ended_with_its_group(&self, home: u16, serial: u64, audit: &Audit, events: &[Event]) -> Option<u64> {
        let job = &self.shadow.jobs[&serial];
        let is_it = |other: &Job| {
            let here = |group: (u16, u32)| {
                group.0 == home && !audit.groups.iter().any(|left| left.id.generation == group.1 && !left.has_ended)
            };
            let held = matches!(other.state, State::Held(worker) if self.shadow.conn(worker).shard == home);
            let revoked = |event: &Event| match event {
                Event::Traced(TraceId { home, arrival }, JobEvent::Revoked) => other.trace == Some((home.0, *arrival)),
                _ => false,
            };
            let is_twin = other.type_name == job.type_name && other.asks.key == job.asks.key;
            held && is_twin && other.group.is_some_and(here) && !events.iter().any(revoked)
        };
        self.shadow.jobs.iter().find(|(_, other)| is_it(other)).map(|(serial, _)| *serial)
    }

    /// A new job has come home. If it needs a worker and there is none it must end, and only then.
    fn check_need(&mut self, home: u16, serial: u64, queued: Option<bool>) {
        let job = &self.shadow.jobs[&serial];
        let (needs, end) = if job.asks.durable { (true, End::NoBridge) } else { (job.asks.need_worker, End::NoWorker) };
        let ends = needs && self.present(home, &job.type_name, job.asks.durable) == Some(false);
        if let Some(queued) = queued
            && !self.shadow.stopping.contains(&true)
        {
            assert_eq!(queued, !ends, "queued, or ended because there is no worker: {job:?}");
        }
        if ends {
            self.shadow.end(serial, end);
        }
    }

    /// Whether a home knows of a worker of a type, or of its durable jobs, as far as messages have come. `None`: a shard
    /// stops, and reports no more.
    fn present(&self, home: u16, type_name: &str, durable: bool) -> Option<bool> {
        if self.shadow.stopping.contains(&true) {
            return None;
        }
        let classes: &[Class] = if durable { &[Class::Durable] } else { &[Class::Ordinary, Class::Spare] };
        Some(classes.iter().any(|class| self.is_present(home, type_name, *class)))
    }

    /// In the last step the durable jobs in `ended` ended although they had waited in their queues: their home knows of no durable
    /// worker.
    pub(crate) fn check_no_bridge(&mut self) {
        for type_name in std::mem::take(&mut self.shadow.no_bridge) {
            let home = self.world.home(&type_name);
            assert!(self.present(home, &type_name, true) != Some(true), "there is a durable worker of {type_name}");
        }
    }

    /// Whether a home knows of a worker of a type and class.
    fn is_present(&self, home: u16, type_name: &str, wanted: Class) -> bool {
        let takes = |peer: &Peer| self.shadow.conn(*peer).takes_as(type_name, wanted);
        let mut takers: Vec<u16> =
            self.shadow.live.iter().filter(takes).map(|peer| self.shadow.conn(peer).shard).collect();
        let others = (0..self.plan.options.shards).filter(|shard| *shard != home);
        for shard in others {
            let known = self.world.on_the_way(Link { from: shard, to: home }).find_map(|message| match message {
                Message::Present(of, class, _) if *of.name == *type_name && *class == wanted => Some(false),
                Message::Absent(of, class) if *of.name == *type_name && *class == wanted => Some(true),
                _ => None,
            });
            match known {
                Some(false) => takers.retain(|taker| *taker != shard),
                Some(true) => takers.push(shard),
                None => {}
            }
        }
        !takers.is_empty()
    }
}

impl Shadow {
    /// A `do` line joins the job of another one. Its own job is none.
    fn join(&mut self, serial: u64, other: u64) {
        self.tally.joined += 1;
        let own = self.forget(serial).expect("it has come");
        assert_eq!(own.state, State::Inside, "it joined, but was more than on its way: {own:?}");
        let job = self.jobs.get_mut(&other).expect("its group is there");
        self.costly -= usize::from(job.requests.is_empty() && !own.requests.is_empty());
        job.requests.extend(&own.requests);
        self.tally.members_max = self.tally.members_max.max(job.requests.len());
        let state = job.state;
        for request in own.requests {
            self.requests.get_mut(&request).expect("it waits").job = other;
            if let State::Ended(end) = state {
                self.answer_if_gone(request, end);
            }
        }
    }
}
