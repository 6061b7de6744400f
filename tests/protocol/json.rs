//! What is JSON, and what is not: an object, UTF-8, NUL, depth. For the syntax there is the corpus, in `lines`.

use crate::play::{check, check_rows};
use crate::script::scripts;

const BAD: &str = "error bad_json";

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
fn f25_every_part_of_a_line_is_utf_8() {
    for bytes in [
        r"\xff", r"\xc3", r"\xc3\x28", r"\x80", r"\xc0\xaf", r"\xe0\x80\xaf", r"\xed\xa0\x80", r"\xf4\x90\x80\x80",
        r"\xf8\x88\x80\x80\x80", r"\xe2\x82",
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
fn f26_a_raw_nul_is_bad_json_wherever_it_stands() {
    for raw in [
        r#"\x00{"cmd":"ping"}"#,
        r#"{\x00"cmd":"ping"}"#,
        r#"{"cmd\x00":"ping"}"#,
        r#"{"cmd"\x00:"ping"}"#,
        r#"{"cmd":\x00"ping"}"#,
        r#"{"cmd":"\x00ping"}"#,
        r#"{"cmd":"ping","x":\x00}"#,
        r#"{"cmd":"do","id":"\x00","type":"t"}"#,
        r#"{"cmd":"do","id":1,"type":"\x00"}"#,
        r#"{"cmd":"do","id":1,"type":"t","arg":"a\x00b"}"#,
        r#"{"cmd":"ping"}\x00"#,
        r"\x00",
    ] {
        bad(raw);
    }
}

scripts! {
    f26_an_escaped_nul_is_a_character_like_any_other: r#"
        W> {"cmd":"can_do","types":["a\u0000b"],"\u0000":1}
        A> {"cmd":"do","id":"\u0000","type":"a\u0000b","arg":["\u0000",{"\u0000":0}]}
        W< {"cmd":"do","id":"\u0000","type":"a\u0000b","arg":["\u0000",{"\u0000":0}]}
        A> {"cmd":"do","id":"","type":"a"}
        W> {"cmd":"did","id":"","res":1}
        W< error not_holding ""
        W> {"cmd":"did","id":"\u0000","res":"\u0000"}
        A< {"cmd":"did","id":"\u0000","res":"\u0000"}
        W quiet
        A> {"cmd":"ping\u0000"}
        A< error unknown_cmd
        A> {"cmd\u0000":"ping"}
        A< error bad_request"#;
}

#[test]
fn f28_containers_may_be_open_128_deep_in_any_member_known_or_not() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"":"#, "}]")] {
        for name in ["arg", "unknown", "types", "res", "id", "job"] {
            // The line is one, so 127 fit inside; a scalar adds none.
            let each = if open.len() > 1 && close.len() > 1 { 2 } else { 1 };
            let depths = [(127, "pong"), (128, "pong"), (129, BAD), (130, BAD), (100_000, BAD)];
            let rows = depths.map(|(depth, reply)| {
                let times = (depth - 1) / each;
                let inside = if (depth - 1) % each == 0 { "1" } else { "[]" };
                format!(r#"{{"cmd":"ping","{name}":<{open}*{times}>{inside}<{close}*{times}>}} => {reply}"#)
            });
            check_rows(&rows.join("\n"));
        }
    }
}

#[test]
fn f28_the_line_itself_may_open_128() {
    for (depth, reply) in [(127, "error bad_request"), (128, "error bad_request"), (129, BAD), (100_000, BAD)] {
        check_rows(&format!(r#"<{{"cmd":*{depth}>1<}}*{depth}> => {reply}"#));
        check_rows(&format!(r#"<{{"":*{depth}>"ping"<}}*{depth}> => {reply}"#));
    }
    // Without ends; as a line that has spoken before may be anything.
    for raw in ["<[*100000>", r#"<{"cmd":*100000>"#, r#"{"cmd":"ping","x":<[*100000>"#, r#"{"x":<[{"":*50000>"#] {
        check_rows(&format!("{raw} => {BAD}"));
    }
}

scripts! {
    f28_an_empty_container_counts_too: check_rows r#"
        {"cmd":"ping","x":<[*127><]*127>}         => pong
        {"cmd":"ping","x":<[*128><]*128>}         => error bad_json
        {"cmd":"ping","x":<[*126>{}<]*126>}       => pong
        {"cmd":"ping","x":<[*127>{}<]*127>}       => error bad_json
        {"cmd":"ping","x":[<[[]],*200>[]]}        => pong"#;

    f28_depth_does_not_hide_behind_strings: check_rows r#"
        {"cmd":"ping","x":"<[*500>"}              => pong
        {"cmd":"ping","x":"\"<{*500>"}            => pong
        {"cmd":"ping","<[*500>":1}                => pong
        {"cmd":"ping","x":["\\",<[*127><]*127>]}  => error bad_json"#;

    f28_a_value_as_deep_as_may_be_is_carried: r#"
        W> can_do t
        A> do 1 t <[*127>-0<]*127>
        W< do 1 t <[*127>-0<]*127>
        W> did 1 res <[*127>1e400<]*127>
        A< did 1 res <[*127>1e400<]*127>"#;

    json_is_checked_before_all_else: check_rows r#"
        {"cmd":"nope","cmd":5,"id":1,"id":2,      => error bad_json
        {"cmd":"do","id":1,"type":"t","arg":01}   => error bad_json
        {"cmd":"do","id":7,"type":5,"x":[}        => error bad_json"#;
}

#[test]
fn a_byte_order_mark_is_named() {
    let named = "with a byte order mark: send UTF-8 without one";
    check(
        &format!(
            r#"A sends <BOM>{{"cmd":"ping"}}\n
           A< {{"cmd":"error","code":"bad_json","error":"a connection must begin with a JSON object, and not {named}"}}
           A closed explained"#
        )
        .replace("<BOM>", "\u{feff}"),
    );
    check(
        &"A> ping\nA< pong\nA> <BOM>{\"cmd\":\"ping\"}\n\
          A< {\"cmd\":\"error\",\"code\":\"bad_json\",\"error\":\"a byte order mark (U+FEFF) before …\"}"
            .replace("<BOM>", "\u{feff}"),
    );
}
