//! Peers that do not read: workers are sent no more, and past `--max-unsent` a connection is closed.

use crate::play::check;
use crate::script::scripts;

/// Returns a `res` that makes the line of job 1 `bytes` long, its end counted.
fn res_of_line(bytes: usize) -> String {
    format!("\"<x*{}>\"", bytes - r#"{"cmd":"did","id":1,"res":""}"#.len() - 2)
}

const MIB: usize = 1 << 20;

scripts! {
    f40_a_worker_with_more_than_1_mib_unsent_is_given_no_further_job: r#"
        W> can_do t max_jobs 2
        W stops reading
        A> do 1 t "<x*1048576>"; do 2 t
        M> metrics
        M< metrics jobs_running 1, jobs_waiting 1
        V> can_do t
        V< do 2 t
        A> do 3 t
        V quiet
        W reads on
        W< do 1 t $a "<x*1048576>"; do 3 t $b
        W quiet"#;
}

#[test]
fn f40_it_is_so_past_1_mib_to_the_byte() {
    for (bytes, waiting, running) in [(MIB - 1, 0, 1), (MIB, 0, 1), (MIB + 1, 1, 0)] {
        check(&format!(
            r#"W> can_do t
               V> can_do u
               W> do 1 u
               W stops reading
               V< do 1 u
               V> did 1 res {res}
               A> do 2 t
               M> metrics
               M< metrics jobs_waiting {waiting}, jobs_running {running}
               W reads on
               W< did 1 res {res}
               W< do 2 t"#,
            res = res_of_line(bytes)
        ));
    }
}

#[test]
fn it_is_so_however_the_bytes_came() {
    check(&format!(
        r#"W> can_do t
           V> can_do u
           W> do 1 u
           W stops reading
           V< do 1 u
           V> did 1 res {res}
           W> ping
           A> do 2 t
           M> metrics
           M< metrics jobs_waiting 1, jobs_running 0
           W reads on
           W< did 1 res {res}
           W< pong
           W< do 2 t"#,
        res = res_of_line(MIB)
    ));
}

#[test]
fn f40_it_is_given_more_as_soon_as_it_has_read_enough() {
    check(&format!(
        r#"W> can_do t
           V> can_do u
           W> do 1 u
           W stops reading
           V< do 1 u
           V> did 1 res {res}
           A> do 2 t
           W reads 99
           M> metrics
           M< metrics jobs_waiting 1, jobs_running 0
           W reads 1
           M> metrics
           M< metrics jobs_waiting 0, jobs_running 1
           W reads on
           W< did 1 res {res}
           W< do 2 t"#,
        res = res_of_line(MIB + 100)
    ));
}

scripts! {
    it_may_answer_what_it_holds_meanwhile: r#"
        W> can_do t max_jobs 3
        A> do 1 t
        W< do 1 t $a
        W stops reading
        A> do 2 t "<x*1100000>"; do 3 t
        W> did $a res 1
        A< did 1 res 1
        M> metrics
        M< metrics jobs_waiting 1, jobs_running 1
        W> cant_do t
        W> can_do t
        M> metrics
        M< metrics jobs_waiting 1, jobs_running 1
        W reads on
        W< do 2 t $b "<x*1100000>"; do 3 t $c"#;

    f40_several_large_jobs_come_one_after_the_other: r#"
        deputy --max-unsent 2M
        W> can_do t max_jobs 4
        W stops reading
        A> do 1 t "<a*2000000>"; do 2 t "<b*2000000>"; do 3 t "<c*2000000>"; do 4 t "<d*2000000>"
        M> metrics
        M< metrics jobs_running 1, jobs_waiting 3, connections_open 3
        W reads on
        W< do 1 t $a "<a*2000000>"; do 2 t $b "<b*2000000>"; do 3 t $c "<c*2000000>"
        W< do 4 t $d "<d*2000000>""#;

    a_waiting_backlog_does_not_flood_a_worker_that_comes: r#"
        deputy --max-unsent 2M
        A> do 1 t "<a*1500000>"; do 2 t "<b*1500000>"; do 3 t "<c*1500000>"
        W opens
        W stops reading
        W> can_do t max_jobs 3
        M> metrics
        M< metrics jobs_running 1, jobs_waiting 2, connections_open 3
        W reads on
        W< do 1 t $a "<a*1500000>"; do 2 t $b "<b*1500000>"; do 3 t $c "<c*1500000>""#;
}

#[test]
fn f40_a_connection_is_closed_when_its_unsent_bytes_pass_max_unsent() {
    check(&format!(
        r#"deputy --max-unsent 2M
           V> can_do u
           A> do 1 u
           A stops reading
           V< do 1 u
           V> did 1 res {}
           M> metrics
           M< metrics connections_open 3
           A> ping
           A closed dropped
           M> metrics
           M< metrics connections_open 2, protocol_errors 0, bytes_held 0"#,
        res_of_line(2 * MIB)
    ));
    check(&format!(
        r#"deputy --max-unsent 2M
           V> can_do u
           A> do 1 u
           A stops reading
           V< do 1 u
           V> did 1 res {}
           A closed dropped"#,
        res_of_line(2 * MIB + 1)
    ));
}

#[test]
fn it_is_judged_after_the_write() {
    check(&format!(
        r#"deputy --max-unsent 2M
           V> can_do u
           A> do 1 u
           V< do 1 u
           V> did 1 res {res}
           A< did 1 res {res}
           A> ping
           A< pong"#,
        res = res_of_line(3 * MIB)
    ));
}

scripts! {
    f40_what_it_held_is_given_back: r#"
        deputy --max-unsent 2M
        W> can_do t
        A> do x t
        W< do x t
        V> can_do u
        W> do 1 u
        W stops reading
        V< do 1 u
        V> did 1 res "<x*2097152>"
        W closed dropped
        X> can_do t
        X< do x t
        X> did x
        A< did x"#;

    f40_others_are_served_while_a_submitter_does_not_read: r#"
        W> can_do t
        A> do 1 t; do 2 t
        W< do 1 t
        A stops reading
        W> did 1 res "<x*2000000>"
        W< do 2 t
        B> do 3 t
        W> did 2
        W< do 3 t
        W> did 3
        B< did 3
        A reads on
        A< did 1 res "<x*2000000>"; did 2"#;
}
