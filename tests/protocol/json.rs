//! What is JSON, and what is not: syntax, UTF-8, an object, depth.

use crate::play::{check, check_rows};

/// Sent after a `ping`, as bytes.
fn bad(raw: &str) {
    check(&format!("A> ping\nA< pong\nA sends {raw}\\n\nA< error bad_json\nA> ping\nA< pong"));
}

#[test]
fn a_line_is_an_object() {
    check_rows(
        r#"[]                    => error bad_json
           [{"cmd":"ping"}]      => error bad_json
           "ping"                => error bad_json
           5                     => error bad_json
           -                     => error bad_json
           {"cmd":"ping"}        => pong
           { "cmd" : "ping" }    => pong
           {"cmd":"ping"}{}      => error bad_json
           {"cmd":"ping"} {"cmd":"ping"} => error bad_json
           {"cmd":"ping"},       => error bad_json"#,
    );
    for raw in ["null", "true", "ping", "x", "'x'", "//"] {
        bad(raw);
    }
}

#[test]
fn syntax_is_checked_everywhere() {
    for value in [
        "",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "-.5",
        "1e",
        "1e+",
        "1.e1",
        "--1",
        "0x1",
        "NaN",
        "Infinity",
        "-",
        "-a",
        "1 2",
        "nul",
        "nulll",
        "True",
        "TRUE",
        "undefined",
        "'x'",
        "x",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1:2]",
        "[1,,2]",
        "{",
        "{,}",
        "{1:2}",
        "{a:1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a"::1}"#,
        r#"{"a":1;}"#,
        r#"["a"}"#,
        r#"{"a":1]"#,
        "\"",
        r#""a"#,
        r#""\\"#,
        r#""\\x""#,
        r#""\\u12""#,
        r#""\\u12g4""#,
        r#""\\U0041""#,
        r#""\\'""#,
        r#""\\""#,
        "/**/1",
        "1/**/",
        "#",
        "1 // x",
    ] {
        for name in ["arg", "x", "types"] {
            bad(&format!(r#"{{"cmd":"ping","{name}":{value}}}"#));
        }
    }
}

#[test]
fn syntax_of_the_object_itself_is_checked() {
    for raw in [
        r#"{"cmd":"ping",}"#,
        r#"{,"cmd":"ping"}"#,
        r#"{"cmd":"ping" "id":1}"#,
        r#"{"cmd" "ping"}"#,
        r#"{cmd:"ping"}"#,
        r#"{"cmd":"ping""#,
        r#"{"cmd":"ping""id":1}"#,
        r#"{"cmd":"pi\x00ng"}"#,
        r#"{"c\x01md":"ping"}"#,
        r#"{"cmd":"ping","x":"a\tb"}"#,
        r#"{"cmd":"ping","x":"a\x1fb"}"#,
        r#"{"cmd":"ping"}\x00"#,
        r#"{"cmd":\x0b"ping"}"#,
        r#"{"cmd":\x0c"ping"}"#,
        r#"{"cmd":\xc2\xa0"ping"}"#,
        r#"{"cmd":"ping","\\q":1}"#,
    ] {
        bad(raw);
    }
}

#[test]
fn every_part_is_utf_8() {
    for bytes in [
        r"\xff",
        r"\xc3",
        r"\xc3\x28",
        r"\x80",
        r"\xc0\xaf",
        r"\xe0\x80\xaf",
        r"\xed\xa0\x80",
        r"\xf4\x90\x80\x80",
        r"\xf8\x88\x80\x80\x80",
        r"\xe2\x82",
    ] {
        for (head, tail) in [
            (r#"{"cmd":"do","id":1,"type":"t","arg":""#, r#""}"#),
            (r#"{"cmd":"do","id":""#, r#"","type":"t"}"#),
            (r#"{"cmd":"do","id":1,"type":""#, r#""}"#),
            (r#"{"cmd":"ping",""#, r#"":1}"#),
            (r#"{"cmd":"ping","x":["#, "]}"),
        ] {
            bad(&format!("{head}{bytes}{tail}"));
        }
    }
}

#[test]
fn containers_may_be_open_128_deep() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for name in ["arg", "unknown", "types", "res"] {
            // The line is one, so 127 fit inside; a scalar adds none.
            let value = |depth: usize| format!("<{open}*{}>1<{close}*{}>", depth - 1, depth - 1);
            let line = |depth| format!(r#"{{"cmd":"ping","{name}":{}}}"#, value(depth));
            let rows = [128, 129, 130, 5_000]
                .map(|depth| format!("{} => {}\n", line(depth), if depth <= 128 { "pong" } else { "error bad_json" }));
            check_rows(&rows.concat());
        }
    }
}

#[test]
fn an_empty_container_counts_too() {
    check_rows(
        r#"{"cmd":"ping","x":<[*127><]*127>}         => pong
           {"cmd":"ping","x":<[*128><]*128>}         => error bad_json
           {"cmd":"ping","x":<[*126>{}<]*126>}       => pong
           {"cmd":"ping","x":<[*127>{}<]*127>}       => error bad_json
           {"cmd":"ping","x":[<[[]],*200>[]]}        => pong"#,
    );
}

#[test]
fn depth_does_not_hide_behind_strings() {
    check_rows(
        r#"{"cmd":"ping","x":"<[*500>"}              => pong
           {"cmd":"ping","x":"\"<{*500>"}            => pong
           {"cmd":"ping","<[*500>":1}                => pong
           {"cmd":"ping","x":["\\",<[*127><]*127>]}  => error bad_json"#,
    );
}

#[test]
fn a_deep_value_is_carried() {
    check(
        r#"W> can_do t
           A> do 1 t <[*127>-0<]*127>
           W< do 1 t <[*127>-0<]*127>
           W> did 1 res <[*127>1e400<]*127>
           A< did 1 res <[*127>1e400<]*127>"#,
    );
}

#[test]
fn json_is_checked_before_all_else() {
    check_rows(
        r#"{"cmd":"nope","cmd":5,"id":1,"id":2,      => error bad_json
           {"cmd":"do","id":1,"type":"t","arg":01}   => error bad_json
           {"cmd":"do","id":7,"type":5,"x":[}        => error bad_json"#,
    );
}
