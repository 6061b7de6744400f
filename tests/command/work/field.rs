//! `deputy work` in odd surroundings: programs that cannot be run, terminals, workers that are killed, process 1.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::kit::{DEPUTY, ask, check, command, run, shell, start, until_gone, url, wait_for, work};
use crate::process::{Process, Server};
use crate::programs;
use crate::wait::until;

/// A program in the server's folder that prints `text`.
fn program(server: &Server, text: &str, mode: u32) -> PathBuf {
    let path = server.folder.path().join("program");
    fs::write(&path, format!("#!/bin/sh\necho {text}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// A worker whose signals are not ignored, whatever started this test.
fn signalled_worker(server: &Server, settings: &str, script: &str) -> Option<Process> {
    let is_known = Command::new("env").args(["--default-signal=HUP", "true"]).output().unwrap().status.success();
    if !is_known {
        programs::pass_over("env cannot set signals to their defaults here");
        return None;
    }
    let line = format!("exec env {settings} \"$DEPUTY\" work t -- sh -c '{script}'");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env("DEPUTY", DEPUTY).env("DEPUTY_URL", url(server));
    let worker = Process::spawn(command.current_dir(server.folder.path()), None);
    until("the worker's connection", || worker.stderr().contains("connected").then_some(()));
    Some(worker)
}

#[test]
fn a_program_that_cannot_be_run_is_refused_at_the_start() {
    let server = Server::start(&[]);
    let path = program(&server, "never", 0o644);
    let ended = run(&server, &["work", "t", "--", path.to_str().unwrap()]);
    check(&ended, 2, "", "program' cannot be executed: Permission denied");
    fs::write(&path, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    check(&run(&server, &["work", "t", "--", path.to_str().unwrap()]), 2, "", "'/no/such/interpreter'");
    // Machine code that ends before it says for which machine it is.
    fs::write(&path, "\x7fELF").unwrap();
    let formats = fs::read_dir("/proc/sys/fs/binfmt_misc").map_or(0, Iterator::count);
    if formats > ["register", "status"].len() {
        return programs::pass_over("this system may run programs of other formats");
    }
    let ended = run(&server, &["work", "t", "--", path.to_str().unwrap()]);
    check(&ended, 2, "", "program' is not a program for this machine");
}

#[test]
fn a_worker_whose_program_is_removed_leaves_its_jobs_to_others_and_comes_back() {
    let server = Server::start(&[]);
    let path = program(&server, "bad", 0o755);
    let bad = Process::spawn(&mut command(&url(&server), &["work", "t", "--", path.to_str().unwrap()]), None);
    ask(&server).until_metric("workers", 1);
    fs::remove_file(&path).unwrap();
    let good = Process::spawn(&mut command(&url(&server), &["work", "t", "--", "echo", "good"]), None);
    ask(&server).until_metric("workers", 2);
    let ended = shell(&server, "seq 100 | $DEPUTY do -l -r t | sort | uniq -c | tr -s ' '");
    check(&ended, 0, " 100 good\n", "");
    let report =
        until("its report", || Some(bad.stderr()).filter(|stderr| stderr.contains("taking no jobs for 1 s\n")));
    assert!(report.contains("cannot run '") && report.contains("No such file or directory"), "{report}");
    drop(good);
    program(&server, "back", 0o755);
    check(&run(&server, &["do", "-r", "t"]), 0, "back\n", "");
    bad.signal(Signal::TERM);
    check(&bad.ended(), 0, "", "connected");
}

#[test]
fn a_worker_that_cannot_run_its_program_stops_at_a_signal() {
    let server = Server::start(&[]);
    let path = program(&server, "bad", 0o755);
    let worker = Process::spawn(&mut command(&url(&server), &["work", "t", "--", path.to_str().unwrap()]), None);
    ask(&server).until_metric("workers", 1);
    fs::remove_file(&path).unwrap();
    let _job = start(&server, &["do", "t"]);
    until("its report", || worker.stderr().contains("taking no jobs meanwhile").then_some(()));
    worker.signal(Signal::TERM);
    check(&worker.ended(), 0, "", "taking no jobs");
}

#[test]
fn a_command_has_no_terminal() {
    let server = Server::start(&[]);
    if programs::find("script").is_none() {
        return;
    }
    let script = "(: < /dev/tty) 2> /dev/null && echo has one || echo has none";
    fs::write(server.folder.path().join("run"), format!("exec $DEPUTY work -c 1 t -- sh -c \"{script}\"\n")).unwrap();
    let ended = shell(&server, "script -qec 'sh run' /dev/null > log & $DEPUTY do -r t; wait");
    check(&ended, 0, "has none\n", "");
}

#[test]
fn a_stopped_command_is_ended_by_a_signal_all_the_same() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], "touch begun; kill -STOP $$; echo continued");
    let job = start(&server, &["do", "-r", "t"]);
    until("the command", || server.folder.path().join("begun").exists().then_some(()));
    worker.signal(Signal::TERM);
    let mut asker = ask(&server);
    until("its offer taken back", || {
        (asker.metrics_with(r#","types":["t"]"#)["types"]["t"]["workers"] == 0).then_some(())
    });
    worker.signal(Signal::TERM);
    check(&job.ended(), 1, "", "the command was ended by signal 15\n");
    check(&worker.ended(), 130, "", "connected");
}

#[test]
fn hangup_and_quit_count_as_sigterm() {
    for signal in [Signal::HUP, Signal::QUIT] {
        let server = Server::start(&[]);
        let script = format!("touch begun; {}; echo done", wait_for("go"));
        let Some(worker) = signalled_worker(&server, "--default-signal=HUP,QUIT", &script) else { return };
        let job = start(&server, &["do", "-r", "t"]);
        until("the command", || server.folder.path().join("begun").exists().then_some(()));
        worker.signal(signal);
        let mut asker = ask(&server);
        until("its offer taken back", || {
            (asker.metrics_with(r#","types":["t"]"#)["types"]["t"]["workers"] == 0).then_some(())
        });
        fs::write(server.folder.path().join("go"), "").unwrap();
        check(&job.ended(), 0, "done\n", "");
        check(&worker.ended(), 0, "", "connected");
    }
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let server = Server::start(&[]);
    let Some(worker) = signalled_worker(&server, "--ignore-signal=HUP,QUIT", "echo done") else { return };
    worker.signal(Signal::HUP);
    worker.signal(Signal::QUIT);
    check(&run(&server, &["do", "-r", "t"]), 0, "done\n", "");
    worker.signal(Signal::TERM);
    check(&worker.ended(), 0, "", "connected");
}

#[test]
fn commands_end_with_a_worker_that_is_killed() {
    let server = Server::start(&[]);
    // Its input ends when the guard knows of the command.
    let script = "cat; echo $$ > $DEPUTY_ID.pid; sleep 1000 & wait";
    let worker = work(&server, &["-j", "2", "t"], script);
    let _jobs = start(&server, &["do", "t"]);
    let _other = Process::spawn(
        Command::new("sh")
            .args(["-c", "seq 2 | $DEPUTY do -l t"])
            .envs([("DEPUTY", DEPUTY), ("DEPUTY_URL", &url(&server))]),
        None,
    );
    until("the commands", || (ask(&server).metrics()["jobs_running"] == 2).then_some(()));
    until("the first command", || server.folder.path().join("1.pid").exists().then_some(()));
    worker.signal(Signal::KILL);
    until_gone(&server, "1.pid");
    drop(worker);
}

/// The words that start the command as process 1 of a namespace of its own; none where that is not possible.
fn as_process_1(server: &Server, line: &str) -> Option<Process> {
    let unshare = "unshare --user --map-root-user --pid --fork --kill-child --mount-proc";
    let is_possible = shell(server, &format!("{unshare} true")).status.success();
    if !is_possible {
        programs::pass_over("there are no namespaces for processes here");
        return None;
    }
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec env --default-signal=INT {unshare} $DEPUTY {line}")]);
    command.env("DEPUTY", DEPUTY).env("DEPUTY_URL", url(server)).current_dir(server.folder.path());
    Some(Process::spawn(&mut command, None))
}

#[test]
fn process_1_reaps_orphans() {
    let server = Server::start(&[]);
    let script = "(sleep 0.01 &) ; ps -eo stat= | grep -c ^Z || :";
    let Some(_worker) = as_process_1(&server, &format!("work t -- sh -c '{script}'")) else { return };
    ask(&server).until_metric("workers", 1);
    // Each sees the orphans that those before it have left.
    let ended =
        shell(&server, "for job in 1 2 3 4 5 6 7 8 9 10; do $DEPUTY do -r t; sleep 0.05; done | sort -n | tail -1");
    let most: u32 = ended.stdout.trim().parse().unwrap_or_else(|_| panic!("{ended:?}"));
    assert!(most < 5, "{most} zombies");
}

#[test]
fn process_1_obeys_signals_and_returns_the_exit_code() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let server = Server::start(&[]);
        let Some(process) = as_process_1(&server, "do nobody") else { return };
        ask(&server).until_metric("jobs_waiting", 1);
        // The process below unshare is process 1 of its namespace.
        let children = format!("/proc/{0}/task/{0}/children", process.id());
        let first = until("process 1", || fs::read_to_string(&children).ok().filter(|pids| !pids.is_empty()));
        let kill = Command::new("kill").args(["-s", signal, first.trim()]).status();
        assert!(kill.unwrap().success());
        assert_eq!(process.ended().status.code(), Some(code), "{signal}");
    }
}

#[test]
fn signals_that_the_parent_left_blocked_or_ignored_do_no_harm() {
    let server = Server::start(&[]);
    let ended = shell(&server, "(trap '' CHLD; exec $DEPUTY work -c 1 t -- echo ok) & $DEPUTY do -r t; wait");
    check(&ended, 0, "ok\n", "connected");
    let Some(worker) = signalled_worker(&server, "--block-signal=TERM,INT", "echo ok") else { return };
    worker.signal(Signal::TERM);
    check(&worker.ended(), 0, "", "connected");
}

#[test]
fn more_jobs_at_once_than_open_files_allow_are_refused() {
    let server = Server::start(&[]);
    let ended = shell(&server, "ulimit -n 100; $DEPUTY work -j 14 t -- cat");
    check(
        &ended,
        2,
        "",
        "option '--jobs' 14 needs more open files than the limit of 100, which is enough for 13: raise it",
    );
    let ended = shell(
        &server,
        "ulimit -n 100; $DEPUTY work -c 1 -j 13 t -- cat & $DEPUTY do -r t x 2> /dev/null; $DEPUTY do -r -s t x; wait",
    );
    check(&ended, 0, "x\n", "connected");
}
