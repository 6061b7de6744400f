//! Metrics queries in slices of two rows, beside half lines at the edge of the memory budget. Random schedules come there
//! once in some ten thousand.

use deputy::protocol::command::{Class, Command, MetricsAsked, TypesAsked};

use super::plan::{Family, Plan};
use super::random::Random;
use super::schedule::Schedule;
use super::world::{Options, Peer};

/// Types of the worker, where rows matter.
const TYPES: usize = 6;
/// Bytes of its half line.
const HALF_LINE: u64 = 500;

/// A shard with a worker that has sent half a line, and a peer that asks.
struct Slices {
    schedule: Schedule,
    asker: Peer,
}

impl Slices {
    fn new(types: usize, memory_bytes_max: u64) -> Self {
        let mut random = Random::new(1);
        let mut plan = Plan::new(Family::Tight, 1, &mut random);
        plan.options = Options { memory_bytes_max, rows_per_turn: 2, ..Options::default() };
        (plan.types, plan.types_a_worker, plan.refs) = (types, types, false);
        let mut schedule = Schedule::of(plan, random);
        let (worker, asker) = (schedule.open_at(0), schedule.open_at(0));
        let types: Vec<String> = (0..types).map(|at| format!("t{at}")).collect();
        schedule.send_can_do(worker, &types, Class::Ordinary, None);
        schedule.half_line_of(worker, HALF_LINE);
        Self { schedule, asker }
    }

    fn query(&mut self) {
        self.schedule.shadow.conn_mut(self.asker).asked += 1;
        let asked = MetricsAsked { types: TypesAsked::All, ..MetricsAsked::default() };
        self.schedule.command(self.asker, &Command::Metrics(asked));
    }
}

/// Budgets from one that the half line alone passes to one that all fits in.
fn budgets() -> impl Iterator<Item = u64> {
    (400..4_000).step_by(20)
}

#[test]
fn turns_of_queries_are_no_messages_that_go_round() {
    let mut slices = Slices::new(1, 1 << 40);
    // One gathering serves all but the first, and each answer takes a turn.
    (0..40).for_each(|_| slices.query());
    slices.schedule.settle();
    assert_eq!(slices.schedule.shadow.queries(), 0);
}

#[test]
fn rows_that_pass_the_budget_cut_off_half_lines_at_the_next_turn() {
    let cut: Vec<bool> = budgets()
        .map(|budget| {
            let mut slices = Slices::new(TYPES, budget);
            (0..3).for_each(|_| slices.query());
            slices.schedule.settle();
            slices.schedule.shadow.bounds.cuts() > 0
        })
        .collect();
    assert!(cut[0] && cut.is_sorted_by_key(|cut| !cut) && !cut[cut.len() - 1], "{cut:?}");
}

#[test]
fn a_worker_may_leave_for_the_bytes_of_a_query() {
    let left = budgets().map(|budget| {
        let mut slices = Slices::new(TYPES, budget);
        let before = slices.schedule.shadow.bounds.cuts();
        for _ in 0..4 {
            slices.schedule.check_table();
        }
        slices.schedule.shadow.bounds.cuts() > before
    });
    assert!(left.collect::<Vec<_>>().contains(&true), "no budget was passed by a query");
}
