//! What is tried: options, and what is then judged.

use serde_json::Value;

use super::{Try, fails_with, has_jobs, has_text, new, one_row, prints, rows};
use crate::harness::servers::{Bridged, ServerKind};
use crate::harness::system::machine::cores;

pub(super) const LOAD: [Try; 23] = [
    new("a_closed_loop_is_answered", "--seconds 0.3 --warmup 0.1 --vs-floor --runs 1", |outcome| {
        prints(outcome, "| jobs/s, deputy / floor |")
    }),
    new(
        "workers_of_many_jobs_and_types_are_served_by_several_threads",
        "--jobs 20000 --threads 2 --types 6 --types-per-worker 3 --max-jobs 4 --json",
        |outcome| {
            one_row(outcome, |row| {
                row["jobs"] == 20_000 && row["server_threads"] == 2 && row["messages_per_job"].as_f64() > Some(0.0)
            })
        },
    ),
    new(
        "an_open_loop_over_a_unix_socket_keeps_its_rate",
        "--rate 2000 --seconds 0.5 --warmup 0.1 --unix --json --load-threads 2",
        |outcome| one_row(outcome, |row| row["rate_per_s"] == 2_000.0 && row["transport"] == "unix"),
    ),
    new(
        "work_that_takes_time_and_payloads_of_many_sizes_are_carried",
        "--jobs 500 --arg-bytes 16-100000 --res-bytes 20-30 --work-us exp:500 --idle 20 --json",
        |outcome| {
            one_row(outcome, |row| row["jobs"] == 500 && row["idle_connections"] == 20 && row["res_bytes_max"] == 30)
        },
    ),
    new(
        "f41_submitters_that_never_read_stay_and_others_are_answered",
        "--interference stalled-readers:20 --seconds 0.5 --json",
        |outcome| one_row(outcome, |row| row["interference_done"] == 20.0 && has_jobs(row)),
    ),
    new("f23_a_burst_is_accepted_beside_the_load", "--interference burst:20000 --seconds 0.5 --json", |outcome| {
        one_row(outcome, |row| row["interference_done"] == 20_000.0 && has_jobs(row))
    }),
    new("f66_metrics_are_answered_beside_the_load", "--interference metrics:20 --seconds 0.3 --json", |outcome| {
        one_row(outcome, |row| row["interference_done"].as_f64() > Some(0.0) && has_jobs(row))
    }),
    new(
        "f07_jobs_that_kill_their_workers_are_given_up_and_no_others",
        "--interference poison:100 --seconds 0.3 --max-jobs 20 --json",
        |outcome| one_row(outcome, |row| row["interference_done"].as_f64() > Some(0.0) && has_jobs(row)),
    ),
    new("a_wrong_answer_fails_the_run", "--jobs 1000 --expect-wrong", |outcome| {
        fails_with(outcome, "was answered with an altered result")
    }),
    new("a_wrong_result_of_its_own_size_fails_the_run", "--jobs 1000 --res-bytes 99 --expect-wrong", |outcome| {
        fails_with(outcome, "was answered with an altered result")
    }),
    new("a_late_answer_fails_the_run", "--jobs 100 --work-us 50000 --late 0.001", |outcome| {
        fails_with(outcome, "was answered after")
    }),
    new("help_explains_each_workload_in_a_line", "--help", |outcome| {
        let stdout = String::from_utf8_lossy(&outcome.output.stdout);
        let listed = |name: &&str| stdout.lines().any(|line| line.trim_start().starts_with(&format!("{name}  ")));
        let missing = WORKLOADS.into_iter().find(|name| !listed(name));
        missing.map_or(Ok(()), |name| Err(format!("--help does not explain {name}")))
    }),
    new("a_server_has_as_many_cores_as_asked", "--server-cores 1 --jobs 500 --json", |outcome| {
        if cores() < 2 { Ok(()) } else { one_row(outcome, |row| row["server_cores"] == 1 && row["pinned"] == true) }
    }),
    new("a_workload_has_a_table_and_a_verdict", "--scenario ping-pong --jobs 200 --runs 1", |outcome| {
        if cores() < 2 { Ok(()) } else { prints(outcome, "| ping-pong | p50, Deputy / floor |") }
    }),
    new("a_running_server_is_described_by_itself", "--addr ADDR --pid PID --jobs 2000 --json", |outcome| {
        one_row(outcome, |row| {
            row["server_threads"] == 2 && row["pinned"].is_null() && row["server_cpu_us_per_job"].is_f64()
        })
    }),
    new(
        "a_running_server_can_be_loaded_with_named_workloads",
        "--addr ADDR --scenario baseline,slots --jobs 2000 --json",
        |outcome| {
            let names: Vec<Value> = rows(outcome)?.iter().map(|row| row["scenario"].clone()).collect();
            if names == ["baseline", "slots"] { Ok(()) } else { Err(format!("{names:?}")) }
        },
    ),
    new("jobs_that_ask_for_something_end_as_they_may", ALL_ASKS, |outcome| {
        let rows = rows(outcome)?;
        let right = |row: &Value| row["asks"].is_string() && row["jobs_ended"] == 2_000.0 && row["server_threads"] == 2;
        if rows.len() == 10 && rows.iter().all(right) { Ok(()) } else { Err(format!("{rows:?}")) }
    }),
    new("servers_share_jobs_through_a_bridge", "--scenario bridge --jobs 300 --runs 1 --json", |outcome| {
        if let Some(why) = ServerKind::Bridged(Bridged::Local).missing() {
            return fails_with(outcome, &why);
        }
        let rows = rows(outcome)?;
        let right = |row: &Value| {
            let is_bridged = row["server"] == "bridge" || row["server"] == "beside-bridge";
            row["jobs"] == 300 && row["bridges_cpu_us_per_job"].is_f64() == is_bridged
        };
        if rows.len() == 10 && rows.iter().all(right) { Ok(()) } else { Err(format!("{rows:?}")) }
    }),
    new("a_joined_job_with_a_wrong_answer_fails_the_run", "--jobs 1000 --ask key --expect-wrong", |outcome| {
        fails_with(outcome, "was answered with")
    }),
    new("a_picture_names_percentiles_threads_and_options", "--threads 1,2 --jobs 2000 --plot PLOT", |outcome| {
        prints(outcome, "deputy x2")?;
        ["p50", "p99", "deputy x1", "deputy x2", "options: --threads 1,2"]
            .iter()
            .try_for_each(|text| has_text(&outcome.plot, text))?;
        let half = ["0.5", "1.5"].iter().find(|text| has_text(&outcome.plot, text).is_ok());
        half.map_or(Ok(()), |text| Err(format!("half a thread: {text}")))
    }),
    new(
        "a_sweep_serves_each_number_of_threads_and_draws_them",
        "--sweep rate --threads 1,2 --seconds 0.03 --warmup 0 --p99-us 60000000 --workers 1 --inflight 1 --plot PLOT",
        |outcome| {
            prints(outcome, "deputy x1, closed loop: ")?;
            prints(outcome, "deputy x2, closed loop: ")?;
            prints(outcome, "highest rate with p99 within 60000000 us:\n")?;
            ["deputy x1", "deputy x2", "jobs/s"].iter().try_for_each(|text| has_text(&outcome.plot, text))
        },
    ),
    new(
        "a_sweep_runs_as_often_as_asked_and_prints_json",
        "--sweep rate --runs 2 --seconds 0.05 --warmup 0 --p99-us 60000000 --workers 1 --inflight 1 --json",
        |outcome| {
            let rows = rows(outcome)?;
            let runs = |number: u64| rows.iter().any(|row| row["run"] == number);
            let right = rows.iter().all(|row| row["rate_per_s"].is_f64()) && runs(1) && runs(2);
            if right { Ok(()) } else { Err(format!("{rows:?}")) }
        },
    ),
    new(
        "a_limit_that_no_rate_keeps_is_an_error",
        "--sweep rate --seconds 0.1 --warmup 0 --p99-us 1 --workers 1 --inflight 1",
        |outcome| fails_with(outcome, "no rate keeps p99 within 1 us"),
    ),
];

