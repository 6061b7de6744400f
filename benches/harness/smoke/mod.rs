//! The programs try themselves: what `cargo test` runs. Each try runs this program as its user would, with all checks on,
//! for a fraction of a second. It judges the output and the exit code, never the speed.

mod tries;

use std::io::{self, Write};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::servers::{ServerKind, ServerProcess};
use crate::harness::system::machine::cores;
use crate::harness::{Failure, Program};
use tries::{LOAD, PEERS, REFUSED};

/// One try.
struct Try {
    name: &'static str,
    /// The options, separated by spaces. [`ADDR`], [`PID`] and [`PLOT`] are replaced.
    options: &'static str,
    /// Returns what is wrong with the outcome, if something is.
    judge: fn(&Outcome) -> Result<(), String>,
}

/// What came of a try.
struct Outcome {
    output: Output,
    /// The picture, or nothing.
    plot: String,
}

/// The document that explains the keys of the JSON lines.
const EXPLAINED: &str = include_str!("../../README.md");

/// Stand for the address and the process of a server with two threads, and for the path of a picture.
const ADDR: &str = "ADDR";
const PID: &str = "PID";
const PLOT: &str = "PLOT";

const fn new(name: &'static str, options: &'static str, judge: fn(&Outcome) -> Result<(), String>) -> Try {
    Try { name, options, judge }
}

/// Runs all tries, reports them as a test harness does, and returns an error if one failed.
pub(crate) fn run(program: Program) -> Result<(), Failure> {
    let tries: &[Try] = match program {
        Program::Load => &LOAD,
        Program::Peers if cores() < 2 => &[],
        Program::Peers => &PEERS,
    };
    if program == Program::Peers {
        report_missing()?;
    }
    let server = ServerKind::Deputy.start(2, false)?;
    let (mut passed, mut failed) = (0, 0);
    let mut report = |name: &str, judged: Result<(), String>, output: &Output| -> io::Result<()> {
        writeln!(io::stdout(), "test {name} ... {}", if judged.is_ok() { "ok" } else { "FAILED" })?;
        match judged {
            Ok(()) => passed += 1,
            Err(complaint) => {
                failed += 1;
                writeln!(io::stdout(), "{complaint}\n{}", String::from_utf8_lossy(&output.stderr))?;
            }
        }
        Ok(())
    };
    for Try { name, options, judge } in tries {
        let outcome = attempt(options, &server)?;
        report(name, judge(&outcome), &outcome.output)?;
    }
    if program == Program::Load {
        for (options, text) in REFUSED {
            let outcome = attempt(options, &server)?;
            report(&format!("refused: {options}"), fails_with(&outcome, text), &outcome.output)?;
        }
    }
    server.stop()?;
    writeln!(io::stdout(), "{passed} passed, {failed} failed")?;
    if failed == 0 { Ok(()) } else { Err("a try failed".into()) }
}

/// Runs this program with these options.
fn attempt(options: &str, server: &ServerProcess) -> Result<Outcome, Failure> {
    let folder = tempfile::tempdir()?;
    let plot = folder.path().join("plot.svg");
    let process = server.target.process.unwrap_or_default().to_string();
    let options = options.split(' ').map(|option| match option {
        ADDR => server.target.address.to_string(),
        PID => process.clone(),
        PLOT => plot.display().to_string(),
        other => other.to_owned(),
    });
    let output = Command::new(std::env::current_exe()?).arg("--bench").args(options).output()?;
    Ok(Outcome { output, plot: std::fs::read_to_string(&plot).unwrap_or_default() })
}

/// Reports which servers are not installed. Returns an error if the environment demands all of them.
fn report_missing() -> Result<(), Failure> {
    let missing =
        ServerKind::ANSWERING.into_iter().filter_map(|kind| Some(format!("{}: {}", kind.name(), kind.missing()?)));
    for why in missing {
        if std::env::var_os("DEPUTY_TEST_ALL").is_some_and(|all| all == "1") {
            return Err(why.into());
        }
        writeln!(io::stdout(), "skipped: {why}")?;
    }
    Ok(())
}

fn prints(outcome: &Outcome, text: &str) -> Result<(), String> {
    let stdout = String::from_utf8_lossy(&outcome.output.stdout);
    if outcome.output.status.success() && stdout.contains(text) {
        Ok(())
    } else {
        Err(format!("{}, and stdout lacks «{text}»: {stdout}", outcome.output.status))
    }
}

fn fails_with(outcome: &Outcome, text: &str) -> Result<(), String> {
    let stderr = String::from_utf8_lossy(&outcome.output.stderr);
    if !outcome.output.status.success() && stderr.contains(text) {
        Ok(())
    } else {
        Err(format!("{}, and stderr lacks «{text}»", outcome.output.status))
    }
}

/// Whether an SVG picture shows this text.
fn has_text(plot: &str, text: &str) -> Result<(), String> {
    let shown = plot.lines().any(|line| line.trim().starts_with(text));
    if shown { Ok(()) } else { Err(format!("the picture does not show «{text}»")) }
}

fn rows(outcome: &Outcome) -> Result<Vec<Value>, String> {
    if !outcome.output.status.success() {
        return Err(outcome.output.status.to_string());
    }
    let stdout = String::from_utf8_lossy(&outcome.output.stdout);
    stdout.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))).collect()
}

fn one_row(outcome: &Outcome, is_right: impl Fn(&Value) -> bool) -> Result<(), String> {
    let rows = rows(outcome)?;
    let keys = rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys());
    if let Some(key) = keys.into_iter().find(|key| !EXPLAINED.contains(&format!("`{key}`"))) {
        return Err(format!("benches/README.md does not explain {key}"));
    }
    if rows.len() == 1 && rows.iter().all(is_right) { Ok(()) } else { Err(format!("{rows:?}")) }
}

fn has_jobs(row: &Value) -> bool {
    row["jobs"].as_u64() > Some(0)
}
