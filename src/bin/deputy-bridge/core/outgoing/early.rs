//! Keeps results that came before the server gave their jobs again. A new bridge, or a bridge whose connections were
//! lost, gets its server's jobs one by one, while other bridges already send the results.
//!
//! The bridge answers the sender that the job is unknown, and the sender repeats the result every second. Keeping the
//! result saves this second. A result that finds no room, or was forgotten, comes again.

use std::collections::HashMap;
use std::time::Duration;

use crate::core::ResultMessage;

/// The maximum number of results.
const RESULTS_MAX: usize = 65_536;
/// The maximum number of bytes of results.
const BYTES_MAX: usize = 16 << 20;
/// A sender that has not repeated its result for this long is gone, or has another answer.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// A result, and the subject for its confirmation.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) result: ResultMessage,
    pub(super) reply: String,
    since: Duration,
}

/// The results that came early.
#[derive(Debug, Default)]
pub(super) struct EarlyResults {
    by_reference: HashMap<String, Early>,
    bytes: usize,
}

impl EarlyResults {
    /// Keeps a result, and replaces an older one of the job. Drops the result if there is no room.
    pub(super) fn keep(&mut self, result: &ResultMessage, reply: &str, now: Duration) {
        self.take(&result.job.reference);
        if self.by_reference.len() < RESULTS_MAX && self.bytes + result.value.len() <= BYTES_MAX {
            self.bytes += result.value.len();
            let early = Early { result: result.clone(), reply: reply.to_owned(), since: now };
            self.by_reference.insert(result.job.reference.clone(), early);
        }
    }

    /// Whether the result of a job is kept.
    pub(super) fn has(&self, reference: &str) -> bool {
        self.by_reference.contains_key(reference)
    }

    /// Removes and returns the result of a job, if there is one.
    pub(super) fn take(&mut self, reference: &str) -> Option<Early> {
        let early = self.by_reference.remove(reference)?;
        self.bytes -= early.result.value.len();
        Some(early)
    }

    /// Drops the results that their senders have not repeated.
    pub(super) fn expire(&mut self, now: Duration) {
        let bytes = &mut self.bytes;
        self.by_reference.retain(|_, early| {
            let stays = now.saturating_sub(early.since) < KEPT_FOR;
            if !stays {
                *bytes -= early.result.value.len();
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::core::Outcome;
    use crate::names::JobName;

    fn result(reference: &str, bytes: usize) -> ResultMessage {
        let job = JobName { node: "a".to_owned(), up_since: 1, reference: reference.to_owned() };
        ResultMessage { job, outcome: Outcome::Done, value: Bytes::from(vec![b'1'; bytes]) }
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let mut results = EarlyResults::default();
        results.keep(&result("a", BYTES_MAX), "inbox", Duration::ZERO);
        results.keep(&result("b", 1), "inbox", Duration::ZERO);
        assert!(results.take("b").is_none(), "there was no room");
        // A repeated result replaces the first.
        results.keep(&result("a", BYTES_MAX - 1), "other inbox", KEPT_FOR / 2);
        results.keep(&result("b", 1), "inbox", Duration::ZERO);
        results.expire(KEPT_FOR);
        assert!(results.take("b").is_none(), "it was not repeated");
        assert_eq!(results.take("a").unwrap().reply, "other inbox");
        assert_eq!((results.bytes, results.by_reference.len()), (0, 0));
    }

    #[test]
    fn their_number_is_bounded() {
        let mut results = EarlyResults::default();
        for number in 0..=RESULTS_MAX {
            results.keep(&result(&number.to_string(), 0), "inbox", Duration::ZERO);
        }
        assert_eq!(results.by_reference.len(), RESULTS_MAX);
    }
}
