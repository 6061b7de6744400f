//! The end of a run whose jobs ask for something: when all of them are answered, workers may still hold some or receive
//! some, and the server must come to rest while all connections are open.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::audit::{Audit, Auditor};
use super::shared::Shared;
use crate::harness::Failure;
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::tally::ServerCounts;

/// How long the server may take to come to rest, once all jobs are answered and while workers receive none.
const REST_TIMEOUT: Duration = Duration::from_secs(60);

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// Waits until all jobs are answered, and then until the server is at rest: it has no more than before the load. Returns
/// what it counted meanwhile. In any case the load threads then end.
pub(super) fn settle(mut auditor: Auditor<'_>, ask: Ask, shared: &Shared) -> Result<ServerCounts, Failure> {
    let settled = wait_for_rest(&mut auditor, ask, shared);
    if settled.is_err() {
        shared.failed.store(true, Ordering::Relaxed);
    }
    shared.unsettled.store(false, Ordering::Relaxed);
    settled
}

fn wait_for_rest(auditor: &mut Auditor<'_>, ask: Ask, shared: &Shared) -> Result<ServerCounts, Failure> {
    let (mut deadline, mut executed_before) = (Instant::now() + REST_TIMEOUT, 0);
    while !shared.failed.load(Ordering::Relaxed) {
        let (answered, executed) = (shared.answered.load(Ordering::Relaxed), shared.executed.load(Ordering::Relaxed));
        let is_answered = shared.unfinished.load(Ordering::Relaxed) == 0;
        if !is_answered || executed != executed_before {
            (deadline, executed_before) = (Instant::now() + REST_TIMEOUT, executed);
        }
        // A server that has not handed out all background jobs is not asked: the questions would cost it time.
        let lacks = if ask == Ask::Background { answered.saturating_sub(executed) } else { 0 };
        if is_answered && lacks == 0 {
            match auditor.ask()? {
                Audit::AtRest(counts) => return Ok(counts),
                Audit::Busy(what) if Instant::now() >= deadline => {
                    return Err(format!("all jobs are answered, but the server still has {what}").into());
                }
                Audit::Busy(_) => {}
            }
        } else if is_answered && Instant::now() >= deadline {
            return Err(format!("{answered} jobs were accepted, but workers received only {executed}").into());
        }
        thread::sleep(PERIOD);
    }
    Err("a load thread failed".into())
}
