//! Unfinished lines that fill the memory: each shard cuts off its oldest, while the budget is exceeded and they are more
//! than a quarter of it.

use crate::play::check;
use crate::script::scripts;

scripts! {
    f22_the_oldest_half_line_is_cut_off: r#"
        deputy --max-memory 1M --threads 1
        A sends {"cmd":"<a*300000>
        B sends {"cmd":"<b*300000>
        C sends {"cmd":"<c*300000>
        D> ping
        D< pong
        D sends {"cmd":"<d*300000>
        E> ping
        E< pong
        A< {"cmd":"error","code":"queue_full","error":"…"}
        A closed explained
        B sends "}\n
        B< error unknown_cmd
        C sends "}\n
        C< error unknown_cmd
        D sends "}\n
        D< error unknown_cmd
        M> metrics
        M< metrics protocol_errors 4, jobs_refused 0, bytes_held 0, connections_open 5"#;
}

#[test]
fn f22_each_shard_cuts_off_its_own_oldest() {
    // To the shards in turn: A and D to the first, B and E to the second, C and F to the third.
    check(
        r#"deputy --max-memory 1M --threads 3
           A sends {"cmd":"<a*190000>
           B sends {"cmd":"<b*190000>
           C sends {"cmd":"<c*190000>
           D sends {"cmd":"<d*190000>
           E sends {"cmd":"<e*190000>
           F sends {"cmd":"<f*190000>
           C< error queue_full
           C closed explained
           E sends <e*190000>
           B< error queue_full
           B closed explained
           A sends "}\n
           A< error unknown_cmd
           D sends "}\n
           D< error unknown_cmd
           E sends "}\n
           E< error unknown_cmd
           F sends "}\n
           F< error unknown_cmd"#,
    );
}

scripts! {
    a_new_line_makes_it_younger: r#"
        deputy --max-memory 1M --threads 1
        A sends {"cmd":"<a*300000>
        B sends {"cmd":"<b*300000>
        A sends "}\n{"cmd":"<a*300000>
        A< error unknown_cmd
        C sends {"cmd":"<c*500000>
        D> ping
        D< pong
        B< error queue_full
        B closed explained
        A sends "}\n
        A< error unknown_cmd"#;

    more_bytes_of_a_line_do_not_make_it_younger: r#"
        deputy --max-memory 1M --threads 1
        A sends {"cmd":"<a*300000>
        B sends {"cmd":"<b*300000>
        A sends <a*1000>
        C sends {"cmd":"<c*500000>
        D> ping
        D< pong
        A< error queue_full
        A closed explained
        B sends "}\n
        B< error unknown_cmd"#;

    f22_as_many_are_cut_off_as_it_takes: r#"
        deputy --max-memory 1M --threads 1
        A sends {"cmd":"<a*200000>
        B sends {"cmd":"<b*200000>
        C sends {"cmd":"<c*200000>
        D> do 1 t "<d*700000>"
        D> ping
        D< pong
        A< error queue_full
        A closed explained
        B< error queue_full
        B closed explained
        C sends "}\n
        C< error unknown_cmd"#;
}

#[test]
fn f22_up_to_a_quarter_of_the_budget_they_live() {
    check(
        r#"deputy --max-memory 1M
           A sends {"cmd":"<a*250000>
           D> do 1 t "<d*1000000>"
           D> ping
           D< pong
           M> metrics
           M< metrics connections_open 3
           A sends "}\n
           A< error unknown_cmd"#,
    );
    check(
        r#"deputy --max-memory 1M --threads 1
           A sends {"cmd":"<a*150000>
           B sends {"cmd":"<b*150000>
           D> do 1 t "<d*1000000>"
           D> ping
           D< pong
           A< error queue_full
           A closed explained
           B sends "}\n
           B< error unknown_cmd"#,
    );
}

scripts! {
    past_a_quarter_of_the_budget_a_byte_more_cuts_off_the_oldest: r#"
        deputy --max-memory 1M --threads 1
        D> do 1 t "<d*700000>"
        A sends {"cmd":"<a*150000>
        B sends {"cmd":"<b*250000>
        A< error queue_full
        A closed explained
        B sends "}\n
        B< error unknown_cmd"#;

    below_the_budget_they_live: r#"
        deputy --max-memory 1M
        A sends {"cmd":"<a*900000>
        B> ping
        B< pong
        A sends "}\n
        A< error unknown_cmd"#;

    f22_a_line_larger_than_the_budget_is_cut_off: r#"
        deputy --max-memory 1M
        A sends {"cmd":"<a*1048576>
        B> ping
        B< pong
        A< error queue_full
        A closed explained
        A sends "}\n{"cmd":"ping"}\n
        A quiet"#;

    f22_what_it_held_is_given_back: r#"
        deputy --max-memory 1M
        W> can_do t
        A> do 1 t
        W< do 1 t
        V> can_do t
        W sends {"cmd":"did","id":1,"res":"<x*1048576>
        V< do 1 t
        W< error queue_full
        W closed explained
        V> did 1
        A< did 1"#;

    f22_idle_connections_live_on: r#"
        deputy --max-memory 1M
        I> can_do t
        J> ping
        J< pong
        A sends {"cmd":"<a*1048576>
        B> ping
        B< pong
        A< error queue_full
        A closed explained
        B> do 1 t
        I< do 1 t
        J> ping
        J< pong"#;
}
