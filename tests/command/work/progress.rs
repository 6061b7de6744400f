//! `deputy work --progress`: what a command reports.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::kit::{ask, check, command, run, shell, start, url, work};
use crate::process::{Process, Server};
use crate::wait::until;

#[test]
fn each_line_is_a_report_in_json_or_a_text() {
    let server = Server::start(&[]);
    let script = r#"
        echo 12.50 >&3; echo '  half done ' >&$DEPUTY_PROGRESS_FD; echo '{"a": [1, "x"]}' >&3; echo '"\u00e9"' >&3
        echo >&3; head -c 65537 /dev/zero | tr '\0' 7 >&3; echo >&3; printf '\377 last' >&3; echo result"#;
    let _worker = work(&server, &["--progress", "t"], script);
    let reports = "progress: 12.50\nprogress: half done\nprogress: {\"a\": [1, \"x\"]}\nprogress: é\n\
                   progress: \u{fffd} last\n";
    let ended = run(&server, &["do", "--progress", "-r", "t"]);
    check(&ended, 0, "result\n", reports);
    assert_eq!(ended.stderr, reports);
    // A submitter that does not ask gets none.
    check(&run(&server, &["do", "-r", "t"]), 0, "result\n", "");
}

#[test]
fn a_report_starts_the_run_limit_again() {
    let server = Server::start(&[]);
    let script = "for each in 1 2 3 4 5 6; do sleep 0.3; echo >&3; done; echo done";
    let _worker = work(&server, &["--progress", "t"], script);
    check(&run(&server, &["do", "-r", "--run-limit", "1", "--attempts", "9", "t"]), 0, "done\n", "");
}

#[test]
fn a_run_does_not_wait_for_a_process_that_could_still_report() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["--progress", "t"], "sleep 1000 > /dev/null 2>&1 & echo $! > rest; echo done");
    check(&run(&server, &["do", "-r", "t"]), 0, "done\n", "");
    let rest = fs::read_to_string(server.folder.path().join("rest")).unwrap();
    check(&shell(&server, &format!("kill {rest}")), 0, "", "");
}

#[test]
fn reports_of_commands_that_run_at_once_are_not_mixed() {
    let server = Server::start(&[]);
    let script = "read n; for each in 1 2 3 4 5; do echo $n >&3; done; echo $n";
    let _worker = work(&server, &["--progress", "-j", "8", "t"], script);
    let ended = shell(&server, "seq 40 | $DEPUTY do -l --progress t");
    assert_eq!((ended.status.code(), ended.stdout.lines().count()), (Some(0), 40), "{}", ended.stderr);
    for number in 1..=40 {
        let line = format!("line {number}: progress: {number}\n");
        assert_eq!(ended.stderr.matches(&line).count(), 5, "{}", ended.stderr);
    }
}

#[test]
fn without_the_option_there_is_no_descriptor() {
    let server = Server::start(&[]);
    let mut command = command(&url(&server), &["work", "t", "--", "sh", "-c"]);
    command.arg("echo ${DEPUTY_PROGRESS_FD-none}; (: >&3) 2> /dev/null && echo open || echo closed");
    let _worker = Process::spawn(command.env("DEPUTY_PROGRESS_FD", "3"), None);
    check(&run(&server, &["do", "-r", "t"]), 0, "none\nclosed\n", "");
}

#[test]
fn a_program_that_cannot_be_executed_is_still_noticed() {
    let server = Server::start(&[]);
    let path = server.folder.path().join("program");
    fs::write(&path, "#!/bin/sh\necho never\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let words = ["work", "--progress", "t", "--", path.to_str().unwrap()];
    let worker = Process::spawn(&mut command(&url(&server), &words), None);
    ask(&server).until_metric("workers", 1);
    fs::remove_file(&path).unwrap();
    let _job = start(&server, &["do", "t"]);
    until("its report", || worker.stderr().contains("program': No such file or directory").then_some(()));
}
