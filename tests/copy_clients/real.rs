//! Runs each client against the real server, and against the script that plays one.

use rustix::process::Signal;

use crate::bridge_peer::BridgePeer;
use crate::client::Client;
use crate::language::{GO, Language, NODE, PHP, PYTHON, RUBY, SHELL, conformance, start, start_with};
use crate::process::{Server, Via};
use crate::wait::until;

/// How many jobs there are when a worker is killed. The shell starts programs for each job, and takes 20 ms or more.
fn jobs(language: &Language) -> u64 {
    if language.file == SHELL.file { 100 } else { 1_000 }
}

/// Returns args, as JSON, of jobs that take no time. The shell starts no program to sleep, because `seconds` comes last.
fn args(jobs: u64) -> Vec<String> {
    (0..jobs).map(|n| format!(r#"{{"n":{n},"seconds":0}}"#)).collect()
}

/// Waits until this many jobs are done. The patience is for each further job: the shell takes 10 ms and more per job.
fn until_done(asker: &mut Client, jobs: u64) {
    let mut done = 0;
    while done < jobs {
        done = until("a further job that is done", || {
            let now = asker.metrics()["jobs_done"].as_u64().unwrap();
            (now > done).then_some(now)
        });
    }
}

/// Some of many jobs are done when the worker is killed, and another one comes.
fn survives_a_killed_worker(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    let mut asker = server.connect(Via::Tcp, "asker");
    let jobs = jobs(language);
    let args = args(jobs);
    let words = ["do", "nap"].into_iter().chain(args.iter().map(String::as_str));
    let submitter = start(&client, words, &url);
    asker.until_metric("jobs_added", jobs);

    let killed = start(&client, ["work", "nap"], &url);
    until_done(&mut asker, jobs / 4);
    killed.signal(Signal::KILL);
    let second = start(&client, ["work", "nap"], &url);
    until_done(&mut asker, jobs);

    let ended = submitter.ended();
    assert!(ended.status.success(), "{}{}", ended.stderr, second.stderr());
    let results: Vec<String> = ended.stdout.lines().map(|line| line.replace(": ", ":").replace(", ", ",")).collect();
    assert_eq!(results, args);
    let metrics = asker.metrics();
    assert_eq!([&metrics["jobs_done"], &metrics["jobs_failed"]], [jobs, 0], "{}", second.stderr());
}

/// The server is killed and comes back at its address, and so does the worker.
fn comes_back_to_its_server(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("unix:{}", server.sock.display());
    let worker = start(&client, ["work", "nap"], &url);
    let is_served = || {
        server.connect(Via::Unix, "asker").until_metric("workers", 1);
        let ended = start(&client, ["do", "nap", r#"{"seconds":0}"#], &url).ended();
        assert!(ended.status.success(), "{}{}", ended.stderr, worker.stderr());
    };
    is_served();
    server.kill();
    let _back = server.come_back();
    is_served();
}

/// Jobs that no worker does say why.
fn reports_what_ended_a_job(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    for (word, members, code) in [
        ("do", r#"{"need_worker":true}"#, "no_worker"),
        ("do", r#"{"durable":true}"#, "no_bridge"),
        ("do", r#"{"deadline_ms":1,"priority":-128}"#, "expired"),
        ("cancel", r#"{"cancellable":true,"key":"a"}"#, "cancelled"),
    ] {
        let ended = start_with(&client, [word, "nap", r#"{"seconds":0}"#], &url, members).ended();
        assert!(!ended.status.success() && ended.stdout.is_empty(), "{members}: {ended:?}");
        assert!(ended.stderr.contains(code), "{members}: {ended:?}");
    }
    let metrics = server.connect(Via::Tcp, "the asker").metrics();
    let counters = ["jobs_no_worker", "jobs_no_bridge", "jobs_expired", "jobs_cancelled", "jobs_refused"];
    assert_eq!(counters.map(|name| &metrics[name]), [1, 1, 1, 1, 0]);
}

/// The worker knows that it is the second one, and its submitter learns it.
fn reports_the_progress_of_a_second_attempt(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    let mut first = server.connect(Via::Tcp, "the first worker");
    first.send(r#"{"cmd":"can_do","types":["nap"],"max_jobs":1}"#);
    let words = ["do", "nap", r#"{"seconds":0,"report":true}"#];
    let submitter = start_with(&client, words, &url, r#"{"progress":true}"#);
    assert!(first.line().starts_with(r#"{"cmd":"do","#));
    drop(first);
    let second = start(&client, ["work", "nap"], &url);
    let ended = submitter.ended();
    assert!(ended.status.success(), "{}{}", ended.stderr, second.stderr());
    assert!(ended.stderr.replace(' ', "").contains(r#"progress:{"attempt":2,"ref":null}"#), "{ended:?}");
}

/// The test is the bridge, and then the submitter of a spare worker that asks for the references of its jobs.
fn reports_that_a_job_is_stored_and_what_names_it(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    let mut bridge = BridgePeer::start(&server, "nap");
    let submitter = start_with(&client, ["do", "nap", r#"{"seconds":0}"#], &url, r#"{"durable":true}"#);
    let number = bridge.next_number();
    bridge.store(&number);
    bridge.answer(&number, "7");
    let ended = submitter.ended();
    assert!(ended.status.success() && ended.stdout == "7\n", "{ended:?}");
    assert!(ended.stderr.starts_with("stored"), "{ended:?}");

    let worker = start_with(&client, ["work", "nap"], &url, r#"{"spare":true,"ref":true}"#);
    let mut asker = server.connect(Via::Tcp, "the asker");
    asker.send(r#"{"cmd":"do","id":1,"type":"nap","progress":true,"arg":{"seconds":0,"report":true}}"#);
    let progress = asker.line().replace(' ', "");
    assert!(progress.contains(r#""data":{"attempt":1,"ref":""#), "{progress}: {}", worker.stderr());
    assert!(asker.line().starts_with(r#"{"cmd":"did","id":1,"res":"#));
    assert_eq!(asker.metrics()["protocol_errors"], 0);
}

/// Args of 8 MiB, of escapes alone, and as deep as a line may be go to the worker, and come back to the submitter.
fn carries_long_and_deep_values(language: &Language) {
    let Some(client) = language.words() else { return };
    if language.file == "deputy.sh" {
        return; // bash reads a pipe byte by byte.
    }
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    // The line and the arg are two of the 128 levels.
    let deep = "[".repeat(126) + &"]".repeat(126);
    let values = [format!("\"{}\"", "x".repeat(8 << 20)), format!("\"{}\"", r"\u0001".repeat(1 << 18)), deep];
    let args: Vec<String> = values.iter().map(|value| format!(r#"{{"seconds":0,"v":{value}}}"#)).collect();

    let worker = start(&client, ["work", "nap"], &url);
    let mut asker = server.connect(Via::Tcp, "the asker");
    for arg in &args {
        asker.send(&format!(r#"{{"cmd":"do","id":1,"type":"nap","arg":{arg}}}"#));
        let answer = asker.line();
        let is_right = answer == format!(r#"{{"cmd":"did","id":1,"res":{arg}}}"#);
        assert!(is_right, "{:.200}... of {} bytes: {}", answer, answer.len(), worker.stderr());
    }

    let submitter = start(&client, ["do", "give", "0", "1", "2"], &url);
    asker.send(r#"{"cmd":"can_do","types":["give"],"max_jobs":3}"#);
    for value in &values {
        let job = asker.line();
        let number = job.split_once(r#""job":"#).unwrap().1.split(',').next().unwrap();
        asker.send(&format!(r#"{{"cmd":"did","job":{number},"res":{value}}}"#));
    }
    let ended = submitter.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    let is_right = ended.stdout.lines().eq(values.iter().map(String::as_str));
    assert!(is_right, "{:.200}... of {} bytes: {}", ended.stdout, ended.stdout.len(), ended.stderr);
}

/// The worker answers a job that was cancelled, so that its slot is free again. Most do so at once.
fn takes_the_next_job_after_a_cancelled_one(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let mut submitter = server.connect(Via::Tcp, "the submitter");
    let worker = start(&client, ["work", "nap"], &format!("tcp://{}", server.tcp[0]));
    // A client that does not see it ends the nap.
    let seconds = if language.lacks.contains("cancelled-work") { "0.5" } else { "600" };
    let arg = format!(r#"{{"seconds":{seconds},"report":true}}"#);
    submitter.send(&format!(r#"{{"cmd":"do","id":1,"type":"nap","cancellable":true,"progress":true,"arg":{arg}}}"#));
    assert_eq!(submitter.line().replace(' ', ""), r#"{"cmd":"progress","id":1,"data":{"attempt":1,"ref":null}}"#);
    submitter.send(r#"{"cmd":"cancel","id":1}"#);
    let answer = submitter.line();
    assert!(answer.ends_with(r#","code":"cancelled"}"#), "{answer}");
    submitter.send(r#"{"cmd":"do","id":2,"type":"nap","arg":{"seconds":0}}"#);
    let answer = submitter.line();
    assert!(answer.starts_with(r#"{"cmd":"did","id":2,"res":"#), "{answer}: {}", worker.stderr());
    let metrics = submitter.metrics();
    assert_eq!([&metrics["slots_spent"], &metrics["protocol_errors"]], [0, 0], "{}", worker.stderr());
}

/// The script finds nothing wrong.
fn conforms(language: &Language) {
    let Some(client) = language.words() else { return };
    let without: &[&str] = if language.lacks.is_empty() { &[] } else { &["--without", language.lacks] };
    let Some((conforms, printed)) = conformance(&client, without) else { return };
    assert!(conforms, "{printed}");
}

/// Makes a module of tests for a language: each of these functions is one.
macro_rules! tests {
    ($name:ident, $language:ident: $($test:ident)+) => {
        mod $name {
            use super::*;

            $(#[test]
            fn $test() {
                super::$test(&$language);
            })+
        }
    };
}

macro_rules! languages {
    ($($name:ident: $language:ident,)*) => {$(
        tests! { $name, $language:
            survives_a_killed_worker
            comes_back_to_its_server
            reports_what_ended_a_job
            reports_the_progress_of_a_second_attempt
            reports_that_a_job_is_stored_and_what_names_it
            takes_the_next_job_after_a_cancelled_one
            carries_long_and_deep_values
            conforms
        }
    )*};
}

languages! {
    python: PYTHON,
    node: NODE,
    go: GO,
    ruby: RUBY,
    php: PHP,
    shell: SHELL,
}
