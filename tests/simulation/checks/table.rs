//! The metrics by type: at rest they are what the model knows.

use deputy::protocol::command::{Class, Command, MetricsAsked, TypesAsked};

use crate::closings::PAUSE_BYTES;
use crate::model::requests::State;
use crate::model::shadow::Conn;
use crate::plan::Family;
use crate::schedule::Schedule;
use crate::world::Peer;

/// A row of the table, without `done`, which begins anew whenever a type is forgotten.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    waiting: u64,
    running: u64,
    passed_on: u64,
    delayed: u64,
    spent: u64,
    free: u64,
    spare_workers: u64,
    workers: u64,
    durable_waiting: u64,
    durable_workers: u64,
    oldest_ms: u64,
    suspects: u64,
}

impl Schedule {
    /// A peer queries all types while nothing is on the way.
    pub(crate) fn check_table(&mut self) {
        self.take_the_turns_of_a_query();
        let Self { shadow, random, .. } = self;
        let Some(peer) = shadow.live.draw(random, |peer| shadow.conn(peer).reads) else { return };
        if self.shadow.stopping.contains(&true) || !self.world.at_rest() {
            return;
        }
        let names: Vec<String> = (0..self.plan.types).map(|at| format!("t{at}")).collect();
        let rows: Vec<Row> = names.iter().map(|name| self.row(name)).collect();
        let asked = names.iter().map(|name| name.as_str().into()).collect();
        self.shadow.conn_mut(peer).asked += 1;
        let types = TypesAsked::Named(asked);
        let cuts = self.shadow.bounds.cuts();
        self.command(peer, &Command::Metrics(MetricsAsked { types, ..MetricsAsked::default() }));
        self.settle();
        if self.shadow.bounds.cuts() > cuts {
            // The bytes of the query passed the budget. A worker that left for it is in some rows, and not in others.
            self.shadow.table = None;
            return;
        }
        let table = self.shadow.table.take().expect("a question is answered");
        let table: serde_json::Value = serde_json::from_str(&table).expect("an object");
        for (name, row) in names.iter().zip(rows) {
            let figure = |what: &str| table["types"][name][what].as_u64().expect("a figure");
            let [waiting, running, workers, suspects] = ["waiting", "running", "workers", "suspects"].map(figure);
            let [delayed, spent, free, spare_workers] = ["delayed", "spent", "free", "spare_workers"].map(figure);
            let [durable_waiting, durable_workers] = ["durable_waiting", "durable_workers"].map(figure);
            let passed_on = figure("passed_on");
            let oldest_ms = figure("oldest_ms");
            // Jobs wait in the order in which they came to their home. One that was long on its way may be older than the
            // first.
            let late = self.plan.family != Family::Calm && oldest_ms < row.oldest_ms;
            let oldest_ms = if late { row.oldest_ms } else { oldest_ms };
            let reported = Row {
                waiting,
                running,
                passed_on,
                delayed,
                spent,
                free,
                spare_workers,
                workers,
                durable_waiting,
                durable_workers,
                oldest_ms,
                suspects,
            };
            let worker = table["types"][name].get("oldest_running_worker");
            assert_eq!(worker.is_some(), running > 0, "{name} in {table}");
            let here = table["types"][name].get("oldest_here_worker");
            assert_eq!(here.is_some(), running > passed_on, "{name} in {table}");
            assert_eq!(reported, row, "{name} in {table}");
            assert!(figure("done") <= self.shadow.tally.results, "{name} in {table}");
        }
        self.check_members(&table);
    }

    /// A query in slices takes turns, in which delays and time limits end that are over. So they end before.
    fn take_the_turns_of_a_query(&mut self) {
        if self.plan.options.rows_per_turn > 100 {
            return;
        }
        // What comes of them is delivered after the last, in any order.
        self.shadow.next_queue_place();
        for shard in (0..self.world.shards()).chain(0..self.world.shards()) {
            self.turn(shard);
        }
        self.settle();
    }

    fn row(&self, name: &str) -> Row {
        let mut row = Row::default();
        for (serial, job) in self.shadow.jobs.iter().filter(|(_, job)| job.type_name == name) {
            match job.state {
                // One that may not wait has ended, or is on its way.
                State::Inside if job.never_waits() => {}
                State::Inside => {
                    row.waiting += 1;
                    row.durable_waiting += u64::from(job.asks.durable);
                    row.suspects += u64::from(job.suspect);
                    row.oldest_ms = row.oldest_ms.max(self.world.now_ms() - job.accepted_ms);
                }
                State::Held(peer) => {
                    row.running += 1;
                    let conn = self.shadow.conn(peer);
                    let held = conn.held.iter().find(|held| held.serial == *serial);
                    let spare = held.is_some_and(|held| held.spare);
                    row.passed_on += u64::from(job.asks.durable || spare && conn.wants_ref);
                }
                State::Delayed => row.delayed += 1,
                State::Ended(_) => {}
            }
        }
        let takes = |peer: &Peer| self.shadow.conn(*peer).types.contains_key(name);
        let held = self.shadow.live.iter().flat_map(|peer| &self.shadow.conn(peer).held);
        row.spent = held.filter(|held| held.spent.as_deref() == Some(name)).count() as u64;
        row.workers = self.shadow.live.iter().filter(takes).count() as u64;
        let takes_durable = |peer: &Peer| self.shadow.conn(*peer).takes_as(name, Class::Durable);
        row.durable_workers = self.shadow.live.iter().filter(takes_durable).count() as u64;
        let workers = || self.shadow.live.iter().filter(takes).map(|peer| self.shadow.conn(peer));
        let free = |conn: &Conn| u64::from(conn.slots).saturating_sub(conn.held.len() as u64);
        row.spare_workers = workers().filter(|conn| conn.takes_as(name, Class::Spare)).count() as u64;
        let ordinary = workers().filter(|conn| conn.takes_as(name, Class::Ordinary));
        row.free = ordinary.filter(|conn| conn.unsent <= PAUSE_BYTES).map(free).sum();
        row
    }

    /// The gauges of the whole server.
    fn check_members(&self, table: &serde_json::Value) {
        let workers = || self.shadow.live.iter().map(|peer| self.shadow.conn(peer)).filter(|conn| conn.is_worker());
        let idle = workers().filter(|conn| conn.held.is_empty()).count();
        let expected =
            [("workers", workers().count()), ("workers_idle", idle), ("connections_open", self.shadow.live.len())];
        for (name, expected) in expected {
            assert_eq!(table[name].as_u64(), Some(expected as u64), "{name} in {table}");
        }
    }
}
