//! What limited a run: the server, or the load that should have found the server's limit.

use std::time::Duration;

/// If more than one job in a hundred was sent later than this, the figures describe the load, not the server.
const LAG_NS_MAX: u64 = 1_000_000;

/// Processor time within the measured time, in cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Of the load's busiest thread.
    pub(crate) busiest: f64,
    /// Of the server, if known.
    pub(crate) server: Option<f64>,
    /// How many cores the server can use: its threads, or its cores if these are fewer.
    pub(crate) server_max: f64,
}

/// Returns what limited a closed loop, if it was not the server: a load thread that never slept while the server did.
/// Without the server's processor time it is not known whether the server slept.
pub(crate) fn of_closed_loop(usage: Usage) -> Option<&'static str> {
    if usage.busiest <= 0.95 {
        return None;
    }
    let Some(server) = usage.server else { return Some("unknown") };
    (server < 0.9 * usage.server_max).then_some("load")
}

/// Returns what limited an open loop, if it was not the server: a load that was late, by this much at its p99.
pub(crate) fn of_open_loop(lag_p99_ns: u64) -> Option<&'static str> {
    (lag_p99_ns > LAG_NS_MAX).then_some("load")
}

/// Describes for a person what limited a run, if it was not the server.
pub(crate) fn describe(limited_by: Option<&str>) -> Option<&'static str> {
    match limited_by? {
        "load" => Some("the load was the limit"),
        _ => Some("the load may have been the limit (--pid shows it)"),
    }
}

/// Returns the factor that scales what was sampled over one time to the measured time.
pub(crate) fn scale(measured: Duration, sampled: Duration) -> f64 {
    measured.div_duration_f64(sampled)
}
