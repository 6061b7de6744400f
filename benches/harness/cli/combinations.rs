//! Which options go together.

/// Options that set up a server, which a server that runs already does not need.
const SERVER_OPTIONS: [&str; 6] = ["threads", "server", "vs-floor", "unix", "pin", "server-cores"];

/// Options that describe the work, which a named workload does not need.
const WORK_OPTIONS: [&str; 18] = [
    "submitters", "inflight", "rate", "workers", "types", "types-per-worker", "max-jobs", "arg-bytes", "res-bytes",
    "work-us", "idle", "interference", "ask", "vs-floor", "threads", "server", "unix", "calls",
];

/// Returns an error if an option would have no effect, or an untrue one, beside another.
pub(super) fn check(names: &[String]) -> Result<(), lexopt::Error> {
    let has = |name: &str| names.iter().any(|given| given == name);
    let first = |options: &[&'static str]| options.iter().copied().find(|name| has(name));
    if let (true, Some(option)) = (has("addr"), first(&SERVER_OPTIONS)) {
        return Err(format!(
            "--{option} sets up a server that the load test starts; leave it out with --addr, and start the server \
             that way (--threads, -s, taskset)"
        )
        .into());
    }
    if has("pid") && !has("addr") {
        return Err("--pid names the process of the server at --addr; give --addr too".into());
    }
    if has("calls") && has("addr") && !has("pid") {
        return Err("--calls counts those of a process; give its --pid too".into());
    }
    if let (true, Some(option)) = (has("scenario"), first(&WORK_OPTIONS)) {
        return Err(format!("--{option} is part of the workload that --scenario names; leave one of them out").into());
    }
    if let (true, Some(option)) = (has("sweep"), first(&["rate", "scenario", "calls", "jobs"])) {
        let why = match option {
            "rate" => "a sweep chooses the rates",
            "calls" => "a sweep does not count system calls",
            "jobs" => "a sweep measures each rate for --seconds",
            _ => "a sweep takes the options of the work instead of a named workload",
        };
        return Err(format!("--{option}: {why}; leave it out with --sweep").into());
    }
    if has("p99-us") && !has("sweep") {
        return Err("--p99-us is the limit of --sweep rate; give --sweep too, or leave it out".into());
    }
    if has("calls") && has("jobs") {
        return Err("--calls counts while the load goes on; leave --jobs out".into());
    }
    Ok(())
}
