//! `deputy do`: the options that a job takes to the server.

use serde_json::Value;

use crate::client::Client;
use crate::kit::{ask, check, run, shell, start, url};
use crate::process::{Server, Via};
use crate::tmux::Tmux;

/// A worker of type `t` with this number of slots. The test answers for it.
fn worker(server: &Server, slots: u32) -> Client {
    let mut worker = server.connect(Via::Tcp, "worker");
    worker.send(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":{slots}}}"#));
    worker
}

/// The next line that a worker is sent.
fn received(worker: &mut Client) -> Value {
    serde_json::from_str(&worker.line()).unwrap()
}

/// Answers a job with this result.
fn answer(worker: &mut Client, job: &Value, res: &str) {
    worker.send(&format!(r#"{{"cmd":"did","job":{},"res":{res}}}"#, job["job"]));
}

#[test]
fn the_highest_priority_goes_first() {
    let server = Server::start(&[]);
    for words in ["0", "--priority -128 1", "--priority 127 2", "--priority -1 3", "--priority 1 4"] {
        check(&shell(&server, &format!("$DEPUTY do -b t {words}")), 0, "", "");
    }
    let mut worker = worker(&server, 5);
    let args: Vec<_> = (0..5).map(|_| received(&mut worker)["arg"].take()).collect();
    assert_eq!(args, [2, 4, 0, 3, 1]);
}

#[test]
fn a_delayed_job_is_not_in_line_yet() {
    let server = Server::start(&[]);
    let mut asker = ask(&server);
    check(&run(&server, &["do", "-b", "--delay", "86400", "t"]), 0, "", "");
    let waiting = start(&server, &["do", "--delay", "2592000", "t"]);
    asker.until_metric("jobs_delayed", 2);
    assert_eq!((&asker.metrics()["jobs_waiting"], waiting.status()), (&0.into(), None));
    // It is cancelled like any other.
    drop(waiting);
    asker.until_metric("jobs_delayed", 1);
    let mut worker = worker(&server, 1);
    check(&run(&server, &["do", "-b", "--delay", "0", "t", "7"]), 0, "", "");
    assert_eq!(received(&mut worker)["arg"], 7);
}

#[test]
fn a_job_that_ends_by_itself_has_its_code_in_the_text() {
    let server = Server::start(&[]);
    check(&run(&server, &["do", "--deadline", "0.05", "t"]), 124, "", "expired: ");
    check(&run(&server, &["do", "--need-worker", "t"]), 1, "", "no_worker: ");
    let lines = shell(&server, "seq 2 | $DEPUTY do -l --deadline 0.05 t");
    check(&lines, 124, "", "line 2: expired: ");
    assert!(lines.stderr.contains("2 of 2 jobs had no answer in time"), "{}", lines.stderr);
    check(&shell(&server, "seq 2 | $DEPUTY do -l --need-worker t"), 1, "", "line 2: no_worker: ");
    let mut worker = worker(&server, 1);
    check(&run(&server, &["do", "--run-limit", "0.05", "--attempts", "1", "t"]), 1, "", "timed_out: ");
    assert_eq!(received(&mut worker)["run_limit_ms"], 50);
    assert_eq!(received(&mut worker)["cmd"], "cancel");
}

#[test]
fn a_job_that_no_worker_gets_in_time_ends() {
    let server = Server::start(&[]);
    check(&run(&server, &["do", "--wait-limit", "0", "t"]), 1, "", "no_worker: ");
    check(&shell(&server, "seq 2 | $DEPUTY do -l --wait-limit 0.05 t"), 1, "", "line 2: no_worker: ");
    let mut worker = worker(&server, 1);
    let held = start(&server, &["do", "--wait-limit", "2592000", "t"]);
    let job = received(&mut worker);
    check(&run(&server, &["do", "--wait-limit", "0.05", "t"]), 1, "", "no_worker: ");
    // It is only counted, also in the background.
    check(&run(&server, &["do", "-b", "--wait-limit", "0", "t"]), 0, "", "");
    answer(&mut worker, &job, "7");
    check(&held.ended(), 0, "7\n", "");
    ask(&server).until_metric("jobs_no_worker", 5);
}

#[test]
fn the_number_of_attempts_is_the_jobs_own() {
    let server = Server::start(&["--max-attempts", "9"]);
    let job = start(&server, &["do", "--attempts", "2", "t"]);
    for attempt in [Value::Null, 2.into()] {
        let mut worker = worker(&server, 1);
        assert_eq!(received(&mut worker)["attempt"], attempt);
    }
    check(&job.ended(), 1, "", "gave_up: ");
}

#[test]
fn jobs_with_one_key_get_one_result() {
    let server = Server::start(&[]);
    let mut asker = ask(&server);
    let jobs = [1, 2, 3].map(|count| {
        let job = start(&server, &["do", "--key", "the \"key\"", "t", &count.to_string()]);
        asker.until_metric("jobs_added", count);
        job
    });
    assert_eq!(asker.metrics()["jobs_joined"], 2);
    let mut worker = worker(&server, 4);
    let job = received(&mut worker);
    worker.expect_nothing();
    answer(&mut worker, &job, "\"one\"");
    for job in jobs {
        check(&job.ended(), 0, "\"one\"\n", "");
    }
}

#[test]
fn a_job_in_the_background_is_answered_once_and_without_its_result() {
    let server = Server::start(&[]);
    let mut worker = worker(&server, 1);
    check(&run(&server, &["do", "-b", "--priority", "1", "--attempts", "1", "t"]), 0, "", "");
    let job = received(&mut worker);
    answer(&mut worker, &job, "1");
    let mut asker = ask(&server);
    asker.until_metric("jobs_done", 1);
    assert_eq!(asker.metrics()["results_dropped"], 0);
    check(&shell(&server, "seq 3 | $DEPUTY do -l -b --delay 1000 t"), 0, "", "");
    asker.until_metric("jobs_delayed", 3);
}

#[test]
fn reports_of_progress_are_lines_where_there_is_no_terminal() {
    let server = Server::start(&[]);
    let mut worker = worker(&server, 1);
    let report = |worker: &mut Client, job: &Value, data: &str| {
        worker.send(&format!(r#"{{"cmd":"progress","job":{},"data":{data}}}"#, job["job"]));
    };
    let single = start(&server, &["do", "--progress", "t"]);
    let job = received(&mut worker);
    for data in ["12.50", r#"{"done": 3}"#, r#""two\nlines""#] {
        report(&mut worker, &job, data);
    }
    answer(&mut worker, &job, "7");
    check(&single.ended(), 0, "7\n", "progress: 12.50\nprogress: {\"done\": 3}\nprogress: two\\nlines\n");
    // It was not asked for.
    let plain = start(&server, &["do", "t"]);
    let job = received(&mut worker);
    report(&mut worker, &job, "50");
    answer(&mut worker, &job, "8");
    check(&plain.ended(), 0, "8\n", "");
    let batch = std::thread::scope(|scope| {
        let batch = scope.spawn(|| shell(&server, "seq 2 | $DEPUTY do -l -o --progress t"));
        for res in ["10", "20"] {
            let job = received(&mut worker);
            report(&mut worker, &job, res);
            answer(&mut worker, &job, res);
        }
        batch.join().unwrap()
    });
    check(&batch, 0, "10\n20\n", "line 1: progress: 10\nline 2: progress: 20\n");
}

#[test]
fn a_terminal_shows_a_percentage_as_a_bar() {
    let server = Server::start(&[]);
    let mut worker = worker(&server, 1);
    let Some(tmux) = Tmux::start(&url(&server), (80, 24), &[]) else { return };
    tmux.run("do --progress t");
    let job = received(&mut worker);
    let mut report = |data: &str| worker.send(&format!(r#"{{"cmd":"progress","job":{},"data":{data}}}"#, job["job"]));
    report("42.1");
    tmux.until_shows(" 42%  ");
    report("\"a\\u001bword\"");
    let screen = tmux.until_shows("progress: a\\u{1b}word\n");
    assert!(screen.contains(" 42%  "), "{screen}");
    answer(&mut worker, &job, "\"done\"");
    let screen = tmux.expect_restored(0);
    assert!(screen.contains("\"done\"") && !screen.contains('%'), "{screen}");
    drop(tmux);
    // Ctrl-C ends it as it is, and leaves the terminal as it was.
    let Some(tmux) = Tmux::start(&url(&server), (80, 24), &[]) else { return };
    tmux.run("do --progress t");
    let job = received(&mut worker);
    worker.send(&format!(r#"{{"cmd":"progress","job":{},"data":7}}"#, job["job"]));
    tmux.until_shows(" 7%  ");
    tmux.keys(&["C-c"]);
    tmux.expect_restored(130);
    assert_eq!(received(&mut worker)["cmd"], "cancel");
}
