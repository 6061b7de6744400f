//! Tests that need a process of their own, because they look at all of it or change its surroundings: the test program
//! runs itself, with one ignored test.

use std::process::Command;

/// Runs the ignored test `name` in a process of its own, under the command `wrapper`. It must pass.
pub(crate) fn run(wrapper: &[&str], name: &str) {
    let own = std::env::current_exe().unwrap();
    let words = wrapper.iter().map(std::ffi::OsStr::new).chain([own.as_os_str()]);
    let mut words = words.chain(["--ignored", "--exact", name].map(std::ffi::OsStr::new));
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
