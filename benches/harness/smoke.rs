//! The programs try themselves out: what `cargo test` runs. Each try is a run of this program as its user would start it,
//! with all checks on, for a fraction of a second; what it prints and how it ends is looked at, never how fast it was.

use std::io::{self, Write};
use std::process::{Command, Output};

use super::server::Kind;
use super::{Failure, Program};

/// A try: its name, its options, and what is wrong with what came of it, if something is.
type Try = (&'static str, &'static [&'static str], fn(&Output) -> Result<(), String>);

const STALLED: [&str; 5] = ["--beside", "stalled:20", "--seconds", "0.5", "--json"];
const BURST: [&str; 5] = ["--beside", "burst:20000", "--seconds", "0.5", "--json"];
const QUESTIONS: [&str; 5] = ["--beside", "metrics:20", "--seconds", "0.3", "--json"];
const POISON: [&str; 7] = ["--beside", "poison:100", "--seconds", "0.3", "--max-jobs", "20", "--json"];

const LOAD: [Try; 14] = [
    ("a_closed_loop_is_answered", &["--seconds", "0.3", "--warmup", "0.1", "--vs-floor", "--runs", "1"], is_table),
    (
        "workers_of_many_jobs_and_types_are_served_by_several_threads",
        &["--jobs", "20000", "--threads", "2", "--types", "6", "--types-per-worker", "3", "--max-jobs", "4", "--json"],
        |output| has_json_rows(output, 1, |row| row["jobs"] == 20_000 && row["messages_per_job"].as_f64() > Some(0.0)),
    ),
    (
        "an_open_loop_over_a_unix_socket_keeps_its_rate",
        &["--rate", "2000", "--seconds", "0.5", "--warmup", "0.1", "--unix", "--json", "--load-threads", "2"],
        |output| has_json_rows(output, 1, |row| row["rate_per_s"] == 2_000.0 && row["transport"] == "unix"),
    ),
    (
        "work_that_takes_time_and_arguments_of_many_sizes_are_carried",
        &["--jobs", "500", "--arg-bytes", "16-100000", "--work-us", "exp:500", "--idle", "20", "--json"],
        |output| has_json_rows(output, 1, |row| row["jobs"] == 500 && row["idle_connections"] == 20),
    ),
    ("f41_submitters_that_do_not_read_stay_and_others_are_answered", &STALLED, |output| {
        has_json_rows(output, 1, |row| row["beside_done"] == 20.0 && row["jobs"].as_u64() > Some(0))
    }),
    ("f23_jobs_in_one_go_are_taken_beside_the_load", &BURST, |output| {
        has_json_rows(output, 1, |row| row["beside_done"] == 20_000.0 && row["jobs"].as_u64() > Some(0))
    }),
    ("f66_metrics_are_answered_beside_the_load", &QUESTIONS, |output| {
        has_json_rows(output, 1, |row| row["beside_done"].as_f64() > Some(0.0) && row["jobs"].as_u64() > Some(0))
    }),
    ("f07_jobs_that_kill_their_workers_are_given_up_and_no_other_is", &POISON, |output| {
        has_json_rows(output, 1, |row| row["beside_done"].as_f64() > Some(0.0) && row["jobs"].as_u64() > Some(0))
    }),
    ("a_wrong_answer_fails_the_run", &["--jobs", "1000", "--expect-wrong"], |output| {
        fails_with(output, "was answered with its payload altered")
    }),
    ("a_late_answer_fails_the_run", &["--jobs", "100", "--work-us", "50000", "--late", "0.001"], |output| {
        fails_with(output, "was answered after")
    }),
    ("an_unknown_option_is_named", &["--wrokers", "3"], |output| fails_with(output, "unknown option --wrokers")),
    ("a_scenario_has_a_table_and_a_verdict", &["--scenario", "b", "--jobs", "200", "--runs", "1"], |output| {
        if super::machine::cores() < 2 { Ok(()) } else { contains(output, "| B | p50, Deputy / floor |") }
    }),
    (
        "a_sweep_names_the_highest_rate",
        &[
            "--sweep",
            "rate",
            "--seconds",
            "0.1",
            "--warmup",
            "0",
            "--p99-us",
            "60000000",
            "--workers",
            "1",
            "--inflight",
            "1",
        ],
        |output| contains(output, "highest rate with p99 within 60000000 us: "),
    ),
    (
        "a_sweep_can_be_read_by_programs",
        &[
            "--sweep",
            "rate",
            "--seconds",
            "0.1",
            "--warmup",
            "0",
            "--p99-us",
            "60000000",
            "--workers",
            "1",
            "--inflight",
            "1",
            "--json",
        ],
        |output| {
            let rows = rows(output)?;
            let right = !rows.is_empty() && rows.iter().all(|row| row["rate_per_s"].is_f64());
            if right { Ok(()) } else { Err(format!("{rows:?}")) }
        },
    ),
];

/// Where the keys of the JSON lines are explained.
const EXPLAINED: &str = include_str!("../README.md");

const PEERS: [Try; 1] = [(
    "every_server_that_is_installed_does_the_same_work",
    &["--scenario", "a,c", "--jobs", "3000", "--runs", "1", "--json"],
    |output| {
        let rows = rows(output)?;
        let here = [Kind::Deputy, Kind::Floor].into_iter().chain(Kind::PEERS).filter(|kind| kind.lack().is_none());
        let here: Vec<&str> = here.map(Kind::name).collect();
        let ran: Vec<&str> = rows.iter().filter_map(|row| row["server"].as_str()).collect();
        let worked = rows.iter().all(|row| row["jobs"].as_u64() > Some(0));
        if worked && ran == here.repeat(2) { Ok(()) } else { Err(format!("{rows:?}")) }
    },
)];

/// Tries everything, says so as a test harness does, and fails if anything failed.
pub(crate) fn run(program: Program) -> Result<(), Failure> {
    let tries: &[Try] = match program {
        Program::Load => &LOAD,
        Program::Peers if super::machine::cores() < 2 => &[],
        Program::Peers => &PEERS,
    };
    if program == Program::Peers {
        pass_over()?;
    }
    let mut failed = 0;
    for (name, options, judge) in tries {
        let output = Command::new(std::env::current_exe()?).arg("--bench").args(*options).output()?;
        let judged = judge(&output);
        writeln!(io::stdout(), "test {name} ... {}", if judged.is_ok() { "ok" } else { "FAILED" })?;
        if let Err(complaint) = judged {
            failed += 1;
            writeln!(io::stdout(), "{complaint}\n{}", String::from_utf8_lossy(&output.stderr))?;
        }
    }
    writeln!(io::stdout(), "{} passed, {failed} failed", tries.len() - failed)?;
    if failed == 0 { Ok(()) } else { Err("a run did not go as it should".into()) }
}

/// Says which servers are missing; an error where none may be.
fn pass_over() -> Result<(), Failure> {
    let missing = Kind::PEERS.into_iter().filter_map(|kind| Some(format!("{}: {}", kind.name(), kind.lack()?)));
    for why in missing {
        if std::env::var_os("DEPUTY_TEST_ALL").is_some_and(|all| all == "1") {
            return Err(why.into());
        }
        writeln!(io::stdout(), "passed over: {why}")?;
    }
    Ok(())
}

fn is_table(output: &Output) -> Result<(), String> {
    contains(output, "jobs/s")?;
    contains(output, "| jobs/s, deputy / floor |").or_else(|_| contains(output, "jobs/s, deputy / floor"))
}

fn contains(output: &Output, text: &str) -> Result<(), String> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && stdout.contains(text) {
        Ok(())
    } else {
        Err(format!("{}, and this lacks «{text}»: {stdout}", output.status))
    }
}

fn fails_with(output: &Output, text: &str) -> Result<(), String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && stderr.contains(text) {
        Ok(())
    } else {
        Err(format!("{}, and this lacks «{text}»", output.status))
    }
}

fn rows(output: &Output) -> Result<Vec<serde_json::Value>, String> {
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    stdout.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))).collect()
}

fn has_json_rows(output: &Output, count: usize, is_right: impl Fn(&serde_json::Value) -> bool) -> Result<(), String> {
    let rows = rows(output)?;
    let keys = rows.iter().filter_map(serde_json::Value::as_object).flat_map(|row| row.keys());
    if let Some(key) = keys.into_iter().find(|key| !EXPLAINED.contains(&format!("`{key}`"))) {
        return Err(format!("benches/README.md does not explain {key}"));
    }
    if rows.len() == count && rows.iter().all(is_right) { Ok(()) } else { Err(format!("{rows:?}")) }
}
