//! Time limits hold for whatever a command waits for, and streams need not block.

use std::io::{Read, Write, pipe};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::process::Signal;

use crate::kit::{Echo, check, command, run, shell, start_shell, url};
use crate::process::Server;
use crate::wait::until;

/// Much longer than any limit here, and shorter than the time-outs that hold without one.
const LATE: Duration = Duration::from_secs(15);

#[test]
fn a_time_limit_covers_input_that_stays_open() {
    let server = Server::start(&[]);
    let ended = shell(&server, "mkfifo fifo; exec 3<> fifo; $DEPUTY do -t 0.2 echo - <&3");
    check(&ended, 124, "", "timed out after 0.2 s while reading standard input\n");
}

#[test]
fn a_time_limit_covers_a_reader_that_does_not_read() {
    let (server, _worker) = Echo::with_server();
    let long = "head -c 1000000 /dev/zero | tr '\\0' x";
    let ended = shell(&server, &format!("mkfifo fifo; exec 3<> fifo; {long} | $DEPUTY do -t 5 -rs echo - >&3"));
    check(&ended, 124, "", "timed out after 5 s while writing to standard output\n");
}

#[test]
fn a_time_limit_covers_a_reader_that_does_not_read_what_was_asked() {
    let server = Server::start(&[]);
    let text = "timed out after 1 s while writing to standard output\n";
    let mut running = Vec::new();
    for (words, code) in [("status", 124), ("status --json", 124), ("why t", 124), ("ping", 124), ("check", 0)] {
        for (stderr, text) in [("", text), ("2>&3", "")] {
            // A pipe has room for 64 KiB.
            let fifo = format!("fifo{}", running.len());
            let fill = format!("mkfifo {fifo}; exec 3<> {fifo}; head -c 65536 /dev/zero >&3");
            running.push((start_shell(&server, &format!("{fill}; $DEPUTY {words} -t 1 >&3 {stderr}")), code, text));
        }
    }
    for (process, code, text) in running {
        check(&process.ended(), code, "", text);
    }
}

#[test]
fn a_server_that_does_not_answer_is_named_before_the_first_line() {
    let server = Server::start(&[]);
    server.process.signal(Signal::STOP);
    for words in ["do -l -t 0.2 t", "do -l -o -t 0.2 t", "do -l -b -t 0.2 t", "do -l --durable -t 0.2 t"] {
        let ended = shell(&server, &format!("rm -f fifo; mkfifo fifo; exec 3<> fifo; $DEPUTY {words} <&3"));
        check(&ended, 124, "", &format!("no answer came in time from {}", url(&server)));
    }
    server.process.signal(Signal::CONT);
}

#[test]
fn a_pause_of_the_input_shows_what_became_of_jobs_in_the_background() {
    let server = Server::start(&["--max-line", "1K"]);
    let long = "head -c 2000 /dev/zero | tr '\\0' x";
    // The input stays open.
    let ended =
        shell(&server, &format!("mkfifo fifo; exec 3<> fifo; {{ echo 1; {long}; echo; }} >&3; $DEPUTY do -lbs t <&3"));
    check(&ended, 1, "", "1 job accepted, 1 refused (line 2); nothing was submitted after line 2\n");
}

#[test]
fn a_time_limit_covers_a_server_that_is_stopped() {
    let server = Server::start(&[]);
    server.process.signal(Signal::STOP);
    let start = Instant::now();
    for (words, code) in [
        (&["do", "-t", "0.2", "t", "1"][..], 124),
        (&["do", "-b", "-t", "0.2", "t", "1"], 124),
        (&["ping", "-t", "0.2"], 3),
        (&["check", "-t", "0.2"], 2),
        (&["status", "-t", "0.2"], 124),
        (&["why", "-t", "0.2", "t"], 124),
    ] {
        let ended = run(&server, words);
        assert_eq!(ended.status.code(), Some(code), "{words:?}: {ended:?}");
    }
    check(&shell(&server, "seq 3 | $DEPUTY do -l -b -t 0.2 t"), 124, "", "no answer came in time");
    assert!(start.elapsed() < LATE, "{:?}", start.elapsed());
    server.process.signal(Signal::CONT);
}

#[test]
fn standard_input_need_not_block() {
    let (server, _worker) = Echo::with_server();
    for words in [&["do", "echo", "-"][..], &["do", "-lo", "echo"]] {
        let (reader, mut writer) = pipe().unwrap();
        ioctl_fionbio(&reader, true).unwrap();
        let input = reader.try_clone().unwrap();
        let mut command = command(&url(&server), words);
        let mut child = command.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        // It reads a part, and then finds no more.
        writer.write_all(b"[").unwrap();
        until("a read", || (ioctl_fionread(&input).unwrap() == 0).then_some(()));
        writer.write_all(b"1]\n").unwrap();
        drop(writer);
        until("the end of the command", || child.try_wait().unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout == b"[1]\n", "{output:?}");
    }
}

#[test]
fn standard_output_need_not_block() {
    let (server, _worker) = Echo::with_server();
    let arg = format!("\"{}\"", "x".repeat(1 << 20));
    let (mut reader, writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    let mut command = command(&url(&server), &["do", "echo", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    child.stdin.take().unwrap().write_all(arg.as_bytes()).unwrap();
    until("a full pipe", || (ioctl_fionread(&reader).unwrap() == 64 << 10).then_some(()));
    let mut result = String::new();
    reader.read_to_string(&mut result).unwrap();
    assert_eq!(result.trim_end(), arg);
    assert!(until("the end of the command", || child.try_wait().unwrap()).success());
}
