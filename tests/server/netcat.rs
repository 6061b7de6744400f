//! Clients that are a shell's pipe into `nc`, which closes its side when the pipe ends.

use std::process::Command;

use super::net::everywhere;
use crate::process::Via;
use crate::programs::{self, pass_over};

/// Whether there is an `nc` that can close its side.
fn can_end_its_input() -> bool {
    if programs::find("nc").is_none() {
        return false;
    }
    let help = Command::new("nc").arg("-h").output().unwrap();
    let can = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains("-N");
    if !can {
        pass_over("nc has no -N here");
    }
    can
}

#[test]
fn f14_what_is_piped_into_nc_is_obeyed_and_answered_to_its_last_whole_line() {
    if !can_end_its_input() {
        return;
    }
    let lines = [
        r#"{"cmd":"do","id":1,"type":"t","arg":7}"#,
        r#"{"cmd":"do","id":2}"#,
        "{",
        r#"{"cmd":"ping"}"#,
        r#"{"cmd":"metrics","types":["t"]}"#,
        r#"{"cmd":"ping"#,
    ];
    everywhere(&[], |net| {
        let mut worker = net.connect("the worker");
        let way = match net.via {
            Via::Tcp => format!("127.0.0.1 {}", net.server.tcp[0].port()),
            Via::Unix => format!("-U {}", net.server.sock.display()),
        };
        // The lines with LF between them, and none after the last.
        let script = format!(r#"(printf '%s' "$1"; shift; printf '\n%s' "$@") | nc -N {way}"#);
        let output = Command::new("sh").args(["-c", &script, "sh"]).args(lines).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let told: Vec<&str> = told.lines().collect();
        let starts = [
            r#"{"cmd":"did","id":2,"err":""#,
            r#"{"cmd":"error","code":"bad_json","#,
            r#"{"cmd":"pong"}"#,
            r#"{"cmd":"metrics","metrics":{"#,
        ];
        assert!(told.len() == 4 && told.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{told:?}");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t","arg":7}"#);
        worker.send(r#"{"cmd":"did","id":1}"#);
        worker.expect_nothing();
        worker.until_metric("results_dropped", 1);
    });
}
