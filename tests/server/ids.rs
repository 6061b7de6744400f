//! Whose a job id is, when two are the same, and that a client is given its own text back.

use super::script::{everywhere, play};

#[test]
fn two_clients_with_equal_ids_each_get_their_own_answer() {
    play(
        r#"
        V> {"cmd":"can_do","types":["a"]}
        W> {"cmd":"can_do","types":["b"]}
        C> {"cmd":"do","id":"1","type":"a"}
        D> {"cmd":"do","id":"1","type":"b"}
        V< {"cmd":"do","id":"1","type":"a"}
        W< {"cmd":"do","id":"1","type":"b"}
        W> {"cmd":"did","id":"1","res":"for D"}
        D< {"cmd":"did","id":"1","res":"for D"}
        V> {"cmd":"did","id":"1","res":"for C"}
        C< {"cmd":"did","id":"1","res":"for C"}
        C quiet
        D quiet
        "#,
    );
}

#[test]
fn f12_a_client_that_uses_an_id_twice_gets_two_answers() {
    play(
        r#"
        V> {"cmd":"can_do","types":["a"]}
        W> {"cmd":"can_do","types":["b"]}
        C> {"cmd":"do","id":1,"type":"a"}
        C> {"cmd":"do","id":1,"type":"b"}
        V< {"cmd":"do","id":1,"type":"a"}
        W< {"cmd":"do","id":1,"type":"b"}
        W> {"cmd":"did","id":1,"res":"b"}
        C< {"cmd":"did","id":1,"res":"b"}
        V> {"cmd":"did","id":1,"res":"a"}
        C< {"cmd":"did","id":1,"res":"a"}
        C quiet
        "#,
    );
}

/// An id as a client gives it, and as its worker answers it: the same id or not.
const PAIRS: [(&str, &str, bool); 16] = [
    ("1", "1.0", true),
    ("100", "1e2", true),
    ("0", "-0", true),
    ("0.1", "1e-1", true),
    ("9007199254740993", "9007199254740992", true),
    ("1e400", "1e400", true),
    (r#""a""#, r#""\u0061""#, true),
    (r#""/""#, r#""\/""#, true),
    (r#""\ud83d\ude00""#, r#""😀""#, true),
    (r#""""#, r#""""#, true),
    ("1", r#""1""#, false),
    ("1e400", "1e401", false),
    ("1e400", "10e399", false),
    ("1", "2", false),
    (r#""a""#, r#""A""#, false),
    (r#""1""#, r#""1.0""#, false),
];

#[test]
fn ids_are_equal_as_text_as_strings_or_as_numbers() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for (given, answered, same) in PAIRS {
            client.send(&format!(r#"{{"cmd":"do","id":{given},"type":"t"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{given},"type":"t"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{answered}}}"#));
            if !same {
                worker.expect_error("not_holding", Some(answered));
                worker.send(&format!(r#"{{"cmd":"did","id":{given}}}"#));
            }
            client.expect(&format!(r#"{{"cmd":"did","id":{given}}}"#));
        }
    });
}

#[test]
fn f31_an_id_of_four_hundred_digits_comes_back_as_it_was() {
    let id = "7".repeat(400);
    play(&format!(
        r#"
        W> {{"cmd":"can_do","types":["t"]}}
        C> {{"cmd":"do","id":{id},"type":"t","arg":{id}}}
        W< {{"cmd":"do","id":{id},"type":"t","arg":{id}}}
        W> {{"cmd":"did","id":{id},"res":-{id}}}
        C< {{"cmd":"did","id":{id},"res":-{id}}}
        "#
    ));
}

#[test]
fn f12_a_worker_that_came_back_cannot_answer_for_its_former_connection() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"],"max_jobs":2}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t","job":$a}
        W leaves
        jobs_reassigned = 1
        X> {"cmd":"can_do","types":["t"],"max_jobs":2}
        X< {"cmd":"do","id":1,"type":"t","job":$b}
        Y> {"cmd":"can_do","types":["t"],"max_jobs":2}
        Y> {"cmd":"did","job":$a,"res":"late"}
        Y< {"cmd":"error","code":"not_holding","error":"..."}
        X> {"cmd":"did","job":$a,"res":"late"}
        X< {"cmd":"error","code":"not_holding","error":"..."}
        C quiet
        X> {"cmd":"did","job":$b,"res":"right"}
        C< {"cmd":"did","id":1,"res":"right"}
        "#,
    );
}
