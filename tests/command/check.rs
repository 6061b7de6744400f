//! `deputy check`.

use serde_json::{Value, json};

use crate::fake;
use crate::kit::{Echo, ask, check, command, run, run_with_closed_stdout, shell, url};
use crate::process::{Ended, Process, Server};

/// The part before the figures, and the exit code.
#[track_caller]
fn says(ended: &Ended, code: i32, line: &str) {
    let sentence = ended.stdout.split_once(" | ").map_or(ended.stdout.trim_end(), |(sentence, _)| sentence);
    assert_eq!((ended.status.code(), sentence, ended.stderr.as_str()), (Some(code), line, ""));
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
}

#[test]
fn bounds_decide() {
    let (server, _worker) = Echo::with_server();
    ask(&server).until_metric("workers", 1);
    let ok = "DEPUTY OK: no job is waiting";
    says(&run(&server, &["check"]), 0, ok);
    says(&run(&server, &["check", "-w", "0,0", "-o", "0.1,1", "-n", "echo", "-n", "fail"]), 0, ok);
    check(&shell(&server, "seq 3 | $DEPUTY do -lb nobody"), 0, "", "");
    for (words, code, line) in [
        (&["--waiting", "3,3"][..], 0, None),
        (&["--waiting", "2,3"], 1, Some("DEPUTY WARNING: 3 jobs are waiting")),
        (&["--waiting", "1,2"], 2, Some("DEPUTY CRITICAL: 3 jobs are waiting")),
        (&["-n", "echo", "-n", "nobody"], 2, Some("DEPUTY CRITICAL: no worker does type \"nobody\" (3 waiting)")),
        (&["-n", "a|b\n"], 2, Some("DEPUTY CRITICAL: no worker does type \"a\\u{7c}b\\n\" (0 waiting)")),
        (&["--oldest", "3600,86400"], 0, None),
    ] {
        let ended = run(&server, &[&["check"], words].concat());
        match line {
            Some(line) => says(&ended, code, line),
            None => assert_eq!(ended.status.code(), Some(code), "{}", ended.stdout),
        }
    }
    let (_, figures) = run(&server, &["check", "-w", "7,9"])
        .stdout
        .split_once(" | ")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let figures: Vec<&str> = figures.split_whitespace().collect();
    assert_eq!((figures[0], figures[2], figures[3]), ("waiting=3;7;9;0", "longest=0.000s;;;0", "running=0;;;0"));
    assert_eq!(run_with_closed_stdout(&server, &["check", "-w", "0,0"], b"", false), (2, String::new()));
}

/// The jobs were done before the first of its two questions, so only the busy type is judged.
#[test]
fn percentiles_are_judged_over_a_time() {
    let (server, _worker) = Echo::with_server();
    check(&shell(&server, "seq 100 | $DEPUTY do -l echo >/dev/null"), 0, "", "");
    let words = ["check", "--wait-p99", "1,2", "--run-p99", "1,2", "--over", "0.05"];
    let nothing = "no job was sent to a worker meanwhile; no job was answered meanwhile";
    says(&run(&server, &words), 0, &format!("DEPUTY OK: no job is waiting; {nothing}"));
    let busy = shell(
        &server,
        "trap 'kill $!' EXIT; while :; do seq 100 | $DEPUTY do -l echo >/dev/null; done &
         until $DEPUTY check --wait-p99 3600,3600 --run-p99 0.00001,3600 --over 0.05 | tee output | grep -q ^DEPUTY.WARNING; do :; done
         cat output; rm output",
    );
    let (sentence, values) = busy.stdout.split_once(" | ").unwrap();
    assert!(sentence.starts_with("DEPUTY WARNING: 99 % of the jobs of type \"echo\" ran for at most "), "{busy:?}");
    assert!(values.contains(" wait_p99=0.") && values.contains(";3600.000;3600.000;0 run_p99=0."), "{values}");
}

#[test]
fn an_old_job_a_full_budget_and_a_stop_are_found() {
    let of = |metrics: &Value, words: &[&str]| {
        Process::spawn(&mut command(&fake::reporting(metrics), &[&["check"], words].concat()), None).ended()
    };
    let old = json!({ "jobs_waiting": 1, "types": { "t": { "waiting": 1, "oldest_ms": 61_000 } } });
    says(&of(&old, &["-o", "30,60"]), 2, "DEPUTY CRITICAL: the oldest, of type \"t\", has waited for 1 min 1 s");
    says(&of(&old, &["-o", "30,90"]), 1, "DEPUTY WARNING: the oldest, of type \"t\", has waited for 1 min 1 s");
    says(&of(&json!({ "draining": true }), &[]), 1, "DEPUTY WARNING: the server is stopping");
    let server = Server::start(&["--max-memory", "1M"]);
    check(&shell(&server, "head -c 999000 /dev/zero | tr '\\0' x | $DEPUTY do -bs none -"), 0, "", "");
    let full = "DEPUTY CRITICAL: 95 % of the memory budget is used, large jobs may be refused";
    says(&run(&server, &["check"]), 2, full);
}

#[test]
fn no_server_is_critical_and_wrong_usage_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let none = format!("unix:{}/none", folder.path().display());
    let ended = Process::spawn(&mut command(&none, &["check"]), None).ended();
    let line = ended.stdout.strip_prefix(&format!("DEPUTY CRITICAL: cannot connect to {none}: "));
    assert!(ended.status.code() == Some(2) && line.is_some(), "{}", ended.stdout);
    let path = folder.path().join("silent");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let silent = format!("unix:{}", path.display());
    let ended = Process::spawn(&mut command(&silent, &["check", "-t", "0.1"]), None).ended();
    assert!(ended.status.code() == Some(2) && ended.stdout.starts_with("DEPUTY CRITICAL: "), "{}", ended.stdout);

    let server = Server::start(&[]);
    let help = run(&server, &["check", "--help"]).stdout;
    assert!(help.contains("WARNING: above a W, a worker was lost (--lost), or"), "{help}");
    for (words, line) in [
        (&["--frob"][..], "unrecognized option '--frob'"),
        (&["me"], "unexpected argument 'me'"),
        (&["-w", "5"], "invalid value '5' for '--waiting': expected two numbers W,C, with W not above C"),
        (&["-o", "5,4"], "invalid value '5,4' for '--oldest': expected two numbers W,C, with W not above C"),
        (&["--wait-p99", "2,1"], "invalid value '2,1' for '--wait-p99': expected two numbers W,C, with W not above C"),
        (&["--run-p99", "1,2", "--over", "3", "-t", "3"], "--over must be less than --timeout 3"),
        (&["-n", ""], "TYPE must have 1 to 255 bytes, not 0"),
        (&["--server", "http://x"], "http://x"),
    ] {
        let ended = Process::spawn(&mut command(&url(&server), &[&["check"], words].concat()), None).ended();
        let has_line = ended.stdout.starts_with("DEPUTY UNKNOWN: ") && ended.stdout.contains(line);
        assert!(has_line && ended.stdout.ends_with("; try 'deputy check --help'\n"), "{}", ended.stdout);
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(3), ""));
    }
}
