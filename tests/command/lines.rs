//! `deputy do --lines`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use deputy::client::{Job, Worker};

use crate::kit::{Echo, ask, check, command, run_with_closed_stdout, shell, url};
use crate::process::{Server, Via};
use crate::programs;
use crate::wait::until;

const LINES: u32 = 10_000;

#[test]
fn ten_thousand_lines_are_done_in_order_or_not() {
    let (server, _worker) = Echo::with_server();
    let lines: Vec<String> = (1..=LINES).map(|number| number.to_string()).collect();
    let ordered = shell(&server, &format!("seq {LINES} | $DEPUTY do --lines --ordered echo"));
    assert!(ordered.status.success() && ordered.stdout.lines().eq(lines.iter()), "{}", ordered.stderr);
    let any = shell(&server, &format!("seq {LINES} > lines; $DEPUTY do -l -s -r -j 1000 echo - < lines"));
    let mut got: Vec<u32> = any.stdout.lines().map(|line| line.parse().unwrap()).collect();
    got.sort_unstable();
    assert!(any.status.success() && got.into_iter().eq(1..=LINES), "{}", any.stderr);
}

#[test]
fn no_more_jobs_are_submitted_at_once_than_asked() {
    let server = Server::start(&[]);
    for (words, most) in [("-j 1", 1), ("-j 3", 3), ("-o -j 3", 3)] {
        let (running, max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&max);
        let worker = Worker::new(&url(&server)).max_jobs(8).handle("slow", move |_: &Job| {
            seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, String>(())
        });
        let stopper = worker.stopper();
        let running = thread::spawn(|| worker.run());
        let ended = shell(&server, &format!("seq 200 | $DEPUTY do -l {words} slow"));
        assert!(ended.status.success() && ended.stdout.lines().count() == 200, "{}", ended.stderr);
        let max = max.load(Ordering::SeqCst);
        assert!((1..=most).contains(&max), "{max} with {words}");
        stopper.stop();
        running.join().unwrap().unwrap();
    }
}

