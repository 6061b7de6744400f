//! `metrics`: the question, and the shape of its answer. What the figures mean is the subject of `tests/dispatch`.

use crate::play::{check, check_rows};
use crate::script::scripts;

#[test]
fn all_figures_are_there_from_the_start_in_this_order() {
    check(concat!(
        "A> {\"cmd\":\"metrics\"}\n",
        r#"A< {"cmd":"metrics","metrics":{"up_since":$_,"connections":1,"workers_added":0,"jobs_added":0,"#,
        r#""jobs_dispatched":0,"jobs_done":0,"jobs_reassigned":0,"jobs_failed":0,"jobs_cancelled":0,"jobs_expired":0,"#,
        r#""jobs_timed_out":0,"jobs_no_worker":0,"jobs_no_bridge":0,"jobs_joined":0,"jobs_refused":0,"results_dropped":0,"progress_dropped":0,"#,
        r#""protocol_errors":0,"connections_refused":0,"shard_messages":0,"shard_wakes":$_,"shard_turns":$_,"shard_busy_us":$_,"#,
        r#""faults":{"bad_json":0,"bad_request":0,"unknown_cmd":0,"not_holding":0,"queue_full":0,"first_line":0,"too_long":0,"#,
        r#""half_line":0,"unsent":0,"stalled":0,"silent":0,"broken":0,"left_holding":0,"gave_up":0,"overdue":0},"#,
        r#""jobs_waiting":0,"jobs_running":0,"jobs_delayed":0,"slots_spent":0,"workers":0,"workers_idle":0,"#,
        r#""connections_open":1,"bytes_held":0,"bytes_max":$_,"max_line":$_,"shard_longest_turn_us":$_,"uptime_ms":$_,"draining":false,"threads":$_,"version":"…"}}"#,
    ));
}

#[test]
fn a_table_by_type_is_its_last_member() {
    check(concat!(
        "deputy --threads 1\nW> can_do t\nA> do 1 t\nW< do 1 t\n",
        r#"A> {"cmd":"metrics","types":["t"]}"#,
        "\n",
        r#"A< {"cmd":"metrics","metrics":{"up_since":$_,"connections":2,"workers_added":1,"jobs_added":1,"#,
        r#""jobs_dispatched":1,"jobs_done":0,"jobs_reassigned":0,"jobs_failed":0,"jobs_cancelled":0,"jobs_expired":0,"#,
        r#""jobs_timed_out":0,"jobs_no_worker":0,"jobs_no_bridge":0,"jobs_joined":0,"jobs_refused":0,"results_dropped":0,"progress_dropped":0,"#,
        r#""protocol_errors":0,"connections_refused":0,"shard_messages":0,"shard_wakes":$_,"shard_turns":$_,"shard_busy_us":$_,"#,
        r#""faults":{"bad_json":0,"bad_request":0,"unknown_cmd":0,"not_holding":0,"queue_full":0,"first_line":0,"too_long":0,"#,
        r#""half_line":0,"unsent":0,"stalled":0,"silent":0,"broken":0,"left_holding":0,"gave_up":0,"overdue":0},"#,
        r#""jobs_waiting":0,"jobs_running":1,"jobs_delayed":0,"slots_spent":0,"workers":1,"workers_idle":0,"#,
        r#""connections_open":2,"bytes_held":$_,"bytes_max":$_,"max_line":$_,"shard_longest_turn_us":$_,"uptime_ms":$_,"draining":false,"threads":1,"version":"…","#,
        r#""types":{"t":{"waiting":0,"running":1,"workers":1,"done":0,"oldest_ms":$_,"suspects":0,"lost":0,"last_lost_ms":0,"#,
        r#""delayed":0,"spent":0,"free":0,"spare_workers":0,"durable_waiting":0,"durable_workers":0,"passed_on":0,"oldest_running_ms":$_,"oldest_here_ms":$_,"oldest_running_worker":"…","oldest_here_worker":"…"}}}}"#,
    ));
}

