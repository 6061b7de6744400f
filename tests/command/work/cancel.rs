//! `deputy work`: a job that is cancelled, or exceeds its run limit, ends with all that its command has started.

use rustix::process::Signal;

use crate::kit::{ask, check, command, run, start, until_gone, url, wait_for, work};
use crate::process::{Process, Server};
use crate::wait::until;

/// A command with a child that has a child, which all run until they are ended.
const TREE: &str = "sh -c 'sleep 1000 & echo $! > grandchild; wait' & echo $! > child; echo $$ > parent; wait";

/// Submits a job, and ends its submitter when the command has begun.
fn submit_and_leave(server: &Server, worker: &Process, last_file: &str) {
    let submitter = start(server, &["do", "t"]);
    until("the command", || {
        assert_eq!(worker.status(), None, "{}", worker.stderr());
        std::fs::read_to_string(server.folder.path().join(last_file)).ok().filter(|number| number.ends_with('\n'))
    });
    submitter.signal(Signal::TERM);
    submitter.ended();
}

#[test]
fn a_cancelled_command_is_gone_with_all_that_it_started() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], &format!("[ -e child ] && exec echo next; {TREE}"));
    submit_and_leave(&server, &worker, "parent");
    for process in ["grandchild", "child", "parent"] {
        until_gone(&server, process);
    }
    // The slot is free, and the worker had no other.
    check(&run(&server, &["do", "-r", "t"]), 0, "next\n", "");
    let metrics = ask(&server).metrics();
    assert_eq!([&metrics["jobs_cancelled"], &metrics["slots_spent"], &metrics["jobs_done"]], [1, 0, 1]);
    assert_eq!(worker.status(), None);
}

#[test]
fn a_cancelled_command_that_ignores_sigterm_is_killed() {
    let server = Server::start(&[]);
    let script = format!("trap '' TERM; echo $$ > command; {}", wait_for("never"));
    let worker = work(&server, &["t"], &script);
    submit_and_leave(&server, &worker, "command");
    until_gone(&server, "command");
    ask(&server).until_metric("slots_spent", 0);
    assert_eq!(worker.status(), None);
}

#[test]
fn a_process_that_holds_the_output_of_a_cancelled_command_is_ended() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], "sleep 1000 & echo $! > rest; exit 0");
    submit_and_leave(&server, &worker, "rest");
    until_gone(&server, "rest");
    ask(&server).until_metric("slots_spent", 0);
}

#[test]
fn a_command_ends_at_the_deadline_of_its_job() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["t"], TREE);
    check(&run(&server, &["do", "--deadline", "0.3", "t"]), 124, "", "expired: ");
    until_gone(&server, "grandchild");
}

#[test]
fn a_command_past_its_run_limit_is_ended_and_run_again() {
    let server = Server::start(&[]);
    // The reference is that of the first attempt.
    let again = "[ \"$DEPUTY_REF\" = \"$(cat ref)\" ] && exec echo \"limit $DEPUTY_RUN_LIMIT_MS\"";
    let script = format!("[ $DEPUTY_ATTEMPT = 1 ] || {{ {again}; }}; echo \"$DEPUTY_REF\" > ref; {TREE}");
    let _worker = work(&server, &["t"], &script);
    let ended = run(&server, &["do", "-r", "--run-limit", "0.5", "--attempts", "255", "t"]);
    check(&ended, 0, "limit 500\n", "");
    until_gone(&server, "grandchild");
    let ended = run(&server, &["do", "-r", "--run-limit", "0.1", "--attempts", "1", "t"]);
    check(&ended, 1, "", "timed_out: ");
}

#[test]
fn a_command_learns_that_it_is_the_first_and_has_no_limit() {
    let server = Server::start(&[]);
    let mut command = command(&url(&server), &["work", "t", "--", "sh", "-c"]);
    command.arg("echo $DEPUTY_ATTEMPT ${DEPUTY_RUN_LIMIT_MS-none}").env("DEPUTY_RUN_LIMIT_MS", "7");
    let _worker = Process::spawn(&mut command, None);
    check(&run(&server, &["do", "-r", "t"]), 0, "1 none\n", "");
}
