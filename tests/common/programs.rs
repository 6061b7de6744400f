//! Other programs that some tests need: interpreters, tracers, wrappers. Where one is missing or may not do what the
//! test needs, the test is passed over and says so; with `DEPUTY_TEST_ALL=1` a missing program fails the test.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where a program is, or none after saying that the test is passed over.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        let missing = format!("there is no {program} here");
        assert!(env::var_os("DEPUTY_TEST_ALL").is_none_or(|all| all != "1"), "{missing}");
        pass_over(&missing);
    }
    found
}

/// Whether this command succeeds here; says that the test is passed over if it does not.
pub(crate) fn permitted(command: &[&str]) -> bool {
    if find(command[0]).is_none() {
        return false;
    }
    let permitted = succeeds(command);
    if !permitted {
        pass_over(&format!("`{}` is not permitted here", command.join(" ")));
    }
    permitted
}

/// Whether this command succeeds here.
pub(crate) fn succeeds(command: &[&str]) -> bool {
    let quiet = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Says on the real stderr, which the test harness does not capture, why the running test shows nothing.
pub(crate) fn pass_over(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // If stderr is closed, the test is still no failure.
    let _ = writeln!(io::stderr(), "passed over: {test}: {why}");
}
