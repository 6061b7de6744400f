//! Computes the wait before the next attempt to connect. The wait doubles from attempt to attempt, up to a limit. It
//! has a random part, so that programs that lost the same server do not all reconnect at the same time.

use std::time::Duration;

use ahash::RandomState;

/// The waits between attempts. Pure except for its random seed.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    cap: Duration,
    /// Attempts since the last success.
    attempts: u32,
    /// All attempts. The random part is computed from this number.
    drawn: u64,
    random: RandomState,
}

impl Backoff {
    /// Begins with a wait of at most `first`. No wait is longer than `cap`.
    pub(super) fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, attempts: 0, drawn: 0, random: RandomState::new() }
    }

    /// Returns the wait before the next attempt: between half of the doubled wait and all of it.
    pub(super) fn wait(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.attempts.min(30)).min(self.cap);
        self.attempts = self.attempts.saturating_add(1);
        self.drawn = self.drawn.wrapping_add(1);
        let random = self.random.hash_one(self.drawn) % 1_024;
        whole.mul_f64(0.5 + f64::from(u32::try_from(random).expect("it is below 1,024")) / 2_048.0)
    }

    /// Starts again with the first wait. Called when a server has answered.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(20);
    const CAP: Duration = Duration::from_secs(3);

    #[test]
    fn waits_double_up_to_the_cap_and_stay_within_half_of_it() {
        let mut backoff = Backoff::new(FIRST, CAP);
        for attempt in 0..100 {
            let whole = FIRST.saturating_mul(1 << attempt.min(20)).min(CAP);
            let wait = backoff.wait();
            assert!((whole / 2..=whole).contains(&wait), "attempt {attempt}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }

    #[test]
    fn two_programs_do_not_wait_alike() {
        let waits = || {
            let mut backoff = Backoff::new(FIRST, CAP);
            [(); 20].map(|()| backoff.wait())
        };
        assert_ne!(waits(), waits());
    }
}
