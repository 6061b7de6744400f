//! What the cases do with jobs that ask for more than plain ones: submit them with options, cancel them, report progress,
//! let time pass, answer for spent slots. And how a case ends.

use deputy::dispatch::audit::Audit;

use super::fixture::{Fixture, letter};
use crate::script::sent_line;
use crate::world::Peer;

impl Fixture {
    /// A client sends a line in the short form of the scripts.
    pub(crate) fn send(&mut self, client: Peer, line: &str) {
        self.world.send_line(client, &sent_line(line).expect("a line in short form"));
        self.look();
    }

    /// A job comes from a client of `shard`, with these options in the short form of the scripts.
    pub(crate) fn submit_with(&mut self, shard: u16, job: &str, options: &str) {
        self.submit_with_by(self.client(shard), job, options);
    }

    pub(crate) fn submit_with_by(&mut self, client: Peer, job: &str, options: &str) {
        let name = self.type_of(letter(job));
        self.send(client, &format!("do {job} {name} with {options}"));
    }

    /// The client of `shard` cancels a job.
    pub(crate) fn cancel(&mut self, shard: u16, job: &str) {
        self.send(self.client(shard), &format!("cancel {job}"));
    }

    /// A worker with job numbers: it gives `max_jobs` even if it has one slot.
    pub(crate) fn numbered_worker(&mut self, shard: u16, letters: &str, slots: u32) -> Peer {
        let worker = self.world.open(shard);
        self.can_do(worker, letters, Some(slots));
        worker
    }

    /// The worker reports progress of a job that it holds; nothing, and false, if it does not hold it.
    pub(crate) fn report(&mut self, worker: Peer, job: &str, data: &str) -> bool {
        self.send_of(worker, job, "progress", &format!(r#","data":{data}"#))
    }

    /// A client asks for the metrics of all types. Each shard answers by a message.
    pub(crate) fn ask_for_types(&mut self, client: Peer) {
        self.world.send_line(client, r#"{"cmd":"metrics","types":true}"#);
        self.look();
    }

    /// The worker answers for one of its spent slots; nothing, and false, if it has none.
    pub(crate) fn answer_late(&mut self, worker: Peer) -> bool {
        let spent = self.slots(worker).map(|slots| slots.spent).unwrap_or_default();
        let Some(lease) = spent.iter().map(|spent| spent.lease).min() else { return false };
        let name = lease.map_or_else(
            || {
                let last = self.starts.iter().rfind(|(_, to)| *to == worker).expect("it was sent a job");
                format!(r#""id":"{}""#, last.0)
            },
            |number| format!(r#""job":{number}"#),
        );
        self.world.send_line(worker, &format!(r#"{{"cmd":"did",{name}}}"#));
        self.look();
        true
    }

    /// The worker answers for a job, whether it still holds it or the slot is spent.
    pub(crate) fn end_or_answer_late(&mut self, worker: Peer, job: &str) -> bool {
        self.end(worker, job) || self.answer_late(worker)
    }

    /// Time passes, and each shard has the two turns that it needs to see it.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.world.advance(ms);
        self.world.advance(0);
        self.look();
    }

    /// All that waits or is held is done, and all leave. Then each of these jobs was answered once, and nothing is left.
    pub(crate) fn wind_up(&mut self, jobs: &[&str]) {
        self.rest();
        self.numbered_worker(0, "ABC", 8);
        self.durable_worker(0, "ABC", 8);
        self.settle();
        while self.answer_all() {
            self.settle();
        }
        let mut answered: Vec<&str> = self.answers.iter().map(|(job, _)| job.as_str()).collect();
        answered.sort_unstable();
        assert_eq!(answered, jobs, "each job is answered once");
        self.check_forgotten();
        for (_, peer) in self.peers() {
            self.leave(peer);
        }
        self.settle();
        self.world.check_empty();
    }

    /// Nothing is left of any job that is not plain, and no job counts bytes.
    pub(crate) fn check_forgotten(&self) {
        for (shard, audit) in (0..).zip(self.world.audits()) {
            let left = (audit.tickets.len(), audit.groups.len(), audit.doomed.len(), audit.revocable, audit.timers);
            assert_eq!(left, (0, 0, 0, [0; 4], [0; 2]), "shard {shard} remembers {audit:?}");
            let counts = self.world.counts(shard);
            assert_eq!((counts.job_bytes, counts.jobs_delayed, counts.slots_spent), (0, 0, 0), "shard {shard}");
        }
    }

    /// All workers answer for all that they hold and all their spent slots. Returns whether there was anything.
    fn answer_all(&mut self) -> bool {
        let mut any = false;
        for (_, worker) in self.peers() {
            while self.answer_late(worker) {
                any = true;
            }
            for job in self.held(worker) {
                any |= self.end(worker, &job);
            }
        }
        any
    }

    fn peers(&self) -> Vec<(u16, Peer)> {
        let of_shard = |(shard, audit): (u16, Audit)| {
            let peers = audit.connections.into_iter().filter_map(move |conn| self.world.peer(shard, conn));
            peers.map(move |peer| (shard, peer)).collect::<Vec<_>>()
        };
        (0..).zip(self.world.audits()).flat_map(of_shard).collect()
    }
}
