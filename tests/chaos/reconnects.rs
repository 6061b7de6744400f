//! Workers that come and go a thousand times a second beside ordinary work.

use std::thread;
use std::time::{Duration, Instant};

use crate::faults::{Fault, reconnect};
use crate::plan;
use crate::play::{Load, watch_until};
use crate::process::{Server, Via};
use crate::random::Random;
use crate::round::{Phase, Round, StopOnDrop};

/// How long it goes on at full size.
const WHOLE: Duration = Duration::from_secs(60);

#[test]
#[allow(clippy::print_stdout, reason = "the harness keeps it for failures and --nocapture")]
fn f06_workers_that_reconnect_a_thousand_times_a_second_lose_no_job() {
    println!("to repeat: {}", plan::command("f06"));
    let time = WHOLE.min(Duration::from_secs(plan::seconds()) / 8);
    let mut random = Random::new(plan::seed());
    let round = &Round::new(Server::start(&["--threads", "2", "--max-attempts", "0"]));
    thread::scope(|scope| {
        let _stop = StopOnDrop(round);
        let load = Load::start(scope, round, &mut random);
        let mut own = random.branch();
        scope.spawn(move || {
            while round.is(Phase::Chaos) {
                reconnect(round, &mut own, 20);
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < time && !round.is(Phase::Over) {
            round.wait(Duration::from_millis(20));
            round.check_progress();
        }
        round.advance_to(Phase::Finishing);
        watch_until(round, || load.is_finished());
    });
    println!("in {time:?}:\n{}", round.tally);
    assert_eq!(round.failure(), None);
    round.tally.check_all_done();
    assert!(round.tally.times(Fault::Reconnects) > 0);
    let mut observer = round.server.connect(Via::Tcp, "the observer");
    observer.until_metric("workers", 0);
    let metrics = observer.metrics();
    let count = |name: &str| metrics[name].as_u64().unwrap();
    assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"));
    assert!(count("jobs_reassigned") > 0, "no worker left with a job");
    assert_eq!(metrics["faults"]["gave_up"], 0);
}
