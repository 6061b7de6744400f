//! The picture of the dashboard in the documents. `DEPUTY_DASHBOARD_PICTURE=$PWD/docs/dashboard.png` makes it anew from
//! minutes of jobs. pngquant makes it small.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deputy::client::{Client, Worker};

use crate::dashboard::Dashboard;
use crate::driver::Browser;

/// How long jobs pass before the picture is taken.
const LOAD: Duration = Duration::from_secs(200);

/// A type of job: how many are submitted per second, how long each runs, how many run at once, and which part fails.
struct Kind {
    name: &'static str,
    per_s: f64,
    run_ms: u64,
    slots: u32,
    fails_each: u64,
}

const KINDS: [Kind; 6] = [
    Kind { name: "thumbnail", per_s: 60.0, run_ms: 18, slots: 3, fails_each: u64::MAX },
    Kind { name: "send-mail", per_s: 25.0, run_ms: 60, slots: 4, fails_each: 40 },
    Kind { name: "invoice.pdf", per_s: 8.0, run_ms: 210, slots: 3, fails_each: u64::MAX },
    Kind { name: "video.transcode", per_s: 1.0, run_ms: 2_700, slots: 2, fails_each: u64::MAX },
    Kind { name: "index.search", per_s: 40.0, run_ms: 9, slots: 2, fails_each: u64::MAX },
    Kind { name: "report.daily", per_s: 0.05, run_ms: 0, slots: 0, fails_each: u64::MAX },
];

#[test]
fn the_picture_is_made_anew_where_a_path_is_given() {
    let Some(path) = env::var_os("DEPUTY_DASHBOARD_PICTURE") else { return };
    let browser = Browser::start().expect("chromedriver makes the picture");
    let dashboard = Dashboard::start();
    let url = format!("tcp://{}", dashboard.server.tcp[0]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut stoppers = Vec::new();
        for kind in &KINDS {
            scope.spawn(|| submit(&url, kind, &stop));
            if kind.slots > 0 {
                let worker = worker(&url, kind);
                stoppers.push(worker.stopper());
                scope.spawn(|| worker.run());
            }
        }
        dashboard.show(&browser, "");
        browser.look(1200, 700, false);
        thread::sleep(LOAD); // It is the length of the curves, and nothing is concluded from it.
        fs::write(path, in_few_colours(&BASE64_STANDARD.decode(browser.picture()).unwrap())).unwrap();
        stop.store(true, Ordering::Relaxed);
        stoppers.iter().for_each(deputy::client::Stopper::stop);
    });
}

fn in_few_colours(picture: &[u8]) -> Vec<u8> {
    let mut pngquant = Command::new("pngquant");
    pngquant.args(["--speed", "1", "--nofs", "256", "-"]);
    let mut child = pngquant.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pngquant makes it small");
    child.stdin.take().unwrap().write_all(picture).unwrap(); // It reads all before it writes.
    child.wait_with_output().unwrap().stdout
}

/// Submits jobs in waves.
fn submit(url: &str, kind: &Kind, stop: &AtomicBool) {
    let client = Client::connect(url).unwrap();
    let start = Instant::now();
    let mut due = 1.0;
    while !stop.load(Ordering::Relaxed) {
        let seconds = start.elapsed().as_secs_f64();
        due += kind.per_s * (1.0 + 0.4 * (seconds / 20.0).sin() + seconds / 400.0) / 20.0;
        while due >= 1.0 {
            due -= 1.0;
            drop(client.job(kind.name, &()).submit_background());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn worker(url: &str, kind: &Kind) -> Worker {
    let (run_ms, fails_each) = (kind.run_ms, kind.fails_each);
    let mut seed = 1_u64;
    let random = Mutex::new(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 40
    });
    let handler = move |(): ()| {
        let random = random.lock().unwrap()();
        thread::sleep(Duration::from_millis(run_ms / 2 + random % (run_ms + 1)));
        if random.is_multiple_of(fails_each) { Err("the server of the address does not answer") } else { Ok(()) }
    };
    Worker::new(url).handle_typed(kind.name, handler).max_jobs(kind.slots)
}
