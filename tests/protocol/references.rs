//! `ref`: what names a job in the whole server.
//!
//! It is the shard that has the queue, and the number of the job's arrival there, which is 0 for the first.

use crate::play::check_rows;
use crate::script::scripts;

scripts! {
    each_do_carries_ref_from_the_line_that_asks_for_it: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> {"cmd":"can_do","types":[],"ref":true}
        W> did 1
        A< did 1
        A> do 2 t [1]
        W< {"cmd":"do","id":2,"type":"t","ref":"$home.1","arg":[1]}
        W> did 2
        A< did 2"#;

    a_numbered_do_carries_it_before_arg_and_behind_the_rest: r#"
        W> can_do t max_jobs 1
        A> do 1 t "x" with run_limit_ms 5000
        W< do 1 t $a run_limit_ms 5000 "x"
        W gone
        V> {"cmd":"can_do","types":["t"],"max_jobs":1,"ref":true}
        V< {"cmd":"do","id":1,"type":"t","job":$b,"attempt":2,"run_limit_ms":5000,"ref":"$_.0","arg":"x"}
        V> did $b
        A< did 1"#;

    a_later_line_without_it_or_with_false_changes_nothing: r#"
        W> {"cmd":"can_do","types":["t"],"ref":true}
        W> can_do t max_jobs 1
        W> {"cmd":"can_do","types":["t"],"ref":false}
        W> cant_do t
        W> can_do t
        A> do 1 t
        W< {"cmd":"do","id":1,"type":"t","job":$a,"ref":"$_.0"}
        W> did $a
        A< did 1"#;

    a_connection_that_did_not_ask_gets_none: r#"
        W> {"cmd":"can_do","types":["t"],"ref":false}
        V> {"cmd":"can_do","types":["u"],"ref":true}
        A> do 1 t
        W< do 1 t
        W> did 1
        A< did 1"#;

    a_line_that_is_refused_does_not_ask_for_it: r#"
        W> can_do t
        W> {"cmd":"can_do","types":["u",""],"ref":true}
        W< error bad_request
        W> {"cmd":"can_do","types":["u"],"max_jobs":0,"ref":true}
        W< error bad_request
        A> do 1 t
        W< do 1 t
        W> did 1
        A< did 1"#;

    /// Also where the worker is lost, a run limit passes, or no slot is free.
    it_is_the_same_for_every_hand_out_of_one_job_and_no_other_job_has_it: r#"
        A> do 1 t with run_limit_ms 10; do 1 t
        W> {"cmd":"can_do","types":["t"],"max_jobs":2,"ref":true}
        W< {"cmd":"do","id":1,"type":"t","job":$a,"run_limit_ms":10,"ref":"$_.0"}
        W< {"cmd":"do","id":1,"type":"t","job":$b,"ref":"$_.1"}
        at 20
        W< cancel $a
        V> {"cmd":"can_do","types":["t"],"max_jobs":1,"ref":true}
        V< {"cmd":"do","id":1,"type":"t","job":$c,"attempt":2,"run_limit_ms":10,"ref":"$_.0"}
        V> did $c
        A< did 1
        W gone
        V< {"cmd":"do","id":1,"type":"t","job":$d,"ref":"$_.1"}
        V> did $d
        A< did 1
        A> do 1 t
        V< {"cmd":"do","id":1,"type":"t","job":$e,"ref":"$_.2"}
        V> did $e
        A< did 1"#;

    /// A job with a key is one, whatever number of `do` lines it answers.
    a_job_with_a_key_has_one: r#"
        W> {"cmd":"can_do","types":["t"],"ref":true}
        A> do 1 t with key "k"
        W< {"cmd":"do","id":1,"type":"t","ref":"$_.0"}
        B> do 2 t with key "k"
        W> did 1
        A< did 1
        B< did 2"#;

    a_long_arg_comes_behind_it: r#"
        W> {"cmd":"can_do","types":["t"],"ref":true}
        A> {"cmd":"do","id":1,"type":"t","arg":"<x*100000>"}
        W< {"cmd":"do","id":1,"type":"t","ref":"$_.0","arg":"<x*100000>"}
        W> did 1
        A< did 1"#;
}

#[test]
fn ref_is_true_or_false() {
    for value in ["null", "0", "1", r#""""#, r#""true""#, "[true]", "{}", "True"] {
        let code = if value == "True" { "bad_json" } else { "bad_request" };
        check_rows(&format!(r#"{{"cmd":"can_do","types":["t"],"ref":{value}}} => error {code}"#));
    }
}
