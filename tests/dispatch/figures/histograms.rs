//! What is counted by type: how jobs end, how long they wait, and how long workers have them.

use std::sync::Arc;

use crate::play::check;
use crate::script::scripts;
use crate::world::{Options, World};

/// Checks a script, in which `t?` asks for the figures of the type `t`, and `t: OUTCOMES | WAIT | RUN` says what they are: the
/// outcomes that are not 0, and the sum and number of durations.
fn check_counts(script: &str) {
    let lines = script.lines().map(str::trim_start).map(|line| match line.split_once(": ") {
        Some((name, expected)) if name.len() == 1 => expected_figures(name, expected),
        _ => line.to_owned(),
    });
    check(&lines.collect::<Vec<_>>().join("\n"));
}

fn expected_figures(name: &str, expected: &str) -> String {
    let [outcomes, wait, run] = expected.split(" | ").collect::<Vec<_>>()[..] else { panic!("{expected}") };
    let all = "done failed gave_up shutdown cancelled expired timed_out no_worker no_bridge workers_lost";
    let all: Vec<&str> = all.split(' ').collect();
    let given: Vec<(&str, &str)> =
        outcomes.split_whitespace().map(|one| one.split_once('=').expect("an outcome has a number")).collect();
    assert!(given.iter().all(|(name, _)| all.contains(name)), "{expected}");
    let of = |outcome: &str| given.iter().find(|(name, _)| *name == outcome).map_or("0", |(_, n)| n);
    let outcomes: Vec<String> = all.iter().map(|outcome| format!("\"{outcome}\":{}", of(outcome))).collect();
    let row = format!(
        r#"{{"{name}":{{"has_figures":true,"outcomes":{{{}}},"wait":{},"run":{}}}}}"#,
        outcomes.join(","),
        histogram(wait),
        histogram(run)
    );
    format!(r#"M> {{"cmd":"metrics","types":["{name}"],"histograms":true}}"#) + "\nM< metrics types " + &row
}

/// `100 2000` becomes the histogram of these durations in milliseconds; `none` is that of none.
fn histogram(durations: &str) -> String {
    let mut histogram = deputy::metrics::Histogram::default();
    for ms in durations.split_whitespace().filter(|word| *word != "none") {
        histogram.record(ms.parse::<u64>().expect("milliseconds") * 1_000);
    }
    let counts: Vec<String> = histogram.counts.iter().map(u64::to_string).collect();
    format!(r#"{{"sum_us":{},"counts":[{}]}}"#, histogram.sum_us, counts.join(","))
}

scripts! {
    a_job_waits_until_it_is_sent_and_runs_until_it_is_answered: check_counts r"
        A> do 1 t; do 2 t
        at 40
        W> can_do t
        W< do 1 t
        t:  | 40 | none
        at 5000
        W> did 1
        A< did 1
        W< do 2 t
        at 5300
        W> did 2 err 0
        A< did 2 failed 0
        t: done=1 failed=1 | 40 5000 | 4960 300";

    a_job_waits_once_and_only_the_attempt_that_is_answered_runs: check_counts r"
        deputy --run-limit 100
        A> do 1 t
        W> can_do t
        W< do 1 t
        at 700
        W leaves
        at 900
        V> can_do t
        V< do 1 t
        at 1000
        V> did 1
        A< did 1
        t: done=1 workers_lost=1 | 0 | 100";

    a_worker_that_is_lost_with_two_jobs_of_a_type_is_lost_once: check_counts r"
        deputy --max-attempts 1
        W> can_do t u max_jobs 3
        A> do 1 t; do 2 t; do 3 u
        W< do 1 t $a; do 2 t $b; do 3 u $c
        W leaves
        t: workers_lost=1 | 0 0 | none
        u: workers_lost=1 | 0 | none
        V> can_do u
        V< do 3 u
        V leaves
        A< did 3 gave_up
        u: gave_up=1 workers_lost=2 | 0 | none";

    the_wait_of_a_delayed_job_begins_when_its_delay_is_over: check_counts r"
        A> do 1 t with delay_ms 2000
        at 2300
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        t: done=1 | 300 | 0";

    a_job_that_is_given_up_counts_where_it_ends: check_counts r"
        W> can_do t
        # Held, waiting, and delayed: the type is counted at three shards.
        A> do 1 t with cancellable; do 2 t with cancellable; do 3 t with cancellable, delay_ms 5000
        W< do 1 t
        A> cancel 2
        A< did 2 cancelled
        A> cancel 3
        A< did 3 cancelled
        A> cancel 1
        A< did 1 cancelled
        t: cancelled=3 | 0 | none
        # Its answer comes too late, and is no run.
        W> did 1
        t: cancelled=3 | 0 | none
        B> do 1 t with cancellable
        W< do 1 t
        B leaves
        t: cancelled=4 | 0 0 | none";

    a_deadline_and_a_run_limit_have_their_outcomes: check_counts r"
        W> can_do t max_jobs 3
        A> do 1 t with deadline_ms 100; do 2 t with run_limit_ms 200, attempts 1
        A> do 3 u with deadline_ms 100; do 4 u with deadline_ms 100, delay_ms 9000
        W< do 1 t $a; do 2 t $b run_limit_ms 200
        at 100
        A< did 1 expired
        W< cancel $a
        A< did 3 expired; did 4 expired
        at 200
        A< did 2 timed_out
        W< cancel $b
        t: expired=1 timed_out=1 | 0 0 | none
        u: expired=2 | none | none";

    a_job_that_comes_back_after_it_was_given_up_counts_with_the_reason: check_counts r"
        A> do 1 t with cancellable
        W> can_do t
        W< do 1 t
        W leaves
        A> cancel 1
        A< did 1 cancelled
        t: cancelled=1 workers_lost=1 | 0 | none";

    a_job_that_needs_a_worker_ends_without_one: check_counts r"
        A> do 1 t with need_worker
        A< did 1 no_worker
        t: no_worker=1 | none | none";

    the_stop_ends_jobs_that_wait_that_are_delayed_and_that_are_held: check_counts r"
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t
        B> do 3 u
        C> do 4 u with delay_ms 1000
        D> do 5 u with delay_ms 1000
        W< do 1 t $a; do 2 t $b
        stop
        B< did 3 shutdown
        C< did 4 shutdown
        D< did 5 shutdown
        u: shutdown=3 | none | none
        W> did $a
        A< did 1
        drain over
        A< did 2 shutdown
        t: done=1 shutdown=1 | 0 0 | 0";

    a_job_of_several_lines_counts_once_and_a_line_that_leaves_ends_none: check_counts r#"
        A> do 1 t with key "k", cancellable
        B> do 2 t with key "k", cancellable; do 3 t with key "k", cancellable
        B> cancel 3
        B< did 3 cancelled
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        B< did 2
        t: done=1 | 0 | 0
        A> do 4 t with key "k", cancellable
        B> do 5 t with key "k", cancellable
        W< do 4 t
        A> cancel 4
        A< did 4 cancelled
        B> cancel 5
        B< did 5 cancelled
        t: done=1 cancelled=1 | 0 0 | 0"#;

    figures_outlive_all_that_belongs_to_a_type: check_counts r#"
        A> do 1 t
        W> can_do t
        W< do 1 t
        W> did 1
        A< did 1
        W leaves
        t: done=1 | 0 | 0
        M> {"cmd":"metrics","types":true}
        M< metrics types {}
        M> {"cmd":"metrics","types":true,"histograms":true}
        M< metrics types {"t":{"workers":0,"done":0,"has_figures":true}}, other_types.workers 0
        A> do 2 t
        W2> can_do t
        W2< do 2 t
        W2> did 2
        A< did 2
        t: done=2 | 0 0 | 0 0"#;
}

/// Queues, pools and workers come and go, at several shards and in any number of types.
#[test]
fn no_figure_falls_and_no_type_moves_however_types_come_and_go() {
    let mut world = World::new(Options { shards: 3, figure_types_max: 2, ..Options::default() });
    let client = world.open(0);
    let names: Vec<Arc<str>> =
        (0..3).flat_map(|home| (0..5).map(move |n| (home, n))).map(|(home, n)| world.type_at(home, n)).collect();
    let mut own: Vec<Option<bool>> = vec![None; names.len()];
    for round in 1..=4_u64 {
        for (at, name) in names.iter().enumerate() {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"{name}"}}"#));
            world.settle();
            let worker = world.worker(u16::try_from((at as u64 + round) % 3).unwrap(), &[name], None);
            world.settle();
            world.send_line(worker, r#"{"cmd":"did","id":1}"#);
            world.settle();
            world.end(worker);
            world.settle();
            world.check_rest();
            let audits = world.audits();
            let figures = World::figures_of(&audits, name);
            assert_eq!(*own[at].get_or_insert(figures.is_some()), figures.is_some(), "{name} has moved");
            assert!(figures.is_none_or(|figures| figures.outcomes.done == round), "{name}: {figures:?}");
            let others = own.iter().filter(|own| **own == Some(false)).count() as u64;
            let before = names[at + 1..].iter().zip(&own[at + 1..]).filter(|(_, own)| **own == Some(false)).count();
            let expected = others * round - before as u64;
            assert_eq!(World::other_figures(&audits).outcomes.done, expected, "round {round}, {name}");
        }
    }
    assert_eq!(own.iter().filter(|own| **own == Some(true)).count(), 6, "two types of each home");
}