/// Options that would have no effect, or an untrue one, and the error that says so.
pub(super) const REFUSED: [(&str, &str); 23] = [
    ("--wrokers 3", "unknown option --wrokers"),
    ("--addr ADDR --threads 1,2", "--threads sets up a server"),
    ("--addr ADDR --pin", "--pin sets up a server"),
    ("--addr ADDR --vs-floor", "--vs-floor sets up a server"),
    ("--addr ADDR --scenario threads", "the workload threads starts its own servers"),
    ("--addr ADDR --scenario open-loop", "the workload open-loop starts its own servers"),
    ("--pid 1", "give --addr too"),
    ("--addr ADDR --pid 4194305", "--pid 4194305: there is no such process"),
    ("--addr ADDR --calls", "give its --pid too"),
    ("--server floor --threads 1,2", "the floor has one thread"),
    ("--sweep rate --jobs 5", "--jobs: a sweep measures each rate for --seconds"),
    ("--sweep rate --rate 5", "--rate: a sweep chooses the rates"),
    ("--sweep rate --scenario baseline", "--scenario: a sweep takes the options of the work"),
    ("--sweep rate --calls", "--calls: a sweep does not count system calls"),
    ("--p99-us 5", "--p99-us is the limit of --sweep rate"),
    ("--scenario baseline --rate 9", "--rate is part of the workload"),
    ("--scenario baseline,a", "unknown workload 'a'; known: baseline, ping-pong"),
    ("--res-bytes 15", "--res-bytes takes N or MIN-MAX bytes"),
    ("--interference beside", "--interference takes stalled-readers, burst, metrics or poison"),
    ("--ask nothing", "--ask takes one of priority, delay"),
    ("--ask cancel", "give --max-jobs too"),
    ("--ask delay --vs-floor", "leave --ask out"),
    ("--server-cores 4096 --jobs 1", "4096 cores for the server leave none of"),
];

