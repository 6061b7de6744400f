//! `deputy do --durable`: the command ends when a bridge has stored its job, or waits for the result. The test is the bridge.

use rustix::process::Signal;

use crate::bridge_peer::BridgePeer;
use crate::kit::{ask, check, run, shell, start, start_shell, url};
use crate::process::Server;
use crate::tmux::Tmux;

#[test]
fn it_ends_when_the_job_is_stored() {
    let server = Server::start(&[]);
    let mut bridge = BridgePeer::start(&server, "t");
    let job = start(&server, &["do", "--durable", "t", "7"]);
    let number = bridge.next_number();
    assert_eq!(job.status(), None);
    bridge.store(&number);
    check(&job.ended(), 0, "", "");
    // The result is dropped, and the job is not taken back.
    bridge.answer(&number, "8");
    ask(&server).until_metric("jobs_done", 1);
    bridge.expect_nothing();
}

#[test]
fn with_wait_it_prints_the_result_too() {
    let server = Server::start(&[]);
    let mut bridge = BridgePeer::start(&server, "t");
    let job = start(&server, &["do", "--durable", "--wait", "-r", "--progress", "t"]);
    let number = bridge.next_number();
    bridge.store(&number);
    bridge.report(&number, "50");
    bridge.answer(&number, "\"done\"");
    check(&job.ended(), 0, "done\n", "progress: 50\n");
    // However the command ends, its job goes on.
    let job = start(&server, &["do", "--durable", "--wait", "t"]);
    let number = bridge.next_number();
    bridge.store(&number);
    job.signal(Signal::TERM);
    job.ended();
    ask(&server).until_metric("connections_open", 2);
    bridge.expect_nothing();
    bridge.answer(&number, "7");
    ask(&server).until_metric("jobs_done", 2);
}

#[test]
fn without_a_bridge_it_says_what_to_do() {
    let server = Server::start(&[]);
    let advice =
        "run a bridge that reaches NATS, start a worker of the type once, or submit the job without --durable\n";
    for words in [&["do", "--durable", "t"][..], &["do", "--durable", "--wait", "t"]] {
        let ended = run(&server, words);
        check(&ended, 1, "", "no_bridge: ");
        assert!(ended.stderr.ends_with(advice), "{}", ended.stderr);
    }
    let lines = shell(&server, "seq 3 | $DEPUTY do -l --durable t");
    check(&lines, 1, "", "no_bridge: ");
    let known = "0 jobs stored, 3 refused (lines 1-3); nothing was submitted after line 3\n";
    assert!(lines.stderr.contains("run a bridge") && lines.stderr.ends_with(known), "{}", lines.stderr);
    check(&shell(&server, "seq 2 | $DEPUTY do -l --durable --wait t"), 1, "", "line 2: no_bridge: ");
}

#[test]
fn it_says_what_may_become_of_a_job_that_it_knows_no_more_of() {
    // One shard, which sends to all submitters in one turn.
    let server = Server::start(&["--threads", "1"]);
    let mut bridge = BridgePeer::start(&server, "t");
    for words in [&["do", "--durable", "-t", "0.2", "t"][..], &["do", "--durable", "--wait", "-t", "0.2", "t"]] {
        let text = format!(
            "no answer came in time from {}; the job may be stored nevertheless, and then runs\n",
            url(&server)
        );
        check(&run(&server, words), 124, "", &text);
        bridge.next_number();
    }
    check(
        &shell(&server, "seq 2 | $DEPUTY do -l --durable -t 0.2 t"),
        124,
        "",
        "0 jobs stored before line 1; jobs from line 1 to 2 may be stored",
    );
    for _ in 0..2 {
        bridge.next_number();
    }
    let jobs = [&["do", "--durable", "t"][..], &["do", "--durable", "--wait", "t"]].map(|words| start(&server, words));
    for _ in 0..2 {
        bridge.next_number();
    }
    let stored = start(&server, &["do", "--durable", "--wait", "t"]);
    let number = bridge.next_number();
    bridge.store(&number);
    let lines = start_shell(&server, "seq 3 > lines; exec $DEPUTY do -l --durable t < lines");
    let batch = start_shell(&server, "echo 1 > one; exec $DEPUTY do -l --durable --wait t < one");
    for _ in 0..4 {
        let job = bridge.next_job();
        // Of the lines the first one is stored, and so is that of the batch.
        if job["arg"] == 1 {
            bridge.store(&job["job"]);
        }
    }
    // The server has read all, and when it answers a later question it has sent to the submitters.
    bridge.expect_nothing();
    ask(&server).metrics();
    server.kill();
    for job in jobs {
        check(&job.ended(), 3, "", "the job may be stored nevertheless, and then runs\n");
    }
    check(&stored.ended(), 3, "", "the job is stored and will be done, but its answer is lost: ");
    check(&lines.ended(), 3, "", "1 job stored before line 2; jobs from line 2 to 3 may be stored too, and then run\n");
    check(&batch.ended(), 3, "", "1 job without an answer; stored, and will run: 1\n");
}

#[test]
fn lines_are_stored_or_their_results_printed() {
    let server = Server::start(&[]);
    let mut bridge = BridgePeer::start(&server, "t");
    for (words, printed) in [("--durable", ""), ("--durable --wait -o", "10\n20\n30\n")] {
        let lines = start_shell(&server, &format!("seq 3 > lines; exec $DEPUTY do -l {words} t < lines"));
        for res in ["10", "20", "30"] {
            let number = bridge.next_number();
            bridge.store(&number);
            bridge.answer(&number, res);
        }
        check(&lines.ended(), 0, printed, "");
    }
}

#[test]
fn a_terminal_shows_that_the_job_is_stored() {
    let server = Server::start(&[]);
    let mut bridge = BridgePeer::start(&server, "t");
    let Some(tmux) = Tmux::start(&url(&server), (80, 24), &[]) else { return };
    tmux.run("do --durable --wait t");
    let number = bridge.next_number();
    bridge.store(&number);
    tmux.until_shows("deputy: stored; waiting for the result\n");
    bridge.answer(&number, "7");
    tmux.expect_restored(0);
    drop(tmux);
    let Some(tmux) = Tmux::start(&url(&server), (80, 24), &[]) else { return };
    tmux.run("do --durable t");
    let number = bridge.next_number();
    bridge.store(&number);
    tmux.until_shows("deputy: stored\n");
    tmux.expect_restored(0);
}