scripts! {
    the_table_is_asked_for_by_true_or_by_names: r#"
        A> metrics
        A< metrics types null
        A> {"cmd":"metrics","types":false}
        A< metrics types null
        A> {"cmd":"metrics","types":true}
        A< metrics types {}
        A> {"cmd":"metrics","types":[]}
        A< metrics types {}
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":0,"workers":0,"done":0,"oldest_ms":0}}"#;
}

#[test]
fn anything_else_is_a_bad_request() {
    for types in ["null", "0", "1", r#""true""#, r#""t""#, "{}", "[null]", r#"["t",5]"#, r#"[["t"]]"#, r#"["t",true]"#]
    {
        check_rows(&format!(
            r#"{{"cmd":"metrics","types":{types}}}           => error bad_request
               {{"cmd":"metrics","types":{types},"id":"x"}}  => error bad_request x"#
        ));
    }
}

#[test]
fn histograms_and_shards_are_asked_for_by_true() {
    check_rows(
        r#"{"cmd":"metrics","histograms":false,"shards":false}  => metrics types null, shards null
           {"cmd":"metrics","types":[],"histograms":true}       => metrics types {}, other_types null
           {"cmd":"metrics","types":["t"],"histograms":true}    => metrics types {"t":{"waiting":0,"has_figures":false}}"#,
    );
    for name in ["histograms", "shards"] {
        for value in ["null", "0", "1", r#""true""#, "[]", "{}", "[true]"] {
            check_rows(&format!(
                r#"{{"cmd":"metrics","types":true,"{name}":{value}}}  => error bad_request
                   {{"cmd":"metrics","{name}":{value},"id":"x"}}      => error bad_request x
                   {{"cmd":"ping","{name}":{value}}}                  => pong"#
            ));
        }
        check_rows(&format!(r#"{{"cmd":"metrics","{name}":true,"{name}":true}} => error bad_request"#));
    }
}

#[test]
fn names_are_at_most_1024() {
    let names = |n: usize| (0..n).map(|i| format!("\"t{i}\"")).collect::<Vec<_>>().join(",");
    let row = |i: usize| format!(r#""t{i}":{{"waiting":0,"running":0,"workers":0,"done":0,"oldest_ms":0}}"#);
    let rows: Vec<String> = (0..1_024).map(row).collect();
    check(&format!(
        r#"A> {{"cmd":"metrics","types":[{}]}}
           A< metrics types {{{}}}
           A> {{"cmd":"metrics","types":[{}]}}
           A< error bad_request"#,
        names(1_024),
        rows.join(","),
        names(1_025)
    ));
}

#[test]
fn true_lists_at_most_1000_with_most_waiting_and_running_first() {
    let submitted: Vec<String> = (0..1_005).map(|i| format!("A> do {i} quiet{i}\n")).collect();
    check(&format!(
        r#"{}
           A> do 1 busy; do 2 busy; do 3 busy; do 4 busier; do 5 busier; do 6 busier; do 7 busier
           W> can_do busier
           W< do 4 busier
           A> {{"cmd":"metrics","types":true}}
           A< table 1000 busier busy"#,
        submitted.concat()
    ));
}

scripts! {
    done_counts_from_when_the_type_last_had_no_worker: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> did 1
        A< did 1
        A> do 2 t
        W< do 2 t
        W> did 2 err 0
        A< did 2 failed 0
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":0,"workers":1,"done":1,"oldest_ms":0}}
        W gone
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":0,"workers":0,"done":0,"oldest_ms":0}}
        V> can_do t
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":0,"workers":1,"done":0,"oldest_ms":0}}"#;

    named_types_are_listed_once_each_in_the_order_of_the_question: r#"
        A> {"cmd":"metrics","types":["c","a","\u0063","b","a"]}
        A< table 3 c a b"#;
}
