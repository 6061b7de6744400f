//! Where a line ends: CRLF or LF, empty lines, a CR elsewhere, and the end of the input.

use crate::play::check;
use crate::script::scripts;

scripts! {
    f24_a_line_ends_with_lf_or_crlf: r#"
        A sends {"cmd":"ping"}\n{"cmd":"ping"}\r\n{"cmd":"ping"}\n
        A< pong
        A< pong
        A< pong"#;
}

#[test]
fn f20_bytes_may_come_one_at_a_time() {
    let line = r#"{"cmd":"do","id":"é","type":"t","arg":["\\u00e9", 1]}\r\n"#;
    let alone = |bytes: &str| format!("A sends {bytes}\n");
    let bytes: Vec<String> = line.replace(r"\r\n", "").bytes().map(|byte| alone(&format!("\\x{byte:02x}"))).collect();
    check(&format!(
        r#"W> can_do t
           {}
           W quiet
           {}
           W quiet
           {}
           W< do "é" t ["\\u00e9", 1]"#,
        bytes.concat(),
        alone(r"\r"),
        alone(r"\n"),
    ));
}

#[test]
fn f20_a_line_may_be_cut_anywhere() {
    let line = r#"{"cmd":"do","id":1,"type":"t"}"#;
    for (at, _) in line.char_indices().skip(1) {
        let (head, tail) = line.split_at(at);
        check(&format!("W> can_do t\nA sends {head}\nA quiet\nA sends {tail}\\r\\n\nW< do 1 t"));
    }
}

scripts! {
    f24_line_ends_empty_lines_and_tabs_may_be_mixed: r#"
        W> can_do t max_jobs 9
        A sends \r\n\t\n\t{"cmd":"do","id":1,"type":"t"}\r\n\n \r\n{"cmd":\t"do","id":2,\t"type":"t"}\t\n
        A sends \t\r\n{"cmd":"ping"}\n\n\n\n{"cmd":"do","id":3,"type":"t"} \t \r\n\r\n
        W< do 1 t $a; do 2 t $b
        A< pong
        W< do 3 t $c
        A> metrics
        A< metrics jobs_added 3, protocol_errors 0"#;

    f24_empty_lines_are_ignored: r#"
        A sends \n\r\n  \n\t \r\n{"cmd":"ping"}\r\n\r\n \t\n{"cmd":"ping"}\n\n
        A< pong
        A< pong"#;

    f24_white_space_around_a_line_is_no_part_of_it: r#"
        A sends  \t {"cmd":"ping"} \t \r\n\t{"cmd":"ping"}\t\n
        A< pong
        A< pong"#;
}

#[test]
fn f27_a_cr_that_ends_no_line_is_bad_json() {
    for raw in [
        r#"{"cmd":\r"ping"}\n"#,
        r#"\r{"cmd":"ping"}\n"#,
        r#" \r {"cmd":"ping"}\n"#,
        r#"{"cmd":"ping"}\r\r\n"#,
        r#"{"cmd":"ping"}\r \n"#,
        r#"{"cmd":"do","id":1,"type":"t","arg":"a\rb"}\n"#,
        r#"{"cmd":"do","id":1,"type":"t","arg":[1,\r2]}\r\n"#,
        r#"{"cmd":"ping"}\r{"cmd":"ping"}\n"#,
        r"\r\r\n",
    ] {
        check(&format!("A> ping\nA< pong\nA sends {raw}\nA< error bad_json\nA> ping\nA< pong"));
    }
}

scripts! {
    f14_what_follows_the_last_lf_is_dropped_at_the_end: r#"
        W> can_do t
        A sends {"cmd":"do","id":1,"type":"t"}\n{"cmd":"do","id":2,"type":"t"}
        A gone
        W< do 1 t
        W> did 1"#;

    f14_what_came_before_the_end_is_obeyed_and_answered: r#"
        A sends {"cmd":"ping"}\n{"cmd":"nope"}\n{"cmd":"ping"}\n
        A gone
        A< pong
        A< error unknown_cmd
        A< pong"#;

    lines_that_come_together_are_obeyed_in_order: r#"
        W> can_do t max_jobs 3
        A sends {"cmd":"do","id":1,"type":"t"}\n{"cmd":"do","id":2,"type":"t"}\r\n{"cmd":"do","id":3,"type":"t"}\n
        W< do 1 t $a; do 2 t $b; do 3 t $c"#;
}
