//! The command line: what is accepted, what is refused, and the text of each error.

use std::fs;

use crate::process::{Server, Via, run, run_under};
use crate::programs::pass_over;
use crate::wait::until;

/// Every option, as docs/operating.md lists them.
const OPTIONS: [&str; 19] = [
    "--host", "--port", "--sock", "--no-tcp", "--verbose", "--log", "--log-format", "--threads", "--max-line",
    "--max-attempts", "--run-limit", "--max-memory", "--max-unsent", "--stall-timeout", "--drain-timeout",
    "--keepalive", "--pin", "--help", "--version",
];

#[test]
fn help_names_every_option_and_goes_to_stdout() {
    let ended = run(&["--help"]);
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stderr, "");
    for option in OPTIONS.into_iter().chain(["-h", "-p", "-s", "-v", "-V", "11746", "127.0.0.1"]) {
        assert!(ended.stdout.contains(option), "{option} is not in\n{}", ended.stdout);
    }
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ended.stdout);
}

#[test]
fn the_version_goes_to_stdout() {
    for option in ["--version", "-V"] {
        let ended = run(&[option]);
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains(env!("CARGO_PKG_VERSION")) && ended.stdout.lines().count() == 1, "{ended:?}");
    }
}

#[test]
fn a_full_disk_is_reported() {
    if !std::path::Path::new("/dev/full").exists() {
        return pass_over("there is no /dev/full here");
    }
    let ended = run_under(&["sh", "-c", r#"exec "$@" > /dev/full"#, "sh"], &["--help"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot write to stdout: ") && ended.stderr.lines().count() == 1, "{ended:?}");
}

/// Arguments that are refused, and what the message must name: the option, and the value where there is one.
const WRONG: [(&[&str], &[&str]); 55] = [
    (&["--nonsense"], &["--nonsense"]),
    (&["-x"], &["-x"]),
    (&["-H"], &["-H"]),
    (&["extra"], &["extra"]),
    (&["--port"], &["--port"]),
    (&["-h"], &["-h"]),
    (&["--port", "65536"], &["--port", "65536"]),
    (&["--port", "-1"], &["--port", "-1"]),
    (&["--port=x"], &["--port", "x"]),
    (&["--port", ""], &["--port"]),
    (&["-p", "1.5"], &["-p", "1.5"]),
    (&["--sock", ""], &["--sock"]),
    (&["--host", ""], &["--host"]),
    (&["--no-tcp=1"], &["--no-tcp"]),
    (&["--verbose=yes"], &["--verbose"]),
    (&["--help=me"], &["--help"]),
    (&["--pin=0"], &["--pin"]),
    (&["--log", "loud"], &["--log", "loud"]),
    (&["--log", "INFO "], &["--log"]),
    (&["--log", ""], &["--log"]),
    (&["--log-format", "xml"], &["--log-format", "xml", "text, json"]),
    (&["--threads", "1025"], &["--threads", "1025"]),
    (&["--threads", "-1"], &["--threads", "-1"]),
    (&["--threads", "two"], &["--threads", "two"]),
    (&["--threads", "2K"], &["--threads", "2K"]),
    (&["--max-line", "63"], &["--max-line", "63"]),
    (&["--max-line", "1073741825"], &["--max-line", "1073741825"]),
    (&["--max-line", "2G"], &["--max-line", "2G"]),
    (&["--max-line", "10X"], &["--max-line", "10X"]),
    (&["--max-line", "1.5M"], &["--max-line", "1.5M"]),
    (&["--max-line", "M"], &["--max-line", "M"]),
    (&["--max-line", "0"], &["--max-line", "0"]),
    (&["--max-attempts", "-1"], &["--max-attempts", "-1"]),
    (&["--max-attempts", "99999999999"], &["--max-attempts", "99999999999"]),
    (&["--max-attempts", "x"], &["--max-attempts", "x"]),
    (&["--run-limit", "2592001"], &["--run-limit", "2592001"]),
    (&["--run-limit", "1.5"], &["--run-limit", "1.5"]),
    (&["--run-limit", "-1"], &["--run-limit", "-1"]),
    (&["--max-memory", "1023K"], &["--max-memory", "1023K"]),
    (&["--max-memory", "0"], &["--max-memory", "0"]),
    (&["--max-memory", "99999999999G"], &["--max-memory", "99999999999G"]),
    (&["--max-memory", "18446744073709551616"], &["--max-memory", "18446744073709551616"]),
    (&["--max-unsent", "much"], &["--max-unsent", "much"]),
    (&["--max-unsent", "-1"], &["--max-unsent", "-1"]),
    (&["--stall-timeout", "86401"], &["--stall-timeout", "86401"]),
    (&["--stall-timeout", "1.5"], &["--stall-timeout", "1.5"]),
    (&["--stall-timeout", "10s"], &["--stall-timeout", "10s"]),
    (&["--drain-timeout", "86401"], &["--drain-timeout", "86401"]),
    (&["--drain-timeout", "-1"], &["--drain-timeout", "-1"]),
    (&["--keepalive", "30"], &["--keepalive", "30"]),
    (&["--keepalive", "30,10"], &["--keepalive", "30,10"]),
    (&["--keepalive", "30,10,3,1"], &["--keepalive", "30,10,3,1"]),
    (&["--keepalive", "a,b,c"], &["--keepalive", "a,b,c"]),
    (&["--keepalive", "0,10,3"], &["--keepalive", "0,10,3"]),
    (&["--keepalive", "30,10,0"], &["--keepalive", "30,10,0"]),
];

#[test]
fn a_wrong_option_or_value_is_named_in_one_line_and_ends_with_2() {
    for (arguments, words) in WRONG {
        let ended = run(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {ended:?}");
        assert!(words.iter().all(|word| ended.stderr.contains(word)), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn an_argument_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let bad = std::ffi::OsString::from_vec(b"\xff".to_vec());
    let mut command = std::process::Command::new(crate::process::SERVER);
    let ended = crate::process::Process::spawn(command.arg("--port").arg(bad), None).ended();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn the_ends_of_each_range_are_accepted() {
    let all: [&[&str]; 7] = [
        &["--max-line", "64", "--max-memory", "1M", "--max-unsent", "0", "--threads", "1"],
        &["--max-line", "1G", "--max-memory", "1048576", "--threads", "0", "--stall-timeout", "0"],
        &["--stall-timeout", "86400", "--drain-timeout", "86400", "--max-attempts", "0"],
        &["--drain-timeout", "0", "--keepalive", "1,1,1", "--log", "debug"],
        &["--max-line=1024K", "--max-unsent=1K", "--log=info", "--threads=2"],
        &["--max-unsent", "1G", "--max-line", "1M", "-v", "--pin"],
        &["-h127.0.0.1", "-p0", "--max-attempts", "4294967295"],
    ];
    for options in all {
        let server = Server::start(options);
        server.connect(Via::Tcp, "the client").expect_nothing();
    }
}

#[test]
fn sizes_take_k_m_and_g() {
    for (size, bytes) in [("1048577", (1u64 << 20) + 1), ("2048K", 2 << 20), ("3M", 3 << 20), ("4G", 4 << 30)] {
        let server = Server::start(&["--max-memory", size]);
        assert_eq!(server.connect(Via::Unix, "the client").metrics()["bytes_max"], bytes);
    }
}

#[test]
fn the_memory_budget_is_by_default_at_most_half_of_the_machine() {
    let server = Server::start(&[]);
    let budget = server.connect(Via::Unix, "the client").metrics()["bytes_max"].as_u64().unwrap();
    let Ok(memory) = fs::read_to_string("/proc/meminfo") else {
        return pass_over("there is no /proc/meminfo here");
    };
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total_kib: u64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    assert!((1 << 20..=total_kib * 512).contains(&budget), "{budget} of {total_kib} KiB");
}

/// The processors that a thread may use, as the system writes them; none if it has ended.
fn processors(thread: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(|list| list.trim().to_owned())
}

/// The same of all threads of a server.
fn processors_of(server: &Server) -> Vec<String> {
    let process = server.process.id();
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let names = threads.map(|thread| thread.unwrap().file_name().into_string().unwrap());
    names.filter_map(|thread| processors(&format!("{process}/task/{thread}"))).collect()
}

#[test]
fn pinned_shards_have_a_core_each() {
    match processors("self") {
        None => return pass_over("there is no /proc here"),
        Some(list) if !list.starts_with("0-") => return pass_over("this process may not use the first two cores"),
        Some(_) => {}
    }
    let pinned = Server::start(&["--threads", "2", "--pin"]);
    for core in ["0", "1"] {
        until("a thread for each core", || processors_of(&pinned).iter().any(|list| list == core).then_some(()));
    }
    let free = Server::start(&["--threads", "2"]);
    assert!(processors_of(&free).iter().all(|list| list.starts_with("0-")));
}
