//! A stderr that cannot be written to does not hold up or end the server.

use std::io::{self, Write};
use std::process::Stdio;

use rustix::process::Signal;

use crate::process::{Server, Via};

/// A session that makes the server say much, and then its end.
fn live_and_stop(server: &Server) {
    for _ in 0..50 {
        let mut stranger = server.connect(Via::Unix, "a stranger");
        stranger.send("nonsense");
        stranger.expect_error("bad_json", None);
        stranger.expect_closed();
    }
    let (mut client, mut worker) = (server.connect(Via::Unix, "the client"), server.connect(Via::Unix, "the worker"));
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    for id in 0..50 {
        client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
    }
    server.process.signal(Signal::TERM);
    client.expect_closed();
    assert_eq!(server.process.ended().status.code(), Some(0));
}

const TALKATIVE: [&str; 6] = ["-v", "--log", "debug", "--threads", "2", "--drain-timeout=60"];

#[test]
fn f61_a_closed_stderr_does_not_stop_the_server() {
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_closed_stdin_stdout_and_stderr_do_not_end_up_in_a_socket() {
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" <&- >&- 2>&-"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_full_stderr_does_not_stop_the_server() {
    if !std::path::Path::new("/dev/full").exists() {
        return crate::programs::pass_over("there is no /dev/full here");
    }
    let server = Server::start_unheard(&["sh", "-c", r#"exec "$@" 2>/dev/full"#, "sh"], &TALKATIVE, None);
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_whose_reader_is_gone_does_not_stop_the_server() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let server = Server::start_unheard(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
}

#[test]
fn f61_a_stderr_that_nobody_reads_does_not_hold_up_the_server() {
    let (reader, mut writer) = io::pipe().unwrap();
    let room = rustix::pipe::fcntl_getpipe_size(&reader).unwrap();
    writer.write_all(&vec![b'.'; room]).unwrap();
    let server = Server::start_unheard(&[], &TALKATIVE, Some(Stdio::from(writer)));
    live_and_stop(&server);
    drop(reader);
}
