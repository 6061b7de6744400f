//! What limited a run.

use std::time::Duration;

use crate::limit::{Usage, describe, of_closed_loop, of_open_loop, scale};

#[test]
fn a_server_of_several_threads_that_is_half_idle_is_not_the_limit() {
    let usage = |server, server_max| Usage { busiest: 1.0, server: Some(server), server_max };
    assert_eq!(of_closed_loop(usage(0.99, 1.0)), None);
    assert_eq!(of_closed_loop(usage(0.5, 1.0)), Some("load"));
    assert_eq!(of_closed_loop(usage(2.0, 4.0)), Some("load"));
    assert_eq!(of_closed_loop(usage(3.9, 4.0)), None);
}

#[test]
fn a_load_that_sleeps_or_keeps_its_times_is_not_the_limit() {
    let idle = Usage { busiest: 0.9, server: Some(0.5), server_max: 1.0 };
    assert_eq!(of_closed_loop(idle), None);
    assert_eq!(of_closed_loop(Usage { busiest: 1.0, server: None, ..idle }), Some("unknown"));
    assert_eq!(of_open_loop(900_000), None);
    assert_eq!(of_open_loop(1_100_000), Some("load"));
}

#[test]
fn a_limit_is_described_unless_it_is_the_servers() {
    assert_eq!(describe(None), None);
    assert_eq!(describe(Some("load")), Some("the load was the limit"));
    assert!(describe(Some("unknown")).is_some_and(|text| text.contains("--pid")));
}

#[test]
fn late_samples_are_scaled_to_the_measured_time() {
    let factor = scale(Duration::from_millis(600), Duration::from_millis(450));
    assert!((factor - 4.0 / 3.0).abs() < 1e-9, "{factor}");
}
