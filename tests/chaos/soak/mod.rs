//! Hours of ordinary work, with workers that come and go, and one killed every 50 ms: what builds up slowly shows only
//! over time. Memory, descriptors and latency are noted all along, and drawn.
//!
//! ```text
//! mod -> pace    when who is killed
//!  \---> probe   how long a job takes
//!   \--> series  what was seen, and its summary -> picture
//! ```

mod pace;
mod picture;
mod probe;
mod series;

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use pace::{Pace, keep_killing};
use probe::{Latencies, keep_answering, keep_probing};
use series::{Sample, Series};

use crate::faults::{Fault, reconnect};
use crate::plan;
use crate::play::{Load, settle, watch_until};
use crate::process::{Server, Via};
use crate::random::Random;
use crate::round::{Phase, Round, StopOnDrop};
use crate::watch::Taken;

/// Says how long it goes on, in seconds.
const SECONDS: &str = "DEPUTY_SOAK_SECONDS";
/// Says where the picture goes. Without it there is none.
const PICTURE: &str = "DEPUTY_SOAK_PICTURE";

/// A worker process is killed so often.
const EVERY: Duration = Duration::from_millis(50);

/// How many threads kill worker processes. Each process has to start and to receive a job first.
const KILLERS: usize = 4;

/// How many samples are taken: as many as the picture has room for.
const SAMPLES: u32 = 240;

const SHARDS: u64 = 2;

/// What the server may keep in the end, beside what it had at the start: see `round::KEPT_BYTES_PER_SHARD`. Loads are
/// small here, and seen were 3 to 9 MiB.
const KEPT_BYTES: u64 = SHARDS * (12 << 20);

#[test]
#[allow(clippy::print_stdout, reason = "the harness keeps it for failures and --nocapture")]
fn in_hours_of_work_no_job_is_lost_and_nothing_grows() {
    let time = Duration::from_secs(plan::number(SECONDS, 3));
    println!("{SECONDS} = {}, {}", time.as_secs(), plan::command("in_hours"));
    let mut random = Random::new(plan::seed());
    let round = &Round::new(Server::start(&["--threads", &SHARDS.to_string(), "--max-attempts", "0"]));
    let mut observer = round.server.connect(Via::Unix, "the observer");
    observer.expect_nothing();
    let start = Taken::by(round.server.process.id());
    let mut series = Series::default();
    let (pace, latencies) = (Pace::new(EVERY), Latencies::default());
    thread::scope(|scope| {
        let _stop = StopOnDrop(round);
        let load = Load::start(scope, round, &mut random);
        for _ in 0..KILLERS {
            scope.spawn(|| keep_killing(round, &pace));
        }
        let own = random.branch();
        scope.spawn(|| keep_answering(round, own));
        let own = random.branch();
        scope.spawn(|| keep_probing(round, own, &latencies));
        let own = random.branch();
        scope.spawn(|| keep_visiting(round, own));
        let begin = Instant::now();
        for sample in 1..=SAMPLES {
            let due = time * sample / SAMPLES;
            while begin.elapsed() < due && !round.is(Phase::Over) {
                round.wait(due.saturating_sub(begin.elapsed()).min(Duration::from_millis(100)));
                round.check_progress();
            }
            series.add(Sample {
                at: begin.elapsed(),
                taken: Taken::by(round.server.process.id()),
                answered: round.tally.answered_in_all(),
                latency_us: latencies.take(),
            });
        }
        round.advance_to(Phase::Finishing);
        watch_until(round, || load.is_finished());
        round.advance_to(Phase::Over);
    });
    println!("in {time:?}:\n{}{series}", round.tally);
    assert_eq!(round.failure(), None);
    round.tally.check_all_done();
    assert!(round.tally.times(Fault::ChildKilled) > 0, "no worker process was killed while it held a job");
    let end = settle(round, &mut observer, start, KEPT_BYTES);
    println!("server at the start {start}, at the end {end}");
    assert_eq!(observer.metrics()["faults"]["gave_up"], 0);
    if let Some(path) = env::var_os(PICTURE).map(PathBuf::from) {
        picture::draw(&series, &path).unwrap_or_else(|error| panic!("cannot draw {}: {error}", path.display()));
    }
}

/// Workers that come and go, a few at a time.
fn keep_visiting(round: &Round, mut random: Random) {
    while round.is(Phase::Chaos) {
        reconnect(round, &mut random, 5);
        round.wait_about(&mut random, 100);
    }
}
