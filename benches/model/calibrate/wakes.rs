//! What it costs to wake a thread that sleeps in its poller, and what the sleep costs that thread.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use super::clock::{Turns, cpu_clock_ns, cpu_ns, median, on_two_cores};
use crate::costs::Costs;

const ROUNDS: u64 = 400;

/// Long enough for the other thread to be asleep: it was about to block when it began the turn.
const FALLING_ASLEEP: Duration = Duration::from_micros(60);

/// See the module. `sockets` must have measured before.
pub(super) fn measure(costs: &mut Costs) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Token(0))?;
    let (turns, woken_at) = (Turns::default(), Mutex::new(Instant::now()));
    let clock_ns = cpu_clock_ns();
    let wake = || {
        let (mut wakes, mut latencies, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            turns.wait(3 * round + 1);
            spin(FALLING_ASLEEP);
            let (before_ns, wake_at) = (cpu_ns(), Instant::now());
            waker.wake().expect("an event counter takes every write");
            wakes.push(cpu_ns() - before_ns);
            turns.wait(3 * round + 2);
            let woken_at = *woken_at.lock().expect("no thread panics with it");
            latencies.push(u64::try_from((woken_at - wake_at).as_nanos()).expect("it was soon"));
            let before_ns = cpu_ns();
            waker.wake().expect("an event counter takes every write");
            plain.push(cpu_ns() - before_ns);
            turns.begin(3 * round + 3);
        }
        (median(wakes), median(latencies), median(plain))
    };
    let sleep = || {
        let mut events = Events::with_capacity(8);
        let rounds = (0..ROUNDS).map(|round| {
            poll.poll(&mut events, Some(Duration::ZERO)).expect("the poller works");
            turns.begin(3 * round + 1);
            let before_ns = cpu_ns();
            poll.poll(&mut events, None).expect("the poller works");
            let slept_ns = cpu_ns() - before_ns;
            *woken_at.lock().expect("no thread panics with it") = Instant::now();
            turns.begin(3 * round + 2);
            turns.wait(3 * round + 3); // Meanwhile the other thread wakes a thread that is awake.
            slept_ns
        });
        median(rounds.collect::<Vec<_>>())
    };
    let ((wake_ns, latency_ns, plain_ns), slept_ns) = on_two_cores(wake, sleep);
    costs.wake_ns = wake_ns.saturating_sub(clock_ns);
    costs.rouse_ns = wake_ns.saturating_sub(plain_ns);
    costs.wake_latency_ns = latency_ns;
    costs.sleep_ns = slept_ns.saturating_sub(clock_ns + costs.poll_ns + costs.event_ns);
    Ok(())
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
