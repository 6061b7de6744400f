//! `do`: id, type and arg, and what each may be.

use crate::play::{check, check_rows};
use crate::script::scripts;

scripts! {
    a_job_goes_to_a_worker_and_its_result_comes_back: r#"
        W> {"cmd":"can_do","types":["resize"]}
        A> {"cmd":"do","id":"j1","type":"resize","arg":{"w":10}}
        W< {"cmd":"do","id":"j1","type":"resize","arg":{"w":10}}
        W> {"cmd":"did","id":"j1","res":[true]}
        A< {"cmd":"did","id":"j1","res":[true]}"#;

    an_arg_may_be_left_out_and_null_is_one: r#"
        W> can_do t
        A> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        W> did 1
        A< {"cmd":"did","id":1}
        A> {"cmd":"do","id":2,"type":"t","arg":null}
        W< {"cmd":"do","id":2,"type":"t","arg":null}
        W> {"cmd":"did","id":2,"res":null}
        A< {"cmd":"did","id":2,"res":null}"#;
}

#[test]
fn an_id_is_a_string_or_a_number() {
    for id in ["null", "true", "false", "[]", "[1]", "{}", r#"{"id":1}"#] {
        check_rows(&format!(
            r#"{{"cmd":"do","id":{id},"type":"t"}}          => error bad_request
               {{"cmd":"do","type":"t","arg":1,"id":{id}}}  => error bad_request"#
        ));
    }
    check_rows(r#"{"cmd":"do","type":"t"} => error bad_request"#);
}

#[test]
fn a_type_is_required_and_a_string() {
    for member in ["", r#""type":null,"#, r#""type":5,"#, r#""type":["t"],"#, r#""type":{},"#, r#""type":true,"#] {
        check_rows(&format!(r#"{{"cmd":"do",{member}"id":"x"}} => did x bad_request"#));
    }
    check_rows(r#"{"cmd":"do","types":["t"],"id":7} => did 7 bad_request"#);
}

#[test]
fn f33_a_type_has_1_to_255_bytes_unescaped() {
    for (name, is_type) in [("", false), ("x", true), ("<x*255>", true), ("<x*256>", false), ("<é*127>x", true)] {
        let of_list = if is_type { "" } else { "error bad_request" };
        check_rows(&format!(
            r#"{{"cmd":"can_do","types":["{name}"]}}   => {of_list}
               {{"cmd":"cant_do","types":["{name}"]}}  => {of_list}
               {{"cmd":"metrics","types":["{name}"]}}  => {}"#,
            if is_type { "metrics protocol_errors 0" } else { of_list },
        ));
    }
    check_rows(
        r#"{"cmd":"do","id":1,"type":""}                       => did 1 bad_request
           {"cmd":"do","id":1,"type":"<x*256>"}                => did 1 bad_request
           {"cmd":"do","id":1,"type":"<\u0061*256>"}           => did 1 bad_request
           {"cmd":"do","id":1,"type":"<é*128>"}                => did 1 bad_request
           {"cmd":"do","id":1,"type":"<\u20ac*86>"}            => did 1 bad_request
           {"cmd":"do","id":1,"type":"<\ud83d\ude00*64>"}      => did 1 bad_request"#,
    );
    for (sent, received) in [
        ("<x*255>", "<x*255>"),
        (r"<\u0061*255>", "<a*255>"),
        (r"<\u0001*255>", r"<\u0001*255>"),
        ("<é*127>x", "<é*127>x"),
        (r"<\u20ac*85>", "<€*85>"),
        (r"<\ud83d\ude00*63>xyz", "<😀*63>xyz"),
        (r"<\n*255>", r"<\n*255>"),
    ] {
        check(&format!("W> can_do {sent}\nA> do 1 {sent}\nW< do 1 {received}\nW> did 1\nA< did 1"));
    }
}

scripts! {
    a_refused_do_is_not_queued_and_the_order_of_answers_is_kept: r#"
        A sends {"cmd":"do","id":1,"type":""}\n{"cmd":"ping"}\n{"cmd":"do","id":2}\n{"cmd":"do"}\n{"cmd":"ping"}\n
        A< did 1 bad_request
        A< pong
        A< did 2 bad_request
        A< error bad_request
        A< pong
        A> metrics
        A< metrics jobs_added 0, jobs_waiting 0"#;

    f12_an_id_may_be_used_twice_and_gets_two_answers: r#"
        W> can_do t
        V> can_do t
        A> do 1 t "first"; do 1 t "second"
        W< do 1 t "first"
        V< do 1 t "second"
        V> did 1 res "of V"
        A< did 1 res "of V"
        W> did 1 res "of W"
        A< did 1 res "of W""#;

    two_connections_may_use_one_id: r#"
        W> can_do t max_jobs 2
        A> do x t "a"
        B> do x t "b"
        W< do x t $a "a"; do x t $b "b"
        W> did $b res "for b"
        B< did x res "for b"
        A quiet
        W> did $a res "for a"
        A< did x res "for a"
        B quiet"#;

    an_empty_string_is_an_id: r#"
        W> can_do t
        A> {"cmd":"do","id":"","type":"t"}
        W< {"cmd":"do","id":"","type":"t"}
        W> {"cmd":"did","id":""}
        A< {"cmd":"did","id":""}"#;
}
