//! `priority`: the order among the waiting jobs of a type.

use crate::play::check;

/// A worker of one slot takes these jobs in this order, and ends each.
fn taken(jobs: &[&str]) -> String {
    let lines: Vec<String> = jobs.iter().map(|job| format!("W< do {job} t\nW> did {job}\nA< did {job}\n")).collect();
    lines.concat()
}

#[test]
fn the_higher_goes_first_and_equal_ones_as_they_arrived() {
    check(&format!(
        r#"A> do a t with priority -128; do b t; do c t with priority 127; do d t with priority 1
           A> do e t with priority 0; do f t with priority 127; do g t with priority -1
           A> do h t with priority 1
           W> can_do t
           {}"#,
        taken(&["c", "f", "d", "h", "b", "e", "g", "a"])
    ));
}

#[test]
fn what_comes_while_others_wait_passes_them() {
    check(&format!(
        r#"A> do 1 t with priority 1; do 2 t with priority 1
           W> can_do t
           W< do 1 t
           A> do 3 t with priority 2; do 4 t with priority 1
           W> did 1
           A< did 1
           {}"#,
        taken(&["3", "2", "4"])
    ));
}

/// Among themselves they go as they arrived.
#[test]
fn jobs_whose_worker_was_lost_go_before_all() {
    check(
        r#"W> can_do t max_jobs 2
           A> do 1 t with priority -5; do 2 t with priority 5
           W< do 1 t $a; do 2 t $b
           A> do 3 t with priority 127
           W gone
           V> can_do t max_jobs 1
           V< do 1 t $c
           V> did $c
           A< did 1
           V< do 2 t $d
           V> did $d
           A< did 2
           V< do 3 t $e
           V> did $e
           A< did 3"#,
    );
}

/// It came to a worker without a free slot. It is no suspect, and keeps its place.
#[test]
fn a_job_that_came_back_keeps_its_place_among_the_others() {
    check(&format!(
        r#"W> can_do t u
           A> do 1 u
           W< do 1 u
           A> do 2 t with priority 1; do 3 t with priority 2; do 4 t with priority 1
           W> did 1
           A< did 1
           {}"#,
        taken(&["3", "2", "4"])
    ));
}

#[test]
fn a_worker_of_several_types_still_takes_them_in_turn() {
    check(
        r#"W> can_do t u
           A> do 1 t with priority 9
           W< do 1 t
           A> do 2 u with priority -9; do 3 t with priority 9
           W> did 1
           A< did 1
           W< do 2 u
           W> did 2
           A< did 2
           W< do 3 t"#,
    );
}

#[test]
fn a_priority_is_a_whole_number_from_minus_128_to_127() {
    for priority in ["-129", "128", "1.0", "1e1", "-0", "\"1\"", "null", "99999999999999999999"] {
        check(&format!("A> do 1 t with priority {priority}\nA< did 1 bad_request"));
    }
}
