//! `deputy do` with one job.

mod durable;
mod ends;
mod options;

use crate::kit::{Echo, ask, check, interrupt, run, run_with_closed_stdout, shell, start};
use crate::process::Server;

#[test]
fn a_result_is_printed_as_json_or_as_text() {
    let (server, _worker) = Echo::with_server();
    for (words, stdout) in [
        (&["do", "echo", r#"{"b": 1e400, "a": "x\ny"}"#][..], "{\"b\": 1e400, \"a\": \"x\\ny\"}\n"),
        (&["do", "-r", "echo", r#"{"b": 1e400, "a": "x\ny"}"#], "{\"b\": 1e400, \"a\": \"x\\ny\"}\n"),
        (&["do", "echo", r#""x\ny""#], "\"x\\ny\"\n"),
        (&["do", "--raw", "echo", r#""x\ny""#], "x\ny\n"),
        (&["do", "-r", "echo", r#""\ud800""#], "\"\\ud800\"\n"),
        (&["do", "-s", "echo", r#"not "json""#], "\"not \\\"json\\\"\"\n"),
        (&["do", "-rs", "echo", r#"not "json""#], "not \"json\"\n"),
        (&["do", "-s", "echo", ""], "\"\"\n"),
        (&["do", "echo", "-17"], "-17\n"),
        (&["do", "echo", " [ ] "], "[ ]\n"),
        (&["do", "-s", "echo", "--", "--help"], "\"--help\"\n"),
        (&["do", "echo"], "null\n"),
    ] {
        check(&run(&server, words), 0, stdout, "");
    }
}

#[test]
fn an_arg_comes_from_a_pipe_or_a_file() {
    let (server, _worker) = Echo::with_server();
    for (script, stdout) in [
        ("echo '[1,\n2]' | $DEPUTY do echo -", "[1, 2]\n"),
        ("echo '[1]' | $DEPUTY do echo -", "[1]\n"),
        ("echo '[1]' > arg; $DEPUTY do echo - < arg", "[1]\n"),
        ("echo '[1]' | $DEPUTY do echo", "null\n"),
        ("echo hello | $DEPUTY do -s echo -", "\"hello\"\n"),
        ("printf 'hello\\n\\n' | $DEPUTY do -s echo -", "\"hello\\n\"\n"),
        ("printf 'hello\\r\\n' | $DEPUTY do --crlf -s echo -", "\"hello\"\n"),
        ("printf '' | $DEPUTY do -s echo -", "\"\"\n"),
        ("printf '\\357\\273\\277hello\\n' | $DEPUTY do -s echo -", "\"hello\"\n"),
        ("printf '\\357\\273\\277a\\nb\\n' | $DEPUTY do -los echo", "\"a\"\n\"b\"\n"),
        ("$DEPUTY do echo < /dev/null", "null\n"),
        ("echo '[1]' | $DEPUTY do echo 2", "2\n"),
    ] {
        check(&shell(&server, script), 0, stdout, "");
    }
}

#[test]
fn an_arg_that_is_none_is_usage() {
    let server = Server::start(&[]);
    for (script, words) in [
        ("$DEPUTY do echo word", "ARG is not JSON"),
        ("$DEPUTY do echo '1 2'", "ARG is not JSON"),
        ("$DEPUTY do echo ''", "ARG is not JSON"),
        ("echo word | $DEPUTY do echo -", "standard input is not JSON"),
        ("printf '\\357\\273\\2771' | $DEPUTY do echo -", "standard input begins with a byte order mark"),
        ("$DEPUTY do echo - < /dev/null", "standard input is not JSON"),
        ("printf '\\377' | $DEPUTY do -s echo -", "standard input is not UTF-8"),
        ("$DEPUTY do -s echo \"$(printf '\\377')\"", "is not UTF-8"),
        ("head -c 17000000 /dev/zero | $DEPUTY do -s echo -", "more than 16777216 bytes"),
        (
            "echo 123456789 | $DEPUTY do --max-line 64 -s echo \"$(head -c 65 /dev/zero | tr '\\0' x)\"",
            "ARG has more than 64 bytes",
        ),
    ] {
        check(&shell(&server, script), 2, "", words);
    }
    assert_eq!(ask(&server).metrics()["jobs_added"], 0);
}

#[test]
fn the_err_of_a_failed_job_goes_to_stderr() {
    let (server, _worker) = Echo::with_server();
    check(&run(&server, &["do", "-s", "fail", "no such file"]), 1, "", "the job failed: no such file\n");
}

#[test]
fn a_refused_job_is_reported_in_the_background_too() {
    let server = Server::start(&["--max-memory", "1M"]);
    // Less than a line that would be cut off half-way: the jobs that wait fill the memory.
    let job = "head -c 100000 /dev/zero | tr '\\0' x";
    let fill = format!("for job in 1 2 3 4 5 6 7 8 9 10 11; do {job} | $DEPUTY do -b -s nobody -; done");
    check(&shell(&server, &fill), 1, "", "queue_full");
    for options in ["", "--background", "--lines", "--lines --background"] {
        check(&shell(&server, &format!("{job} | $DEPUTY do {options} -s nobody -")), 1, "", "queue_full");
    }
}

#[test]
fn in_the_background_it_is_enough_that_the_job_is_accepted() {
    let server = Server::start(&[]);
    check(&run(&server, &["do", "--background", "nobody", "1"]), 0, "", "");
    assert_eq!(ask(&server).metrics()["jobs_waiting"], 1);
    let _worker = Echo::start(&server);
    check(&run(&server, &["do", "--background", "fail"]), 0, "", "");
}

#[test]
fn a_lost_connection_is_reported() {
    let server = Server::start(&[]);
    let waiting = start(&server, &["do", "nobody"]);
    ask(&server).until_metric("jobs_waiting", 1);
    drop(server);
    check(&waiting.ended(), 3, "", "was lost");
}

#[test]
fn an_interrupt_ends_it_as_shells_expect() {
    let server = Server::start(&[]);
    let waiting = start(&server, &["do", "nobody"]);
    ask(&server).until_metric("jobs_waiting", 1);
    interrupt(&waiting);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let (server, _worker) = Echo::with_server();
    for words in [&["do", "echo", "-"][..], &["ping"], &["--help"], &["do", "--help"], &["--version"], &["man", "do"]] {
        assert_eq!(run_with_closed_stdout(&server, words, b"[1]", false), (0, String::new()), "{words:?}");
    }
}

#[test]
fn a_full_disk_is_no_closed_pipe() {
    let server = Server::start(&[]);
    if std::path::Path::new("/dev/full").exists() {
        check(&shell(&server, "$DEPUTY ping > /dev/full"), 1, "", "cannot write to stdout");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_reported() {
    let server = Server::start(&[]);
    for script in ["$DEPUTY do t - < .", "$DEPUTY do --lines t < ."] {
        check(&shell(&server, script), 1, "", "cannot read standard input: ");
    }
}
