//! `deputy work`: commands that take too long, and workers that leave or lose their server.

use crate::kit::{ask, check, run, shell, until_gone, work};
use crate::process::Server;
use crate::wait::until;

#[test]
fn a_command_past_its_time_is_ended_with_all_that_it_started() {
    let server = Server::start(&[]);
    let script = "sleep 1000 & echo $! > child; echo partial; echo waiting >&2; wait";
    let _worker = work(&server, &["-t", "0.3", "t"], script);
    check(&run(&server, &["do", "t"]), 1, "", "the command was ended after 0.3 s: waiting\n");
    until_gone(&server, "child");
}

#[test]
fn a_command_that_ignores_sigterm_is_killed() {
    let server = Server::start(&[]);
    let script = "trap '' TERM; sh -c 'echo $$ > child; while :; do sleep 1; done' & while :; do sleep 1; done";
    let worker = work(&server, &["-t", "0.1", "t"], script);
    check(&run(&server, &["do", "t"]), 1, "", "the command was ended after 0.1 s");
    until_gone(&server, "child");
    // It goes on with the next job.
    check(&run(&server, &["do", "t"]), 1, "", "the command was ended after 0.1 s");
    assert_eq!(worker.status(), None);
}

#[test]
fn a_command_within_its_time_is_left_alone() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["-t", "86400", "t"], "echo done");
    check(&run(&server, &["do", "-r", "t"]), 0, "done\n", "");
}

#[test]
fn a_worker_leaves_after_so_many_jobs_failed_ones_too() {
    let server = Server::start(&[]);
    let worker = work(&server, &["-j", "4", "-c", "3", "t"], "read x; [ $x != 2 ] && echo $x");
    check(&shell(&server, "seq 3 | $DEPUTY do -l -o -r t"), 1, "1\n3\n", "line 2");
    check(&worker.ended(), 0, "", "connected");
    check(&run(&server, &["do", "-t", "0.05", "t"]), 124, "", "in time");
}

#[test]
fn a_worker_waits_for_its_server_and_comes_back_to_it() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], "echo done");
    server.kill();
    until("the worker to see it", || worker.stderr().contains("was lost").then_some(()));
    let _back = server.come_back();
    check(&run(&server, &["do", "-r", "t"]), 0, "done\n", "");
    ask(&server).until_metric("workers", 1);
    until("its word", || (worker.stderr().matches("connected").count() == 2).then_some(()));
}
