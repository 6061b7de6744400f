//! `deputy ping`, and what all subcommands have in common about the server.

use crate::kit::{check, command, run, url};
use crate::process::{Process, Server};

#[test]
fn it_prints_how_long_the_answer_took() {
    let server = Server::start(&[]);
    let ended = run(&server, &["ping"]);
    let time = ended.stdout.strip_prefix(&format!("{} answered in ", url(&server))).unwrap();
    let time: f64 = time.strip_suffix(" ms\n").unwrap().parse().unwrap();
    assert!(ended.status.success() && time > 0.0);
}

#[test]
fn an_option_goes_before_the_environment() {
    let server = Server::start(&[]);
    let unix = format!("unix:{}", server.sock.display());
    let mut command = command("tcp://127.0.0.1:1", &["ping", "--server", &unix]);
    let ended = Process::spawn(&mut command, None).ended();
    assert!(ended.status.success() && ended.stdout.starts_with(&unix), "{}", ended.stderr);
}

#[test]
fn without_a_server_every_subcommand_ends_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix:{}/none", folder.path().display());
    for words in [
        &["ping"][..],
        &["do", "echo", "1"],
        &["do", "--lines", "echo"],
        &["do", "--background", "echo"],
        &["status"],
        &["status", "--json", "echo"],
        &["why", "echo"],
    ] {
        let ended = Process::spawn(&mut command(&url, words), None).ended();
        check(&ended, 3, "", &format!("cannot connect to {url}"));
    }
}

#[test]
fn a_server_that_does_not_answer_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let url = format!("unix:{}", path.display());
    let ended = Process::spawn(&mut command(&url, &["ping", "-t", "0.1"]), None).ended();
    check(&ended, 3, "", &url);
}

#[test]
fn an_address_that_is_none_is_usage() {
    for words in [&["ping"][..], &["do", "echo"], &["work", "echo", "--", "cat"], &["status"], &["why", "a"], &["top"]]
    {
        let ended = Process::spawn(&mut command("http://x", words), None).ended();
        check(&ended, 2, "", "http://x");
    }
}
