//! A client and its worker who have nothing to do with what else goes on: they must be served all along.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::net::Net;
use crate::client::Client;
use crate::figures::show;

/// Two connections that do one small job after another.
pub(crate) struct Bystanders {
    client: Client,
    worker: Client,
    jobs: u64,
}

impl Bystanders {
    pub(crate) fn new(net: &Net) -> Self {
        let (client, mut worker) = (net.connect("the bystander"), net.connect("the bystander's worker"));
        worker.send(r#"{"cmd":"can_do","types":["bystander"]}"#);
        let mut bystanders = Self { client, worker, jobs: 0 };
        bystanders.are_served();
        bystanders
    }

    /// Does a job; nothing else may have come to either of the two.
    pub(crate) fn are_served(&mut self) {
        let id = self.jobs;
        self.jobs += 1;
        self.client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"bystander","arg":"nothing special"}}"#));
        self.worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"bystander","arg":"nothing special"}}"#));
        self.worker.send(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        self.client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
    }
}

/// Does `work` while bystanders are served, one job after another. Prints how long their jobs took: for people, as it is
/// no matter of right or wrong.
pub(crate) fn beside_bystanders<T>(net: &Net, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve_until(&over, net));
        let done = {
            let _over = SetAtEnd(&over); // Also if it panics: the other thread would not end.
            work()
        };
        print_times(serving.join().unwrap());
        done
    })
}

fn serve_until(over: &AtomicBool, net: &Net) -> Vec<Duration> {
    let mut bystanders = Bystanders::new(net);
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        bystanders.are_served();
        times.push(start.elapsed());
    }
    bystanders.are_served();
    times
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn print_times(mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    let (half, most) = (at(50), at(99));
    show(format_args!("{} jobs of bystanders, half in {half} us, 99 of 100 in {most} us", times.len()));
}
