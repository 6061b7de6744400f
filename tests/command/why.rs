//! `deputy why`.

use serde_json::{Value, json};

use crate::fake;
use crate::kit::{Echo, ask, check, command, run, shell, start, url, wait_for, work};
use crate::process::{Process, Server, Via};
use crate::wait::until;

/// One line, without the age of the oldest job.
#[track_caller]
fn says(server: &Server, name: &str, sentence: &str) {
    let ended = run(server, &["why", name]);
    let sentences = match ended.stdout.split_once(" for ") {
        Some((jobs, rest)) => format!("{jobs} for{}", rest.split_once(" s").unwrap().1),
        None => ended.stdout.clone(),
    };
    assert_eq!((ended.status.code(), sentences), (Some(0), format!("{sentence}\n")), "{}", ended.stderr);
}

#[test]
fn without_a_worker_it_names_types_that_may_be_meant() {
    let (server, _worker) = Echo::with_server();
    ask(&server).until_metric("workers", 1);
    says(&server, "echo", r#"No job of type "echo" is waiting; 1 worker does that type."#);
    says(&server, "frob", r#"No job of type "frob" is waiting, and no worker does that type."#);
    says(&server, "Echoo", r#"No job of type "Echoo" is waiting, and no worker does that type; did you mean "echo"?"#);
    check(&run(&server, &["do", "--background", "ecoh"]), 0, "", "");
    check(&run(&server, &["do", "--background", "a\nb"]), 0, "", "");
    says(
        &server,
        "ecoh",
        r#"1 job of type "ecoh" has waited for, because no worker does that type; did you mean "echo"?"#,
    );
    says(&server, "a\nb", r#"1 job of type "a\nb" has waited for, because no worker does that type."#);
}

#[test]
fn busy_workers_are_busy() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["slow", "other"], &format!("touch begun; {}", wait_for("go")));
    let _first = start(&server, &["do", "slow"]);
    until("the command", || server.folder.path().join("begun").exists().then_some(()));
    says(&server, "slow", r#"No job of type "slow" is waiting; 1 is running."#);
    check(&shell(&server, "seq 3 | $DEPUTY do -lb slow; $DEPUTY do -b other"), 0, "", "");
    says(
        &server,
        "slow",
        r#"3 jobs of type "slow" are waiting, the oldest for, because its only worker is busy or does not read: it holds 1 job."#,
    );
    says(
        &server,
        "other",
        r#"1 job of type "other" has waited for, because its only worker is busy with jobs of other types, or does not read."#,
    );
    std::fs::write(server.folder.path().join("go"), "").unwrap();
}

#[test]
fn a_budget_that_is_used_up_is_named() {
    let server = Server::start(&["--max-memory", "1M"]);
    check(&shell(&server, "head -c 999000 /dev/zero | tr '\\0' x | $DEPUTY do -bs none -"), 0, "", "");
    says(
        &server,
        "none",
        "1 job of type \"none\" has waited for, because no worker does that type; 95 % of the server's memory budget is used: large \
         jobs may be refused.",
    );
    says(
        &server,
        "other",
        "No job of type \"other\" is waiting, and no worker does that type; 95 % of the server's memory budget is used: large \
         jobs may be refused.",
    );
}

#[test]
fn states_that_last_a_moment_are_explained() {
    let waiting = |metrics: Value, oldest_ms: u64| {
        let mut metrics = metrics;
        metrics["types"] = json!({ "t": { "waiting": 2, "workers": 1, "oldest_ms": oldest_ms } });
        metrics
    };
    for (metrics, sentence) in [
        (
            waiting(json!({ "draining": true }), 0),
            "No job of type \"t\" is started: the server is stopping, and answers waiting jobs with shutdown.",
        ),
        (
            waiting(json!({ "workers": 1, "workers_idle": 1 }), 99),
            "2 jobs of type \"t\" are waiting, the oldest for less than 0.1 s: a worker is about to take it.",
        ),
        (
            waiting(json!({ "workers": 1, "workers_idle": 1 }), 300),
            "2 jobs of type \"t\" are waiting, the oldest for 0.3 s: a worker is about to take it.",
        ),
        (
            waiting(json!({ "workers": 1, "workers_idle": 1 }), 90_000),
            "2 jobs of type \"t\" are waiting, the oldest for 1 min 30 s, though its only worker is idle: it seems not to read what \
             the server sends.",
        ),
    ] {
        let ended = Process::spawn(&mut command(&fake::reporting(&metrics), &["why", "t"]), None).ended();
        check(&ended, 0, &format!("{sentence}\n"), "");
    }
}

#[test]
fn workers_that_a_job_ends_are_counted() {
    let server = Server::start(&["--max-attempts", "9"]);
    check(&run(&server, &["do", "--background", "poison"]), 0, "", "");
    for _ in 0..2 {
        let mut command = command(&url(&server), &["work", "poison", "--", "sh", "-c", "kill -KILL $PPID; sleep 60"]);
        let worker = Process::spawn(&mut command, None);
        until("the end of the worker", || worker.status());
    }
    ask(&server).until_metric("jobs_waiting", 1);
    let ended = run(&server, &["why", "poison"]);
    let reason = "because no worker does that type; 2 workers were lost while they held a job of that type, the last ";
    assert!(ended.stdout.contains(reason) && !ended.stdout.contains("did you mean"), "{}", ended.stdout);
    let ended = run(&server, &["check", "--lost", "600"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    assert!(
        ended.stdout.starts_with("DEPUTY WARNING: 2 workers lost with jobs of type \"poison\", "),
        "{}",
        ended.stdout
    );
    assert!(run(&server, &["status"]).stdout.contains("no worker, lost 2 workers"));
}

#[test]
fn a_requeued_job_is_not_explained_by_busy_workers() {
    let server = Server::start(&["--max-attempts", "9"]);
    check(&shell(&server, "seq 2 | $DEPUTY do -lb t"), 0, "", "");
    let mut command = command(&url(&server), &["work", "-j", "2", "t", "--", "sh", "-c", "kill -KILL $PPID; sleep 60"]);
    let lost = Process::spawn(&mut command, None);
    until("the end of the worker", || lost.status());
    ask(&server).until_metric("jobs_waiting", 2);
    // It has eight slots, and gets one of them.
    let _worker = work(&server, &["-j", "8", "t"], &wait_for("go"));
    ask(&server).until_metric("jobs_running", 1);
    let ended = run(&server, &["why", "t"]);
    let reason = "because a worker was lost while it held it: a worker gets such jobs one at a time, and the only one holds \
                  one or has no free slot";
    assert!(ended.stdout.starts_with("1 job of type \"t\" ") && ended.stdout.contains(reason), "{}", ended.stdout);
    std::fs::write(server.folder.path().join("go"), "").unwrap();
}

#[test]
fn slots_of_jobs_that_have_ended_and_delayed_jobs_are_explained() {
    let server = Server::start(&[]);
    let mut asker = ask(&server);
    // It holds a job whose submitter goes, and does not answer.
    let mut worker = server.connect(Via::Tcp, "worker");
    worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    let submitter = start(&server, &["do", "t"]);
    asker.until_metric("jobs_running", 1);
    drop(submitter);
    asker.until_metric("slots_spent", 1);
    check(&run(&server, &["do", "-b", "t"]), 0, "", "");
    check(&run(&server, &["do", "-b", "--delay", "1000", "t"]), 0, "", "");
    let stdout = run(&server, &["why", "t"]).stdout;
    let reason = ", because its only worker's slots are taken by 1 job that has ended (cancelled, expired or past its run \
                  limit), but the worker has not answered; 1 is delayed.\n";
    assert!(stdout.starts_with("1 job of type \"t\" has waited for ") && stdout.ends_with(reason), "{stdout}");
    let stdout = run(&server, &["status"]).stdout;
    for words in ["jobs     1 waiting, 1 delayed, 0 running", "0 idle, 1 spent slot; ", "  1 spent slot, 1 delayed\n"] {
        assert!(stdout.contains(words), "{stdout}");
    }
    let ended = run(&server, &["check", "--spent", "0,3"]);
    let line = "DEPUTY WARNING: 1 spent slot, 1 of type \"t\" | ";
    assert!(ended.status.code() == Some(1) && ended.stdout.starts_with(line), "{}", ended.stdout);
    for value in [" delayed=1;;;0 ", " spent=1;0;3;0 ", " timed_out=0c ", " overdue=0c "] {
        assert!(ended.stdout.contains(value), "{}", ended.stdout);
    }
    // The type is shown, too, when it has nothing but delayed jobs.
    drop(worker);
    check(&run(&server, &["do", "-b", "--delay", "1000", "later"]), 0, "", "");
    let stdout = run(&server, &["status"]).stdout;
    assert!(stdout.lines().any(|line| line.starts_with("later ") && line.ends_with("  1 delayed")), "{stdout}");
}
