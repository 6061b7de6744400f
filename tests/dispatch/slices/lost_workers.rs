//! A worker that is lost while it holds many jobs: a share of them goes back per turn, and all in the end.

use crate::world::{Options, Peer, World};

/// The most that a turn requeues.
const PER_TURN: usize = 10;
/// More than a few turns requeue.
const MANY: usize = 95;

/// A worker at the first shard that holds many jobs of type `t`, which `client` has submitted.
struct Holding {
    world: World,
    client: Peer,
    worker: Peer,
}

impl Holding {
    /// `members` are further members of each `do`. All are of the first shard, but for the client.
    fn new(shards: u16, members: &str) -> Self {
        let options = Options { shards, losses_per_turn: PER_TURN, run_limit_ms: 0, ..Options::default() };
        let mut world = World::new(options);
        let client = world.open(shards - 1);
        for id in 0..MANY {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t"{members}}}"#));
        }
        world.settle();
        let worker = world.worker(0, &["t"], Some(200));
        world.settle();
        assert_eq!(world.take_lines(worker).len(), MANY);
        world.turn(0);
        Self { world, client, worker }
    }

    /// How many jobs were requeued, as all shards count.
    fn requeued(&self) -> usize {
        usize::try_from(self.world.totals().counts.jobs_reassigned).expect("few jobs")
    }

    /// How many jobs of lost workers are not requeued.
    fn left(&self) -> usize {
        self.world.audit(0).lost.iter().map(|lost| lost.held.len() + lost.spent.len()).sum()
    }

    fn turn(&mut self) {
        self.world.turn(0);
        self.world.deliver_all();
        self.world.check_shard(0);
    }

    fn end_worker(&mut self) {
        self.world.end(self.worker);
        self.world.deliver_all();
        self.world.check_shard(0);
    }

