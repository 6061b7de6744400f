//! `deputy status`.

use serde_json::Value;

use crate::kit::{Echo, ask, check, command, run, run_with_closed_stdout, shell, url};
use crate::process::{Process, Server};
use crate::programs;

/// Submits this many jobs of each type, which have no worker.
fn submit(server: &Server, types: &[(&str, u64)]) {
    let mut asker = ask(server);
    let mut id = 0;
    for (name, jobs) in types {
        for _ in 0..*jobs {
            id += 1;
            asker.send(&serde_json::json!({ "cmd": "do", "id": id, "type": name }).to_string());
        }
    }
    asker.until_metric("jobs_waiting", id);
}

#[test]
fn it_shows_the_server_and_the_fullest_type_first() {
    let (server, _worker) = Echo::with_server();
    ask(&server).until_metric("workers", 1);
    submit(&server, &[("few", 1), ("many", 1_200), ("an\u{1b}[2J\nother", 2)]);
    let ended = run(&server, &["status"]);
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("server   {}, version {}, ", url(&server), env!("CARGO_PKG_VERSION"))));
    assert!(lines[1].starts_with("jobs     1,203 waiting, 0 running, 0 done"), "{}", lines[1]);
    assert!(lines[2].starts_with("workers  1, 1 idle; "), "{}", lines[2]);
    assert!(lines[3].starts_with("memory   ") && lines[4].is_empty());
    let table: Vec<Vec<&str>> = lines[5..].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        table[0],
        [
            "TYPE", "WAITING", "RUNNING", "WORKERS", "FREE", "DONE", "OLDEST", "LONGEST", "WAIT-P50", "WAIT-P99",
            "RUN-P50", "RUN-P99"
        ]
    );
    let rows: Vec<_> =
        table[1..].iter().map(|row| (row[0], row[1], row[3], row[4], row.ends_with(&["no", "worker"]))).collect();
    let other = r"an\u{1b}[2J\nother";
    let expected = [
        ("many", "1,200", "0", "0", true),
        (other, "2", "0", "0", true),
        ("few", "1", "0", "0", true),
        ("echo", "0", "1", "4", false),
        ("fail", "0", "1", "4", false),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn it_shows_only_the_types_it_is_asked_for() {
    let server = Server::start(&[]);
    submit(&server, &[("few", 1), ("many", 3)]);
    let ended = run(&server, &["status", "unheard of", "few", "few"]);
    let rows: Vec<_> = ended.stdout.lines().skip(6).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(rows, ["few", "unheard of"]);
}

#[test]
fn json_is_what_the_server_sends() {
    let server = Server::start(&[]);
    submit(&server, &[("few", 1), ("many", 3)]);
    let json = |words: &[&str]| -> Value { serde_json::from_str(&run(&server, words).stdout).unwrap() };
    let all = json(&["status", "--json"]);
    assert_eq!((&all["jobs_waiting"], &all["types"]["many"]["waiting"]), (&4.into(), &3.into()));
    let one = json(&["status", "--json", "few"]);
    assert_eq!(one["types"].as_object().unwrap().keys().collect::<Vec<_>>(), ["few"]);
}

#[test]
fn an_idle_server_has_no_table() {
    let server = Server::start(&[]);
    assert!(run(&server, &["status"]).stdout.ends_with("\n\nNo type has jobs or workers.\n"));
}

#[test]
fn a_pipe_gets_every_type_and_no_colour_and_may_be_closed() {
    let server = Server::start(&[]);
    let names: Vec<String> = (0..1_200).map(|number| format!("type {number}")).collect();
    submit(&server, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
    let ended = run(&server, &["status"]);
    assert_eq!(ended.stdout.lines().count(), 6 + 1_200);
    assert!(!ended.stdout.contains('\u{1b}'));
    check(&shell(&server, "$DEPUTY status | head -1 | cut -c1-6"), 0, "server\n", "");
    assert_eq!(run_with_closed_stdout(&server, &["status"], b"", false), (0, String::new()));
}

#[test]
fn a_terminal_gets_a_screen() {
    let server = Server::start(&[]);
    let long = "long ".repeat(30);
    let names: Vec<String> = (0..30).map(|number| format!("{long}{number}")).collect();
    submit(&server, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
    if programs::find("script").is_none() {
        return;
    }
    let on_terminal = |setting: &str| {
        let run = "stty cols 70 rows 16; $DEPUTY status";
        shell(&server, &format!("export TERM=xterm {setting}; script -qec '{run}' /dev/null")).stdout
    };
    let coloured = on_terminal("NO_COLOR=");
    assert!(coloured.contains("\u{1b}[31mlong ") && coloured.contains("…"), "{coloured:?}");
    let plain = on_terminal("NO_COLOR=1");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(lines.len(), 15, "{plain}");
    assert!(lines[14].starts_with("and 22 more types: "), "{plain}");
    assert!(lines[5..14].iter().all(|line| line.chars().count() <= 70), "{plain}");
}

#[test]
fn a_server_that_stops_says_so() {
    let url = crate::fake::reporting(&serde_json::json!({ "draining": true, "bytes_held": 1, "bytes_max": 1 }));
    let ended = Process::spawn(&mut command(&url, &["status"]), None).ended();
    assert!(
        ended.stdout.contains(", stopping\n") && ended.stdout.contains("new jobs are refused\n"),
        "{}",
        ended.stdout
    );
}
