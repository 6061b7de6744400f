//! `max_jobs`: how many jobs at once, and their numbers.

use crate::play::{check, check_rows};
use crate::script::scripts;

scripts! {
    it_takes_one_job_at_once_until_it_says_max_jobs: r#"
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t
        W quiet
        W> {"cmd":"can_do","types":[],"max_jobs":2}
        W< do 2 t $a
        W quiet
        W> did 1
        A< did 1
        W< do 3 t $b"#;

    max_jobs_may_come_before_the_types: r#"
        W> can_do max_jobs 2
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t $a; do 2 t $b
        W quiet"#;

    every_job_carries_a_number_from_max_jobs_on: r#"
        W> can_do t max_jobs 1
        A> do 1 t "x"
        W< {"cmd":"do","id":1,"type":"t","job":$a,"arg":"x"}
        W> did $a
        A< did 1
        W> can_do u
        A> do 2 u
        W< {"cmd":"do","id":2,"type":"u","job":$b}
        W> did $b
        A< did 2
        W> cant_do t u
        W> can_do t
        A> do 3 t
        W< do 3 t $c"#;

    numbers_are_never_used_again: r#"
        W> can_do t max_jobs 2
        V> can_do t max_jobs 2
        A> do 1 t; do 1 t; do 1 t; do 1 t
        W< do 1 t $a
        V< do 1 t $b
        W< do 1 t $c
        V< do 1 t $d
        W gone
        V> did $b
        A< did 1
        V< do 1 t $e
        V> did $d
        A< did 1
        V quiet
        V> did $e
        A< did 1
        V< do 1 t $f
        V> did $f
        A< did 1"#;

    raised_it_takes_more_at_once: r#"
        W> can_do t max_jobs 1
        A> do 1 t; do 2 t; do 3 t; do 4 t
        W< do 1 t $a
        W quiet
        W> can_do max_jobs 3
        W< do 2 t $b; do 3 t $c
        W quiet"#;

    lowered_it_takes_no_job_back: r#"
        W> can_do t max_jobs 3
        A> do 1 t; do 2 t; do 3 t; do 4 t
        W< do 1 t $a; do 2 t $b; do 3 t $c
        W> can_do max_jobs 1
        W> did $a
        A< did 1
        W quiet
        W> did $c
        A< did 3
        W quiet
        W> did $b
        A< did 2
        W< do 4 t $d"#;

    lowered_while_idle_it_takes_fewer: r#"
        W> can_do t max_jobs 4
        W> can_do max_jobs 1
        A> do 1 t; do 2 t
        W< do 1 t $a
        W quiet
        V> can_do t
        V< do 2 t"#;
}

#[test]
fn max_jobs_is_1_to_65535_in_digits() {
    for value in [
        "0", "65536", "-1", "-0", "1.0", "1e0", "1E3", "0.5", "null", "true", r#""1""#, "[1]", "{}", "<9*400>",
        "4294967297", "18446744073709551617",
    ] {
        check_rows(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":{value}}} => error bad_request"#));
    }
    for value in ["1", "65535", " 7 "] {
        check(&format!(
            r#"W> {{"cmd":"can_do","types":["t"],"max_jobs":{value}}}
               A> do 1 t
               W< do 1 t $a"#
        ));
    }
}
