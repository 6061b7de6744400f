//! Runs this program under valgrind.

use std::process::{Command, Stdio};

/// Counts the instructions of one function while an operation runs.
///
/// # Errors
/// If valgrind is missing, or the operation fails, or the function was not called.
pub(crate) fn count(operation: &str, function: &str) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &format!("--toggle-collect={function}")])
        .arg(own)
        .args(["--operation", operation])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run valgrind ({error}): install the package valgrind"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match collected {
        Some(count) if count > 0 && output.status.success() => Ok(count),
        _ => Err(format!("valgrind counted nothing in {function} for {operation}: {report}")),
    }
}
