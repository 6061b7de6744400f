//! What is checked of the messages that one step posts.

use std::collections::{BTreeMap, BTreeSet};

use deputy::dispatch::message::{ConnId, JobEvent, Message};
use deputy::metrics::Fault;
use deputy::protocol::command::Class;

use crate::model::line::{self, Line};
use crate::schedule::Schedule;
use crate::world::{Event, Link};

impl Schedule {
    /// What a shard gives back of a type goes home in the order in which it came from there, and after its offers were
    /// taken back: else it would be turned away for each of them.
    pub(crate) fn check_returns(&mut self, shard: u16, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::Fault(_, Fault::Overdue))) {
            return; // They go home as their limits end.
        }
        let lost_worker = |event: &Event| match event {
            Event::Traced(_, JobEvent::Requeued(worker) | JobEvent::Lost(worker, _)) => Some(*worker),
            _ => None,
        };
        let closed = events.iter().filter(|event| matches!(event, Event::Closed(..))).count();
        let leavers = events.iter().filter_map(lost_worker).collect::<BTreeSet<ConnId>>().len().max(closed);
        let mut posted: BTreeMap<u16, (usize, u64)> = BTreeMap::new();
        for event in events {
            if let Event::Posted(_, home, name) = event {
                let (all, returns) = posted.entry(*home).or_default();
                *all += 1;
                *returns += u64::from(*name == "Requeue");
            }
        }
        for (home, (all, returns)) in posted {
            self.reached.returned += returns;
            if returns > 0 && leavers < 2 {
                let link = Link { from: shard, to: home };
                let before = self.world.on_the_way(link).len() - all;
                check_return_order(self.world.on_the_way(link).skip(before), leavers > 0);
            }
        }
    }

    /// In one step of `home` no job went to a spare worker although an ordinary one could have had it, as far as the home
    /// knew. Offers of other shards are there throughout the step if they are there at its end: what another shard posts
    /// is the first thing in a step, and after that they only become fewer.
    pub(crate) fn check_spared(&mut self, home: u16, events: &[Event]) {
        if self.plan.spare_one_in == 0 {
            return;
        }
        let spared = self.spared(home, events);
        if spared.is_empty() {
            return;
        }
        self.reached.spared += spared.len() as u64;
        for queue in self.world.audit(home).queues {
            for (shard, class, _) in &queue.offers {
                let is_it = *class == Class::Ordinary && shard.0 != home;
                let takes_suspects = !queue.rejects_suspects.contains(&(*shard, *class));
                let mut of_type = spared.iter().filter(|_| is_it).filter(|(name, _)| **name == *queue.type_name);
                let wrong = of_type.find(|(_, suspect)| takes_suspects || !suspect);
                assert!(wrong.is_none(), "{wrong:?} went to a spare worker, beside an ordinary offer: {queue:?}");
            }
        }
    }

    /// Jobs, and whether they are suspects, that a home gave to spare workers in a step.
    fn spared(&self, home: u16, events: &[Event]) -> Vec<(String, bool)> {
        let mut spared = Vec::new();
        let mut posted: BTreeMap<u16, usize> = BTreeMap::new();
        for event in events {
            match event {
                Event::Posted(_, to, _) => *posted.entry(*to).or_default() += 1,
                Event::Sent(peer, text) => {
                    let line = Line::read(text);
                    if line.cmd == "do"
                        && let Some(name) = line.type_name
                        && self.world.home(name) == home
                        && self.shadow.conn(*peer).takes_as(name, Class::Spare)
                    {
                        let serial = line::serial(line.arg.expect("all jobs have an arg").get());
                        let job = self.shadow.jobs.get(&serial);
                        if !job.is_some_and(|job| job.asks.durable) {
                            spared.push((name.to_owned(), job.is_some_and(|job| job.suspect)));
                        }
                    }
                }
                _ => {}
            }
        }
        for (to, all) in posted {
            let link = Link { from: home, to };
            let before = self.world.on_the_way(link).len() - all;
            let assigned = self.world.on_the_way(link).skip(before).filter_map(|message| match message {
                Message::Assign { job, pool, .. } => Some((job, *pool)),
                _ => None,
            });
            let mut assigned = assigned.peekable();
            if assigned.peek().is_some() {
                let pools = self.world.audit(to).pools;
                let class = |id| pools.iter().find(|pool| pool.id == id).map(|pool| pool.class);
                let to_spare = assigned.filter(|(_, id)| class(*id) == Some(Class::Spare));
                spared.extend(to_spare.map(|(job, _)| (job.type_name().to_owned(), job.is_suspect())));
            }
        }
        spared
    }
}

/// Checks what one step posted to one home.
fn check_return_order<'a>(messages: impl Iterator<Item = &'a Message>, left: bool) {
    let mut returned: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for message in messages {
        match message {
            Message::Requeue { job, .. } => {
                let before = returned.insert((job.type_name(), job.is_durable()), job.arrival);
                assert!(before.is_none_or(|before| before < job.arrival), "given back in another order: {job:?}");
            }
            // Who leaves takes back what the last step left.
            Message::Withdraw(of, class, _) => {
                let before = returned.contains_key(&(&*of.name, *class == Class::Durable));
                assert!(left || !before, "{}: offers were open", of.name);
            }
            _ => {}
        }
    }
}