#[test]
fn failed_lines_are_reported_and_the_others_go_on() {
    let server = Server::start(&[]);
    let worker = Worker::new(&url(&server))
        .handle_typed("odd", |number: u32| if number % 2 == 1 { Ok(number) } else { Err("it is even") });
    let stopper = worker.stopper();
    let running = thread::spawn(|| worker.run());
    let ended = shell(&server, "seq 5 | $DEPUTY do -l -o odd");
    check(&ended, 1, "1\n3\n5\n", "line 2: the job failed: it is even\n");
    assert!(ended.stderr.ends_with("deputy: 2 of 5 jobs failed\n"), "{}", ended.stderr);
    stopper.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_line_that_is_no_arg_fails_alone() {
    let (server, _worker) = Echo::with_server();
    check(
        &shell(&server, "printf '1\\n\\n \\n2\\nword\\n3' | $DEPUTY do -lo echo"),
        2,
        "1\n2\n3\n",
        "line 5 is not JSON",
    );
    check(&shell(&server, "printf 'a\\n\\nb' | $DEPUTY do -lors echo"), 0, "a\n\nb\n", "");
    let ended = shell(&server, "printf 'a\\n\\377\\nb' | $DEPUTY do -los echo");
    check(&ended, 2, "\"a\"\n\"b\"\n", "line 2 is not UTF-8");
    assert!(ended.stderr.ends_with("deputy: 1 of 3 lines were not submitted\n"), "{}", ended.stderr);
    let ended = shell(&server, "{ echo a; head -c 99 /dev/zero; echo; echo b; } | $DEPUTY do -lors --max-line 64 echo");
    check(&ended, 2, "a\nb\n", "line 2 has more than 64 bytes");
    check(
        &shell(&server, "printf '\\357\\273\\2771\\n2' | $DEPUTY do -l echo"),
        2,
        "2\n",
        "line 1 begins with a byte order",
    );
    check(&shell(&server, "$DEPUTY do -l echo < /dev/null"), 0, "", "");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let (server, _worker) = Echo::with_server();
    check(&shell(&server, "yes 1 | $DEPUTY do -l echo | head -1"), 0, "1\n", "");
    for words in [&["do", "-l", "echo"][..], &["do", "-lo", "echo"]] {
        // The input says no more, but is not at its end.
        let ended = run_with_closed_stdout(&server, words, b"1\n", true);
        assert_eq!(ended, (0, String::new()));
    }
    let ended = run_with_closed_stdout(&server, &["do", "-l", "echo"], b"1\n2\n3\n", false);
    assert_eq!(ended, (0, String::new()));
}

#[test]
fn jobs_that_are_not_done_in_time_are_counted() {
    let server = Server::start(&[]);
    let ended = shell(&server, "seq 3 | $DEPUTY do -l -t 0.5 nobody");
    check(&ended, 124, "", "line 3: no answer came in time\n");
    assert!(ended.stderr.ends_with("deputy: 3 of 3 jobs had no answer in time\n"), "{}", ended.stderr);
}

#[test]
fn in_the_background_all_lines_are_accepted() {
    let server = Server::start(&[]);
    check(&shell(&server, "seq 2500 | $DEPUTY do -l --background nobody"), 0, "", "");
    assert_eq!(ask(&server).metrics()["jobs_waiting"], 2500);
    check(&shell(&server, "printf '1\\nword\\n2' | $DEPUTY do -lb nobody"), 2, "", "line 2 is not JSON");
    assert_eq!(ask(&server).metrics()["jobs_waiting"], 2502);
}

#[test]
fn a_lost_connection_ends_it_though_more_input_may_come() {
    let server = Server::start(&[]);
    let mut command = command(&url(&server), &["do", "-l", "nobody"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n3\n").unwrap();
    ask(&server).until_metric("jobs_waiting", 3);
    drop(server);
    until("the end of the command", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("was lost") && stderr.ends_with("; 3 jobs without an answer\n"), "{stderr}");
    drop(stdin);
}

#[test]
fn a_terminal_shows_the_progress() {
    let (server, _worker) = Echo::with_server();
    if programs::find("script").is_none() {
        return;
    }
    for (input, words) in [("< lines", "left"), ("< /dev/null; cat lines | $DEPUTY do -l echo > out", "/s")] {
        let run = format!("$DEPUTY do -l echo > out {input}");
        let ended =
            shell(&server, &format!("seq 100 > lines; export TERM=xterm; script -qec '{run}' /dev/null; wc -l < out"));
        assert!(ended.stdout.contains(" done, 0 failed, ") && ended.stdout.contains(words), "{}", ended.stdout);
        assert!(ended.stdout.trim_end().ends_with("100"), "{}", ended.stdout);
    }
}

#[test]
fn lines_end_with_crlf_or_nul_if_asked() {
    let (server, _worker) = Echo::with_server();
    check(&shell(&server, "printf 'a\\r\\nb' | $DEPUTY do -los echo"), 0, "\"a\\r\"\n\"b\"\n", "");
    check(&shell(&server, "printf 'a\\r\\nb\\r\\n' | $DEPUTY do -los --crlf echo"), 0, "\"a\"\n\"b\"\n", "");
    check(&shell(&server, "printf 'a\\nb\\0c\\0' | $DEPUTY do -los0 echo"), 0, "\"a\\nb\"\n\"c\"\n", "");
    check(&shell(&server, "printf 'a\\0\\377\\0' | $DEPUTY do -los0 echo"), 2, "\"a\"\n", "item 2 is not UTF-8");
}

#[test]
fn a_full_server_in_the_background_is_reported_with_lines() {
    let server = Server::start(&["--max-memory", "1M"]);
    let ended = shell(&server, "seq 5000 | $DEPUTY do -l -b nobody");
    check(&ended, 1, "", "queue_full");
    let metrics = ask(&server).metrics();
    let (accepted, refused) = (metrics["jobs_added"].as_u64().unwrap(), metrics["jobs_refused"].as_u64().unwrap());
    assert!(accepted > 1_000 && refused > 0 && accepted + refused < 5_000, "{metrics}");
    let sent = accepted + refused;
    let stderr = ended.stderr.replace(',', "");
    assert!(stderr.contains(&format!("; {accepted} jobs accepted {refused} refused (lines ")), "{stderr}");
    assert!(stderr.ends_with(&format!("); nothing was submitted after line {sent}\n")), "{stderr}");
}

#[test]
fn a_connection_that_is_lost_between_two_lines_is_made_again() {
    let server = Server::start(&[]);
    let url = format!("unix:{}", server.sock.display());
    let worker = Worker::new(&url).handle("echo", |job: &Job| Ok::<_, String>(job.raw().map(ToOwned::to_owned)));
    let stopper = worker.stopper();
    thread::spawn(|| worker.run());
    let mut command = command(&url, &["do", "-l", "echo"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut lines, mut results) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    lines.write_all(b"1\n").unwrap();
    assert_eq!(results.next().unwrap().unwrap(), "1");
    server.kill();
    let _back = server.come_back();
    // The worker, the command and this one.
    server.connect(Via::Unix, "the asker").until_metric("connections_open", 3);
    lines.write_all(b"2\n").unwrap();
    assert_eq!(results.next().unwrap().unwrap(), "2");
    drop(lines);
    assert!(until("the end of the command", || child.try_wait().unwrap()).success());
    stopper.stop();
}
