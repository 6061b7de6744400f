//! Workers that come and go a thousand times a second beside ordinary work.

use std::thread;
use std::time::{Duration, Instant};

use crate::faults::{Fault, reconnect};
use crate::plan;
use crate::process::{Server, Via};
use crate::random::Random;
use crate::round::{Load, watch_until};
use crate::scene::{Act, Curtain, Scene};

/// How long it goes on at full size.
const WHOLE: Duration = Duration::from_secs(60);

#[test]
#[allow(clippy::print_stdout, reason = "the harness keeps it for failures and --nocapture")]
fn f06_workers_that_reconnect_a_thousand_times_a_second_lose_no_job() {
    println!("to repeat: {}", plan::command("f06"));
    let time = WHOLE.min(Duration::from_secs(plan::seconds()) / 8);
    let mut random = Random::new(plan::seed());
    let scene = &Scene::new(Server::start(&["--threads", "2", "--max-attempts", "0"]));
    thread::scope(|scope| {
        let _curtain = Curtain(scene);
        let load = Load::start(scope, scene, &mut random);
        let mut own = random.branch();
        scope.spawn(move || {
            while scene.is(Act::Chaos) {
                reconnect(scene, &mut own, 20);
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < time && !scene.is(Act::Over) {
            scene.rest(Duration::from_millis(20));
            scene.look();
        }
        scene.go_on(Act::Finishing);
        watch_until(scene, || load.is_finished());
    });
    println!("in {time:?}:\n{}", scene.tally);
    assert_eq!(scene.failure(), None);
    scene.tally.check_all_done();
    assert!(scene.tally.times(Fault::Reconnects) > 0);
    let mut observer = scene.server.connect(Via::Tcp, "the observer");
    observer.until_metric("workers", 0);
    let metrics = observer.metrics();
    let count = |name: &str| metrics[name].as_u64().unwrap();
    assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"));
    assert!(count("jobs_reassigned") > 0, "no worker left with a job");
    assert_eq!(metrics["faults"]["gave_up"], 0);
}
