//! What a worker takes: how many jobs at once, how it names them, and of which types.

use super::script::play;

#[test]
fn a_worker_holds_one_job_unless_it_asked_for_more() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        jobs_waiting = 1
        W quiet
        W> {"cmd":"did","id":1}
        W< {"cmd":"do","id":2,"type":"t"}
        C< {"cmd":"did","id":1}
        "#,
    );
}

#[test]
fn a_worker_that_asked_for_more_names_its_jobs_by_number() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"],"max_jobs":2}
        C> {"cmd":"do","id":1,"type":"t","arg":"a"}
        C> {"cmd":"do","id":1,"type":"t","arg":"b"}
        C> {"cmd":"do","id":1,"type":"t","arg":"c"}
        W< {"cmd":"do","id":1,"type":"t","job":$a,"arg":"a"}
        W< {"cmd":"do","id":1,"type":"t","job":$b,"arg":"b"}
        jobs_waiting = 1
        W quiet
        W> {"cmd":"did","id":1,"res":"unnumbered"}
        W< {"cmd":"error","code":"not_holding","error":"...","id":1}
        W> {"cmd":"did","job":$b,"res":"B"}
        C< {"cmd":"did","id":1,"res":"B"}
        W< {"cmd":"do","id":1,"type":"t","job":$c,"arg":"c"}
        W> {"cmd":"did","job":$c,"id":{"not":"looked at"},"res":"C"}
        C< {"cmd":"did","id":1,"res":"C"}
        W> {"cmd":"did","job":$a,"err":"A"}
        C< {"cmd":"did","id":1,"err":"A","code":"failed"}
        W> {"cmd":"did","job":$a}
        W< {"cmd":"error","code":"not_holding","error":"..."}
        "#,
    );
}

#[test]
fn a_job_sent_without_a_number_is_answered_without_one() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":"a","type":"t"}
        W< {"cmd":"do","id":"a","type":"t"}
        W> {"cmd":"can_do","types":[],"max_jobs":2}
        C> {"cmd":"do","id":"a","type":"t"}
        W< {"cmd":"do","id":"a","type":"t","job":$b}
        W> {"cmd":"did","id":"a","res":1}
        C< {"cmd":"did","id":"a","res":1}
        W> {"cmd":"did","id":"a","res":2}
        W< {"cmd":"error","code":"not_holding","error":"...","id":"a"}
        W> {"cmd":"did","job":$b,"res":2}
        C< {"cmd":"did","id":"a","res":2}
        "#,
    );
}

#[test]
fn a_lowered_max_jobs_takes_no_job_back() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"],"max_jobs":3}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t","job":$a}
        W< {"cmd":"do","id":2,"type":"t","job":$b}
        W> {"cmd":"can_do","types":[],"max_jobs":1}
        W quiet
        C> {"cmd":"do","id":3,"type":"t"}
        jobs_waiting = 1
        W> {"cmd":"did","job":$a}
        C< {"cmd":"did","id":1}
        jobs_running = 1
        W quiet
        W> {"cmd":"did","job":$b}
        W< {"cmd":"do","id":3,"type":"t","job":$c}
        "#,
    );
}

#[test]
fn a_worker_that_takes_a_type_back_keeps_what_it_holds() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t","u"]}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        W> {"cmd":"cant_do","types":["t","never given"]}
        W quiet
        C> {"cmd":"do","id":2,"type":"t"}
        jobs_waiting = 1
        W> {"cmd":"did","id":1,"res":"done"}
        C< {"cmd":"did","id":1,"res":"done"}
        W quiet
        C> {"cmd":"do","id":3,"type":"u"}
        W< {"cmd":"do","id":3,"type":"u"}
        W> {"cmd":"did","id":3}
        C< {"cmd":"did","id":3}
        W> {"cmd":"can_do","types":["t"]}
        W< {"cmd":"do","id":2,"type":"t"}
        "#,
    );
}

#[test]
fn an_empty_list_of_types_makes_no_worker_and_a_repeated_one_changes_nothing() {
    play(
        r#"
        E> {"cmd":"can_do","types":[]}
        E quiet
        W> {"cmd":"can_do","types":["t","t"]}
        W> {"cmd":"can_do","types":["t"]}
        W quiet
        workers = 1
        workers_added = 1
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        jobs_waiting = 1
        W quiet
        "#,
    );
}
