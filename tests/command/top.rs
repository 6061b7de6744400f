//! `deputy top` in a terminal: what it shows, what keys do, and that it leaves the terminal as it was.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::kit::{Echo, ask, start, url, wait_for, work};
use crate::process::{Process, SERVER, Server};
use crate::tmux::Tmux;
use crate::wait::until;

/// The size of a usual terminal.
const USUAL: (u16, u16) = (80, 24);

/// Submits a job of each type.
fn submit(server: &Server, types: &[&str]) {
    let mut asker = ask(server);
    for (id, name) in types.iter().enumerate() {
        asker.send(&json!({ "cmd": "do", "id": id, "type": name }).to_string());
    }
    asker.until_metric("jobs_waiting", types.len() as u64);
}

/// Starts it on a server, and waits for the first figures.
fn watch(server: &Server, settings: &[(&str, &str)]) -> Option<Tmux> {
    let tmux = Tmux::start(&url(server), USUAL, settings)?;
    tmux.run("top -d 0.1");
    tmux.until_shows(" every 0.1 s");
    Some(tmux)
}

/// The types on the screen, from above.
fn types(screen: &str) -> Vec<&str> {
    let rows = screen.lines().skip_while(|line| !line.starts_with("TYPE")).skip(1).take_while(|line| !line.is_empty());
    rows.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn it_shows_types_and_keys_sort_them() {
    let (server, _worker) = Echo::with_server();
    ask(&server).until_metric("workers", 1);
    submit(&server, &["b", "b", "b", "a", "a", "b\u{1b}[2J", "b"]);
    let Some(tmux) = watch(&server, &[]) else { return };
    let screen = tmux.until_shows("WAITING▼");
    assert!(screen.starts_with(&url(&server)) && screen.contains("\njobs     7 waiting   0 running "), "{screen}");
    assert!(screen.contains("\nworkers  1, 1 idle "), "{screen}");
    assert_eq!(types(&screen), ["b", "a", r"b\u{1b}[2J", "echo", "fail"]);
    for (key, mark, order) in [
        ("r", "WAITING▲", ["echo", "fail", r"b\u{1b}[2J", "a", "b"]),
        ("<", "TYPE▲", ["a", "b", r"b\u{1b}[2J", "echo", "fail"]),
        ("r", "TYPE▼", ["fail", "echo", r"b\u{1b}[2J", "b", "a"]),
        ("Left", "RUN-P99▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "RUN-P50▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "WAIT-P99▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "WAIT-P50▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "LONGEST▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "OLDEST▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "DONE/S▼", ["b", "a", r"b\u{1b}[2J", "echo", "fail"]),
        ("Left", "FREE▼", ["echo", "fail", "b", "a", r"b\u{1b}[2J"]),
        ("Left", "WORKERS▼", ["echo", "fail", "b", "a", r"b\u{1b}[2J"]),
    ] {
        tmux.keys(&[key]);
        tmux.until(mark, |screen| screen.contains(mark) && types(screen) == order);
    }
    tmux.keys(&["g"]);
    tmux.until_shows(" g done/s");
    tmux.keys(&["q"]);
    let screen = tmux.expect_restored(0);
    assert!(screen.starts_with("> stty"), "the screen before is back: {screen}");
}

#[test]
fn rates_are_shown() {
    let (server, _worker) = Echo::with_server();
    let Some(tmux) = watch(&server, &[]) else { return };
    let _jobs = Process::spawn(
        Command::new("sh")
            .args(["-c", "yes 1 | $DEPUTY do -l -j 2 echo > /dev/null"])
            .envs([("DEPUTY", crate::kit::DEPUTY), ("DEPUTY_URL", &url(&server))]),
        None,
    );
    tmux.until("a rate and a graph", |screen| {
        let row = screen.lines().find(|line| line.starts_with("echo "));
        row.is_some_and(|row| row.contains('█'))
    });
    tmux.keys(&["Escape"]);
    tmux.expect_restored(0);
}

#[test]
fn however_it_ends_the_terminal_is_as_it_was() {
    let server = Server::start(&[]);
    submit(&server, &["t"]);
    for (signal, code) in [("", 130), ("TERM", 143), ("HUP", 129)] {
        let Some(tmux) = watch(&server, &[]) else { return };
        if signal.is_empty() {
            tmux.keys(&["C-c"]);
        } else {
            let kill = Command::new("kill").args(["-s", signal, tmux.pid().trim()]).status();
            assert!(kill.unwrap().success());
        }
        tmux.expect_restored(code);
    }
}

#[test]
fn it_can_be_suspended() {
    let server = Server::start(&[]);
    let Some(tmux) = Tmux::start(&url(&server), USUAL, &[]) else { return };
    tmux.type_line("set -m; $DEPUTY top; echo \"back with $?\"");
    tmux.until_shows(" every 1 s");
    tmux.keys(&["C-z"]);
    tmux.until_shows("\nback with 1");
    tmux.type_line("fg");
    tmux.until_shows(" every 1 s");
    tmux.keys(&["q"]);
    tmux.until("the prompt", |screen| screen.trim_end().ends_with("\n>"));
}

#[test]
fn a_lost_server_is_shown_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let serve = || Process::spawn(Command::new(SERVER).arg("--no-tcp").arg("-s").arg(&path), None);
    let server = serve();
    until("the server", || server.stderr().contains("listening on").then_some(()));
    let Some(tmux) = Tmux::start(&format!("unix:{}", path.display()), USUAL, &[]) else { return };
    tmux.run("top -d 0.1 -t 9");
    tmux.until_shows(" every 0.1 s");
    drop(server);
    let screen = tmux.until_shows(" lost for ");
    assert!(screen.contains("\nworkers  0, 0 idle"), "the last figures stay: {screen}");
    let server = serve();
    tmux.until_shows(" every 0.1 s");
    server.signal(Signal::STOP);
    tmux.until_shows(" no answer for ");
    server.signal(Signal::CONT);
    tmux.until_shows(" every 0.1 s");
    drop(server);
    tmux.until_shows(" lost for ");
    tmux.keys(&["q"]);
    tmux.expect_restored(0);
}