    /// The codes with which the client's jobs have ended since the last call.
    fn codes(&mut self) -> Vec<String> {
        let lines = self.world.take_lines(self.client).into_iter();
        let code = |line: &str| Some(line.split_once(r#""code":""#)?.1.split('"').next()?.to_owned());
        lines.filter_map(|line| code(&line)).collect()
    }
}

#[test]
fn its_jobs_go_back_in_several_turns_and_in_their_order() {
    for shards in [1, 3] {
        let mut holding = Holding::new(shards, "");
        let other = holding.world.worker(0, &["t"], None);
        holding.end_worker();
        let running = |holding: &Holding| holding.world.totals().counts.jobs_running;
        let (mut before, mut turns) = (0, 0);
        while holding.left() > 0 {
            let now = holding.requeued();
            assert_eq!(now - before, PER_TURN);
            assert_eq!(running(&holding), (MANY - now) as u64 + 1, "what is not requeued is held");
            assert!(holding.world.has_work(0) && holding.world.next_call_ms(0).is_some());
            before = now;
            holding.turn();
            turns += 1;
        }
        assert_eq!((holding.requeued(), turns), (MANY, MANY.div_ceil(PER_TURN) - 1));
        // Suspects go to a worker one by one, and a loss in company counts no attempt.
        for id in 0..MANY {
            let received = holding.world.take_lines(other);
            assert_eq!(received, [format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#)]);
            holding.world.send_line(other, &format!(r#"{{"cmd":"did","id":{id},"res":0}}"#));
            holding.world.settle();
        }
        assert_eq!(holding.world.totals().counts.jobs_done, MANY as u64);
        holding.world.check_rest();
    }
}

#[test]
fn the_loss_counts_once_for_each_type_and_attempt() {
    let mut holding = Holding::new(1, r#","attempts":2"#);
    holding.end_worker();
    holding.world.settle();
    let lost = |holding: &Holding| {
        let figures = World::figures_of(&holding.world.audits(), "t").unwrap();
        (figures.outcomes.workers_lost, figures.outcomes.gave_up)
    };
    assert_eq!(lost(&holding), (1, 0));
    // Each of the next losses ends one job, which is a suspect.
    for nth in 1..=2 {
        let worker = holding.world.worker(0, &["t"], Some(5));
        holding.world.settle();
        holding.world.end(worker);
        holding.world.settle();
        assert_eq!(lost(&holding), (1 + nth, nth / 2));
    }
    assert_eq!(holding.codes(), ["gave_up"]);
    holding.world.check_rest();
}

#[test]
fn jobs_that_have_no_attempt_left_end_in_several_turns() {
    for shards in [1, 3] {
        let mut holding = Holding::new(shards, r#","attempts":1"#);
        holding.end_worker();
        assert_eq!(holding.codes(), vec!["gave_up"; PER_TURN]);
        holding.world.settle();
        assert_eq!(holding.codes(), vec!["gave_up"; MANY - PER_TURN]);
        holding.world.check_rest();
        holding.world.end_all([holding.client]);
    }
}

/// The Drop meets none of them, because their worker is gone. They end when they come home.
#[test]
fn a_job_that_is_not_requeued_yet_can_be_cancelled() {
    for shards in [1, 3] {
        for key in ["", r#","key":"k""#] {
            let mut holding = Holding::new(shards, r#","cancellable":true"#);
            let last = format!(r#"{{"cmd":"do","id":"last","type":"t","cancellable":true{key}}}"#);
            holding.world.send_line(holding.client, &last);
            holding.world.settle();
            holding.end_worker();
            for id in [r#""last""#, "94", "50", "0"] {
                holding.world.send_line(holding.client, &format!(r#"{{"cmd":"cancel","id":{id}}}"#));
                holding.world.deliver_all();
                holding.world.check_shard(0);
            }
            assert_eq!(holding.codes(), vec!["cancelled"; 4]);
            assert!(holding.left() > 50);
            holding.world.settle();
            holding.world.check_rest();
            assert_eq!(holding.world.totals().counts.jobs_waiting, MANY as u64 - 3);
            holding.world.end_all([holding.client]);
        }
    }
}

/// Its run limit would end an attempt, but the loss has.
#[test]
fn a_run_limit_that_ends_meanwhile_is_of_no_account() {
    let mut holding = Holding::new(1, r#","run_limit_ms":1000,"attempts":2"#);
    holding.end_worker();
    holding.world.wait(2_000);
    holding.turn();
    holding.turn();
    assert_eq!(holding.left(), MANY - 3 * PER_TURN);
    holding.world.settle();
    assert_eq!(holding.requeued(), MANY);
    let totals = holding.world.totals();
    assert_eq!((totals.faults.of(deputy::metrics::Fault::Overdue), totals.counts.jobs_timed_out), (0, 0));
    assert_eq!(holding.world.audit(0).queues[0].waiting.iter().map(|job| job.attempts).sum::<u32>(), 0);
    holding.world.check_rest();
}

/// The worker gave no `max_jobs`, and waits behind another that was lost.
#[test]
fn so_it_is_for_a_job_without_a_lease() {
    let mut holding = Holding::new(1, "");
    let worker = holding.world.worker(0, &["small"], None);
    holding.world.send_line(holding.client, r#"{"cmd":"do","id":"s","type":"small","run_limit_ms":1000}"#);
    holding.end_worker();
    holding.world.end(worker);
    holding.world.wait(2_000);
    assert!(holding.left() > 0);
    holding.world.settle();
    assert_eq!(holding.requeued(), MANY + 1);
    assert_eq!(holding.world.totals().faults.of(deputy::metrics::Fault::Overdue), 0);
    holding.world.check_rest();
}

#[test]
fn a_stop_and_the_end_of_the_drain_answer_what_is_left() {
    for drain_over in [false, true] {
        let mut holding = Holding::new(1, "");
        holding.end_worker();
        holding.world.stop(0);
        assert_eq!(holding.codes(), vec!["shutdown"; PER_TURN], "those that wait end");
        assert_eq!(holding.world.pending(0), (MANY - PER_TURN) as u64);
        if drain_over {
            holding.world.drain_over(0);
        } else {
            while holding.left() > 0 {
                holding.turn();
            }
        }
        assert_eq!((holding.codes().len(), holding.world.pending(0), holding.left()), (MANY - PER_TURN, 0, 0));
        holding.world.check_rest();
    }
}

/// Further losses wait behind, each for its turn. Those of a few jobs wait too.
#[test]
fn workers_that_are_lost_meanwhile_follow() {
    let mut holding = Holding::new(1, "");
    let small: Vec<Peer> = (0..5).map(|_| holding.world.worker(0, &["small"], None)).collect();
    for id in 0..5 {
        holding.world.send_line(holding.client, &format!(r#"{{"cmd":"do","id":"s{id}","type":"small"}}"#));
    }
    holding.end_worker();
    for worker in small {
        holding.world.end(worker);
    }
    assert_eq!((holding.requeued(), holding.left()), (PER_TURN, MANY - PER_TURN + 5));
    assert_eq!(holding.world.totals().counts.workers, 0, "they are gone at once");
    assert_eq!(holding.world.audit(0).lost.len(), 6);
    let mut turns = 0;
    while holding.left() > 0 {
        holding.turn();
        turns += 1;
    }
    assert_eq!((holding.requeued(), turns), (MANY + 5, (MANY + 5) / PER_TURN - 1));
    holding.world.check_rest();
}

/// Spent slots go with their worker in the same way.
#[test]
fn spent_slots_are_freed_in_several_turns() {
    let mut holding = Holding::new(3, r#","cancellable":true"#);
    for id in 0..MANY {
        holding.world.send_line(holding.client, &format!(r#"{{"cmd":"cancel","id":{id}}}"#));
    }
    holding.world.settle();
    let spent = |holding: &Holding| holding.world.totals().counts.slots_spent;
    assert_eq!(spent(&holding), MANY as u64);
    holding.world.turn(0);
    holding.end_worker();
    assert_eq!(spent(&holding), (MANY - PER_TURN) as u64);
    holding.world.settle();
    assert_eq!(holding.world.totals().faults.of(deputy::metrics::Fault::LeftHolding), 0);
    holding.world.end_all([holding.client]);
}
