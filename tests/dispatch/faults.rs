//! Each fault of a peer is counted in its own class, once.

use deputy::metrics::Fault;

use crate::play::check;
use crate::world::{Event, World};

/// Checks that a script counts this fault `times` times, and no other.
#[track_caller]
fn counted(script: &str, fault: &str, times: u32) {
    let all = Fault::ALL.iter().map(|other| {
        let count = if other.name() == fault { times } else { 0 };
        format!("faults.{} {count}", other.name())
    });
    let all: Vec<String> = all.collect();
    check(&format!("{script}\nM> metrics\nM< metrics {}", all.join(", ")));
}

#[test]
fn a_refused_line_counts_by_its_code() {
    let script = |line: &str, reply: &str| format!("A> ping\nA< pong\nA> {line}\nA< {reply}\nA> {line}\nA< {reply}");
    counted(&script("[1]", "error bad_json"), "bad_json", 2);
    counted(&script(r#"{"cmd":"can_do"}"#, "error bad_request"), "bad_request", 2);
    counted(&script("do 1 ", "did 1 bad_request"), "bad_request", 2);
    counted(&script(r#"{"cmd":"dance"}"#, "error unknown_cmd"), "unknown_cmd", 2);
    counted(&script("did 1", "error not_holding 1"), "not_holding", 2);
}

#[test]
fn too_many_types_are_a_bad_request() {
    let types: Vec<String> = (0..1_025).map(|i| format!("t{i}")).collect();
    counted(&format!("A> can_do {}\nA< error bad_request", types.join(" ")), "bad_request", 1);
}

#[test]
fn a_full_server_counts_what_it_refuses() {
    let script = "deputy --max-memory 100\nA> do 1 t\nA< did 1 queue_full\nA> do 2 t\nA< did 2 queue_full";
    counted(script, "queue_full", 2);
}

#[test]
fn a_connection_that_is_closed_counts_by_the_reason() {
    counted("A> [1]\nA< error bad_json\nA closed explained", "first_line", 1);
    counted("deputy --max-line 64\nA sends {\"<a*80>\nA< error too_long\nA closed explained", "too_long", 1);
    counted(
        r#"deputy --max-memory 1M --threads 1
           A sends {"cmd":"<a*300000>
           B sends {"cmd":"<b*800000>
           D> ping
           D< pong
           A< error queue_full
           A closed explained
           B sends "}
           B gone"#,
        "half_line",
        1,
    );
}

#[test]
fn a_peer_that_does_not_read_counts_by_what_it_is_closed_for() {
    let unread = r#"V> can_do u
                    A> do 1 u
                    A stops reading
                    V< do 1 u
                    V> did 1 res "<x*1100000>"
                    "#;
    counted(&format!("{unread}at 30001\nA closed dropped"), "stalled", 1);
    counted(&format!("deputy --max-unsent 1M\n{unread}A closed dropped"), "unsent", 1);
}

#[test]
fn a_worker_that_leaves_with_jobs_counts_once_and_a_job_given_up_counts_too() {
    counted("A> do 1 t\nA> do 2 t\nW> can_do t max_jobs 2\nW< do 1 t $a\nW< do 2 t $b\nW gone", "left_holding", 1);
    counted("W> can_do t\nW gone\nA> ping\nA< pong\nA gone", "left_holding", 0);
    let both = "faults.left_holding 1, faults.gave_up 1";
    let script =
        "deputy --max-attempts 1\nA> do 1 t\nW> can_do t\nW< do 1 t\nW gone\nA< did 1 gave_up\nA> metrics\nA< metrics";
    check(&format!("{script} {both}"));
}

#[test]
fn a_worker_that_holds_a_job_past_its_run_limit_counts_once_per_attempt() {
    let script = |attempts: &str| {
        format!(
            "W> can_do t max_jobs 2
             A> do 1 t with run_limit_ms 1000, attempts 2, deadline_ms 5000
             W< do 1 t $a run_limit_ms 1000
             at 1000
             W< cancel $a
             W< do 1 t $b attempt 2 run_limit_ms 1000
             {attempts}"
        )
    };
    counted(&script(""), "overdue", 1);
    counted(&script("at 2000\nW< cancel $b\nA< did 1 timed_out"), "overdue", 2);
}

/// So in the log it stands before what follows from it.
#[test]
fn a_fault_is_reported_before_its_worker_gets_a_cancel() {
    let mut world = World::of(1);
    world.keep_log();
    let client = world.open(0);
    let worker = world.worker(0, &["t"], Some(1));
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"t","run_limit_ms":1000,"attempts":1}"#);
    world.take_log();
    world.advance(1_000);
    world.advance(0);
    let is_either = |event: &Event| matches!(event, Event::Sent(..) | Event::Fault(..));
    let events: Vec<Event> = world.take_log().into_iter().filter(is_either).collect();
    let [Event::Fault(first, Fault::Overdue), Event::Sent(second, _), Event::Sent(third, _)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*first, *second, *third), (worker, worker, client));
}
