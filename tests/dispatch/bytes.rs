//! What a job with options counts in the memory budget, at each stage of its life.

use crate::play::check;

/// What a plain job `1` of type `t` counts, and what is added for options.
const PLAIN: u64 = 384 + 2;
const OPTIONS: u64 = 256;

#[test]
fn a_job_counts_what_its_options_take() {
    for (options, bytes) in [
        ("priority 5", PLAIN),
        ("delay_ms 0", PLAIN),
        ("cancellable false", PLAIN),
        ("attempts 5", PLAIN + OPTIONS),
        ("run_limit_ms 5", PLAIN + OPTIONS),
        ("run_limit_ms 5, attempts 5, priority 5", PLAIN + OPTIONS),
        ("cancellable", PLAIN + OPTIONS),
        ("progress", PLAIN + OPTIONS),
        ("deadline_ms 5000", PLAIN + OPTIONS),
        ("cancellable, progress, deadline_ms 5000", PLAIN + OPTIONS),
        ("cancellable, attempts 5", PLAIN + 2 * OPTIONS),
        // A home counts the job of a key for its group, beside the member.
        (r#"key "four""#, 2 * (PLAIN + OPTIONS + 4)),
        (r#"key "four", attempts 5"#, 2 * (PLAIN + OPTIONS + 4)),
        (r#"key "four", cancellable"#, 2 * (PLAIN + OPTIONS + 4) + OPTIONS),
        ("delay_ms 5000", PLAIN + OPTIONS),
        ("delay_ms 5000, cancellable", PLAIN + OPTIONS),
        ("wait_ms 5000", PLAIN + 2 * OPTIONS),
        ("wait_ms 5000, attempts 5, cancellable", PLAIN + 2 * OPTIONS),
        ("wait_ms 0, delay_ms 5000", PLAIN + 2 * OPTIONS),
        (r#"delay_ms 5000, key "four""#, PLAIN + OPTIONS + 4 + OPTIONS),
    ] {
        check(&format!(
            "A> do 1 t with {options}
             A> metrics
             A< metrics bytes_held {bytes}"
        ));
    }
}

#[test]
fn a_background_job_counts_as_a_plain_one() {
    check(&format!("A> do 1 t with background\nA< did 1\nA> metrics\nA< metrics bytes_held {PLAIN}"));
}

/// It needs no ticket any more.
#[test]
fn a_job_that_was_only_delayed_counts_as_a_plain_one() {
    check(&format!(
        "A> do 1 t with delay_ms 1000
         at 1000
         A> metrics
         A< metrics bytes_held {PLAIN}
         W> can_do t
         W< do 1 t
         W> did 1
         A< did 1
         A> metrics
         A< metrics bytes_held 0"
    ));
}

/// One that may not wait needs no timer.
#[test]
fn a_job_with_wait_ms_counts_its_ticket_until_it_ends() {
    for (wait_ms, tickets) in [(0, 0), (1_000, 1)] {
        check(&format!(
            "W> can_do t
             A> do 1 t with wait_ms {wait_ms}
             W< do 1 t
             at 2000
             A> metrics
             A< metrics bytes_held {}
             W> did 1
             A< did 1
             A> metrics
             A< metrics bytes_held 0",
            PLAIN + OPTIONS + tickets * OPTIONS
        ));
    }
}

#[test]
fn a_member_counts_for_itself_and_the_job_once() {
    let (job, member) = (PLAIN + OPTIONS + 1, PLAIN + OPTIONS + 1);
    check(&format!(
        r#"A> do 1 t with key "k"; do 2 t with key "k"
           A> metrics
           A< metrics bytes_held {}
           A> do 3 t with key "k", cancellable
           A> cancel 3
           A< did 3 cancelled
           A> metrics
           A< metrics bytes_held {}
           W> can_do t
           W< do 1 t
           W> did 1
           A< did 1; did 2
           A> metrics
           A< metrics bytes_held 0"#,
        job + 2 * member,
        job + 2 * member
    ));
}

/// The worker will name the job by it. One with job numbers needs none.
#[test]
fn a_spent_slot_counts_the_id_that_it_keeps() {
    for (max_jobs, number, cancel, bytes) in [("", "", "", 7), (" max_jobs 1", " $a", "W< cancel $a", 0)] {
        let name = if number.is_empty() { " \"abcde\"" } else { number };
        check(&format!(
            r#"W> can_do t{max_jobs}
               A> do abcde t with cancellable
               W< do abcde t{number}
               A> cancel abcde
               A< did abcde cancelled
               {cancel}
               A> metrics
               A< metrics bytes_held {bytes}, slots_spent 1
               W> did{name}
               A> metrics
               A< metrics bytes_held 0, slots_spent 0"#
        ));
    }
}

#[test]
fn options_count_before_the_job_is_accepted() {
    for (options, bytes) in [
        ("cancellable", PLAIN + OPTIONS),
        ("attempts 5", PLAIN + OPTIONS),
        ("delay_ms 5", PLAIN + OPTIONS),
        (r#"key "four", cancellable"#, PLAIN + 2 * OPTIONS + 4),
    ] {
        let (fits, refused) = (bytes, bytes - 1);
        check(&format!(
            "deputy --max-memory {refused} --threads 1\nA> do 1 t with {options}\nA< did 1 queue_full\nA> do 1 t"
        ));
        check(&format!("deputy --max-memory {fits} --threads 1\nA> do 1 t with {options}\nA quiet"));
    }
}

#[test]
fn progress_is_dropped_while_more_than_1_mib_is_unsent_to_its_submitter() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t with progress; do 2 t with progress
           W< do 1 t $a; do 2 t $b
           A stops reading
           W> progress $a "<x*1048536>"
           W> progress $b 1
           W> progress $b 2
           W> progress $a 3
           A reads on
           A< progress 1 "<x*1048536>"
           A< progress 2 1
           W> progress $b 4
           A< progress 2 4
           M> metrics
           M< metrics progress_dropped 2, results_dropped 0
           W> did $b
           A< did 2"#,
    );
}