#[test]
fn a_stopping_server_is_shown() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["slow"], &format!("touch begun; {}", wait_for("go")));
    let _job = start(&server, &["do", "slow"]);
    until("the command", || server.folder.path().join("begun").exists().then_some(()));
    let Some(tmux) = watch(&server, &[]) else { return };
    server.process.signal(Signal::TERM);
    tmux.until_shows(" stopping");
    std::fs::write(server.folder.path().join("go"), "").unwrap();
    tmux.until_shows(" lost for ");
    tmux.keys(&["C-c"]);
    tmux.expect_restored(130);
}

#[test]
fn a_terminal_of_any_size_will_do() {
    let server = Server::start(&[]);
    let names: Vec<String> = (0..1_100).map(|number| format!("写真 {number:04}")).collect();
    submit(&server, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let Some(tmux) = watch(&server, &[]) else { return };
    for (columns, lines, shown) in [
        (1, 1, "t"),
        (2, 2, "tc"),
        (12, 3, "写真 0000"),
        (40, 5, "WAITING▼"),
        (300, 60, " 1 to 50 of 1,100"),
        (80, 24, " 1 to 14 of 1,100"),
    ] {
        tmux.resize(columns, lines);
        tmux.until_shows(shown);
    }
    tmux.keys(&["End"]);
    tmux.until_shows(" 1087 to 1100 of 1,100");
    tmux.keys(&["q"]);
    tmux.expect_restored(0);
}

#[test]
fn colour_is_not_for_those_who_want_none() {
    let server = Server::start(&[]);
    submit(&server, &["nobody"]);
    for (settings, red) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let Some(tmux) = watch(&server, settings) else { return };
        tmux.until_shows("\nnobody ");
        assert_eq!(tmux.screen(true).contains("[38;5;1m"), red, "{}", tmux.screen(true));
    }
}

#[test]
fn without_a_server_it_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix:{}/none", folder.path().display());
    let Some(tmux) = Tmux::start(&url, (120, 24), &[]) else { return };
    tmux.run("top");
    let screen = tmux.expect_restored(3);
    assert!(screen.contains("\ndeputy: cannot connect to unix:"), "{screen}");
}
