//! `deputy work` on a machine where its command can no longer be started: no job fails for that, and none is given up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::kit::{DEPUTY, ask, check, command, run, shell, start, url};
use crate::process::{Process, Server};
use crate::wait::until;

/// A program in the server's folder that prints its name.
fn program(server: &Server, name: &str) -> PathBuf {
    let path = server.folder.path().join(name);
    fs::write(&path, format!("#!/bin/sh\necho {name}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// A worker for type `t` that runs this program.
fn worker(server: &Server, program: &str) -> Process {
    let mut command = command(&url(server), &["work", "t", "--", program]);
    Process::spawn(command.current_dir(server.folder.path()), None)
}

/// What a worker's line says about its job.
#[derive(serde::Deserialize)]
struct Held {
    job: u64,
    #[serde(default)]
    attempt: u32,
}

impl Held {
    fn of(line: &str) -> Self {
        serde_json::from_str(line).unwrap()
    }
}

fn until_says(worker: &Process, words: &str) {
    until(words, || worker.stderr().contains(words).then_some(()));
}

#[test]
fn workers_whose_program_is_removed_keep_a_job_until_it_is_back() {
    let server = Server::start(&[]);
    let path = program(&server, "program");
    let workers = [(); 3].map(|()| worker(&server, path.to_str().unwrap()));
    ask(&server).until_metric("workers", 3);
    fs::remove_file(&path).unwrap();
    let job = start(&server, &["do", "-r", "t"]);
    let keeper = until("a worker that keeps the job", || {
        workers.iter().find(|worker| worker.stderr().contains("keeping its jobs until it can be run"))
    });
    assert!(keeper.stderr().contains("a job is at attempt 2, which may be its last"), "{}", keeper.stderr());
    let left = workers.iter().filter(|worker| worker.stderr().contains("its jobs go to other workers")).count();
    assert_eq!(left, 1);
    program(&server, "program");
    check(&job.ended(), 0, "program\n", "");
    // All of them take jobs again.
    ask(&server).until_metric("workers", 3);
    ask(&server).until_metric("workers_idle", 3);
    check(&run(&server, &["do", "-r", "t"]), 0, "program\n", "");
}

#[test]
fn a_worker_beside_a_good_one_leaves_with_its_job_although_others_were_lost_lately() {
    let server = Server::start(&["--max-attempts", "2"]);
    let mut client = ask(&server);
    let mut lost = ask(&server);
    lost.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    assert!(lost.line().contains(r#""id":1,"#));
    drop(lost);
    let mut good = ask(&server);
    good.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    let first = Held::of(&good.line());
    assert_eq!(first.attempt, 2);
    let path = program(&server, "program");
    let bad = worker(&server, path.to_str().unwrap());
    client.until_metric("workers", 2);
    fs::remove_file(&path).unwrap();
    // The good worker is busy, so the other one gets it.
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    until_says(&bad, "its jobs go to other workers");
    good.send(&format!(r#"{{"cmd":"did","job":{}}}"#, first.job));
    let second = Held::of(&good.line());
    assert_eq!(second.attempt, 2);
    good.send(&format!(r#"{{"cmd":"did","job":{},"res":"good"}}"#, second.job));
    client.expect(r#"{"cmd":"did","id":1}"#);
    client.expect(r#"{"cmd":"did","id":2,"res":"good"}"#);
}

#[test]
fn a_worker_without_others_keeps_its_job_and_is_offered_no_other() {
    let server = Server::start(&["--max-attempts", "1"]);
    let path = program(&server, "program");
    let worker = worker(&server, path.to_str().unwrap());
    ask(&server).until_metric("workers", 1);
    fs::remove_file(&path).unwrap();
    let job = start(&server, &["do", "-r", "t"]);
    until_says(&worker, "keeping its jobs until it can be run: no other worker does type \"t\"");
    let metrics = ask(&server).metrics_with(r#","types":["t"]"#);
    assert_eq!((&metrics["jobs_running"], &metrics["types"]["t"]["workers"]), (&1.into(), &0.into()), "{metrics}");
    program(&server, "program");
    check(&job.ended(), 0, "program\n", "");
    assert_eq!(ask(&server).metrics()["faults"]["left_holding"], 0);
    check(&run(&server, &["do", "-r", "t"]), 0, "program\n", "");
}

/// A worker that keeps its job because its program was removed and no other worker does the type, and the job's submitter.
fn keeper(server: &Server) -> (Process, Process) {
    let path = program(server, "program");
    let keeper = worker(server, path.to_str().unwrap());
    ask(server).until_metric("workers", 1);
    fs::remove_file(&path).unwrap();
    let job = start(server, &["do", "-r", "t"]);
    until_says(&keeper, "keeping its jobs until it can be run: no other worker does type \"t\"");
    (keeper, job)
}

#[test]
fn a_worker_that_keeps_a_job_leaves_with_it_once_there_is_a_good_one() {
    let server = Server::start(&[]);
    let (keeper, job) = keeper(&server);
    let _good = worker(&server, program(&server, "other").to_str().unwrap());
    check(&job.ended(), 0, "other\n", "");
    assert!(keeper.stderr().contains("its jobs go to other workers"), "{}", keeper.stderr());
}

#[test]
fn a_worker_that_keeps_a_job_gives_it_up_when_it_is_stopped() {
    let server = Server::start(&[]);
    let (keeper, job) = keeper(&server);
    keeper.signal(Signal::TERM);
    let ended = keeper.ended();
    check(&ended, 0, "", "No such file or directory (os error 2); its jobs go to other workers\n");
    assert!(!ended.stderr.contains("for 1 s"), "{}", ended.stderr);
    let _good = worker(&server, program(&server, "other").to_str().unwrap());
    check(&job.ended(), 0, "other\n", "");
}

#[test]
fn a_working_folder_that_is_removed_is_the_fault_of_the_worker() {
    let server = Server::start(&[]);
    let folder = server.folder.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::rename(program(&server, "program"), folder.join("program")).unwrap();
    let mut command = command(&url(&server), &["work", "t", "--", "./program"]);
    let bad = Process::spawn(command.current_dir(&folder), None);
    ask(&server).until_metric("workers", 1);
    fs::remove_dir_all(&folder).unwrap();
    let _good = worker(&server, program(&server, "other").to_str().unwrap());
    ask(&server).until_metric("workers", 2);
    // At once, so that both get some.
    check(&shell(&server, "seq 20 | $DEPUTY do -l -r t | sort | uniq -c | tr -s ' '"), 0, " 20 other\n", "");
    until_says(&bad, "cannot run './program': No such file or directory");
}

#[test]
fn an_id_that_leaves_no_room_for_arguments_fails_its_job_alone() {
    let server = Server::start(&[]);
    // The system allows 128 KiB in all with such a stack, and so 90,000 bytes of arguments but not 50,000 more.
    let line = r#"ulimit -s 256; exec "$DEPUTY" work t -- sh -c 'echo ok' $(head -c 90000 /dev/zero | tr '\0' a)"#;
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_clear().env("PATH", "/usr/bin:/bin");
    let worker = Process::spawn(command.env("DEPUTY", DEPUTY).env("DEPUTY_URL", url(&server)), None);
    until_says(&worker, "connected");
    let mut submitter = ask(&server);
    submitter.send(&format!(r#"{{"cmd":"do","type":"t","id":"{}"}}"#, "1".repeat(50_000)));
    let answer = submitter.next_line().unwrap();
    assert!(answer.contains("the id has 50000 bytes, too many for the system"), "{}", &answer[50_000..]);
    check(&run(&server, &["do", "-r", "t"]), 0, "ok\n", "");
}
