//! `deputy work`: what commands read and write, and what becomes of it.

mod cancel;
mod ends;
mod fault;
mod field;
mod progress;
mod signals;
mod spare;

use crate::kit::{ask, check, run, shell, wait_for, work};
use crate::process::Server;

/// Checks what `deputy do` with these words makes of a job that a worker does by this script.
#[track_caller]
fn check_job(options: &[&str], script: &str, words: &str, code: i32, stdout: &str, stderr: &str) {
    let server = Server::start(&[]);
    let words_of_work: Vec<&str> = options.iter().copied().chain(["t"]).collect();
    let _worker = work(&server, &words_of_work, script);
    check(&shell(&server, &format!("$DEPUTY do {words}")), code, stdout, stderr);
}

#[test]
fn a_command_reads_the_arg_and_writes_the_result() {
    check_job(&[], "cat", r#"-s t 'a "text"'"#, 0, "\"a \\\"text\\\"\"\n", "");
    check_job(&[], "cat", r#"-r t '{"a": 1e400}'"#, 0, "{\"a\": 1e400}\n", "");
    check_job(&[], "wc -c | tr -d ' '", "t", 0, "\"0\"\n", "");
    check_job(&[], "printf 'one\\ntwo\\n\\n'", "t", 0, "\"one\\ntwo\\n\"\n", "");
    check_job(&[], "exit 0", "t", 0, "\"\"\n", "");
    check_job(&["--json"], "cat", "-s t text", 0, "\"text\"\n", "");
    check_job(&["--json"], "cat", "t", 0, "null\n", "");
    check_job(&["--json"], "echo '{\"a\": 1e400}'", "t", 0, "{\"a\": 1e400}\n", "");
    check_job(&["--base64"], "printf 'a\\377\\n'", "t", 0, "\"Yf8K\"\n", "");
}

#[test]
fn a_command_knows_its_job() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["one", "two words"], "printf '%s|' \"$DEPUTY_TYPE\" \"$DEPUTY_ID\"");
    check(&run(&server, &["do", "-r", "two words"]), 0, "two words|1|\n", "");
    let mut client = ask(&server);
    client.send(r#"{"cmd":"do","id":"a\"b","type":"one"}"#);
    client.expect(r#"{"cmd":"did","id":"a\"b","res":"one|a\"b|"}"#);
    client.send(r#"{"cmd":"do","id":1e400,"type":"one"}"#);
    client.expect(r#"{"cmd":"did","id":1e400,"res":"one|1e400|"}"#);
    // No variable can hold a NUL.
    client.send(r#"{"cmd":"do","id":"\u0000","type":"one"}"#);
    client.expect(r#"{"cmd":"did","id":"\u0000","res":"one|\"\\u0000\"|"}"#);
}

#[test]
fn a_command_that_fails_reports_its_status_and_the_end_of_its_stderr() {
    check_job(&[], "echo half; echo no such file >&2; exit 3", "t", 1, "", "ended with status 3: no such file\n");
    check_job(&[], "exit 3", "t", 1, "", "ended with status 3\n");
    check_job(&[], "kill -9 $$", "t", 1, "", "ended by signal 9\n");
    check_job(&[], "seq 100000 >&2; exit 1", "t", 1, "", "status 1: ...");
    check_job(&[], "seq 100000 >&2; exit 1", "t", 1, "", "\n99999\n100000\n");
    check_job(&[], "printf '\\377' >&2; exit 1", "t", 1, "", "status 1: \u{fffd}\n");
}

#[test]
fn output_that_is_no_result_fails_the_job() {
    check_job(&[], "printf 'a\\377'", "t", 1, "", "not UTF-8");
    check_job(&["--json"], "echo word", "t", 1, "", "not JSON");
    check_job(&["--json"], "printf '\"\\377\"'", "t", 1, "", "not UTF-8");
    check_job(&["--json"], ":", "t", 1, "", "not JSON");
    check_job(&[], "cat", r#"t '"\ud800"'"#, 1, "", "not valid text");
}

#[test]
fn a_flood_of_output_ends_the_command() {
    check_job(&[], "yes", "t", 1, "", "more than 16777216 bytes");
    // As JSON it takes more than a line may have, though the command may write so much.
    check_job(&[], "head -c 16000000 /dev/zero", "t", 1, "", "cannot be sent");
}

#[test]
fn an_arg_that_is_not_read_blocks_nothing() {
    let server = Server::start(&[]);
    let _worker = work(&server, &["t"], "echo done");
    let long = "head -c 8000000 /dev/zero | tr '\\0' x | $DEPUTY do -r -s t -";
    check(&shell(&server, long), 0, "done\n", "");
    check(&shell(&server, long), 0, "done\n", "");
}

#[test]
fn a_long_arg_and_a_long_result_pass_each_other() {
    let script = "head -c 8000000 /dev/zero | tr '\\0' x > long; $DEPUTY do -r -s t - < long > back; tr -d '\\n' < back | cmp - long";
    let server = Server::start(&[]);
    let _worker = work(&server, &["t"], "cat");
    check(&shell(&server, script), 0, "", "");
}

#[test]
fn a_command_that_closes_its_output_and_runs_on_is_waited_for() {
    let server = Server::start(&[]);
    let script = format!("echo early; exec >&- 2>&-; {}; exit 4", wait_for("go"));
    let _worker = work(&server, &["t"], &script);
    let submit = "$DEPUTY do t & until $DEPUTY ping > /dev/null; do :; done; touch go; wait $!";
    check(&shell(&server, submit), 1, "", "ended with status 4\n");
}

#[test]
fn what_a_command_leaves_behind_is_waited_for_as_long_as_it_has_the_output() {
    check_job(&[], &format!("({}; echo late) & echo early; touch go", wait_for("go")), "-r t", 0, "early\nlate\n", "");
}

#[test]
fn jobs_are_done_at_once() {
    let server = Server::start(&[]);
    // Each waits for all others.
    let script = "touch $DEPUTY_ID; until [ -e 1 -a -e 2 -a -e 3 ]; do sleep 0.01; done; echo $DEPUTY_ID";
    let _worker = work(&server, &["-j", "3", "t"], script);
    check(&shell(&server, "seq 3 | $DEPUTY do -l -o -r t"), 0, "1\n2\n3\n", "");
}
