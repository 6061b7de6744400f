//! The first line: what speaks another protocol gets no further.

use crate::play::check;
use crate::script::scripts;

#[test]
fn f30_a_first_byte_that_opens_no_object_closes_at_once() {
    for raw in [
        "G",
        "[",
        "\"",
        "}",
        "#",
        "1",
        r"\x00",
        r"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "*1",
        r"\x00REQ\x00\x00\x00\x01",
        r"\xff",
        "  x",
        r"\t\t[",
        r"\n\r\n \r\n[",
    ] {
        check(&format!("A sends {raw}\nA< error bad_json\nA closed explained"));
    }
}

#[test]
fn f24_a_byte_order_mark_opens_no_object() {
    check(
        r#"A sends \xef
           A< error bad_json
           A closed explained"#,
    );
    check(
        r#"A sends \xef\xbb\xbf{"cmd":"ping"}\n
           A< error bad_json
           A closed explained"#,
    );
    check(
        r#"A> ping
           A< pong
           A sends \xef\xbb\xbf{"cmd":"ping"}\n{"cmd":"ping"}\n\xef\xbb\xbf\n
           A< error bad_json
           A< pong
           A< error bad_json
           A> ping
           A< pong"#,
    );
}

scripts! {
    f30_a_browser_submits_nothing: r#"
        W> can_do t
        A sends POST / HTTP/1.1\r\nHost: localhost\r\n\r\n{"cmd":"do","id":1,"type":"t"}\r\n
        A< error bad_json
        A closed explained
        W quiet"#;
}

#[test]
fn a_cr_waits_for_the_byte_after_it() {
    check(
        r#"A sends \r
           A quiet
           A sends \n
           A quiet
           A sends  \r
           A quiet
           A sends \n{"cmd":"ping"}\n
           A< pong"#,
    );
    for raw in [r#"{"cmd":"ping"}\n"#, r"\r", " ", "x"] {
        check(&format!("A sends \\r\nA quiet\nA sends {raw}\nA< error bad_json\nA closed explained"));
    }
}

#[test]
fn f30_bad_json_as_the_first_line_closes() {
    for raw in
        ["{", "{}}", "{'cmd':'ping'}", r#"{"cmd":"ping"} x"#, r#"{"cmd":"\xff"}"#, r#"{"cmd":\r"ping"}"#, r"{\x00}"]
    {
        check(&format!("A sends {raw}\nA quiet\nA sends \\n\nA< error bad_json\nA closed explained"));
    }
}

scripts! {
    f30_nothing_after_a_bad_first_line_is_read: r#"
        W> can_do t
        A sends {nonsense}\n{"cmd":"do","id":1,"type":"t"}\n{"cmd":"ping"}\n
        A< error bad_json
        A closed explained
        A> do 2 t
        W quiet"#;

    empty_lines_do_not_count_as_the_first: r#"
        A sends \r\n \t\n\n{nonsense}\n
        A< error bad_json
        A closed explained"#;
}

#[test]
fn the_first_line_may_be_wrong_in_other_ways() {
    for (raw, code) in
        [(r#"{"cmd":"nope"}"#, "unknown_cmd"), ("{}", "bad_request"), (r#"{"cmd":"did","id":1}"#, "not_holding")]
    {
        let id = if code == "not_holding" { " 1" } else { "" };
        check(&format!("A> {raw}\nA< error {code}{id}\nA> {{nonsense}}\nA< error bad_json\nA> ping\nA< pong"));
    }
}

scripts! {
    later_the_connection_goes_on: r#"
        A> ping
        A< pong
        A sends GET / HTTP/1.1\r\n
        A< error bad_json
        A sends \x16\x03\x01\n[1]\n
        A< error bad_json
        A< error bad_json
        A sends \xef\xbb\xbf{"cmd":"ping"}\n
        A< error bad_json
        A> ping
        A< pong"#;
}
