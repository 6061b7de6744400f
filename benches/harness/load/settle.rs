//! The end of a run whose jobs ask for something: when all of them are answered, workers may still hold some, and the
//! server's books must come to rest while all connections are open.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::harness::Failure;
use crate::harness::servers::control::{Books, Control};
use crate::harness::traffic::tally::ServerCounts;

/// How long the server's books may take to come to rest, once all jobs are answered.
const REST_TIMEOUT: Duration = Duration::from_secs(60);

/// How often they are looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// Waits until all jobs are answered, and then until the server is at rest: no job waits, is delayed or is held, no slot is
/// spent and no bytes are held, or no more of these than `before`. Returns what the server counted since then. In any case
/// the load threads then end.
pub(super) fn settle(control: &mut Control, before: &Books, shared: &Shared) -> Result<ServerCounts, Failure> {
    let settled = wait_for_rest(control, before, shared);
    if settled.is_err() {
        shared.failed.store(true, Ordering::Relaxed);
    }
    shared.unsettled.store(false, Ordering::Relaxed);
    settled
}

fn wait_for_rest(control: &mut Control, before: &Books, shared: &Shared) -> Result<ServerCounts, Failure> {
    let mut deadline = None;
    while !shared.failed.load(Ordering::Relaxed) {
        if shared.unfinished.load(Ordering::Relaxed) == 0 {
            let books = control.books()?;
            if books.at_rest.is_within(before.at_rest) {
                return Ok(books.counts_since(before));
            }
            if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + REST_TIMEOUT) {
                let (now, before) = (books.at_rest, before.at_rest);
                return Err(
                    format!("all jobs are answered, but the server still has {now:?}, before them {before:?}").into()
                );
            }
        }
        thread::sleep(PERIOD);
    }
    Err("a load thread failed".into())
}