/// The names of the workloads.
const WORKLOADS: [&str; 27] = [
    "baseline", "ping-pong", "many-types", "slots", "unix", "threads", "backlog", "idle", "wide-workers", "large-jobs",
    "open-loop", "messages", "stalled-readers", "burst", "metrics", "poison", "priority", "delay", "deadline",
    "expire", "cancel", "run-limit", "progress", "keys", "background", "timers", "bridge",
];

/// Runs each workload whose jobs ask for something, for a moment, with two threads.
const ALL_ASKS: &str = "--addr ADDR --jobs 2000 --json --scenario \
                        priority,delay,deadline,expire,cancel,run-limit,progress,keys,background,timers";

pub(super) const PEERS: [Try; 3] = [
    new(
        "every_installed_server_does_the_same_work",
        "--scenario many-types,slots,background --jobs 3000 --runs 1 --json",
        |outcome| {
            let rows = rows(outcome)?;
            let of = |others: &[ServerKind]| -> Vec<&str> {
                let installed = others.iter().filter(|kind| kind.missing().is_none());
                [ServerKind::Deputy.name()].into_iter().chain(installed.map(|kind| kind.name())).collect()
            };
            let answering: Vec<_> = [ServerKind::Floor].into_iter().chain(ServerKind::ANSWERING).collect();
            let several: Vec<_> = answering.iter().copied().filter(|kind| kind.gives_several()).collect();
            let expected = [of(&answering), of(&several), of(&ServerKind::BACKGROUND)].concat();
            let ran: Vec<&str> = rows.iter().filter_map(|row| row["server"].as_str()).collect();
            let is_right = |row: &Value| {
                let background = row["scenario"] == "background";
                row["jobs"] == 3_000 && row["executions"] == if background { 3_000.0.into() } else { Value::Null }
            };
            if rows.iter().all(is_right) && ran == expected { Ok(()) } else { Err(format!("{rows:?}")) }
        },
    ),
    new(
        "a_comparison_states_versions_commands_and_promises",
        "--scenario background --only deputy --jobs 100 --runs 1",
        |outcome| {
            prints(outcome, concat!("  deputy ", env!("CARGO_PKG_VERSION"), ": deputy-server --threads 1 -p 0\n"))?;
            prints(outcome, "      promises: an accepted job is in memory until a worker has done it")
        },
    ),
    new("an_unknown_server_is_refused_with_those_that_are_known", "--only faktory", |outcome| {
        fails_with(outcome, "unknown server 'faktory'; known: beanstalkd, beanstalkd-disk, deputy, floor, gearmand")
    }),
];
